//! RFC 6455 frames as a server reads and writes them, without I/O.
//!
//! Headers are read and written by `tungstenite`; what is ours is the memory: a message that
//! arrived whole is handed out from the buffer it was read into, and nothing of it is kept.

use std::{borrow::Cow, io::Cursor};

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use crate::close::Close;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: usize = 125;

/// What one frame of a client leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
    /// A part of a message whose end is yet to come.
    Fragment,
    Ping(&'a [u8]),
    Pong,
    Close,
}

/// Reads a client's frames and joins their fragments.
pub(crate) struct Decoder {
    max_message: usize,
    fragments: Option<Fragments>,
}

struct Fragments {
    text: bool,
    bytes: Vec<u8>,
}

impl Decoder {
    /// Messages of more than `max_message` bytes are refused.
    pub(crate) const fn new(max_message: usize) -> Self {
        Self {
            max_message,
            fragments: None,
        }
    }

    /// Reads the frame at the front of `input`: how many bytes it takes, and what it means.
    ///
    /// `None`: the frame is not complete yet; `input` is unchanged and its payload still masked.
    pub(crate) fn decode<'a>(
        &mut self,
        input: &'a mut [u8],
    ) -> Result<Option<(usize, Incoming<'a>)>, Close> {
        let mut cursor = Cursor::new(&*input);
        let Some((header, length)) =
            FrameHeader::parse(&mut cursor).map_err(|_| Close::protocol("unknown opcode"))?
        else {
            return Ok(None);
        };
        let start = usize::try_from(cursor.position()).expect("the cursor is inside the slice");
        let length = self.check(&header, length)?;
        let end = start + length;
        let (Some(payload), Some(mask)) = (input.get_mut(start..end), header.mask) else {
            return Ok(None);
        };
        unmask(payload, mask);
        let incoming = match header.opcode {
            OpCode::Control(control) => read_control(control, payload)?,
            OpCode::Data(data) => self.read_data(data, header.is_final, payload)?,
        };
        Ok(Some((end, incoming)))
    }

    /// Refuses a header for what it says, before its payload is awaited.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<usize, Close> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Close::protocol("reserved bits are set"));
        }
        if header.mask.is_none() {
            return Err(Close::protocol("a client masks its frames"));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match header.opcode {
            OpCode::Control(_) if length <= MAX_CONTROL && header.is_final => return Ok(length),
            OpCode::Control(_) => {
                return Err(Close::protocol("a control frame is short and whole"));
            }
            OpCode::Data(Data::Continue) if self.fragments.is_none() => {
                return Err(Close::protocol("nothing to continue"));
            }
            OpCode::Data(Data::Text | Data::Binary) if self.fragments.is_some() => {
                return Err(Close::protocol("a message began inside another"));
            }
            OpCode::Data(_) => {}
        }
        let before = self
            .fragments
            .as_ref()
            .map_or(0, |fragments| fragments.bytes.len());
        if length > self.max_message - before {
            return Err(Close::too_large());
        }
        Ok(length)
    }

    fn read_data<'a>(
        &mut self,
        data: Data,
        is_final: bool,
        payload: &'a [u8],
    ) -> Result<Incoming<'a>, Close> {
        let text = data == Data::Text;
        if is_final && self.fragments.is_none() {
            return whole(text, Cow::Borrowed(payload));
        }
        let fragments = self.fragments.get_or_insert_with(|| Fragments {
            text,
            bytes: Vec::new(),
        });
        fragments.bytes.extend_from_slice(payload);
        if !is_final {
            return Ok(Incoming::Fragment);
        }
        let Fragments { text, bytes } = self.fragments.take().expect("it was just filled");
        whole(text, Cow::Owned(bytes))
    }
}

fn whole(text: bool, bytes: Cow<'_, [u8]>) -> Result<Incoming<'_>, Close> {
    if !text {
        return Ok(Incoming::Binary(bytes));
    }
    let text = match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
    };
    text.map(Incoming::Text).ok_or_else(Close::not_utf8)
}

fn read_control(control: Control, payload: &[u8]) -> Result<Incoming<'_>, Close> {
    match control {
        Control::Ping => Ok(Incoming::Ping(payload)),
        Control::Pong => Ok(Incoming::Pong),
        Control::Close => check_close(payload).map(|()| Incoming::Close),
        Control::Reserved(_) => Err(Close::protocol("unknown opcode")),
    }
}

/// The code and reason of a close frame, where there are any (RFC 6455, section 5.5.1).
fn check_close(payload: &[u8]) -> Result<(), Close> {
    let [high, low, reason @ ..] = payload else {
        return if payload.is_empty() {
            Ok(())
        } else {
            Err(Close::protocol("half a close code"))
        };
    };
    if !CloseCode::from(u16::from_be_bytes([*high, *low])).is_allowed() {
        return Err(Close::protocol("no such close code"));
    }
    std::str::from_utf8(reason)
        .map(drop)
        .map_err(|_| Close::not_utf8())
}

/// Masks or unmasks (RFC 6455, section 5.3); eight bytes at a time, which the compiler makes more of.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends one whole frame, whose payload is these parts in a row.
pub(crate) fn encode(opcode: OpCode, parts: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    let length: usize = parts.iter().map(|part| part.as_ref().len()).sum();
    out.reserve(header.len(length as u64) + length);
    header
        .format(length as u64, out)
        .expect("a vector takes every write");
    for part in parts {
        out.extend_from_slice(part.as_ref());
    }
}

