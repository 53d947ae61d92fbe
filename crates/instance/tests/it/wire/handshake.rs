//! How connections begin, and what a browser is told.

use super::conversation::Transcript;
use crate::support::{
    Connects, TestInstance,
    http::{Http, JSON},
    request::{PATH, PING, register},
    socketio::{SocketIo, path},
    websocket::{Raw, WebSocket},
};

#[tokio::test]
async fn a_connection_begins_as_its_protocol_says() {
    let instance = TestInstance::start().await;
    let mut transcript = Transcript::default();
    for version in [4, 3] {
        let path = path(version, "websocket", "");
        transcript.said(&format!("GET {path}"));
        let mut socket = WebSocket::connect(instance.address, &path).await;
        transcript.heard(&socket.hear().await);
        if version == 4 {
            socket.say("40").await;
            transcript.said("40");
        }
        transcript.heard(&socket.hear().await);
    }
    for version in [4, 3] {
        let path = path(version, "polling", "");
        let mut http = Http::connect(instance.address).await;
        transcript.said(&format!("GET {path}"));
        transcript.heard(&http.get(&path).await.to_string());
    }
    transcript.keep("handshakes");
    instance.stop().await;
}

#[tokio::test]
async fn answers_are_spelt_as_the_handshake_asks() {
    let instance = TestInstance::start().await;
    let mut transcript = Transcript::default();
    for query in ["", "&spelling=spec", "&spelling=plain", "&spelling=other"] {
        let mut party = SocketIo::with(instance.address, query).await;
        hear_events(
            &mut party,
            &format!("/socket.io/?…{query}"),
            &mut transcript,
        )
        .await;
    }
    for auth in [
        r#"{"spelling":"spec"}"#,
        r#"{"spelling":"plain"}"#,
        r#"{"spelling":7}"#,
    ] {
        let path = path(4, "websocket", "&spelling=spec");
        let socket = WebSocket::connect(instance.address, &path).await;
        let mut party = SocketIo { socket };
        party.hear().await;
        party.socket.say(&format!("40{auth}")).await;
        party.hear().await;
        let what = format!("/socket.io/?…&spelling=spec, auth: {auth}");
        hear_events(&mut party, &what, &mut transcript).await;
    }
    for query in ["", "?spelling=spec", "?spelling=plain", "?spelling=other"] {
        let mut party = Raw::with(instance.address, query).await;
        party.socket.say(&Raw::carry(PING)).await;
        transcript.said(&format!("/ws{query}"));
        transcript.heard(&party.socket.hear().await);
    }
    transcript.keep("spellings");
    instance.stop().await;
}

/// Writes down the events that answer a ping. An acknowledgement behind it tells that they are all.
async fn hear_events(party: &mut SocketIo, what: &str, transcript: &mut Transcript) {
    transcript.said(what);
    party.emit(PING).await;
    party
        .socket
        .say(&format!(r#"420["client.to.instance",{PING}]"#))
        .await;
    loop {
        let packet = party.hear().await;
        if packet.starts_with("430") {
            return;
        }
        transcript.heard(&packet);
    }
}

#[tokio::test]
async fn a_browser_is_told_which_pages_may_ask() {
    const PREFLIGHT: [(&str, &str); 2] = [
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type"),
    ];
    let mut transcript = Transcript::default();
    for (lines, origin) in [
        ("", "https://shop.example"),
        (
            "allowed_origins = ['https://shop.example']",
            "https://shop.example",
        ),
        (
            "allowed_origins = ['https://shop.example']",
            "https://other.example",
        ),
    ] {
        let instance = TestInstance::configured(lines).await;
        let mut http = Http::connect(instance.address).await;
        let line = format!("OPTIONS {PATH}");
        let preflight = [&[("origin", origin)], &PREFLIGHT[..]].concat();
        transcript.said(&format!("{line}, origin: {origin}, {lines}"));
        transcript.heard(&http.request(&line, &preflight, "").await.to_string());
        let line = format!("PUT {PATH}");
        let headers = [("origin", origin), JSON];
        transcript.said(&format!("{line}, origin: {origin}, {lines}"));
        transcript.heard(
            &http
                .request(&line, &headers, &register("Ada"))
                .await
                .to_string(),
        );
        instance.stop().await;
    }
    transcript.keep("origins");
}
