//! Connections that nobody has logged in on, and that ask for nothing.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::{Connects, TestInstance, request::PING, socketio::SocketIo, websocket::Raw};

/// Long enough for a deadline of a second on a busy machine, and much shorter than the default.
const IN_TIME: Duration = Duration::from_secs(12);

#[tokio::test]
async fn who_is_nobody_and_asks_nothing_is_closed_and_who_is_logged_in_stays() {
    async fn check<P: Connects>() {
        let instance = TestInstance::exempt("limits.idle_seconds = 1").await;
        let mut party = P::open(instance.address).await;
        party.enter().await;
        let mut nobody = P::open(instance.address).await;
        assert!(nobody.ask(PING).await.contains("pinged"));
        let closed = timeout(IN_TIME, nobody.socket().closed()).await;
        let (code, reason) = closed.expect("it was not closed in time");
        assert_eq!((code, &*reason), (1008, "not logged in, and idle"));
        assert!(party.ask(PING).await.contains("pinged"));
        drop(party);
        instance.stop().await;
    }
    tokio::join!(check::<SocketIo>(), check::<Raw>());
}
