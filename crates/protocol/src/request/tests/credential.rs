//! Where the token of a request stands, and where it may not.

use super::*;

const OTHER: &str = "nlc_8_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NODE: &str = "nln_7_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const WITH_TOKEN: [&str; 4] = ["login", "update", "delete", "rotateToken"];

fn parse_bearing(bearer: &str, body: &str) -> Result<Request, Rejected> {
    Request::parse(CLIENT, body, Some(bearer), MAX_INFORMATION)
}

#[test]
fn the_token_stands_in_any_of_its_places() {
    for action in WITH_TOKEN {
        let members = format!(r#""action":"{action}","parameters":{{"information":{{}}"#);
        for (body, bearer) in [
            (format!(r#"{{{members},"token":"{TOKEN}"}}}}"#), None),
            (format!(r#"{{{members}}},"token":"{TOKEN}"}}"#), None),
            (
                format!(r#"{{{members}}},"authentication":{{"token":"{TOKEN}"}}}}"#),
                None,
            ),
            (format!("{{{members}}}}}"), Some(TOKEN)),
            (
                format!(
                    r#"{{{members},"token":"{TOKEN}"}},"token":"\u006e{}"}}"#,
                    &TOKEN[1..]
                ),
                Some(TOKEN),
            ),
            (
                format!(r#"{{{members}}},"token":"{TOKEN}","authentication":{{}}}}"#),
                None,
            ),
        ] {
            let request = Request::parse(CLIENT, &body, bearer, MAX_INFORMATION).unwrap();
            assert_eq!(token_of(&request.action), Some(&token()), "{body}");
        }
    }
}

#[test]
fn different_tokens_in_one_request_are_refused() {
    for (body, bearer) in [
        (
            format!(
                r#"{{"action":"delete","parameters":{{"token":"{TOKEN}"}},"token":"{OTHER}"}}"#
            ),
            None,
        ),
        (
            format!(
                r#"{{"action":"delete","token":"{TOKEN}","authentication":{{"token":"{OTHER}"}}}}"#
            ),
            None,
        ),
        (
            format!(r#"{{"action":"delete","token":"{TOKEN}"}}"#),
            Some(OTHER),
        ),
        (
            format!(r#"{{"action":"delete","token":"{TOKEN}"}}"#),
            Some(""),
        ),
    ] {
        let result = Request::parse(CLIENT, &body, bearer, MAX_INFORMATION);
        assert_eq!(refused(result), invalid("token", "delete"), "{body}");
    }
}

#[test]
fn a_token_that_is_missing_or_no_string_is_refused() {
    for action in WITH_TOKEN {
        for rest in [
            "",
            r#","parameters":{}"#,
            r#","parameters":{"token":null}"#,
            r#","parameters":{"token":7}"#,
            r#","parameters":{"token":["a"]}"#,
            r#","token":{}"#,
            r#","authentication":{"token":true}"#,
            r#","authentication":{}"#,
        ] {
            let body = format!(r#"{{"action":"{action}"{rest}}}"#);
            assert_eq!(refused(parse(&body)), invalid("token", action), "{body}");
        }
        let body = format!(r#"{{"action":"{action}","parameters":{{"token":7}}}}"#);
        assert_eq!(
            refused(parse_bearing(TOKEN, &body)),
            invalid("token", action)
        );
    }
}

#[test]
fn a_string_that_is_no_token_of_a_client_is_left_to_the_instance() {
    for text in ["", "x", NODE, &TOKEN[1..], &format!("{TOKEN} ")] {
        let body = format!(r#"{{"action":"delete","token":"{text}"}}"#);
        assert_eq!(
            parse(&body).unwrap().action,
            Action::Delete { token: None },
            "{text}"
        );
        let bare = parse_bearing(text, r#"{"action":"delete"}"#);
        assert_eq!(
            bare.unwrap().action,
            Action::Delete { token: None },
            "{text}"
        );
    }
}

#[test]
fn an_authentication_that_cannot_be_read_is_refused() {
    for (authentication, field) in [
        ("null", "authentication"),
        (r#""token""#, "authentication"),
        ("[]", "authentication"),
        (r#"{"token":"a","token":"a"}"#, "token"),
        (r#"{"token":"a","\u0074oken":"b"}"#, "token"),
    ] {
        let body =
            format!(r#"{{"action":"login","token":"{TOKEN}","authentication":{authentication}}}"#);
        assert_eq!(refused(parse(&body)), invalid(field, "login"), "{body}");
    }
}

/// Requests that a connection which is logged in makes without a token, and whether their
/// parameters are the instance's to read.
fn messages() -> [(Channel, &'static str, &'static str, bool); 6] {
    let party = Channel::ToParty {
        from: PartyKind::Client,
    };
    [
        (
            CLIENT,
            r#""action":"forward","recipient":9"#,
            "forward",
            false,
        ),
        (CLIENT, r#""action":"queue","recipient":9"#, "queue", false),
        (party, r#""action":"order","recipient":9"#, "forward", false),
        (CLIENT, r#""action":"processQueue""#, "processQueue", true),
        (CLIENT, r#""action":"messageStatus""#, "messageStatus", true),
        (CLIENT, r#""action":"withdraw""#, "withdraw", true),
    ]
}

#[test]
fn a_message_without_a_token_comes_from_the_connection() {
    for (channel, members, ..) in messages() {
        for rest in ["", r#","authentication":{}"#] {
            let body = format!(r#"{{{members}{rest},"parameters":{{"queue_id":5}}}}"#);
            let request = Request::parse(channel, &body, None, MAX_INFORMATION).unwrap();
            assert_eq!(token_of(&request.action), None, "{body}");
        }
    }
}

#[test]
fn a_message_may_come_with_a_token_beside_what_it_carries() {
    for (channel, members, _, parameters_too) in messages() {
        for (text, expected) in [(TOKEN, token()), (NODE, None), ("x", None)] {
            for (rest, bearer) in [
                (format!(r#","token":"{text}""#), None),
                (format!(r#","authentication":{{"token":"{text}"}}"#), None),
                (String::new(), Some(text)),
                (format!(r#","token":"{text}""#), Some(text)),
            ] {
                let body = format!(r#"{{{members}{rest},"parameters":{{"queue_id":5}}}}"#);
                let request = Request::parse(channel, &body, bearer, MAX_INFORMATION).unwrap();
                assert_eq!(token_of(&request.action), Some(&expected), "{body}");
            }
            let body = format!(r#"{{{members},"parameters":{{"token":"{text}","queue_id":5}}}}"#);
            let request = Request::parse(channel, &body, None, MAX_INFORMATION).unwrap();
            let inside = parameters_too.then_some(&expected);
            assert_eq!(token_of(&request.action), inside, "{body}");
        }
    }
}

#[test]
fn a_message_with_unclear_tokens_is_refused() {
    for (channel, members, verb, parameters_too) in messages() {
        for rest in [
            r#","token":null"#.to_owned(),
            r#","authentication":{"token":7}"#.to_owned(),
            format!(r#","token":"{TOKEN}","authentication":{{"token":"{OTHER}"}}"#),
        ] {
            let body = format!(r#"{{{members}{rest},"parameters":{{"queue_id":5}}}}"#);
            let result = Request::parse(channel, &body, None, MAX_INFORMATION);
            assert_eq!(refused(result), invalid("token", verb), "{body}");
        }
        let body = format!(
            r#"{{{members},"token":"{TOKEN}","parameters":{{"token":"{OTHER}","queue_id":5}}}}"#
        );
        let result = Request::parse(channel, &body, None, MAX_INFORMATION);
        if parameters_too {
            assert_eq!(refused(result), invalid("token", verb), "{body}");
        } else {
            assert_eq!(token_of(&result.unwrap().action), Some(&token()), "{body}");
        }
    }
}

#[test]
fn who_needs_no_token_may_have_any() {
    for (rest, action) in [
        (
            r#","parameters":{"information":{},"token":1,"token":2}"#,
            "register",
        ),
        ("", "logout"),
        ("", "ping"),
    ] {
        let body = format!(r#"{{"action":"{action}","token":{{}},"authentication":3{rest}}}"#);
        assert_eq!(
            parse_bearing("x", &body).unwrap().action.verb().as_str(),
            action
        );
    }
}

/// The text of a panic is made of what `Debug` says.
#[test]
fn no_request_and_no_refusal_shows_a_token_in_a_panic() {
    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFE";
    const PARAMETERS: &str = r#"{"queue_id":1,"on":true,"information":{},"hash":"QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE"}"#;
    for (prefix, from) in [("nlc", PartyKind::Client), ("nln", PartyKind::Node)] {
        let token = format!("{prefix}_7_{SECRET}");
        let secret = format!("{:?}", Token::parse(&token).unwrap().secret());
        let (mut read, mut rejected) = (0, 0);
        for verb in Verb::ALL {
            for members in [
                format!(r#""token":"{token}""#),
                format!(r#""authentication":{{"token":"{token}"}}"#),
                format!(r#""token":"{token}","authentication":{{"token":"x{token}"}}"#),
                format!(r#""token":["{token}"]"#),
                format!(r#""token":"{token}","token":"{token}""#),
                format!(r#""token":"{token}","recipient":["{token}"]"#),
                format!(r#""token":"{token}","id":["{token}"]"#),
                format!(r#""token":"{token}"{token}"#),
            ] {
                let body = format!(
                    r#"{{"action":"{}","parameters":{PARAMETERS},{members},"recipient":7}}"#,
                    verb.as_str()
                );
                let channel = Channel::ToInstance { from };
                let result = Request::parse(channel, &body, Some(&token), MAX_INFORMATION);
                let shown = format!("{result:?}");
                assert!(!shown.contains(SECRET), "{shown}");
                assert!(!shown.contains(secret.trim_matches(['[', ']'])), "{shown}");
                match result {
                    Ok(_) => read += 1,
                    Err(_) => rejected += 1,
                }
            }
        }
        assert!(
            read > 10 && rejected > 50,
            "{read} read, {rejected} rejected"
        );
    }
}
