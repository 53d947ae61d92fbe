//! Bodies made to exhaust the stack, or to be read differently by somebody else.

use super::*;

#[test]
fn the_sixty_fourth_level_of_a_body_is_the_last() {
    let ping = |depth: usize| {
        let parameters = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        parse(&format!(
            r#"{{"action":"ping","id":1,"parameters":{parameters}}}"#
        ))
    };
    assert!(ping(64).is_ok());
    for depth in [65, 20_000] {
        assert_eq!(
            refused(ping(depth)),
            (Code::InvalidRequest, Some("ping"), None),
            "{depth}"
        );
        assert_eq!(ping(depth).unwrap_err().id, Some(RequestId::Integer(1)));
    }
}

#[test]
fn no_member_can_exhaust_the_stack() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for member in [
        "id",
        "action",
        "parameters",
        "token",
        "authentication",
        "recipient",
        "x",
    ] {
        let others = if member == "action" {
            ""
        } else {
            r#","action":"login""#
        };
        let rejected = parse(&format!(r#"{{"{member}":{deep}{others}}}"#)).unwrap_err();
        assert_eq!(rejected.refusal.code, Code::InvalidRequest, "{member}");
    }
    assert_eq!(parse(&deep).unwrap_err().refusal.code, Code::InvalidRequest);
    assert_eq!(
        parse(&deep[..20_000]).unwrap_err().refusal.code,
        Code::InvalidRequest
    );
}

/// Bodies of a login with `text` in every place that it can have, and the verb that is heard.
fn logins_with(text: &str) -> Vec<(String, Option<&'static str>)> {
    let login = |rest: String| (format!(r#"{{"action":"login",{rest}}}"#), Some("login"));
    vec![
        login(format!(r#""token":"{text}""#)),
        login(format!(r#""id":"{text}""#)),
        login(format!(r#""x":["{text}"]"#)),
        login(format!(r#""x":{{"{text}":1}}"#)),
        login(format!(r#""parameters":{{"{text}":1,"token":"{TOKEN}"}}"#)),
        login(format!(
            r#""parameters":{{"token":"{TOKEN}","information":{{"a":"{text}"}}}}"#
        )),
        login(format!(
            r#""authentication":{{"token":"{TOKEN}","x":"{text}"}}"#
        )),
        (format!(r#"{{"action":"{text}"}}"#), None),
    ]
}

#[test]
fn every_lone_surrogate_is_refused() {
    for unit in 0xd800..=0xdfff_u32 {
        let text = format!("\\u{unit:04x}");
        for (body, verb) in logins_with(&text) {
            assert_eq!(
                refused(parse(&body)),
                (Code::InvalidRequest, verb, None),
                "{body}"
            );
        }
        let body = format!(r#"{{"{text}":1,"action":"login"}}"#);
        assert_eq!(refused(parse(&body)).0, Code::InvalidRequest, "{body}");
        let body = format!(
            r#"{{"action":"register","parameters":{{"information":{{"name":"{text}"}}}}}}"#
        );
        assert_eq!(refused(parse(&body)).0, Code::InvalidInformation, "{body}");
    }
}

#[test]
fn an_escaped_nul_is_refused_wherever_it_stands() {
    for text in [r"\u0000", r"a\u0000b"] {
        for (body, verb) in logins_with(text) {
            assert_eq!(
                refused(parse(&body)),
                (Code::InvalidRequest, verb, None),
                "{body}"
            );
        }
    }
}

#[test]
fn broken_text_beside_sound_information_is_the_messages_fault() {
    let body = r#"{"action":"register","x":"\u0000","parameters":{"information":{"name":"Ada"}}}"#;
    assert_eq!(
        refused(parse(body)),
        (Code::InvalidRequest, Some("register"), None)
    );
    let body = r#"{"action":"register","parameters":{"information":{},"\ud800":1}}"#;
    assert_eq!(
        refused(parse(body)),
        (Code::InvalidRequest, Some("register"), None)
    );
}
