//! Messages sent through the instance's channels, and questions about messages.

use super::*;

const NODE: Channel = Channel::ToInstance {
    from: PartyKind::Node,
};
const WS_ID: &str = "q3x-_9";
const VERBS: [&str; 2] = ["forward", "queue"];

fn parse_on(channel: Channel, body: &str) -> Result<Request, Rejected> {
    Request::parse(channel, body, None, MAX_INFORMATION)
}

fn raw(json: &str) -> Raw {
    Raw::parse(json.into()).unwrap()
}

/// What is read of `members` beside the verb, as a `Forward` or a `Queue`.
fn message(channel: Channel, verb: &str, members: &str) -> Result<Action, Blame> {
    let body = format!(r#"{{"action":"{verb}",{members}}}"#);
    match parse_on(channel, &body) {
        Ok(request) => Ok(request.action),
        rejected => Err(refused(rejected)),
    }
}

fn forward(recipient: Recipient, content: &str) -> Action {
    Action::Forward {
        proof: Proof::Connection,
        recipient: Some(recipient),
        answers: None,
        content: raw(content),
    }
}

fn queue(recipient: PartyId, content: &str) -> Action {
    Action::Queue {
        proof: Proof::Connection,
        recipient: Some(recipient),
        answers: None,
        content: raw(content),
    }
}

fn content_of(action: &Action) -> &str {
    match action {
        Action::Forward { content, .. } | Action::Queue { content, .. } => content.as_str(),
        other => panic!("{other:?} carries nothing"),
    }
}

#[test]
fn a_number_is_a_party_of_the_other_kind() {
    for (channel, party) in [
        (CLIENT, PartyKind::Node.party(9)),
        (NODE, PartyKind::Client.party(9)),
    ] {
        for members in [
            r#""recipient":9"#,
            r#""recipient":{"x":1,"recipient" : 9,"x":2}"#,
        ] {
            let expected = forward(Recipient::Party(party), "{}");
            assert_eq!(message(channel, "forward", members), Ok(expected));
            let expected = queue(party, "{}");
            assert_eq!(message(channel, "queue", members), Ok(expected));
        }
    }
    for number in [*IDENTIFIERS.start(), *IDENTIFIERS.end()] {
        let members = format!(r#""recipient":{number}"#);
        let expected = queue(PartyKind::Node.party(number), "{}");
        assert_eq!(message(CLIENT, "queue", &members), Ok(expected));
    }
}

#[test]
fn a_string_is_a_connection_that_only_forward_knows() {
    let longest = "é".repeat(32);
    for ws_id in [WS_ID, "9", " ", &longest] {
        for members in [
            format!(r#""recipient":"{ws_id}""#),
            format!(r#""recipient":{{"recipient":"{ws_id}"}}"#),
        ] {
            for channel in [CLIENT, NODE] {
                let expected = forward(Recipient::Connection(ws_id.into()), "{}");
                assert_eq!(message(channel, "forward", &members), Ok(expected));
                assert_eq!(
                    message(channel, "queue", &members),
                    Err(invalid("recipient", "queue"))
                );
            }
        }
    }
}

#[test]
fn what_is_neither_is_no_recipient() {
    let too_long = format!("\"{}a\"", "é".repeat(32));
    for recipient in [
        "0",
        "-1",
        "9007199254740992",
        "1.0",
        "1e2",
        "null",
        "true",
        "[]",
        "[9]",
        r#""""#,
        r#""a\n""#,
        r#""\u007f""#,
        r#""\u0085""#,
        &too_long,
        "{}",
        r#"{"Recipient":9}"#,
        r#"{"recipient":0}"#,
        r#"{"recipient":null}"#,
        r#"{"recipient":{"recipient":9}}"#,
        r#"{"recipient":9,"recipient":9}"#,
        r#"{"recipient":9,"\u0072ecipient":8}"#,
    ] {
        for verb in VERBS {
            let members = format!(r#""recipient":{recipient}"#);
            assert_eq!(
                message(CLIENT, verb, &members),
                Err(invalid("recipient", verb)),
                "{recipient}"
            );
        }
    }
}

#[test]
fn a_message_without_a_recipient_is_refused() {
    for verb in VERBS {
        for members in [
            r#""parameters":{"recipient":9}"#,
            r#""x":{"recipient":9},"id":1"#,
            r#""recipient":{"x":9}"#,
        ] {
            for channel in [CLIENT, NODE] {
                let body = format!(r#"{{"action":"{verb}",{members}}}"#);
                let rejected = parse_on(channel, &body).unwrap_err();
                assert_eq!(rejected.refusal.msg, "is missing");
                assert_eq!(refused(Err(rejected)), invalid("recipient", verb));
            }
        }
    }
}

#[test]
fn a_node_answers_a_message_by_its_number() {
    let party = PartyKind::Client.party(9);
    for (members, recipient, answers) in [
        (r#""queue_id":5"#, None, Some(5)),
        (r#""queue_id":9007199254740991"#, None, Some(MAX_INTEGER)),
        (r#""queue_id":5,"recipient":9"#, Some(party), Some(5)),
        (r#""queue_id":5,"recipient":{}"#, None, Some(5)),
    ] {
        for (verb, action) in [
            (
                "forward",
                Action::Forward {
                    proof: Proof::Connection,
                    recipient: recipient.map(Recipient::Party),
                    answers,
                    content: raw("0"),
                },
            ),
            (
                "queue",
                Action::Queue {
                    proof: Proof::Connection,
                    recipient,
                    answers,
                    content: raw("0"),
                },
            ),
        ] {
            let members = format!(r#"{members},"parameters":0"#);
            assert_eq!(message(NODE, verb, &members), Ok(action), "{members}");
        }
    }
    let carried = r#""recipient":9,"parameters":{"queue_id":5}"#;
    let expected = queue(party, r#"{"queue_id":5}"#);
    assert_eq!(message(NODE, "queue", carried), Ok(expected));
}

#[test]
fn an_answer_is_to_a_number_and_its_recipient_is_one() {
    for queue_id in [
        "0",
        "-5",
        "5.0",
        "9007199254740992",
        "null",
        r#""5""#,
        "[5]",
    ] {
        for verb in VERBS {
            let members = format!(r#""queue_id":{queue_id},"recipient":9"#);
            assert_eq!(
                message(NODE, verb, &members),
                Err(invalid("queue_id", verb)),
                "{queue_id}"
            );
        }
    }
    let recipient = r#""queue_id":5,"recipient":null"#;
    for verb in VERBS {
        assert_eq!(
            message(NODE, verb, recipient),
            Err(invalid("recipient", verb))
        );
    }
}

#[test]
fn a_client_answers_nothing() {
    for queue_id in ["5", "null", r#""x""#] {
        let members = format!(r#""queue_id":{queue_id},"recipient":9"#);
        let expected = queue(PartyKind::Node.party(9), "{}");
        assert_eq!(message(CLIENT, "queue", &members), Ok(expected));
        let alone = format!(r#""queue_id":{queue_id}"#);
        for verb in VERBS {
            assert_eq!(
                message(CLIENT, verb, &alone),
                Err(invalid("recipient", verb))
            );
        }
    }
}

#[test]
fn what_is_sent_is_any_value_byte_for_byte() {
    for content in [
        "null",
        "-0.0e+1",
        r#""\u0041\/""#,
        "[ 1 ,2]",
        r#"{ "a":1,"a":1.00,"__proto__":{"constructor":[]},"\u0061":"é😀" }"#,
        r#"{"token":7,"token":[],"queue_id":"x","recipient":null,"limit":-1}"#,
    ] {
        for verb in VERBS {
            for channel in [CLIENT, NODE] {
                let members = format!("\"recipient\":9,\"parameters\": {content}\n");
                let action = message(channel, verb, &members).unwrap();
                assert_eq!(content_of(&action), content);
                assert_eq!(token_of(&action), None);
            }
        }
    }
}

#[test]
fn broken_text_in_what_is_sent_is_the_messages_fault() {
    for verb in VERBS {
        for text in [r"\u0000", r"\ud800"] {
            let members = format!(r#""recipient":9,"parameters":{{"information":"{text}"}}"#);
            let expected = (Code::InvalidRequest, Some(verb), None);
            assert_eq!(message(CLIENT, verb, &members), Err(expected));
        }
    }
}

fn process(parameters: &str) -> Result<Request, Rejected> {
    parse(&format!(
        r#"{{"action":"processQueue","parameters":{parameters}}}"#
    ))
}

#[test]
fn messages_are_processed_by_one_number_or_many() {
    for (parameters, queue_ids, limit) in [
        (r#"{"queue_id":5}"#, vec![5], None),
        (r#"{"queue_ids":[]}"#, vec![], None),
        (r#"{"queue_ids":[ 7, 5 ],"limit":0}"#, vec![7, 5], Some(0)),
        (r#"{"queue_ids":[7,5,7,5,6]}"#, vec![7, 5, 6], None),
        (r#"{"queue_ids":[7,6],"queue_id":5}"#, vec![5, 7, 6], None),
        (r#"{"queue_ids":[7,5],"queue_id":5}"#, vec![5, 7], None),
        (
            r#"{"queue_ids":[1,9007199254740991]}"#,
            vec![1, MAX_INTEGER],
            None,
        ),
    ] {
        let action = Action::ProcessQueue {
            proof: Proof::Connection,
            queue_ids,
            limit,
        };
        assert_eq!(process(parameters).unwrap().action, action, "{parameters}");
    }
}

#[test]
fn a_thousand_numbers_are_the_most() {
    let with = |n: i64| {
        let numbers: Vec<_> = (1..=n).map(|number| number.to_string()).collect();
        process(&format!(r#"{{"queue_ids":[{}]}}"#, numbers.join(",")))
    };
    let Action::ProcessQueue { queue_ids, .. } = with(1000).unwrap().action else {
        panic!("it processes the queue");
    };
    assert_eq!(queue_ids, (1..=1000).collect::<Vec<_>>());
    assert_eq!(refused(with(1001)), invalid("queue_ids", "processQueue"));
}

#[test]
fn what_processes_nothing_is_refused() {
    for (parameters, field) in [
        ("{}", "queue_id"),
        (r#"{"limit":1}"#, "queue_id"),
        (r#"{"queue_id":null,"queue_ids":[1]}"#, "queue_id"),
        (r#"{"queue_id":0}"#, "queue_id"),
        (r#"{"queue_id":[5]}"#, "queue_id"),
        (r#"{"queue_id":"5"}"#, "queue_id"),
        (r#"{"queue_id":1.0}"#, "queue_id"),
        (r#"{"queue_id":5,"queue_id":5}"#, "queue_id"),
        (r#"{"queue_ids":5}"#, "queue_ids"),
        (r#"{"queue_ids":null}"#, "queue_ids"),
        (r#"{"queue_ids":{}}"#, "queue_ids"),
        (r#"{"queue_ids":"5"}"#, "queue_ids"),
        (r#"{"queue_ids":[5,0]}"#, "queue_ids"),
        (r#"{"queue_ids":[5,"6"]}"#, "queue_ids"),
        (r#"{"queue_ids":[5,null]}"#, "queue_ids"),
        (r#"{"queue_ids":[5.0]}"#, "queue_ids"),
        (r#"{"queue_ids":[1e2]}"#, "queue_ids"),
        (r#"{"queue_ids":[9007199254740992]}"#, "queue_ids"),
        (r#"{"queue_ids":[99999999999999999999]}"#, "queue_ids"),
        (r#"{"queue_ids":[5],"queue_id":-5}"#, "queue_id"),
        (r#"{"queue_id":5,"queue_ids":[[5]]}"#, "queue_ids"),
        (r#"{"queue_id":5,"limit":-1}"#, "limit"),
        ("[5]", "parameters"),
    ] {
        assert_eq!(
            refused(process(parameters)),
            invalid(field, "processQueue"),
            "{parameters}"
        );
    }
}

#[test]
fn a_message_is_asked_after_by_one_of_its_names() {
    let status = |parameters: &str| {
        parse(&format!(
            r#"{{"id":1,"action":"messageStatus","parameters":{parameters}}}"#
        ))
    };
    let longest = "é".repeat(32);
    for (parameters, message) in [
        (r#"{"queue_id":5}"#, MessageRef::QueueId(5)),
        (r#"{"id":"o\u0031"}"#, MessageRef::Id("o1".into())),
        (r#"{"id":""}"#, MessageRef::Id(String::new())),
        (
            &format!(r#"{{"id":"{longest}"}}"#),
            MessageRef::Id(longest.clone()),
        ),
    ] {
        let action = Action::MessageStatus {
            proof: Proof::Connection,
            message,
        };
        assert_eq!(status(parameters).unwrap().action, action, "{parameters}");
    }
    for (parameters, field) in [
        ("{}", "queue_id"),
        (r#"{"queue_id":0}"#, "queue_id"),
        (r#"{"queue_id":"5"}"#, "queue_id"),
        (r#"{"queue_id":[5]}"#, "queue_id"),
        (r#"{"queue_id":5,"id":"a"}"#, "id"),
        (r#"{"queue_id":null,"id":"a"}"#, "id"),
        (r#"{"id":5}"#, "id"),
        (r#"{"id":null}"#, "id"),
        (r#"{"id":"a","id":"a"}"#, "id"),
        (&format!(r#"{{"id":"{longest}a"}}"#), "id"),
        ("null", "parameters"),
    ] {
        assert_eq!(
            refused(status(parameters)),
            invalid(field, "messageStatus"),
            "{parameters}"
        );
    }
}

#[test]
fn a_message_is_withdrawn_by_its_number() {
    let withdraw = |parameters: &str| {
        parse(&format!(
            r#"{{"action":"withdraw","parameters":{parameters}}}"#
        ))
    };
    let action = Action::Withdraw {
        proof: Proof::Connection,
        queue_id: 5,
    };
    assert_eq!(withdraw(r#"{"queue_id":5}"#).unwrap().action, action);
    for parameters in [
        "{}",
        r#"{"id":"a"}"#,
        r#"{"queue_id":0}"#,
        r#"{"queue_id":5.5}"#,
        r#"{"queue_id":null}"#,
        r#"{"queue_id":5,"queue_id":5}"#,
    ] {
        let expected = invalid("queue_id", "withdraw");
        assert_eq!(refused(withdraw(parameters)), expected, "{parameters}");
    }
}

#[test]
fn a_subscription_is_switched_on_and_off() {
    let subscribe = |parameters: &str| {
        parse(&format!(
            r#"{{"action":"subscribeStatus","token":{{}},"parameters":{parameters}}}"#
        ))
    };
    for on in [true, false] {
        let request = subscribe(&format!(r#"{{"on":{on}}}"#)).unwrap();
        assert_eq!(request.action, Action::SubscribeStatus { on });
    }
    for parameters in [
        "{}",
        r#"{"on":1}"#,
        r#"{"on":"true"}"#,
        r#"{"on":null}"#,
        r#"{"on":[true]}"#,
        r#"{"on":true,"on":true}"#,
    ] {
        let expected = invalid("on", "subscribeStatus");
        assert_eq!(refused(subscribe(parameters)), expected, "{parameters}");
    }
}
