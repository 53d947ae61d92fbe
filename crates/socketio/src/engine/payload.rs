//! Payloads: the packets of one HTTP body.
//!
//! Protocol 4 separates packets by U+001E and spells binary ones as `b` and base64. Protocol 3 puts a
//! length in front: `5:4text` counts UTF-16 units; where a packet is binary and the client can take it
//! (no `b64=1`), the whole body is bytes: 0 or 1, the length in decimal digits as bytes, 255, the data.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Packet, Version};

const SEPARATOR: char = '\u{1e}';
/// Ends the length in a binary payload of protocol 3.
const LENGTH_END: u8 = 255;
/// More digits than any length that a body could have.
const MAX_DIGITS: usize = 10;

/// Joins packets into a body; whether it is binary.
pub(crate) fn encode(version: Version, packets: &[Packet]) -> (Vec<u8>, bool) {
    let binary = packets
        .iter()
        .any(|packet| matches!(packet, Packet::Binary(_)));
    match version {
        Version::V4 => (encode_v4(packets).into_bytes(), false),
        Version::V3 if binary => (encode_v3_binary(packets), true),
        Version::V3 => (encode_v3_text(packets).into_bytes(), false),
    }
}

fn encode_v4(packets: &[Packet]) -> String {
    let mut body = String::new();
    for (index, packet) in packets.iter().enumerate() {
        if index > 0 {
            body.push(SEPARATOR);
        }
        match packet {
            Packet::Text(text) => body.push_str(text),
            Packet::Binary(bytes) => {
                body.push('b');
                BASE64_STANDARD.encode_string(bytes, &mut body);
            }
        }
    }
    body
}

fn encode_v3_text(packets: &[Packet]) -> String {
    let mut body = String::new();
    for packet in packets {
        if let Packet::Text(text) = packet {
            let units: usize = text.chars().map(char::len_utf16).sum();
            body.push_str(&units.to_string());
            body.push(':');
            body.push_str(text);
        }
    }
    body
}

fn encode_v3_binary(packets: &[Packet]) -> Vec<u8> {
    let mut body = Vec::new();
    for packet in packets {
        let (kind, data) = match packet {
            Packet::Text(text) => (0, text.as_bytes()),
            Packet::Binary(bytes) => (1, bytes.as_slice()),
        };
        body.push(kind);
        body.extend(data.len().to_string().bytes().map(|digit| digit - b'0'));
        body.push(LENGTH_END);
        body.extend_from_slice(data);
    }
    body
}

/// The packets of a received body, one by one.
#[derive(Debug)]
pub(crate) struct Payload {
    version: Version,
    body: Body,
    at: usize,
}

#[derive(Debug)]
enum Body {
    Text(String),
    /// Only in protocol 3, where it comes as `application/octet-stream`.
    Binary(Vec<u8>),
    Malformed,
}

/// The body is not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Payload {
    /// Takes any body; whether it is a payload shows when its packets are read.
    pub(crate) fn new(version: Version, binary: bool, body: Vec<u8>) -> Self {
        let body = if body.is_empty() {
            Body::Malformed
        } else if binary && version == Version::V3 {
            Body::Binary(body)
        } else {
            String::from_utf8(body).map_or(Body::Malformed, Body::Text)
        };
        Self {
            version,
            body,
            at: 0,
        }
    }

    /// The next packet; `None` at the end of the body.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Malformed> {
        let (packet, used) = match (&self.body, self.version) {
            (Body::Malformed, _) => return Err(Malformed),
            (Body::Text(text), _) if self.at == text.len() => return Ok(None),
            (Body::Binary(bytes), _) if self.at == bytes.len() => return Ok(None),
            (Body::Binary(bytes), _) => next_v3_binary(&bytes[self.at..])?,
            (Body::Text(text), Version::V3) => next_v3_text(&text[self.at..])?,
            (Body::Text(text), Version::V4) => next_v4(&text[self.at..])?,
        };
        self.at += used;
        Ok(Some(packet))
    }
}

/// The packet at the front, and how many bytes it takes.
type Next = Result<(Packet, usize), Malformed>;

fn next_v4(text: &str) -> Next {
    let (packet, used) = match text.split_once(SEPARATOR) {
        // A separator at the end has an empty packet behind it, which is none.
        Some((_, "")) => return Err(Malformed),
        Some((packet, _)) => (packet, packet.len() + SEPARATOR.len_utf8()),
        None => (text, text.len()),
    };
    let packet = match packet.strip_prefix('b') {
        Some(data) => Packet::Binary(BASE64_STANDARD.decode(data).map_err(|_| Malformed)?),
        None => Packet::Text(packet.to_owned()),
    };
    Ok((packet, used))
}

