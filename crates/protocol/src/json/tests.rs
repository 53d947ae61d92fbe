use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::text as text_of;
use super::*;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

fn found(depth: usize, broken_text: bool, forbidden_key: bool) -> Findings {
    Findings {
        depth,
        broken_text,
        forbidden_key,
    }
}

#[test]
fn depth_counts_containers_within_each_other() {
    for (json, depth) in [
        ("1", 0),
        (r#""[[[""#, 0),
        ("{}", 1),
        ("[1,[2],[[3]],4]", 3),
        (r#"{"a":{"b":[]},"}{[":"\"[["}"#, 3),
        ("[[],[],[]]", 2),
    ] {
        assert_eq!(scan(json), found(depth, false, false), "{json}");
    }
}

#[test]
fn no_depth_exhausts_the_stack() {
    let n = 20_000;
    let arrays = format!("{}{}", "[".repeat(n), "]".repeat(n));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
    for json in [arrays, objects] {
        assert_eq!(scan(raw(&json).get()).depth, n);
    }
}

#[test]
fn broken_text_is_found_in_values_and_keys() {
    for string in [
        r"\u0000",
        r"a\u0000b",
        r"\ud83d",
        r"\uDE00",
        r"\ud83d\u0041",
        r"\ud83d\n",
        r"\ude00\ud83d",
    ] {
        assert_eq!(
            scan(&format!("[\"{string}\"]")),
            found(1, true, false),
            "{string}"
        );
        assert_eq!(
            scan(&format!("{{\"{string}\":1}}")),
            found(1, true, false),
            "{string}"
        );
    }
    for string in [
        r"\ud83d\ude00",
        r"\\u0000",
        r"\\\\ud83d",
        r"\u0001",
        r"\uffff",
        "\u{7f}",
        r"u0000",
    ] {
        assert_eq!(
            scan(&format!("[\"{string}\"]")),
            found(1, false, false),
            "{string}"
        );
    }
    assert!(scan(r#""\\\u0000""#).broken_text);
}

#[test]
fn every_lone_surrogate_is_found() {
    for unit in 0xd800..=0xdfff_u32 {
        for json in [
            format!("\"\\u{unit:04x}\""),
            format!("[{{\"x\\u{unit:04X}y\":0}}]"),
        ] {
            assert!(
                RawValue::from_string(json.clone()).is_ok(),
                "the grammar has nothing against {json}"
            );
            assert!(scan(&json).broken_text, "{json}");
        }
    }
}

#[test]
fn a_forbidden_key_is_found_however_it_is_written() {
    for key in [
        "__proto__",
        "constructor",
        "prototype",
        r"\u005F_proto__",
        r"prototyp\u0065",
    ] {
        for after in ["", " ", "\n\t\r "] {
            assert_eq!(
                scan(&format!("{{\"{key}\"{after}:1}}")),
                found(1, false, true),
                "{key}"
            );
            assert_eq!(
                scan(&format!("[\"{key}\"{after},1]")),
                found(1, false, false),
                "{key}"
            );
        }
    }
    for key in [
        "",
        "proto",
        "__proto",
        "Constructor",
        "prototype ",
        r"__proto__\u0041",
        r#"\"__proto__"#,
    ] {
        assert!(!scan(&format!("{{\"{key}\":1}}")).forbidden_key, "{key}");
    }
}

#[test]
fn an_integer_is_written_without_fraction_and_exponent() {
    for (json, expected) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("1.0", None),
        ("1e2", None),
        ("\"1\"", None),
        ("null", None),
    ] {
        assert_eq!(integer(raw(json)), expected, "{json}");
    }
}

#[test]
fn a_string_without_escapes_is_borrowed() {
    assert!(matches!(string(raw("\"é\"")), Some(Cow::Borrowed("é"))));
    assert_eq!(string(raw(r#""\u00e9\n""#)).as_deref(), Some("é\n"));
    for other in ["1", "null", "[\"a\"]", "{}"] {
        assert_eq!(string(raw(other)), None, "{other}");
    }
}

#[test]
fn members_are_shown_in_order_with_repetitions() {
    let mut seen = Vec::new();
    members(r#"{"b":[1, 2],"\u0061":"x", "b" : null}"#, |key, value| {
        seen.push((key.into_owned(), value.get()));
    })
    .unwrap();
    let expected = [("b", "[1, 2]"), ("a", "\"x\""), ("b", "null")];
    assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn a_raw_value_is_kept_as_it_was_written() {
    let text = r#"{ "a" : 1.00, "a":"\u0061\/" }"#;
    let value = Raw::parse(format!(" {text}\n")).unwrap();
    assert_eq!(value.as_str(), text);
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    assert_eq!(Raw::from(raw(text)), value);
    assert_ne!(Raw::parse("1.0".into()), Raw::parse("1".into()));
    for text in ["{", "", " ", "1 2", "nul"] {
        assert_eq!(Raw::parse(text.into()), None, "{text}");
    }
}

#[test]
fn a_raw_value_is_shared_and_not_copied() {
    let text: Arc<str> = r#"{"a":1}"#.into();
    let value = Raw::restore(Arc::clone(&text)).unwrap();
    assert!(Arc::ptr_eq(value.clone().as_arc(), &text));
    assert!(Arc::ptr_eq(&value.into(), &text));
    assert_eq!(Raw::restore(" [ ] ".into()), Raw::parse("[ ]".into()));
    for text in ["", "]", "1,"] {
        assert_eq!(Raw::restore(text.into()), None, "{text}");
    }
}

#[test]
fn an_object_is_written_member_by_member() {
    let written = |fill: fn(&mut Object<'_>)| text_of(|out| object(out, fill));
    assert_eq!(written(|_| {}), "{}");
    assert_eq!(
        written(|object| object.member("a", "\"\n")),
        r#"{"a":"\"\n"}"#
    );
    let nested = written(|outer| {
        outer.raw("a", "[ 1.0 ]");
        object(outer.key("b"), |inner| inner.member("c", -1));
        outer.member("d", true);
    });
    assert_eq!(nested, r#"{"a":[ 1.0 ],"b":{"c":-1},"d":true}"#);
}

#[test]
fn an_array_is_written_element_by_element() {
    for (elements, expected) in [(0, "[]"), (1, "[{}]"), (3, "[{},{},{}]")] {
        let written = text_of(|out| array(out, 0..elements, |out, _| object(out, |_| {})));
        assert_eq!(written, expected);
    }
}

/// A document as a tree. Its strings may be broken, so they are no `String`s.
#[derive(Clone, Debug)]
enum Document {
    Scalar(&'static str),
    Text(Vec<Unit>),
    Array(Vec<Document>),
    Object(Vec<(Vec<Unit>, Document)>),
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    Plain(char),
    Escaped(u16),
}

fn document() -> impl Strategy<Value = Document> {
    let scalar = prop_oneof![
        Just("null"),
        Just("true"),
        Just("-1.5e3"),
        Just("9007199254740993")
    ];
    let leaf = prop_oneof![
        scalar.prop_map(Document::Scalar),
        text().prop_map(Document::Text)
    ];
    leaf.prop_recursive(6, 64, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Document::Array),
            prop::collection::vec((text(), inner), 0..4).prop_map(Document::Object),
        ]
    })
}

fn text() -> impl Strategy<Value = Vec<Unit>> {
    let unit = prop_oneof![
        8 => any::<char>().prop_map(Unit::Plain),
        2 => prop::sample::select(vec!['"', '\\', '{', ']', ':', 'u', '\0']).prop_map(Unit::Plain),
        2 => any::<u16>().prop_map(Unit::Escaped),
        1 => (0xd800..=0xdfff_u16).prop_map(Unit::Escaped),
        1 => Just(Unit::Escaped(0)),
    ];
    let forbidden =
        (prop::sample::select(FORBIDDEN_KEYS.to_vec()), any::<u16>()).prop_map(|(key, escaped)| {
            let unit = |(at, byte): (usize, u8)| match escaped >> at & 1 {
                0 => Unit::Plain(char::from(byte)),
                _ => Unit::Escaped(byte.into()),
            };
            key.bytes().enumerate().map(unit).collect()
        });
    prop_oneof![6 => prop::collection::vec(unit, 0..5), 1 => forbidden]
}

impl Document {
    fn write(&self, out: &mut String) {
        match self {
            Self::Scalar(json) => out.push_str(json),
            Self::Text(text) => write_text(text, out),
            Self::Array(items) => write_joined("[]", items, out, Self::write),
            Self::Object(members) => write_joined("{}", members, out, |(key, value), out| {
                write_text(key, out);
                out.push_str(" :\t");
                value.write(out);
            }),
        }
    }

    /// The same findings by plain recursion over the tree.
    fn findings(&self) -> Findings {
        match self {
            Self::Scalar(_) => Findings::default(),
            Self::Text(text) => found(0, decoded(text).is_none(), false),
            Self::Array(items) => deeper(items.iter().map(Self::findings)),
            Self::Object(members) => deeper(members.iter().map(|(key, value)| {
                let key = decoded(key);
                let forbidden = key
                    .as_deref()
                    .is_some_and(|key| FORBIDDEN_KEYS.contains(&key));
                both(value.findings(), found(0, key.is_none(), forbidden))
            })),
        }
    }
}

fn write_text(text: &[Unit], out: &mut String) {
    out.push('"');
    for unit in text {
        match unit {
            Unit::Plain(c @ ('"' | '\\')) => out.extend(['\\', *c]),
            Unit::Plain(c) if *c >= ' ' => out.push(*c),
            Unit::Plain(c) => write!(out, "\\u{:04x}", u32::from(*c)).unwrap(),
            Unit::Escaped(unit) => write!(out, "\\u{unit:04X}").unwrap(),
        }
    }
    out.push('"');
}

fn write_joined<T>(brackets: &str, items: &[T], out: &mut String, write: impl Fn(&T, &mut String)) {
    out.push_str(&brackets[..1]);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        write(item, out);
    }
    out.push_str(&brackets[1..]);
}

/// The text, unless it is broken.
fn decoded(text: &[Unit]) -> Option<String> {
    let units = text.iter().flat_map(|unit| match unit {
        Unit::Plain(c) => c.encode_utf16(&mut [0; 2]).to_vec(),
        Unit::Escaped(unit) => vec![*unit],
    });
    let text = char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .ok()?;
    (!text.contains('\0')).then_some(text)
}

fn both(a: Findings, b: Findings) -> Findings {
    found(
        a.depth.max(b.depth),
        a.broken_text | b.broken_text,
        a.forbidden_key | b.forbidden_key,
    )
}

fn deeper(inner: impl Iterator<Item = Findings>) -> Findings {
    let inside = inner.fold(Findings::default(), both);
    Findings {
        depth: inside.depth + 1,
        ..inside
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_scan_finds_what_recursion_finds(document in document()) {
        let mut json = String::new();
        document.write(&mut json);
        prop_assert_eq!(scan(raw(&json).get()), document.findings(), "{}", json);
    }

    #[test]
    fn the_scan_survives_what_is_not_json(text in r#"([\[\]{}:,"\\ud80é😀]|\PC){0,40}"#) {
        let _ = scan(&text);
    }
}
