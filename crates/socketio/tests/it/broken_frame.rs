//! RFC 6455 where the peer breaks it: it is told the code that the RFC has for that.

use nile_socketio::{Close, End};

use crate::support::{
    Raw, TestServer,
    raw::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, TEXT, frame, header, text},
};

/// Sends `bytes` behind a message that is answered, and checks the code of the close.
async fn refused(bytes: &[u8], code: u16) {
    let server = TestServer::with(|settings| settings.bounds.max_message = 1000);
    let mut raw = Raw::connect(&server, "/ws").await;
    raw.send(&[&text("before"), bytes].concat()).await;
    assert_eq!(raw.text().await, "before");
    assert_eq!(raw.close_frame().await.0, code, "{bytes:?}");
    assert_eq!(raw.frame().await, None);
    let end = server.journal().end().await;
    let End::Closed(Close { code: ended, .. }) = end else {
        panic!("{end}");
    };
    assert_eq!(ended, code);
    assert_eq!(server.journal().taken(), 1);
}

#[tokio::test]
async fn a_frame_without_a_mask_is_refused() {
    refused(&[FIN | TEXT, 2, b'h', b'i'], 1002).await;
    refused(&[FIN | PING, 0], 1002).await;
}

#[tokio::test]
async fn reserved_bits_are_refused() {
    for bit in [0x40, 0x20, 0x10, 0x70] {
        refused(&frame(FIN | bit | TEXT, b"x"), 1002).await;
        refused(&frame(FIN | bit | PING, b"x"), 1002).await;
    }
}

#[tokio::test]
async fn reserved_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        refused(&frame(FIN | opcode, b""), 1002).await;
    }
}

#[tokio::test]
async fn control_frames_are_whole_and_short() {
    for opcode in [CLOSE, PING, PONG] {
        refused(&frame(opcode, b""), 1002).await;
        refused(&frame(FIN | opcode, &[0; 126]), 1002).await;
    }
}

#[tokio::test]
async fn fragments_come_in_a_row() {
    refused(&frame(FIN | CONTINUE, b"of nothing"), 1002).await;
    refused(&frame(CONTINUE, b"of nothing"), 1002).await;
    refused(&[frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(), 1002).await;
    refused(&[frame(BINARY, b"a"), frame(TEXT, b"b")].concat(), 1002).await;
    let ended = [frame(BINARY, b"a"), frame(FIN | CONTINUE, b"b")].concat();
    let server = TestServer::start();
    let mut raw = Raw::connect(&server, "/ws").await;
    raw.send(&[ended, frame(FIN | CONTINUE, b"c")].concat())
        .await;
    assert_eq!(raw.frame().await, Some((FIN | BINARY, b"ab".to_vec())));
    assert_eq!(raw.close_frame().await.0, 1002);
}

#[tokio::test]
async fn text_that_is_not_utf8_is_refused() {
    let texts: [&[u8]; 9] = [
        b"\xff",
        b"\x80",
        b"abc\xc3",
        b"\xc3\x28",
        // An overlong slash, a surrogate, one past the last character.
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\x98",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    ];
    for bytes in texts {
        refused(&frame(FIN | TEXT, bytes), 1007).await;
        let (front, back) = bytes.split_at(1);
        refused(
            &[frame(TEXT, front), frame(FIN | CONTINUE, back)].concat(),
            1007,
        )
        .await;
    }
}

#[tokio::test]
async fn bytes_need_not_be_utf8() {
    let server = TestServer::start();
    let mut raw = Raw::connect(&server, "/ws").await;
    raw.send(&frame(FIN | BINARY, b"\xff\xed\xa0\x80")).await;
    assert_eq!(
        raw.frame().await,
        Some((FIN | BINARY, b"\xff\xed\xa0\x80".to_vec()))
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_comes() {
    for size in [1001, 65_536, 1 << 40, usize::MAX >> 1, usize::MAX] {
        refused(
            &[&header(FIN | TEXT, size)[..], &[1, 2, 3, 4]].concat(),
            1009,
        )
        .await;
        refused(&[&header(BINARY, size)[..], &[1, 2, 3, 4]].concat(), 1009).await;
    }
}

#[tokio::test]
async fn fragments_are_bounded_together() {
    let mut bytes = frame(TEXT, &[b'x'; 400]);
    bytes.extend(frame(CONTINUE, &[b'x'; 400]));
    bytes.extend(frame(CONTINUE, &[b'x'; 200]));
    bytes.extend(frame(FIN | CONTINUE, b"x"));
    refused(&bytes, 1009).await;
}

#[tokio::test]
async fn a_close_frame_that_breaks_the_rules_is_refused() {
    refused(&frame(FIN | CLOSE, &[3]), 1002).await;
    for code in [
        0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        refused(&frame(FIN | CLOSE, &code.to_be_bytes()), 1002).await;
    }
    refused(&frame(FIN | CLOSE, &[3, 232, 0xff]), 1007).await;
}
