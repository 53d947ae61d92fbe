use nile_protocol::party::PartyKind;

use super::*;

fn target(transport: Transport, dialect: Dialect) -> Target {
    let address = "127.0.0.1:3334".parse().unwrap();
    Target {
        address,
        transport,
        dialect,
    }
}

fn nile(transport: Transport) -> Target {
    target(transport, Dialect::Nile)
}

#[test]
fn a_request_is_written_as_each_transport_takes_it() {
    let channel = Channel::ToInstance {
        from: PartyKind::Client,
    };
    let request = |action| Request {
        channel,
        action,
        body: r#"{"action":"x"}"#,
    };
    let written = |transport, action| {
        let mut out = String::new();
        nile(transport).write(request(action), 7, &mut out);
        out
    };
    for transport in [Transport::Socketio, Transport::Socketio3] {
        let packet = r#"427["client.to.instance",{"action":"x"}]"#;
        assert_eq!(written(transport, "ping"), packet);
    }
    let frame = r#"{"event":"client.to.instance","body":{"action":"x"}}"#;
    assert_eq!(written(Transport::Websocket, "ping"), frame);
    assert!(written(Transport::Http, "ping").starts_with("POST /client/to/instance HTTP/1.1\r\n"));
    assert!(written(Transport::Http, "register").starts_with("PUT /client/to/instance "));
}

#[test]
fn packets_are_told_apart() {
    let target = nile(Transport::Socketio);
    let read = |text| target.read(text).unwrap();
    let answer = Answer {
        number: Some(12),
        body: Body::Whole(r#"{"a":[1]}"#),
    };
    assert_eq!(read(r#"4312[{"a":[1]}]"#), Heard::Answer(answer));
    let event = |number, body| {
        Heard::Event(Event {
            name: "client.to.node",
            number,
            body,
        })
    };
    assert_eq!(
        read(r#"423["client.to.node",{"s":"]"}]"#),
        event(Some(3), r#"{"s":"]"}"#)
    );
    assert_eq!(read(r#"42["client.to.node",{}]"#), event(None, "{}"));
    assert_eq!(read(r#"42["client.to.node"]"#), event(None, "null"));
    assert_eq!(read("3"), Heard::Other);
    assert_eq!(read(r#"40{"sid":"x"}"#), Heard::Other);
    for text in ["41", "1", "44{}", "43x[]", "431", "42[1]"] {
        assert!(target.read(text).is_err(), "{text}");
    }
}

#[test]
fn an_answer_on_a_websocket_is_not_taken_for_news_and_news_not_for_an_answer() {
    let target = nile(Transport::Websocket);
    let text = |event, body| format!(r#"{{"event":"{event}","body":{body}}}"#);
    let is_answer = |event, body| {
        let text = text(event, body);
        matches!(target.read(&text).unwrap(), Heard::Answer(_))
    };
    assert!(is_answer(
        "instance.to.client",
        r#"{"action":"pinged","parameters":{}}"#
    ));
    assert!(is_answer(
        "instance.to.client",
        r#"{"action":"updateOnlineNodes","id":1}"#
    ));
    assert!(!is_answer(
        "instance.to.client",
        r#"{"action":"updateOnlineNodes"}"#
    ));
    assert!(!is_answer("node.to.client", r#"{"action":"pinged"}"#));
    assert!(target.read("pinged").is_err());
}

#[test]
fn an_echo_is_an_answer_whatever_it_says() {
    let echoed = |transport, text| target(transport, Dialect::Echo).read(text).unwrap();
    let answer = |number| {
        Heard::Answer(Answer {
            number,
            body: Body::Echo,
        })
    };
    assert_eq!(echoed(Transport::Websocket, "anything"), answer(None));
    assert_eq!(echoed(Transport::Socketio, "434[{}]"), answer(Some(4)));
    assert!(Body::Echo.check("pinged").is_ok());
}

#[test]
fn a_refusal_is_no_reply_and_is_known_by_its_code() {
    let check = |body: Body<'_>| match body.check("logged") {
        Ok(()) => "fine".to_owned(),
        Err(failure) => failure.to_string(),
    };
    assert_eq!(
        check(Body::Whole(r#"{"action":"logged","parameters":{}}"#)),
        "fine"
    );
    assert_eq!(
        check(Body::Whole(r#"{"parameters":{},"action":"logged"}"#)),
        "fine"
    );
    assert_eq!(check(Body::Parameters(200, "{}")), "fine");
    let refusal = r#"{"action":"loginFailed","parameters":{"code":"invalid_token","msg":""}}"#;
    assert_eq!(check(Body::Whole(refusal)), "refused: invalid_token");
    assert_eq!(
        check(Body::Whole(r#"{"action":"error"}"#)),
        "refused: error"
    );
    assert_eq!(check(Body::Parameters(429, "{}")), "refused: 429 {}");
    let other = r#"{"action":"pinged"}"#;
    assert_eq!(
        check(Body::Whole(other)),
        format!("unexpected answer: {other}")
    );
}

#[test]
fn parameters_are_read_from_either_form() {
    let whole = Body::Whole(r#"{"action":"x","parameters":{"code":"a"}}"#);
    for body in [whole, Body::Parameters(200, r#"{"code":"a"}"#)] {
        let refusal: Refusal<'_> = body.parameters().unwrap();
        assert_eq!(refusal.code, "a");
    }
}
