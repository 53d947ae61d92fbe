//! Socket.IO packets, as they stand in an Engine.IO message: `<type>[<attachments>-][<namespace>,][<id>][JSON]`.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// How many binary attachments one packet may have.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// The names that Socket.IO keeps for itself; a client that sends one is refused.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// A packet as a client sends it.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    /// `/` where the packet names none.
    pub(crate) namespace: &'a str,
    pub(crate) body: Body<'a>,
    /// How many binary messages belong to it and come next.
    pub(crate) attachments: usize,
}

#[derive(Debug)]
pub(crate) enum Body<'a> {
    Connect {
        auth: Option<&'a RawValue>,
    },
    Disconnect,
    Event {
        name: Cow<'a, str>,
        args: Vec<&'a RawValue>,
        id: Option<u64>,
    },
    Ack {
        id: u64,
        args: Vec<&'a RawValue>,
    },
}

/// The text is not a packet that a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Packet<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let kind = *text.as_bytes().first().ok_or(Malformed)?;
        // The first byte of what is accepted below is one character.
        let rest = text.get(1..).ok_or(Malformed)?;
        let (attachments, rest) = match kind {
            b'5' | b'6' => parse_attachments(rest)?,
            _ => (0, rest),
        };
        let (namespace, rest) = parse_namespace(rest);
        let (id, json) = parse_id(rest)?;
        let body = match kind {
            b'0' if id.is_none() => Body::Connect {
                auth: parse_auth(json)?,
            },
            b'1' if id.is_none() && json.is_empty() => Body::Disconnect,
            b'2' | b'5' => parse_event(json, id)?,
            b'3' | b'6' => Body::Ack {
                id: id.ok_or(Malformed)?,
                args: parse_array(json)?,
            },
            _ => return Err(Malformed),
        };
        Ok(Self {
            namespace,
            body,
            attachments,
        })
    }
}

fn parse_attachments(text: &str) -> Result<(usize, &str), Malformed> {
    let (count, rest) = text.split_once('-').ok_or(Malformed)?;
    let (Some(count), "") = split_number(count)? else {
        return Err(Malformed);
    };
    let count = usize::try_from(count).map_err(|_| Malformed)?;
    if count > MAX_ATTACHMENTS {
        Err(Malformed)
    } else {
        Ok((count, rest))
    }
}

/// Clients of Socket.IO 2 may put a query behind the name.
fn parse_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    let (name, rest) = text.split_once(',').unwrap_or((text, ""));
    (
        name.split_once('?').map_or(name, |(name, _query)| name),
        rest,
    )
}

fn parse_id(text: &str) -> Result<(Option<u64>, &str), Malformed> {
    split_number(text)
}

/// The decimal number at the front, if there is one.
fn split_number(text: &str) -> Result<(Option<u64>, &str), Malformed> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    if end == 0 {
        return Ok((None, text));
    }
    let number = text[..end].parse().map_err(|_| Malformed)?;
    Ok((Some(number), &text[end..]))
}

fn parse_auth(json: &str) -> Result<Option<&RawValue>, Malformed> {
    if json.is_empty() {
        return Ok(None);
    }
    let auth: &RawValue = serde_json::from_str(json).map_err(|_| Malformed)?;
    if auth.get().starts_with('{') {
        Ok(Some(auth))
    } else {
        Err(Malformed)
    }
}

fn parse_array(json: &str) -> Result<Vec<&RawValue>, Malformed> {
    serde_json::from_str(json).map_err(|_| Malformed)
}

fn parse_event(json: &str, id: Option<u64>) -> Result<Body<'_>, Malformed> {
    let mut args = parse_array(json)?;
    if args.is_empty() {
        return Err(Malformed);
    }
    let name = event_name(args.remove(0).get())?;
    if RESERVED.contains(&&*name) {
        Err(Malformed)
    } else {
        Ok(Body::Event { name, args, id })
    }
}

/// A name is a string; JavaScript clients may use a number too, which names the event by its digits.
fn event_name(json: &str) -> Result<Cow<'_, str>, Malformed> {
    match json.as_bytes()[0] {
        b'"' if !json.contains('\\') => Ok(Cow::Borrowed(&json[1..json.len() - 1])),
        b'"' => serde_json::from_str(json)
            .map(Cow::Owned)
            .map_err(|_| Malformed),
        b'-' | b'0'..=b'9' => Ok(Cow::Borrowed(json)),
        _ => Err(Malformed),
    }
}

