//! The party channels, where the action belongs to what is carried.

use super::*;

fn send_as(from: PartyKind, body: &str) -> Result<Request, Rejected> {
    Request::parse(Channel::ToParty { from }, body, None, MAX_INFORMATION)
}

fn sent(from: PartyKind, content: &str) -> Action {
    Action::Send {
        proof: Proof::Connection,
        recipient: from.other().party(9),
        content: Raw::parse(content.into()).unwrap(),
    }
}

#[test]
fn the_action_and_its_parameters_are_carried_as_they_were_written() {
    for (members, content) in [
        (
            r#""action":"order""#,
            r#"{"action":"order","parameters":{}}"#,
        ),
        (
            r#""parameters": [ 1.0 ] ,"action": "\u006frder""#,
            r#"{"action":"\u006frder","parameters":[ 1.0 ]}"#,
        ),
        (
            r#""action":"","parameters":null,"x":1"#,
            r#"{"action":"","parameters":null}"#,
        ),
        (
            r#""action":"login","parameters":{"token":7,"token":8,"limit":-1}"#,
            r#"{"action":"login","parameters":{"token":7,"token":8,"limit":-1}}"#,
        ),
        (
            r#""action":"register","parameters":{"information":{"__proto__":1}},"queue_id":null"#,
            r#"{"action":"register","parameters":{"information":{"__proto__":1}}}"#,
        ),
    ] {
        for from in [PartyKind::Client, PartyKind::Node] {
            for recipient in ["9", r#"{"recipient":9,"x":0}"#] {
                let body = format!(r#"{{"id":"o1","recipient":{recipient},{members}}}"#);
                let expected = Request {
                    id: Some(RequestId::Text("o1".into())),
                    action: sent(from, content),
                };
                assert_eq!(expected.action.verb(), Verb::Forward);
                assert_eq!(send_as(from, &body), Ok(expected), "{body}");
            }
        }
    }
}

#[test]
fn whatever_fails_on_a_party_channel_is_a_forward() {
    let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
    for from in [PartyKind::Client, PartyKind::Node] {
        for (body, code, field) in [
            ("", Code::InvalidRequest, None),
            (r#"{"recipient":9}"#, Code::InvalidRequest, None),
            (r#"{"recipient":9,"action":7}"#, Code::InvalidRequest, None),
            (
                r#"{"recipient":9,"recipient":9,"action":"a"}"#,
                Code::InvalidRequest,
                None,
            ),
            (
                r#"{"recipient":9,"action":"a","parameters":"\u0000"}"#,
                Code::InvalidRequest,
                None,
            ),
            (
                r#"{"recipient":9,"action":"\ud800"}"#,
                Code::InvalidRequest,
                None,
            ),
            (
                &format!(r#"{{"recipient":9,"action":"a","parameters":{deep}}}"#),
                Code::InvalidRequest,
                None,
            ),
            (
                r#"{"recipient":9,"action":"a","id":null}"#,
                Code::InvalidParameters,
                Some("id"),
            ),
            (
                r#"{"action":"a"}"#,
                Code::InvalidParameters,
                Some("recipient"),
            ),
            (
                r#"{"recipient":"q3x","action":"a"}"#,
                Code::InvalidParameters,
                Some("recipient"),
            ),
            (
                r#"{"queue_id":5,"action":"a"}"#,
                Code::InvalidParameters,
                Some("recipient"),
            ),
            (
                r#"{"recipient":9,"action":"a","token":7}"#,
                Code::InvalidParameters,
                Some("token"),
            ),
        ] {
            let expected = (code, Some("forward"), field);
            assert_eq!(refused(send_as(from, body)), expected, "{body}");
        }
    }
}
