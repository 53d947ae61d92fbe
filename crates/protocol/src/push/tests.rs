use super::*;
use crate::information::Information;
use crate::party::PartyKind;

fn raw(json: &str) -> Raw {
    Raw::parse(json.into()).unwrap()
}

fn push(content: &str) -> String {
    Push {
        queue_id: 5,
        sender: PartyKind::Client.party(7),
        content: &raw(content),
    }
    .to_body()
}

fn nodes(nodes: Vec<OnlineNode<'_, &str>>) -> String {
    online_nodes(nodes).as_str().to_owned()
}

#[test]
fn a_push_carries_the_content_as_it_is_and_what_is_found_in_it() {
    for (content, beside) in [
        ("null", ""),
        ("[\"action\",1]", ""),
        ("\"action\"", ""),
        ("{ }", ""),
        (r#"{"a":{"action":1,"parameters":2}}"#, ""),
        (r#"{"Action":1,"parameters ":2}"#, ""),
        (r#"{"action":"order"}"#, r#","action":"order""#),
        (r#"{"parameters":[1, 2]}"#, r#","parameters":[1, 2]"#),
        (
            r#"{"parameters":{"n":1.0},"x":0,"action":{"b" : null}}"#,
            r#","action":{"b" : null},"parameters":{"n":1.0}"#,
        ),
        (r#"{"\u0061ction":"\u0062"}"#, r#","action":"\u0062""#),
        (
            r#"{"action":1,"parameters":1,"action":2,"parameters":2}"#,
            r#","action":2,"parameters":2"#,
        ),
    ] {
        assert_eq!(
            push(content),
            format!(
                r#"{{"sender":7,"sender_kind":"client","queue_id":5,"content":{content}{beside}}}"#
            )
        );
    }
}

#[test]
fn a_push_of_a_node_says_so() {
    let body = Push {
        queue_id: 1,
        sender: PartyKind::Node.party(8),
        content: &raw("0"),
    }
    .to_body();
    assert_eq!(
        body,
        r#"{"sender":8,"sender_kind":"node","queue_id":1,"content":0}"#
    );
}

#[test]
fn a_forwarded_message_comes_from_a_connection() {
    let body = Forwarded {
        sender: "a\"b\n",
        content: &raw(r#"{"action":"order", "n":1.0}"#),
    }
    .to_body();
    assert_eq!(
        body,
        r#"{"sender":"a\"b\n","content":{"action":"order", "n":1.0}}"#
    );
}

#[test]
fn the_online_nodes_are_an_array_in_the_order_given() {
    assert_eq!(nodes(vec![]), "[]");
    let told = Information::restore(r#"{ "name":"\u0050ia" }"#.into()).unwrap();
    let node = |number, ws_id| OnlineNode {
        node: NodeId(number),
        hash: "Qm",
        ws_id,
        information: told.as_str(),
    };
    assert_eq!(
        nodes(vec![node(2, Some("w\"2")), node(1, None)]),
        r#"[{"node_id":2,"ipfs_hash":"Qm","ws_id":"w\"2","information":{ "name":"\u0050ia" }},{"node_id":1,"ipfs_hash":"Qm","ws_id":null,"information":{ "name":"\u0050ia" }}]"#
    );
}
