use super::*;
use crate::code::Code;
use crate::party::PartyKind;

fn token() -> Token {
    Token::new(PartyKind::Client.party(7), [0; 32])
}

const TOKEN: &str = "nlc_7_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn logged(page: Page) -> Reply {
    let information = Information::restore(r#"{ "name":"\u0041da","n":1.0 }"#.into()).unwrap();
    Reply::Logged {
        party: PartyKind::Client.party(7),
        hash: None,
        information,
        page,
    }
}

#[test]
fn every_reply_has_its_text() {
    let replies = [
        (
            Reply::Registered { token: token() },
            format!(r#"{{"action":"registered","parameters":{{"token":"{TOKEN}","id":7}}}}"#),
        ),
        (
            logged(Page::default()),
            r#"{"action":"logged","parameters":{"queue":[],"information":{ "name":"\u0041da","n":1.0 },"id":7,"total":0,"more":false}}"#.into(),
        ),
        (Reply::Updated, r#"{"action":"updated","parameters":{}}"#.into()),
        (Reply::LoggedOut, r#"{"action":"loggedOut","parameters":{}}"#.into()),
        (Reply::Deleted, r#"{"action":"deleted","parameters":{}}"#.into()),
        (
            Reply::TokenRotated { token: token() },
            format!(r#"{{"action":"tokenRotated","parameters":{{"token":"{TOKEN}"}}}}"#),
        ),
        (Reply::Pinged, r#"{"action":"pinged","parameters":{"success":true}}"#.into()),
        (
            Reply::Refused { verb: Some(Verb::Login), refusal: Refusal::invalid_token() },
            r#"{"action":"loginFailed","parameters":{"code":"invalid_token","msg":"token not valid"}}"#.into(),
        ),
    ];
    for (reply, body) in replies {
        assert_eq!(reply.to_body(None), body);
        let parameters = format!(
            r#"{{"action":"{}","parameters":{}}}"#,
            reply.action(),
            reply.to_parameters()
        );
        assert_eq!(parameters, body);
    }
}

#[test]
fn the_rows_of_the_queue_are_written_as_they_are() {
    let row = r#"{"queue_id":1, "content":{"a":1e400,"a":"\u0061"}}"#;
    let queue = vec![
        Raw::parse(row.into()).unwrap(),
        Raw::parse("2".into()).unwrap(),
    ];
    let written = logged(Page {
        queue,
        total: 300,
        more: true,
    })
    .to_parameters();
    assert!(
        written.starts_with(&format!(r#"{{"queue":[{row},2],"information":"#)),
        "{written}"
    );
    assert!(
        written.ends_with(r#""id":7,"total":300,"more":true}"#),
        "{written}"
    );
}

#[test]
fn a_node_is_told_its_hash_too() {
    let hash = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";
    let reply = Reply::Logged {
        party: PartyKind::Node.party(7),
        hash: Cid::parse(hash),
        information: Information::empty(),
        page: Page::default(),
    };
    assert_eq!(
        reply.to_parameters(),
        format!(
            r#"{{"hash":"{hash}","queue":[],"information":{{}},"id":7,"total":0,"more":false}}"#
        )
    );
}

#[test]
fn a_reply_repeats_the_id() {
    let body = |id| Reply::Updated.to_body(Some(&id));
    assert_eq!(
        body(RequestId::Integer(-3)),
        r#"{"action":"updated","parameters":{},"id":-3}"#
    );
    assert_eq!(
        body(RequestId::Text("a\"\n\u{1}é".into())),
        r#"{"action":"updated","parameters":{},"id":"a\"\n\u0001é"}"#
    );
}

#[test]
fn a_refusal_says_what_it_knows() {
    let refused = |verb, refusal| Reply::Refused { verb, refusal }.to_body(None);
    assert_eq!(
        refused(None, Refusal::rate_limited(3)),
        r#"{"action":"error","parameters":{"code":"rate_limited","msg":"too many requests, try again later","retry_after":3}}"#
    );
    assert_eq!(
        refused(Some(Verb::Forward), Refusal::unknown_action()),
        r#"{"action":"forwardFailed","parameters":{"code":"unknown_action","msg":"there is no such action on this channel"}}"#
    );
    assert_eq!(
        refused(
            Some(Verb::Update),
            Refusal::invalid_parameters("token", "is missing")
        ),
        r#"{"action":"updateFailed","parameters":{"code":"invalid_parameters","msg":"is missing","field":"token"}}"#
    );
}

#[test]
fn every_code_is_written_as_its_word() {
    for code in Code::ALL {
        let reply = Reply::Refused {
            verb: None,
            refusal: Refusal::new(*code, "no"),
        };
        assert_eq!(
            reply.to_parameters(),
            format!(r#"{{"code":"{code}","msg":"no"}}"#)
        );
    }
}

#[test]
fn writing_appends_to_what_is_there() {
    let mut out = b"42".to_vec();
    Reply::Updated.write_body(None, &mut out);
    out.push(b' ');
    Reply::Pinged.write_parameters(&mut out);
    assert_eq!(
        out,
        br#"42{"action":"updated","parameters":{}} {"success":true}"#
    );
}

#[test]
fn a_reply_in_a_log_shows_no_secret() {
    let shown = format!("{:?}", Reply::Registered { token: token() });
    assert_eq!(
        shown,
        "Registered { token: Token { party: Client(ClientId(7)), .. } }"
    );
}