fn next_v3_text(text: &str) -> Next {
    let (length, rest) = text.split_once(':').ok_or(Malformed)?;
    if length.len() > MAX_DIGITS || !length.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Malformed);
    }
    let units = length.parse().map_err(|_| Malformed)?;
    let packet = &rest[..utf16_prefix(rest, units).ok_or(Malformed)?];
    Ok((
        Packet::Text(packet.to_owned()),
        length.len() + 1 + packet.len(),
    ))
}

fn next_v3_binary(input: &[u8]) -> Next {
    let digits = input
        .iter()
        .skip(1)
        .take(MAX_DIGITS + 1)
        .take_while(|byte| **byte < 10);
    let count = digits.clone().count();
    let length = digits.fold(0_usize, |length, digit| length * 10 + usize::from(*digit));
    if !(1..=MAX_DIGITS).contains(&count) || input.get(1 + count) != Some(&LENGTH_END) {
        return Err(Malformed);
    }
    let start = 2 + count;
    let data = input.get(start..start + length).ok_or(Malformed)?;
    let packet = match (input[0], data) {
        (0, text) => Packet::Text(String::from_utf8(text.to_vec()).map_err(|_| Malformed)?),
        (1, [_, ..]) => Packet::Binary(data.to_vec()),
        _ => return Err(Malformed),
    };
    Ok((packet, start + length))
}

/// How many bytes of `text` are its first `units` UTF-16 units; `None` where it has no such prefix.
fn utf16_prefix(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(version: Version, binary: bool, body: &[u8]) -> Result<Vec<Packet>, Malformed> {
        let mut payload = Payload::new(version, binary, body.to_vec());
        let mut packets = Vec::new();
        while let Some(packet) = payload.next()? {
            packets.push(packet);
        }
        Ok(packets)
    }

    fn text(text: &str) -> Packet {
        Packet::Text(text.to_owned())
    }

    #[test]
    fn protocol_4_separates_packets_and_spells_binary_in_base64() {
        let packets = [text("4hello"), Packet::Binary(vec![1, 2, 3, 4]), text("2")];
        let body = "4hello\u{1e}bAQIDBA==\u{1e}2".as_bytes();
        assert_eq!(encode(Version::V4, &packets), (body.to_vec(), false));
        assert_eq!(decode(Version::V4, false, body).unwrap(), packets);
    }

    #[test]
    fn protocol_3_counts_utf16_units() {
        let packets = [text("4€😀"), text("2")];
        let body = "4:4€😀1:2".as_bytes();
        assert_eq!(encode(Version::V3, &packets), (body.to_vec(), false));
        assert_eq!(decode(Version::V3, false, body).unwrap(), packets);
    }

    #[test]
    fn protocol_3_sends_bytes_where_a_packet_is_binary() {
        let packets = [text("4€"), Packet::Binary(vec![4, 1, 2])];
        let body = [0, 4, 255, b'4', 0xe2, 0x82, 0xac, 1, 3, 255, 4, 1, 2];
        assert_eq!(encode(Version::V3, &packets), (body.to_vec(), true));
        assert_eq!(decode(Version::V3, true, &body).unwrap(), packets);
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        let texts: [(Version, &[u8]); 10] = [
            (Version::V4, b""),
            (Version::V4, b"b!"),
            (Version::V4, b"4a\x1e"),
            (Version::V4, b"\xff"),
            (Version::V3, b""),
            (Version::V3, b"4hello"),
            (Version::V3, b"9:4hello"),
            (Version::V3, b"-1:4"),
            (Version::V3, b"99999999999:4"),
            (Version::V3, "2:4😀".as_bytes()),
        ];
        for (version, body) in texts {
            assert_eq!(
                decode(version, false, body),
                Err(Malformed),
                "{version:?} {body:?}"
            );
        }
        let binaries: [&[u8]; 6] = [
            b"",
            &[1],
            &[1, 255, 4],
            &[1, 9, 255, 4],
            &[2, 1, 255, 4],
            &[0, 1, 255, 0xff],
        ];
        for body in binaries {
            assert_eq!(decode(Version::V3, true, body), Err(Malformed), "{body:?}");
        }
    }

    fn packets() -> impl Strategy<Value = Vec<Packet>> {
        let text = "4[^\u{1e}]{0,20}".prop_map(Packet::Text);
        let binary = proptest::collection::vec(any::<u8>(), 1..20).prop_map(Packet::Binary);
        proptest::collection::vec(prop_oneof![text, binary], 1..6)
    }

    proptest! {
        #[test]
        fn payloads_round_trip(packets in packets(), v3: bool) {
            let version = if v3 { Version::V3 } else { Version::V4 };
            let (body, binary) = encode(version, &packets);
            prop_assert_eq!(decode(version, binary, &body).unwrap(), packets);
        }

        #[test]
        fn no_body_breaks_the_decoder(body: Vec<u8>, v3: bool, binary: bool) {
            let version = if v3 { Version::V3 } else { Version::V4 };
            let _ = decode(version, binary, &body);
        }
    }
}
