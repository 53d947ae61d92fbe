//! Requests and bodies that nobody thought of.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

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
        PartyKind::Node => (any_hash(), any_information())
            .prop_map(|(hash, information)| Registration::Node { hash, information })
            .boxed(),
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
    ]
}

/// A request, and the channel that it comes on.
fn any_request() -> impl Strategy<Value = (Channel, Request)> {
    let id = prop_oneof![
        (-MAX_INTEGER..=MAX_INTEGER).prop_map(RequestId::Integer),
        "[^\\x00]{0,16}".prop_map(RequestId::Text),
    ];
    let action = any_kind().prop_flat_map(|from| (Just(from), any_action(from)));
    (prop::option::of(id), action)
        .prop_map(|(id, (from, action))| (Channel::ToInstance { from }, Request { id, action }))
}

fn parse(channel: Channel, body: &str) -> Result<Request, Rejected> {
    Request::parse(channel, body, None, MAX_INFORMATION)
}

/// The information that an action has.
fn information_of(action: &mut Action) -> Option<&mut Information> {
    match action {
        Action::Register(
            Registration::Client { information } | Registration::Node { information, .. },
        )
        | Action::Update {
            amendment: Amendment::Client { information },
            ..
        } => Some(information),
        Action::Update {
            amendment: Amendment::Node { information, .. },
            ..
        } => information.as_mut(),
        _ => None,
    }
}

/// The hash that an action has.
fn hash_of(action: &Action) -> Option<&Cid> {
    match action {
        Action::Register(Registration::Node { hash, .. }) => Some(hash),
        Action::Update {
            amendment: Amendment::Node { hash, .. },
            ..
        } => hash.as_ref(),
        _ => None,
    }
}

/// Where a request is written with its token.
#[derive(Clone, Copy, Debug)]
enum Place {
    Parameters,
    Authentication,
    Envelope,
    Everywhere,
}

fn any_place() -> impl Strategy<Value = Place> {
    prop::sample::select(vec![
        Place::Parameters,
        Place::Authentication,
        Place::Envelope,
        Place::Everywhere,
    ])
}

fn write(request: &Request, place: Place) -> String {
    let (mut members, mut parameters) = (Vec::new(), Vec::new());
    if let Some(Some(token)) = token_of(&request.action) {
        let member = format!("\"token\": \"{}\"", token.expose());
        if matches!(place, Place::Parameters | Place::Everywhere) {
            parameters.push(member.clone());
        }
        if matches!(place, Place::Authentication | Place::Everywhere) {
            members.push(format!("\"authentication\":{{{member}}}"));
        }
        if matches!(place, Place::Envelope | Place::Everywhere) {
            members.push(member);
        }
    }
    if let Some(hash) = hash_of(&request.action) {
        // Where the token stands decides as well as anything which name the hash has.
        let name = match place {
            Place::Parameters | Place::Everywhere => "hash",
            Place::Authentication | Place::Envelope => "components",
        };
        parameters.push(format!("\"{name}\":\"ipfs://{}\"", hash.as_str()));
    }
    if let Some(information) = information_of(&mut request.action.clone()) {
        parameters.push(format!("\"information\":\t{}", information.as_str()));
    }
    if let Action::Login {
        limit: Some(limit), ..
    } = &request.action
    {
        parameters.push(format!("\"limit\":{limit}"));
    }
    members.push(format!("\"parameters\":{{{}}}", parameters.join(",")));
    members.push(format!("\"action\":\"{}\"", request.action.verb().as_str()));
    if let Some(id) = &request.id {
        members.push(format!("\"id\":{}", serde_json::to_string(id).unwrap()));
    }
    format!("{{{}}}", members.join(" ,\n"))
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

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written((channel, request) in any_request(), place in any_place()) {
        let body = write(&request, place);
        prop_assert_eq!(parse(channel, &body), Ok(request), "{}", body);
    }

    #[test]
    fn a_request_is_the_same_however_it_is_escaped((channel, request) in any_request(), place in any_place()) {
        let plain = parse(channel, &write(&request, place)).unwrap();
        let mut read = parse(channel, &escaped(&write(&request, place))).unwrap();
        // Information is kept as it was received, so its text tells how it was escaped.
        if let Some(information) = information_of(&mut read.action) {
            let value: Value = serde_json::from_str(information.as_str()).unwrap();
            *information = super::information(&serde_json::to_string_pretty(&value).unwrap());
        }
        prop_assert_eq!(read, plain);
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

/// What a damaged request may have in it.
fn any_piece() -> impl Strategy<Value = String> {
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
        "1e999",
        "é",
        "null",
    ]);
    prop_oneof![3 => token.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}
