//! What is different where a node asks.

use super::*;

const NODE: Channel = Channel::ToInstance {
    from: PartyKind::Node,
};
const NODE_TOKEN: &str = "nln_7_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const HASH: &str = "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE";
const OTHER: &str = "bafybeiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4";

fn parse(body: &str) -> Result<Request, Rejected> {
    Request::parse(NODE, body, None, MAX_INFORMATION)
}

fn register(parameters: &str) -> Result<Request, Rejected> {
    parse(&format!(
        r#"{{"action":"register","parameters":{parameters}}}"#
    ))
}

fn update(parameters: &str) -> Result<Request, Rejected> {
    parse(&format!(
        r#"{{"action":"update","token":"{NODE_TOKEN}","parameters":{parameters}}}"#
    ))
}

fn registration(hash: &str, text: &str) -> Action {
    Action::Register(Registration::Node {
        hash: Cid::parse(hash).unwrap(),
        information: information(text),
        resource: None,
    })
}

fn amendment(hash: Option<&str>, text: Option<&str>) -> Action {
    Action::Update {
        token: Token::parse(NODE_TOKEN),
        amendment: Amendment::Node {
            hash: hash.map(|hash| Cid::parse(hash).unwrap()),
            information: text.map(information),
        },
    }
}

fn invalid_hash(verb: &'static str) -> Blame {
    (Code::InvalidHash, Some(verb), Some("hash"))
}

