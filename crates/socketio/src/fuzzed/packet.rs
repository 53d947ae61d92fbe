//! Socket.IO packets.

use serde_json::value::RawValue;

use crate::packet::{Body, MAX_ATTACHMENTS, Packet, head, push_array, push_string};

/// A packet says the same when it is written again.
pub fn packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(packet) = Packet::parse(text) else {
        return;
    };
    assert!(packet.attachments <= MAX_ATTACHMENTS);
    assert!(packet.namespace.starts_with('/'));
    let again = write(&packet);
    let read = Packet::parse(&again).expect("it was a packet");
    assert_eq!(format!("{read:?}"), format!("{packet:?}"), "{again}");
}

fn write(packet: &Packet<'_>) -> String {
    let start = |plain, binary, id| {
        let kind = if packet.attachments > 0 {
            binary
        } else {
            plain
        };
        head(kind, packet.namespace, id, packet.attachments)
    };
    let raw = |args: &[&RawValue], text: &mut String| {
        let args: Vec<_> = args.iter().map(|arg| arg.get()).collect();
        push_array(&args, text);
    };
    match &packet.body {
        Body::Connect { auth } => start('0', '0', None) + auth.map_or("", RawValue::get),
        Body::Disconnect => start('1', '1', None),
        Body::Event { name, args, id } => {
            let mut text = start('2', '5', *id);
            let mut first = String::new();
            push_string(name, &mut first);
            let first: Box<RawValue> = serde_json::from_str(&first).expect("a string is JSON");
            raw(&[&[&*first], &**args].concat(), &mut text);
            text
        }
        Body::Ack { id, args } => {
            let mut text = start('3', '6', Some(*id));
            raw(args, &mut text);
            text
        }
    }
}
