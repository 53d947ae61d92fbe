//! The bodies of polling.

use crate::engine::{
    Packet, Version,
    payload::{Payload, encode},
    split,
};

/// A body that is a payload says the same when it is written again, and none has more packets than bytes.
///
/// The first byte chooses the version, and whether the body came as bytes.
pub fn payload(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let version = if choice & 1 == 0 {
        Version::V4
    } else {
        Version::V3
    };
    let Some(packets) = read(version, choice & 2 != 0, body) else {
        return;
    };
    assert!(packets.len() <= body.len());
    for packet in &packets {
        if let Packet::Text(text) = packet
            && let Some((_, data)) = split(text)
        {
            assert_eq!(data.len() + 1, text.len());
        }
    }
    let (again, binary) = encode(version, &packets);
    assert_eq!(read(version, binary, &again), Some(packets));
}

/// The packets of a body; `None` where it is no payload.
fn read(version: Version, binary: bool, body: &[u8]) -> Option<Vec<Packet>> {
    let mut payload = Payload::new(version, binary, body.to_vec());
    let mut packets = Vec::new();
    while let Some(packet) = payload.next().ok()? {
        packets.push(packet);
    }
    Some(packets)
}