#[test]
fn a_node_registers_with_a_hash_and_perhaps_with_information() {
    for (parameters, action) in [
        (format!(r#"{{"hash":"{HASH}"}}"#), registration(HASH, "{}")),
        (
            format!(r#"{{"hash":"ipfs://{OTHER}","information":{{ "name":"Pia" }}}}"#),
            registration(OTHER, r#"{ "name":"Pia" }"#),
        ),
        (
            format!(r#"{{"components":"ipfs://{HASH}"}}"#),
            registration(HASH, "{}"),
        ),
        (
            format!(
                r#"{{"components":"ipfs://{HASH}","hash":"\u0051{}"}}"#,
                &HASH[1..]
            ),
            registration(HASH, "{}"),
        ),
    ] {
        assert_eq!(
            register(&parameters).unwrap().action,
            action,
            "{parameters}"
        );
    }
}

#[test]
fn a_node_updates_its_hash_its_information_or_both() {
    for (parameters, action) in [
        (
            format!(r#"{{"hash":"{HASH}"}}"#),
            amendment(Some(HASH), None),
        ),
        (
            format!(r#"{{"components":"ipfs://{OTHER}"}}"#),
            amendment(Some(OTHER), None),
        ),
        (
            r#"{"information":{ }}"#.to_owned(),
            amendment(None, Some("{ }")),
        ),
        (
            format!(r#"{{"information":{{}},"hash":"{HASH}"}}"#),
            amendment(Some(HASH), Some("{}")),
        ),
    ] {
        assert_eq!(update(&parameters).unwrap().action, action, "{parameters}");
    }
}

#[test]
fn a_node_that_is_reached_over_http_says_where() {
    let with = |resource: &str| register(&format!(r#"{{"resource":{resource},"hash":"{HASH}"}}"#));
    let long = "é".repeat(1024);
    for (text, expected) in [
        (
            r#""https:\/\/pia.example\/nile""#,
            "https://pia.example/nile",
        ),
        (r#""""#, ""),
        (&*format!("\"{long}\""), &*long),
    ] {
        let Action::Register(Registration::Node { resource, .. }) = with(text).unwrap().action
        else {
            panic!("it is a registration of a node");
        };
        assert_eq!(resource.as_deref(), Some(expected), "{text}");
    }
    for text in ["null", "7", "[]", "{}", &*format!("\"{long}a\"")] {
        assert_eq!(
            refused(with(text)),
            invalid("resource", "register"),
            "{text}"
        );
    }
    let twice = format!(r#"{{"resource":"a","hash":"{HASH}","resource":"a"}}"#);
    assert_eq!(refused(register(&twice)), invalid("resource", "register"));
}

#[test]
fn an_update_of_nothing_is_refused() {
    for parameters in ["{}", r#"{"x":1}"#] {
        assert_eq!(
            refused(update(parameters)),
            invalid("parameters", "update"),
            "{parameters}"
        );
    }
    let bare = format!(r#"{{"action":"update","token":"{NODE_TOKEN}"}}"#);
    assert_eq!(refused(parse(&bare)), invalid("parameters", "update"));
}

#[test]
fn a_registration_without_a_hash_is_refused() {
    for parameters in ["{}", r#"{"information":{}}"#] {
        assert_eq!(
            refused(register(parameters)),
            invalid("hash", "register"),
            "{parameters}"
        );
    }
    let bare = r#"{"action":"register"}"#;
    assert_eq!(refused(parse(bare)), invalid("hash", "register"));
}

#[test]
fn a_hash_that_is_no_cid_is_refused() {
    for value in [
        "null",
        "7",
        "[]",
        "{}",
        r#""""#,
        r#""Qm""#,
        &format!("[\"{HASH}\"]"),
        &format!("\"ipfs://{HASH}/menu\""),
        &format!("\" {HASH}\""),
    ] {
        for name in ["hash", "components"] {
            let parameters = format!(r#"{{"{name}":{value},"information":{{}}}}"#);
            assert_eq!(
                refused(register(&parameters)),
                invalid_hash("register"),
                "{parameters}"
            );
            assert_eq!(
                refused(update(&parameters)),
                invalid_hash("update"),
                "{parameters}"
            );
        }
        let parameters = format!(r#"{{"hash":"{HASH}","components":{value}}}"#);
        assert_eq!(
            refused(register(&parameters)),
            invalid_hash("register"),
            "{parameters}"
        );
    }
}

#[test]
fn two_names_of_the_hash_name_the_same() {
    let parameters = format!(r#"{{"hash":"{HASH}","components":"ipfs://{OTHER}"}}"#);
    assert_eq!(refused(register(&parameters)), invalid("hash", "register"));
    assert_eq!(refused(update(&parameters)), invalid("hash", "update"));
    for name in ["hash", "components", "information"] {
        let parameters = format!(r#"{{"hash":"{HASH}","{name}":1,"{name}":1}}"#);
        assert_eq!(
            refused(register(&parameters)),
            invalid(name, "register"),
            "{parameters}"
        );
    }
}

#[test]
fn information_of_a_node_is_checked_as_that_of_a_client() {
    for (text, field) in [("[]", "information"), (r#"{"name":1}"#, "information.name")] {
        let parameters = format!(r#"{{"hash":"{HASH}","information":{text}}}"#);
        for (result, verb) in [
            (register(&parameters), "register"),
            (update(&parameters), "update"),
        ] {
            assert_eq!(
                refused(result),
                (Code::InvalidInformation, Some(verb), Some(field)),
                "{text}"
            );
        }
    }
}

#[test]
fn only_a_token_of_a_node_is_one() {
    for (text, expected) in [(NODE_TOKEN, Token::parse(NODE_TOKEN)), (TOKEN, None)] {
        for action in ["login", "delete", "rotateToken", "update"] {
            let body = format!(
                r#"{{"action":"{action}","parameters":{{"token":"{text}","hash":"{HASH}"}}}}"#
            );
            let request = parse(&body).unwrap();
            assert_eq!(token_of(&request.action), Some(&expected), "{body}");
        }
    }
}

#[test]
fn what_a_client_says_of_a_hash_is_ignored() {
    let body =
        r#"{"action":"register","parameters":{"information":{},"hash":1,"components":2,"hash":3}}"#;
    let registration = Registration::Client {
        information: information("{}"),
    };
    assert_eq!(
        super::parse(body).unwrap().action,
        Action::Register(registration)
    );
}

#[test]
fn a_node_says_the_rest_as_a_client_does() {
    for (body, action) in [
        (
            r#"{"action":"subscribeStatus","parameters":{"on":true}}"#,
            Action::SubscribeStatus { on: true },
        ),
        (r#"{"action":"ping"}"#, Action::Ping),
        (r#"{"action":"logout"}"#, Action::Logout),
    ] {
        assert_eq!(parse(body).unwrap().action, action);
    }
    for action in ["updateNodeList", "", "Login", "registered"] {
        let body = format!(r#"{{"action":"{action}"}}"#);
        assert_eq!(
            refused(parse(&body)),
            (Code::UnknownAction, None, None),
            "{body}"
        );
    }
}
