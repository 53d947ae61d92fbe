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

fn registered(delivery_secret: Option<DeliverySecret>) -> Reply {
    Reply::Registered {
        token: token(),
        delivery_secret,
    }
}

fn row(content: &str, ws_id: Option<&str>) -> Row {
    Row {
        queue_id: 5,
        sender: PartyKind::Node.party(8),
        recipient: PartyKind::Client.party(7),
        content: Raw::parse(content.into()).unwrap(),
        queued_at: 1_700_000_000_000,
        ws_id: ws_id.map(str::to_owned),
    }
}

fn status(state: MessageState) -> MessageStatus {
    MessageStatus {
        queue_id: 5,
        id: None,
        state,
        since: 1_700_000_000_000,
        parked: false,
    }
}

#[test]
fn every_reply_has_its_text() {
    let replies = [
        (
            registered(None),
            format!(r#"{{"action":"registered","parameters":{{"token":"{TOKEN}","id":7}}}}"#),
        ),
        (
            registered(Some(DeliverySecret::new("s\"1".into()))),
            format!(r#"{{"action":"registered","parameters":{{"token":"{TOKEN}","id":7,"delivery_secret":"s\"1"}}}}"#),
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
            Reply::OnlineNodes { nodes: Raw::parse("[ 1 ]".into()).unwrap() },
            r#"{"action":"updateOnlineNodes","parameters":{"onlineNodes":[ 1 ]}}"#.into(),
        ),
        (Reply::Forwarded, r#"{"action":"forwarded","parameters":{"type":"forward"}}"#.into()),
        (Reply::Queued { queue_id: 5 }, r#"{"action":"queued","parameters":{"queue_id":5}}"#.into()),
        (
            Reply::Sent { queue_id: 5, pushed: true },
            r#"{"action":"forwarded","parameters":{"success":true,"type":"forward","queue_id":5}}"#.into(),
        ),
        (
            Reply::Sent { queue_id: 5, pushed: false },
            r#"{"action":"forwarded","parameters":{"success":true,"type":"queue","queue_id":5}}"#.into(),
        ),
        (
            Reply::Queue { page: Page { queue: Vec::new(), total: 9, more: true } },
            r#"{"action":"updateQueue","parameters":{"queue":[],"total":9,"more":true}}"#.into(),
        ),
        (
            Reply::MessageStatus(status(MessageState::Stored)),
            r#"{"action":"messageStatus","parameters":{"queue_id":5,"state":"stored","since":1700000000000}}"#.into(),
        ),
        (Reply::Withdrawn { queue_id: 5 }, r#"{"action":"withdrawn","parameters":{"queue_id":5}}"#.into()),
        (
            Reply::StatusSubscribed { on: false },
            r#"{"action":"statusSubscribed","parameters":{"on":false}}"#.into(),
        ),
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
fn a_row_of_the_queue_names_both_parties_and_keeps_the_content_as_it_is() {
    let content = r#"{"a":1e400, "a":"\u0061"}"#;
    let page = Page {
        queue: vec![row(content, Some("w\"1")), row("null", None)],
        total: 300,
        more: true,
    };
    let rows = format!(
        r#"[{{"queue_id":5,"sender":8,"sender_kind":"node","recipient":7,"content":{content},"queued_at":1700000000000,"ws_id":"w\"1"}},{{"queue_id":5,"sender":8,"sender_kind":"node","recipient":7,"content":null,"queued_at":1700000000000}}]"#
    );
    assert_eq!(
        logged(page.clone()).to_parameters(),
        format!(
            r#"{{"queue":{rows},"information":{{ "name":"\u0041da","n":1.0 }},"id":7,"total":300,"more":true}}"#
        )
    );
    assert_eq!(
        Reply::Queue { page }.to_parameters(),
        format!(r#"{{"queue":{rows},"total":300,"more":true}}"#)
    );
}

#[test]
fn a_row_says_of_which_kind_its_sender_is() {
    let mut order = row("1", None);
    (order.sender, order.recipient) = (order.recipient, order.sender);
    let page = Page {
        queue: vec![order],
        ..Page::default()
    };
    let written = Reply::Queue { page }.to_parameters();
    let parties = r#""sender":7,"sender_kind":"client","recipient":8,"#;
    assert!(written.contains(parties), "{written}");
}

#[test]
fn a_status_says_what_is_known_of_the_message() {
    let parked = MessageStatus {
        id: Some("o\"1".into()),
        parked: true,
        ..status(MessageState::Stored)
    };
    assert_eq!(
        Reply::MessageStatus(parked).to_parameters(),
        r#"{"queue_id":5,"id":"o\"1","state":"stored","since":1700000000000,"parked":true}"#
    );
    for (state, word) in [
        (MessageState::Delivered, "delivered"),
        (MessageState::Expired, "expired"),
        (MessageState::Refused, "refused"),
        (MessageState::Withdrawn, "withdrawn"),
    ] {
        assert_eq!(
            Reply::MessageStatus(status(state)).to_parameters(),
            format!(r#"{{"queue_id":5,"state":"{word}","since":1700000000000}}"#)
        );
    }
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
    let shown = format!(
        "{:?}",
        registered(Some(DeliverySecret::new("swordfish".into())))
    );
    assert_eq!(
        shown,
        "Registered { token: Token { party: Client(ClientId(7)), .. }, delivery_secret: Some(DeliverySecret(..)) }"
    );
}
