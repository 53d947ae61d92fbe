//! Requests and their parts, made up.

use super::*;

fn any_token(kind: PartyKind) -> impl Strategy<Value = Option<Token>> {
    (1..=MAX_INTEGER, any::<[u8; 32]>())
        .prop_map(move |(number, secret)| Some(Token::new(kind.party(number), secret)))
}

fn any_hash() -> impl Strategy<Value = Cid> {
    prop::sample::select(vec![
        "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE",
        "bafybeiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4",
    ])
    .prop_map(|text| Cid::parse(text).unwrap())
}

fn any_kind() -> impl Strategy<Value = PartyKind> {
    prop::sample::select(vec![PartyKind::Client, PartyKind::Node])
}

fn any_registration(kind: PartyKind) -> BoxedStrategy<Registration> {
    match kind {
        PartyKind::Client => any_information()
            .prop_map(|information| Registration::Client { information })
            .boxed(),
        PartyKind::Node => {
            let resource = prop::option::of("[^\\x00]{0,40}");
            (any_hash(), any_information(), resource)
                .prop_map(|(hash, information, resource)| Registration::Node {
                    hash,
                    information,
                    resource,
                })
                .boxed()
        }
    }
}

fn any_amendment(kind: PartyKind) -> BoxedStrategy<Amendment> {
    match kind {
        PartyKind::Client => any_information()
            .prop_map(|information| Amendment::Client { information })
            .boxed(),
        PartyKind::Node => {
            let (hash, information) = (prop::option::of(any_hash()), any_information());
            (hash, prop::option::of(information))
                .prop_filter("it amends something", |(hash, information)| {
                    hash.is_some() || information.is_some()
                })
                .prop_map(|(hash, information)| Amendment::Node { hash, information })
                .boxed()
        }
    }
}

fn any_information() -> impl Strategy<Value = Information> {
    let extra = "\\PC{0,20}".prop_map(Value::from);
    let label = prop::option::of("[^\\x00]{0,40}");
    (
        label.clone(),
        label,
        prop::collection::btree_map("[a-z\\PC]{1,8}", extra, 0..4),
    )
        .prop_map(|(name, location, extra)| {
            let mut object = json!(extra);
            for (key, label) in [("name", name), ("location", location)] {
                let Value::Object(members) = &mut object else {
                    unreachable!()
                };
                members.remove(key);
                members.extend(label.map(|label| (key.to_owned(), json!(label))));
            }
            information(&serde_json::to_string_pretty(&object).unwrap())
        })
}

fn any_action(kind: PartyKind) -> impl Strategy<Value = Action> {
    prop_oneof![
        any_registration(kind).prop_map(Action::Register),
        (any_token(kind), any::<Option<u32>>())
            .prop_map(|(token, limit)| Action::Login { token, limit }),
        (any_token(kind), any_amendment(kind))
            .prop_map(|(token, amendment)| Action::Update { token, amendment }),
        Just(Action::Logout),
        any_token(kind).prop_map(|token| Action::Delete { token }),
        any_token(kind).prop_map(|token| Action::RotateToken { token }),
        Just(Action::Ping),
        any::<bool>().prop_map(|on| Action::SubscribeStatus { on }),
        any_question(kind),
        any_message(kind),
    ]
}

fn any_proof(kind: PartyKind) -> impl Strategy<Value = Proof> {
    prop_oneof![
        Just(Proof::Connection),
        any_token(kind).prop_map(Proof::Token)
    ]
}

/// What is asked about messages.
fn any_question(kind: PartyKind) -> impl Strategy<Value = Action> {
    let queue_ids = prop::collection::hash_set(IDENTIFIERS, 0..4);
    let message = prop_oneof![
        IDENTIFIERS.prop_map(MessageRef::QueueId),
        "[^\\x00]{0,16}".prop_map(MessageRef::Id),
    ];
    prop_oneof![
        (any_proof(kind), queue_ids, any::<Option<u32>>()).prop_map(|(proof, queue_ids, limit)| {
            Action::ProcessQueue {
                proof,
                queue_ids: queue_ids.into_iter().collect(),
                limit,
            }
        }),
        (any_proof(kind), message)
            .prop_map(|(proof, message)| Action::MessageStatus { proof, message }),
        (any_proof(kind), IDENTIFIERS)
            .prop_map(|(proof, queue_id)| Action::Withdraw { proof, queue_id }),
    ]
}

fn any_message(kind: PartyKind) -> impl Strategy<Value = Action> {
    let party = IDENTIFIERS.prop_map(move |number| kind.other().party(number));
    let recipient = prop_oneof![
        party.clone().prop_map(Recipient::Party),
        "\\PC{1,16}".prop_map(Recipient::Connection),
    ];
    let answers = match kind {
        PartyKind::Client => Just(None).boxed(),
        PartyKind::Node => prop::option::of(IDENTIFIERS).boxed(),
    };
    prop_oneof![
        (any_proof(kind), recipient, answers.clone(), any_content()).prop_map(
            |(proof, recipient, answers, content)| Action::Forward {
                proof,
                recipient: Some(recipient),
                answers,
                content,
            }
        ),
        (
            any_proof(kind),
            prop::option::of(party.clone()),
            answers,
            any_content()
        )
            .prop_filter("it is for somebody", |(_, recipient, answers, _)| {
                recipient.is_some() || answers.is_some()
            })
            .prop_map(|(proof, recipient, answers, content)| Action::Queue {
                proof,
                recipient,
                answers,
                content,
            }),
        (any_proof(kind), party, "[^\\x00]{0,8}", any_content()).prop_map(
            |(proof, recipient, action, parameters)| Action::Send {
                proof,
                recipient,
                content: raw(&format!(
                    r#"{{"action":{},"parameters":{}}}"#,
                    json!(action),
                    parameters.as_str()
                )),
            }
        ),
    ]
}

fn any_content() -> impl Strategy<Value = Raw> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[^\\x00]{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof!["token", "recipient", "action", "[^\\x00]{0,4}"];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..3)
                .prop_map(|members| json!(members)),
        ]
    })
    .prop_map(|value| raw(&serde_json::to_string_pretty(&value).unwrap()))
}

/// A request, and the channel that it comes on.
pub(super) fn any_request() -> impl Strategy<Value = (Channel, Request)> {
    let id = prop_oneof![
        (-MAX_INTEGER..=MAX_INTEGER).prop_map(RequestId::Integer),
        "[^\\x00]{0,16}".prop_map(RequestId::Text),
    ];
    let action = any_kind().prop_flat_map(|from| (Just(from), any_action(from)));
    (prop::option::of(id), action).prop_map(|(id, (from, action))| {
        let channel = match action {
            Action::Send { .. } => Channel::ToParty { from },
            _ => Channel::ToInstance { from },
        };
        (channel, Request { id, action })
    })
}

pub(super) fn any_place() -> impl Strategy<Value = Place> {
    prop::sample::select(Place::ALL.to_vec())
}

/// What a damaged request may have in it.
pub(super) fn any_piece() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "0",
        "\\u0000",
        "\\ud800",
        "\0",
        "\"id\":1,",
        "\"recipient\":9,",
        "\"queue_id\":5,",
        "1e999",
        "é",
        "null",
    ]);
    prop_oneof![3 => token.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}
