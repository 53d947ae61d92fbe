//! What the instance notes of a node that registers: how it came, and whether it takes part.

use crate::support::{
    Connects, TestInstance,
    http::{Http, JSON},
    request::{REGISTER_NODE, action_of, token_in},
    socketio::{SocketIo, event},
};

#[tokio::test]
async fn how_a_node_came_and_whether_it_takes_part_is_noted() {
    for (admission, approved) in [("open", true), ("approval", false)] {
        let lines = format!("nodes.admission = '{admission}'");
        let instance = TestInstance::configured(&lines).await;
        let mut party = SocketIo::open(instance.address).await;
        party
            .socket
            .say(&event("node.to.instance", REGISTER_NODE))
            .await;
        assert_eq!(action_of(&party.event().await.1), "registered");
        let mut http = Http::connect(instance.address).await;
        let line = "PUT /node/to/instance";
        let answer = http.request(line, &[JSON], REGISTER_NODE).await;
        assert!(token_in(&answer.body).starts_with("nln_2_"));

        let database = instance.side_door();
        let mut nodes = database
            .prepare("SELECT protocol, approved FROM node ORDER BY id")
            .unwrap();
        let nodes = nodes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let nodes: Vec<(String, bool)> = nodes.unwrap().map(Result::unwrap).collect();
        assert_eq!(
            nodes,
            [("websocket".into(), approved), ("http".into(), approved)]
        );
        drop((party, http));
        instance.stop().await;
    }
}
