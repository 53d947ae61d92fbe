//! Requests and bodies that nobody thought of.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::written::{Place, content_of, information_of, write};
use super::*;

mod strategy;

use strategy::{any_piece, any_place, any_request};

fn raw(json: &str) -> Raw {
    Raw::parse(json.into()).unwrap()
}

fn parse(channel: Channel, body: &str) -> Result<Request, Rejected> {
    Request::parse(channel, body, None, MAX_INFORMATION)
}

/// The same document with the characters of its strings escaped, but for hexadecimal digits, which
/// may be part of an escape already.
fn escaped(json: &str) -> String {
    let (mut out, mut inside, mut chars) = (String::new(), false, json.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                inside = !inside;
                out.push(c);
            }
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            _ if inside && !c.is_ascii_hexdigit() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            }
            _ => out.push(c),
        }
    }
    out
}

/// The same request with what it keeps raw written in one way: the text tells how it was escaped.
fn respelt(mut request: Request) -> Request {
    let respell = |json: &str| {
        let value: Value = serde_json::from_str(json).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    if let Some(information) = information_of(&mut request.action) {
        *information = super::information(&respell(information.as_str()));
    }
    if let Some(content) = content_of(&mut request.action) {
        *content = raw(&respell(content.as_str()));
    }
    request
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written((channel, request) in any_request(), place in any_place()) {
        let body = write(&request, place);
        prop_assert_eq!(parse(channel, &body), Ok(request), "{}", body);
    }

    #[test]
    fn a_request_is_the_same_however_it_is_escaped((channel, request) in any_request(), place in any_place()) {
        let plain = parse(channel, &write(&request, place)).unwrap();
        let read = parse(channel, &escaped(&write(&request, place))).unwrap();
        prop_assert_eq!(respelt(read), respelt(plain));
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        channel in prop::sample::select(Channel::ALL.to_vec()),
        body in any::<String>(),
        bearer in any::<Option<String>>(),
    ) {
        let _ = Request::parse(channel, &body, bearer.as_deref(), MAX_INFORMATION);
    }

    #[test]
    fn a_damaged_request_is_refused_or_makes_sense(
        (channel, request) in any_request(),
        place in any_place(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any_piece()), 1..4),
    ) {
        let mut chars: Vec<char> = write(&request, place).chars().collect();
        for (at, how, piece) in damage {
            let at = at.index(chars.len() + 1);
            match how {
                0 => chars.truncate(at),
                1 => drop(chars.splice(at..at, piece.chars())),
                _ => drop(chars.splice(at..(at + piece.len()).min(chars.len()), piece.chars())),
            }
        }
        let body: String = chars.into_iter().collect();
        if let Ok(request) = parse(channel, &body) {
            prop_assert!(serde_json::from_str::<&RawValue>(&body).is_ok(), "{}", body);
            let again = write(&request, Place::Parameters);
            if token_of(&request.action) != Some(&None) {
                prop_assert_eq!(parse(channel, &again), Ok(request), "{}", again);
            }
        }
    }
}
