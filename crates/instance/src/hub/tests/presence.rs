//! Who hears of the nodes, and when.

use std::sync::Mutex;

use super::*;

const A: WsId = WsId::numbered(0);
const B: WsId = WsId::numbered(1);

fn tell(hub: &Hub) -> usize {
    hub.tell_presence(|nodes| nodes.as_str().into())
}

fn entry(node: i64, ws_id: Option<WsId>, information: &str) -> String {
    let ws_id = ws_id.map_or("null".to_owned(), |ws_id| format!(r#""{ws_id}""#));
    format!(
        r#"{{"node_id":{node},"ipfs_hash":"hash","ws_id":{ws_id},"information":{information}}}"#
    )
}

/// A hub with somebody who hears of presence, and has been told what there is.
fn with_a_listener() -> (Hub, Voice) {
    let hub = Hub::default();
    let voice = voice(1000);
    hub.browse(&line(WsId::numbered(9), &voice));
    (hub, voice)
}

#[test]
fn a_node_is_shown_once_with_its_oldest_connection() {
    let hub = Hub::default();
    join(&hub, A, SHOP);
    join(&hub, B, SHOP);
    join(&hub, WsId::numbered(2), PartyId::Node(NodeId(2)));
    let two = entry(2, Some(WsId::numbered(2)), "{}");
    let list = |first| format!("[{},{two}]", entry(1, Some(first), "{}"));
    assert_eq!(hub.nodes().as_str(), list(A));
    let _ = hub.leave(A);
    assert_eq!(hub.nodes().as_str(), list(B));
    let _ = hub.end(B);
    assert_eq!(hub.nodes().as_str(), format!("[{two}]"));
}

#[test]
fn a_permanent_node_is_shown_without_a_connection_until_it_is_deleted() {
    let hub = Hub::default();
    hub.install(NodeId(1), card("{}"), true);
    let alone = format!("[{}]", entry(1, None, "{}"));
    assert_eq!(hub.nodes().as_str(), alone);
    join(&hub, A, SHOP);
    let online = format!("[{}]", entry(1, Some(A), "{}"));
    assert_eq!(hub.nodes().as_str(), online);
    hub.install(NodeId(1), card("{}"), true);
    assert_eq!(
        hub.nodes().as_str(),
        online,
        "its connection is still there"
    );
    let _ = hub.leave(A);
    assert_eq!(hub.nodes().as_str(), alone);
    hub.revoke(SHOP, Some(token(2)), None);
    assert_eq!(hub.nodes().as_str(), alone, "that was a new token");
    hub.revoke(SHOP, None, None);
    assert_eq!(hub.nodes().as_str(), "[]");
}

#[test]
fn a_deleted_node_is_shown_as_long_as_it_is_online() {
    let hub = Hub::default();
    hub.install(NodeId(1), card("{}"), true);
    join(&hub, A, SHOP);
    hub.revoke(SHOP, None, None);
    assert_ne!(hub.nodes().as_str(), "[]");
    let _ = hub.end(A);
    assert_eq!(hub.nodes().as_str(), "[]");
}

#[test]
fn a_node_that_is_not_approved_is_not_shown_and_told_when_it_is() {
    let (hub, listener) = with_a_listener();
    let card = Some((card("{}"), false));
    enter(
        &hub,
        SHOP,
        Joining {
            card,
            ..joining(A, SHOP)
        },
    );
    assert_eq!(hub.nodes().as_str(), "[]");
    assert_eq!(tell(&hub), 0);
    hub.approve(NodeId(1));
    assert_eq!(tell(&hub), 1);
    let list = entry(1, Some(A), "{}");
    assert_eq!(heard(&listener), [format!("to client: [{list}]")]);
}

#[test]
fn what_a_node_tells_of_itself_is_shown() {
    let (hub, listener) = with_a_listener();
    join(&hub, A, SHOP);
    assert_eq!(tell(&hub), 1);
    hub.describe(NodeId(1), None, Some(r#"{"name":"a"}"#));
    assert_eq!(tell(&hub), 1);
    let list = entry(1, Some(A), r#"{"name":"a"}"#);
    assert_eq!(
        heard(&listener),
        [format!("to client: [{list}]")],
        "only the latest"
    );
    hub.describe(NodeId(1), Some("other"), None);
    assert!(hub.nodes().as_str().contains(r#""ipfs_hash":"other""#));
    hub.describe(NodeId(1), Some("other"), Some(r#"{"name":"a"}"#));
    assert_eq!(tell(&hub), 1);
    assert_eq!(tell(&hub), 0);
}

#[test]
fn a_list_that_would_be_too_large_tells_only_how_to_reach_the_nodes() {
    let hub = Hub::default();
    let information = format!(r#"{{"name":"{}"}}"#, "x".repeat(4000));
    for node in 1..=200 {
        hub.install(NodeId(node), card(&information), true);
    }
    let list = hub.nodes();
    assert!(list.as_str().len() < 200 * 100, "{}", list.as_str().len());
    assert!(
        list.as_str()
            .starts_with(&format!("[{},", entry(1, None, "{}")))
    );
}

#[test]
fn nothing_is_told_when_nothing_that_is_shown_has_changed() {
    let (hub, listener) = with_a_listener();
    assert_eq!(tell(&hub), 0, "no node has come yet");
    join(&hub, WsId::numbered(7), SHOPPER);
    assert_eq!(tell(&hub), 0, "a client came");
    join(&hub, A, SHOP);
    assert_eq!(tell(&hub), 2);
    assert_eq!(tell(&hub), 0, "it was told");
    join(&hub, B, SHOP);
    assert_eq!(tell(&hub), 0, "a second connection");
    let _ = hub.leave(B);
    assert_eq!(tell(&hub), 0, "which left");
    join(&hub, A, SHOP);
    assert_eq!(tell(&hub), 0, "the same connection logs in again");
    let _ = hub.end(WsId::numbered(7));
    assert_eq!(tell(&hub), 0, "a client left");
    join(&hub, B, PartyId::Node(NodeId(2)));
    let _ = hub.end(B);
    assert_eq!(tell(&hub), 0, "a node came and went between two tellings");
    assert_eq!(heard(&listener).len(), 1);
}

#[test]
fn a_node_that_comes_back_on_another_connection_is_told() {
    let (hub, _) = with_a_listener();
    join(&hub, A, SHOP);
    assert_eq!(tell(&hub), 1);
    let _ = hub.end(A);
    join(&hub, B, SHOP);
    assert_eq!(tell(&hub), 1);
}

#[test]
fn whoever_saw_what_was_never_told_is_told_that_it_is_gone() {
    let (hub, listener) = with_a_listener();
    join(&hub, A, SHOP);
    assert_eq!(tell(&hub), 1);
    let before = heard(&listener);
    join(&hub, B, PartyId::Node(NodeId(2)));
    let seen = hub.browse(&line(WsId::numbered(9), &listener));
    assert!(seen.as_str().contains(r#""node_id":2"#));
    let _ = hub.end(B);
    assert_eq!(tell(&hub), 1);
    assert_eq!(heard(&listener), before);
}

#[test]
fn clients_that_are_online_and_whoever_asked_hear_of_it() {
    let hub = Hub::default();
    let client = join(&hub, WsId::numbered(1), SHOPPER);
    let listener = listen(&hub, WsId::numbered(2), SHOPPER);
    let guest = voice(1000);
    hub.browse(&line(WsId::numbered(3), &guest));
    let node = join(&hub, WsId::numbered(4), SHOP);
    let passing = voice(1000);
    let from = line(WsId::numbered(5), &passing);
    hub.forward(&from, PartyKind::Client, WsId::numbered(4), "hi")
        .unwrap();
    assert_eq!(heard(&node), ["client: hi"]);
    assert_eq!(tell(&hub), 2);
    assert_eq!([heard(&client).len(), heard(&guest).len()], [1, 1]);
    for silent in [&listener, &node, &passing] {
        assert_eq!(heard(silent), [""; 0]);
    }
}

/// Keeps the frames that it has written, to tell who was given the same.
struct Keeping(Mutex<Vec<Arc<[Frame]>>>);

impl Dialect for Keeping {
    fn message(&self, _: PartyKind, _: &str, _: Option<i64>) -> Frame {
        unreachable!("nobody sends anything")
    }

    fn said(&self, _: PartyKind, body: &str) -> Arc<[Frame]> {
        let frames: Arc<[Frame]> = [body.into()].into();
        self.0.lock().unwrap().push(Arc::clone(&frames));
        frames
    }
}

#[test]
fn a_change_is_written_once_for_all_who_hear_it_in_one_form() {
    static KEEPING: Keeping = Keeping(Mutex::new(Vec::new()));
    let hub = Hub::default();
    let keeping = |number| {
        let dialect = &KEEPING;
        let voice = Voice {
            dialect,
            ..voice(1000)
        };
        hub.browse(&line(WsId::numbered(number), &voice));
        voice
    };
    let voices = [keeping(1), keeping(2), keeping(3)];
    let dialect = &OTHER;
    let other = Voice {
        dialect,
        ..voice(1000)
    };
    hub.browse(&line(WsId::numbered(4), &other));
    join(&hub, A, SHOP);
    assert_eq!(tell(&hub), 4);
    let written = KEEPING.0.lock().unwrap();
    let [frames] = &written[..] else {
        panic!("written {} times", written.len());
    };
    assert_eq!(
        Arc::strong_count(frames),
        1 + voices.len(),
        "all share them"
    );
    assert!(heard(&other)[0].starts_with("other "));
}

#[tokio::test]
async fn whoever_tells_is_woken_by_changes_of_nodes_alone() {
    let hub = Hub::default();
    let changed = || {
        let changed = std::pin::pin!(hub.presence_changed());
        changed
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    };
    join(&hub, A, SHOPPER);
    assert!(!changed(), "a client");
    join(&hub, B, SHOP);
    assert!(changed(), "a node came");
    tell(&hub);
    assert!(!changed());
    hub.describe(NodeId(1), Some("x"), None);
    assert!(changed(), "it says something else");
    tell(&hub);
    let _ = hub.leave(B);
    assert!(changed(), "it left");
    tell(&hub);
    let _ = hub.end(A);
    assert!(!changed(), "a client left");
    hub.install(NodeId(1), card("{}"), false);
    assert!(changed(), "it is there for good");
    tell(&hub);
    hub.approve(NodeId(1));
    assert!(changed(), "it is approved");
    tell(&hub);
    hub.revoke(SHOP, None, None);
    assert!(changed(), "it is deleted");
}
