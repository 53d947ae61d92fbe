use super::written::token_of;
use super::*;
use crate::code::Code;
use crate::party::{IDENTIFIERS, MAX_INTEGER, PartyKind};

mod credential;
mod fuzzed;
mod hostile;
mod message;
mod node;
mod party;

const CLIENT: Channel = Channel::ToInstance {
    from: PartyKind::Client,
};
const MAX_INFORMATION: usize = 4096;
const TOKEN: &str = "nlc_7_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn parse(body: &str) -> Result<Request, Rejected> {
    Request::parse(CLIENT, body, None, MAX_INFORMATION)
}

fn token() -> Option<Token> {
    Token::parse(TOKEN)
}

fn information(text: &str) -> Information {
    Information::restore(text.into()).unwrap()
}

/// What is refused: the code, the verb and the field.
type Blame = (Code, Option<&'static str>, Option<&'static str>);

fn refused(result: Result<Request, Rejected>) -> Blame {
    let Rejected { verb, refusal, .. } = result.unwrap_err();
    (refusal.code, verb.map(Verb::as_str), refusal.field)
}

fn invalid(field: &'static str, verb: &'static str) -> Blame {
    (Code::InvalidParameters, Some(verb), Some(field))
}

#[test]
fn every_action_of_the_client_channel_is_read() {
    let quoted = format!("\"{TOKEN}\"");
    let cases = [
        (
            r#"{"action":"register","parameters":{"information":{"name":"Ada"}}}"#.into(),
            Action::Register(Registration::Client {
                information: information(r#"{"name":"Ada"}"#),
            }),
        ),
        (
            format!(r#"{{"action":"login","parameters":{{"token":{quoted}}}}}"#),
            Action::Login {
                token: token(),
                limit: None,
            },
        ),
        (
            format!(r#"{{"action":"login","parameters":{{"limit":5,"token":{quoted}}}}}"#),
            Action::Login {
                token: token(),
                limit: Some(5),
            },
        ),
        (
            format!(
                r#"{{"action":"update","parameters":{{"token":{quoted},"information":{{ }}}}}}"#
            ),
            Action::Update {
                token: token(),
                amendment: Amendment::Client {
                    information: information("{ }"),
                },
            },
        ),
        (r#"{"action":"logout"}"#.into(), Action::Logout),
        (
            format!(r#"{{"action":"delete","parameters":{{"token":{quoted}}}}}"#),
            Action::Delete { token: token() },
        ),
        (
            format!(r#"{{"action":"rotateToken","parameters":{{"token":{quoted}}}}}"#),
            Action::RotateToken { token: token() },
        ),
        (r#"{"action":"ping"}"#.into(), Action::Ping),
        (
            r#"{"action":"updateNodeList"}"#.into(),
            Action::UpdateNodeList,
        ),
    ];
    for (body, action) in cases {
        let verb: &str = action.verb().as_str();
        assert!(body.contains(&format!("\"{verb}\"")), "{body}");
        assert_eq!(parse(&body), Ok(Request { id: None, action }), "{body}");
    }
}

#[test]
fn members_that_nobody_knows_are_ignored() {
    let body = format!(
        r#" {{"recipient":[],"x":{{"a":1,"a":2}},"action":"login","parameters":{{"token":"{TOKEN}","y":1,"y":2}}}} "#
    );
    assert_eq!(
        parse(&body).unwrap().action,
        Action::Login {
            token: token(),
            limit: None
        }
    );
}

#[test]
fn parameters_are_an_object_where_they_are_read() {
    for other in ["null", "[]", "1", r#""{}""#, "true"] {
        for action in ["register", "login", "update", "delete", "rotateToken"] {
            let body = format!(r#"{{"action":"{action}","token":"{TOKEN}","parameters":{other}}}"#);
            assert_eq!(
                refused(parse(&body)),
                invalid("parameters", action),
                "{body}"
            );
        }
        for action in ["ping", "logout", "updateNodeList"] {
            let body = format!(r#"{{"action":"{action}","parameters":{other}}}"#);
            assert_eq!(parse(&body).unwrap().action.verb().as_str(), action);
        }
    }
}

#[test]
fn a_parameter_that_comes_twice_is_refused_by_its_name() {
    for (action, parameters, field) in [
        (
            "register",
            r#"{"information":{},"information":{}}"#,
            "information",
        ),
        ("login", r#"{"token":"a","tok\u0065n":"a"}"#, "token"),
        ("login", r#"{"limit":1,"token":"a","limit":1}"#, "limit"),
        (
            "update",
            r#"{"information":{},"token":"a","information":{}}"#,
            "information",
        ),
        ("delete", r#"{"token":"a","token":"a"}"#, "token"),
        ("rotateToken", r#"{"token":"a","token":"a"}"#, "token"),
    ] {
        let body = format!(r#"{{"action":"{action}","parameters":{parameters}}}"#);
        assert_eq!(refused(parse(&body)), invalid(field, action), "{body}");
    }
}

#[test]
fn a_limit_is_an_integer_that_javascript_keeps() {
    let login = |limit: &str| {
        parse(&format!(
            r#"{{"action":"login","parameters":{{"token":"{TOKEN}","limit":{limit}}}}}"#
        ))
    };
    for (text, limit) in [
        ("0", 0),
        ("4294967295", u32::MAX),
        ("4294967296", u32::MAX),
        ("9007199254740991", u32::MAX),
    ] {
        let expected = Action::Login {
            token: token(),
            limit: Some(limit),
        };
        assert_eq!(login(text).unwrap().action, expected, "{text}");
    }
    for text in [
        "-1",
        "9007199254740992",
        "1.0",
        "1e2",
        "null",
        r#""1""#,
        "[]",
        "1e400",
    ] {
        assert_eq!(refused(login(text)), invalid("limit", "login"), "{text}");
    }
}

#[test]
fn information_that_we_do_not_keep_is_refused() {
    for (action, extra) in [("register", ""), ("update", r#""token":"a","#)] {
        let with = |information: &str| {
            format!(
                r#"{{"id":3,"action":"{action}","parameters":{{{extra}"information":{information}}}}}"#
            )
        };
        let too_long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_INFORMATION));
        for (text, field) in [
            ("null", "information"),
            (&*too_long, "information"),
            (r#"{"a":{"__proto__":1}}"#, "information"),
            (r#"{"a":"\u0000"}"#, "information"),
            (r#"{"name":7}"#, "information.name"),
            (r#"{"location":[]}"#, "information.location"),
        ] {
            let expected = (Code::InvalidInformation, Some(action), Some(field));
            assert_eq!(refused(parse(&with(text))), expected, "{text}");
            assert_eq!(
                parse(&with(text)).unwrap_err().id,
                Some(RequestId::Integer(3))
            );
        }
        let without = format!(r#"{{"action":"{action}","parameters":{{"token":"a"}}}}"#);
        assert_eq!(refused(parse(&without)), invalid("information", action));
    }
}

#[test]
fn an_id_that_is_none_is_refused_and_not_repeated() {
    for id in [
        "null",
        "1.5",
        "9007199254740992",
        "-9007199254740992",
        "{}",
        &format!("\"{}\"", "x".repeat(65)),
    ] {
        let body = format!(r#"{{"id":{id},"action":"ping"}}"#);
        assert_eq!(refused(parse(&body)), invalid("id", "ping"), "{id}");
        assert_eq!(parse(&body).unwrap_err().id, None);
    }
    for (text, id) in [
        ("9007199254740991", RequestId::Integer(MAX_INTEGER)),
        ("-9007199254740991", RequestId::Integer(-MAX_INTEGER)),
        (r#""a\u0062""#, RequestId::Text("ab".into())),
    ] {
        let body = format!(r#"{{"id":{text},"action":"ping"}}"#);
        assert_eq!(
            parse(&body),
            Ok(Request {
                id: Some(id),
                action: Action::Ping
            })
        );
    }
}

#[test]
fn a_request_without_a_known_action_has_no_verb() {
    for (members, code) in [
        ("", Code::InvalidRequest),
        (r#","action":null"#, Code::InvalidRequest),
        (r#","action":["ping"]"#, Code::InvalidRequest),
        (r#","action":"""#, Code::UnknownAction),
        (r#","action":"Ping""#, Code::UnknownAction),
        (r#","action":"registered""#, Code::UnknownAction),
        (r#","action":"updatenodelist""#, Code::UnknownAction),
    ] {
        let body = format!(r#"{{"id":"q"{members}}}"#);
        assert_eq!(refused(parse(&body)), (code, None, None), "{body}");
        assert_eq!(
            parse(&body).unwrap_err().id,
            Some(RequestId::Text("q".into()))
        );
    }
}

#[test]
fn a_body_that_cannot_be_read_has_neither_verb_nor_id() {
    for body in [
        "",
        "ping",
        "[]",
        "null",
        r#"{"id":1,"action":"ping","action":"ping"}"#,
    ] {
        let rejected = parse(body).unwrap_err();
        assert_eq!(
            (rejected.refusal.code, rejected.verb),
            (Code::InvalidRequest, None),
            "{body}"
        );
        assert_eq!(rejected.id, None);
    }
}