/// All of a packet that stands in front of its JSON.
pub(crate) fn head(kind: char, namespace: &str, id: Option<u64>, attachments: usize) -> String {
    use std::fmt::Write;
    let mut head = String::from(kind);
    if attachments > 0 {
        write!(head, "{attachments}-").expect("a string takes every write");
    }
    if namespace != "/" {
        head.push_str(namespace);
        head.push(',');
    }
    if let Some(id) = id {
        write!(head, "{id}").expect("a string takes every write");
    }
    head
}

/// Appends `text` as a JSON string.
pub(crate) fn push_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("every string is JSON"));
}

/// Appends JSON texts as an array.
pub(crate) fn push_array(items: &[&str], out: &mut String) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(item);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(text: &str) -> String {
        match Packet::parse(text) {
            Err(Malformed) => "malformed".to_owned(),
            Ok(Packet {
                namespace,
                body,
                attachments,
            }) => {
                let raw = |args: Vec<&RawValue>| {
                    args.iter()
                        .map(|arg| arg.get())
                        .collect::<Vec<_>>()
                        .join(" ")
                };
                let body = match body {
                    Body::Connect { auth } => format!("connect {:?}", auth.map(RawValue::get)),
                    Body::Disconnect => "disconnect".to_owned(),
                    Body::Event { name, args, id } => format!("{name} {id:?} {}", raw(args)),
                    Body::Ack { id, args } => format!("ack {id} {}", raw(args)),
                };
                format!("{namespace} {attachments} {body}")
            }
        }
    }

    #[test]
    fn packets_are_read_as_the_protocol_writes_them() {
        let cases = [
            ("0", "/ 0 connect None"),
            (
                r#"0{"token":"123"}"#,
                r#"/ 0 connect Some("{\"token\":\"123\"}")"#,
            ),
            ("0/custom,", "/custom 0 connect None"),
            ("0/custom", "/custom 0 connect None"),
            ("0/custom?token=x,", "/custom 0 connect None"),
            ("1", "/ 0 disconnect"),
            ("1/admin,", "/admin 0 disconnect"),
            (
                r#"2["hey",1, "2" ,{"3":[true]}]"#,
                r#"/ 0 hey None 1 "2" {"3":[true]}"#,
            ),
            (r#"2/admin,456["a\u0062"]"#, "/admin 0 ab Some(456) "),
            ("2[7,8]", "/ 0 7 None 8"),
            (r#"312["a"]"#, r#"/ 0 ack 12 "a""#),
            (r"3/admin,0[]", "/admin 0 ack 0 "),
            (
                r#"51-["b",{"_placeholder":true,"num":0}]"#,
                r#"/ 1 b None {"_placeholder":true,"num":0}"#,
            ),
            (r"62-/x,9[]", "/x 2 ack 9 "),
        ];
        for (text, shown) in cases {
            assert_eq!(show(text), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let cases = [
            "",
            "a",
            "abc",
            "7",
            "ü",
            "0abc",
            "0[]",
            "0\"x\"",
            "09{}",
            "1{}",
            "2",
            "2{}",
            "2[]",
            "2[null]",
            "2[{}]",
            "2abc[\"x\"]",
            "2[\"x\"",
            "2[\"x\"]y",
            "2[\"disconnect\"]",
            "3[\"x\"]",
            "3",
            "4{}",
            "5[\"x\"]",
            "5-[\"x\"]",
            "5x-[\"x\"]",
            "511-[\"x\"]",
            "599999999999999999999-[\"x\"]",
            "299999999999999999999[\"x\"]",
        ];
        for text in cases {
            assert_eq!(show(text), "malformed", "{text}");
        }
    }

    #[test]
    fn packets_are_written_as_the_protocol_reads_them() {
        assert_eq!(head('2', "/", None, 0), "2");
        assert_eq!(head('3', "/x", Some(7), 0), "3/x,7");
        assert_eq!(head('5', "/", Some(7), 2), "52-7");
        let mut json = String::new();
        push_array(&["\"a\"", "1"], &mut json);
        push_string("ü\"\u{1}", &mut json);
        assert_eq!(json, "[\"a\",1]\"ü\\\"\\u0001\"");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[0-7]?[-/,0-9a-z]{0,6}\\PC{0,30}") {
            let _ = Packet::parse(&text);
        }

        #[test]
        fn events_round_trip(name in "\\PC{1,10}", arg in any::<i64>(), id in any::<Option<u64>>()) {
            prop_assume!(!RESERVED.contains(&&*name));
            let mut packet = head('2', "/n", id, 0);
            let mut json = String::new();
            push_string(&name, &mut json);
            push_array(&[&*json, &arg.to_string()], &mut packet);
            let shown = format!("/n 0 {name} {id:?} {arg}");
            prop_assert_eq!(show(&packet), shown);
        }
    }
}
