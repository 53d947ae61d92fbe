//! WebSocket frames (RFC 6455, section 5) as a client writes and reads them.
//!
//! What is written is whole and masked. What is read need not have arrived whole, and is not copied.
//! Joining fragments is not done here.

use std::ops::Range;

use crate::failure::Failure;

/// Bits of the first byte.
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// Of the second one, whose others are the length, or say where it is.
const MASKED: u8 = 0x80;
const IN_TWO_BYTES: u8 = 126;
const IN_EIGHT_BYTES: u8 = 127;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of a message.
    Continue,
    /// A text, or its first part.
    Text,
    /// Bytes, or their first part.
    Binary,
    /// The connection ends.
    Close,
    /// Is anybody there?
    Ping,
    /// Yes.
    Pong,
}

/// A frame that has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// Whether it ends its message.
    pub is_final: bool,
    /// Where its payload is in the bytes that were read.
    pub payload: Range<usize>,
}

impl Opcode {
    const fn bits(self) -> u8 {
        match self {
            Self::Continue => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn from_bits(bits: u8) -> Result<Self, Failure> {
        [
            Self::Continue,
            Self::Text,
            Self::Binary,
            Self::Close,
            Self::Ping,
            Self::Pong,
        ]
        .into_iter()
        .find(|opcode| opcode.bits() == bits)
        .ok_or(Failure::Malformed("an opcode that does not exist"))
    }
}

/// Appends one whole frame with this payload, masked with this key.
pub fn write(opcode: Opcode, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.push(FINAL | opcode.bits());
    let length = payload.len();
    if let Ok(length @ 0..=125) = u8::try_from(length) {
        out.push(MASKED | length);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(MASKED | IN_TWO_BYTES);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(MASKED | IN_EIGHT_BYTES);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&key);
    let begin = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[begin..], key);
}

/// Eight bytes at a time, which the compiler makes more of.
fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The frame at the front of these bytes, if it has arrived whole.
pub fn read(bytes: &[u8]) -> Result<Option<Frame>, Failure> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & RESERVED != 0 || second & MASKED != 0 {
        return Err(Failure::Malformed("a frame with reserved bits, or masked"));
    }
    let length = match second & !MASKED {
        IN_TWO_BYTES => rest
            .first_chunk()
            .map(|two| (4, u16::from_be_bytes(*two).into())),
        IN_EIGHT_BYTES => rest
            .first_chunk()
            .map(|eight| (10, u64::from_be_bytes(*eight))),
        short => Some((2_usize, u64::from(short))),
    };
    let Some((header, length)) = length else {
        return Ok(None);
    };
    let length = usize::try_from(length).map_err(|_| Failure::Malformed("an endless frame"))?;
    let opcode = Opcode::from_bits(first & !(FINAL | RESERVED))?;
    let end = header.checked_add(length);
    let end = end.ok_or(Failure::Malformed("an endless frame"))?;
    Ok((bytes.len() >= end).then_some(Frame {
        opcode,
        is_final: first & FINAL != 0,
        payload: header..end,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server makes of a masked frame: the header without its mask bit and key, and the payload.
    fn unmasked(bytes: &[u8]) -> Vec<u8> {
        let header = match bytes[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        assert_eq!(bytes[1] & 0x80, 0x80, "what a client sends is masked");
        let mut plain = bytes[..header].to_vec();
        plain[1] &= 0x7f;
        let (key, payload) = bytes[header..].split_at(4);
        plain.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        plain
    }

    #[test]
    fn what_is_written_is_read_again_whatever_its_length() {
        for length in [
            0, 1, 3, 4, 5, 7, 8, 13, 125, 126, 127, 65_535, 65_536, 70_001,
        ] {
            let payload: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            let mut bytes = Vec::new();
            write(Opcode::Text, &payload, [1, 77, 0, 255], &mut bytes);
            let plain = unmasked(&bytes);
            let frame = read(&plain).unwrap().unwrap();
            assert_eq!(frame.opcode, Opcode::Text);
            assert!(frame.is_final);
            assert_eq!(plain[frame.payload.clone()], payload, "{length}");
            assert_eq!(frame.payload.end, plain.len());
        }
    }

    #[test]
    fn a_frame_that_is_not_there_yet_is_waited_for() {
        for length in [0, 5, 126, 70_000] {
            let mut bytes = Vec::new();
            write(Opcode::Binary, &vec![9; length], [0; 4], &mut bytes);
            let plain = unmasked(&bytes);
            for part in [0, 1, 2, 3, 9, plain.len() - 1] {
                assert_eq!(read(&plain[..part.min(plain.len() - 1)]).unwrap(), None);
            }
        }
    }

    #[test]
    fn fragments_and_what_follows_a_frame_are_told_apart() {
        let bytes = [0x01, 2, b'h', b'i', 0x80, 1, b'!'];
        let first = read(&bytes).unwrap().unwrap();
        assert_eq!((first.opcode, first.is_final), (Opcode::Text, false));
        assert_eq!(first.payload, 2..4);
        let second = read(&bytes[4..]).unwrap().unwrap();
        assert_eq!((second.opcode, second.is_final), (Opcode::Continue, true));
    }

    #[test]
    fn what_no_server_may_send_is_an_error() {
        for bytes in [
            &[0x81, 0x80][..],
            &[0xc1, 0],
            &[0x83, 0],
            &[0x8f, 0],
            &[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert!(
                matches!(read(bytes), Err(Failure::Malformed(_))),
                "{bytes:?}"
            );
        }
    }
}