/// Appends a close frame; a reason that is too long for one is cut.
pub(crate) fn encode_close(close: &Close, out: &mut Vec<u8>) {
    let code = close.code.to_be_bytes();
    let end = close.reason.floor_char_boundary(MAX_CONTROL - code.len());
    encode(
        OpCode::Control(Control::Close),
        &[&code, &close.reason.as_bytes()[..end]],
        out,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: OpCode = OpCode::Data(Data::Text);
    const BINARY: OpCode = OpCode::Data(Data::Binary);
    const CONTINUE: OpCode = OpCode::Data(Data::Continue);

    fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 0, 250, 33];
        let header = FrameHeader {
            is_final,
            opcode,
            mask: Some(mask),
            ..FrameHeader::default()
        };
        let mut bytes = Vec::new();
        header.format(payload.len() as u64, &mut bytes).unwrap();
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        unmask(&mut bytes[start..], mask);
        bytes
    }

    fn refusal(mut bytes: Vec<u8>) -> u16 {
        Decoder::new(1000).decode(&mut bytes).unwrap_err().code
    }

    #[test]
    fn a_whole_text_is_borrowed_from_the_input() {
        for length in [0, 1, 7, 8, 9, 125, 126, 127, 999, 1000] {
            let text = "ä".repeat(length / 2) + &"x".repeat(length % 2);
            let mut bytes = frame(TEXT, true, text.as_bytes());
            let all = bytes.len();
            let mut decoder = Decoder::new(1000);
            let (used, incoming) = decoder.decode(&mut bytes).unwrap().unwrap();
            assert_eq!(used, all);
            assert!(matches!(incoming, Incoming::Text(Cow::Borrowed(got)) if got == text));
        }
    }

    #[test]
    fn a_frame_that_is_not_complete_is_left_as_it_is() {
        let whole = frame(BINARY, true, &[5; 300]);
        let mut decoder = Decoder::new(1000);
        for length in 0..whole.len() {
            let mut part = whole[..length].to_vec();
            assert_eq!(decoder.decode(&mut part), Ok(None), "{length} bytes");
            assert_eq!(part, whole[..length]);
        }
    }

    #[test]
    fn fragments_are_joined_and_control_frames_may_stand_between_them() {
        let mut decoder = Decoder::new(10);
        let mut decode = |mut bytes: Vec<u8>| match decoder.decode(&mut bytes).unwrap().unwrap().1 {
            Incoming::Text(text) => text.into_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(
            decode(frame(TEXT, false, "sch\u{f6}n".as_bytes().split_at(4).0)),
            "Fragment"
        );
        assert_eq!(
            decode(frame(OpCode::Control(Control::Ping), true, b"!")),
            "Ping([33])"
        );
        assert_eq!(decode(frame(CONTINUE, false, b"")), "Fragment");
        assert_eq!(
            decode(frame(CONTINUE, true, &"sch\u{f6}n".as_bytes()[4..])),
            "schön"
        );
        assert_eq!(decode(frame(TEXT, true, b"next")), "next");
    }

    #[test]
    fn what_breaks_the_protocol_is_refused_with_its_code() {
        let close = OpCode::Control(Control::Close);
        let ping = OpCode::Control(Control::Ping);
        let mut unmasked = Vec::new();
        encode(TEXT, &[b"x"], &mut unmasked);
        let mut reserved = frame(TEXT, true, b"x");
        reserved[0] |= 0x40;
        let mut opcode = frame(TEXT, true, b"x");
        opcode[0] = 0x83;
        let cases = [
            (unmasked, 1002),
            (reserved, 1002),
            (opcode, 1002),
            (frame(CONTINUE, true, b"x"), 1002),
            (frame(ping, false, b"x"), 1002),
            (frame(ping, true, &[0; 126]), 1002),
            (frame(close, true, &[3]), 1002),
            (frame(close, true, &1005_u16.to_be_bytes()), 1002),
            (frame(close, true, &2000_u16.to_be_bytes()), 1002),
            (frame(close, true, &[3, 232, 0xff]), 1007),
            (frame(TEXT, true, &[0xed, 0xa0, 0x80]), 1007),
            (frame(TEXT, true, &[0xc3]), 1007),
            (frame(TEXT, true, &[b'x'; 1001]), 1009),
            (frame(BINARY, true, &vec![0; 70_000])[..14].to_vec(), 1009),
        ];
        for (number, (bytes, code)) in cases.into_iter().enumerate() {
            assert_eq!(refusal(bytes), code, "case {number}");
        }
    }

    #[test]
    fn fragments_are_bounded_together() {
        let mut decoder = Decoder::new(10);
        assert!(decoder.decode(&mut frame(TEXT, false, &[b'x'; 6])).is_ok());
        assert_eq!(
            decoder.decode(&mut frame(CONTINUE, true, &[b'x'; 5])),
            Err(Close::too_large())
        );
    }

    #[test]
    fn a_message_inside_another_is_refused() {
        let mut decoder = Decoder::new(10);
        assert!(decoder.decode(&mut frame(TEXT, false, b"x")).is_ok());
        assert_eq!(
            decoder
                .decode(&mut frame(TEXT, true, b"y"))
                .unwrap_err()
                .code,
            1002
        );
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        encode_close(
            &Close {
                code: 1008,
                reason: "ä".repeat(80).into(),
            },
            &mut out,
        );
        assert_eq!(out.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }
}
