//! What the instance notes of a node that registers: how it came, and whether it takes part.

use std::{net::IpAddr, sync::Arc, time::Duration};

use nile_instance::{
    clock::SystemClock,
    config::{Admission, LimitsConfig},
    instance::{
        Instance,
        session::{Asker, Session, serve_once},
    },
    limits::Limits,
    store::{Options, Store},
};
use nile_protocol::{channel::Channel, party::PartyKind, reply::Reply, request::Request};
use nile_socketio::{Outbox, Step};
use tempfile::TempDir;

const NODE: Channel = Channel::ToInstance {
    from: PartyKind::Node,
};
const REGISTER: &str = r#"{"action":"register","parameters":{"hash":"QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE"}}"#;
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn instance(directory: &TempDir, admission: Admission) -> Arc<Instance> {
    let store = Store::open(directory.path(), &Options::default()).unwrap();
    let limits = Limits::new(&LimitsConfig::default());
    Instance::new(store, limits, Arc::new(SystemClock), 4096, admission)
}

async fn register_once(instance: &Arc<Instance>) -> Reply {
    let request = Request::parse(NODE, REGISTER, None, 4096).unwrap();
    serve_once(instance, PartyKind::Node, request.action, HERE).await
}

async fn register_on_a_connection(instance: &Arc<Instance>) -> Reply {
    let idle = Duration::from_mins(1);
    let mut session = Session::new(Arc::clone(instance), HERE, Outbox::new(1000), idle);
    let asker = Asker {
        channel: Some(NODE),
        ack: None,
    };
    match session.handle(asker, REGISTER).unwrap() {
        Step::Now(answer) => answer.reply,
        Step::Later(work) | Step::Alone(work) => work.await.reply,
    }
}

#[tokio::test]
async fn how_a_node_came_and_whether_it_takes_part_is_noted() {
    for (admission, approved) in [(Admission::Open, true), (Admission::Approval, false)] {
        let directory = tempfile::tempdir().unwrap();
        let instance = instance(&directory, admission);
        for reply in [
            register_on_a_connection(&instance).await,
            register_once(&instance).await,
        ] {
            assert!(matches!(reply, Reply::Registered { .. }), "{reply:?}");
        }
        let database = rusqlite::Connection::open(directory.path().join("nile.db")).unwrap();
        let mut nodes = database
            .prepare("SELECT protocol, approved FROM node ORDER BY id")
            .unwrap();
        let nodes = nodes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let nodes: Vec<(String, bool)> = nodes.unwrap().map(Result::unwrap).collect();
        assert_eq!(
            nodes,
            [("websocket".into(), approved), ("http".into(), approved)]
        );
    }
}
