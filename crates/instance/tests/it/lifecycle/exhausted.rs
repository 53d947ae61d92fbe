//! Files that have run out, of which every connection needs one: it survives, says so, and recovers.

use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::support::{
    Asks, Connects,
    http::{Http, Response},
    process::TestProcess,
    request::PING,
    websocket::Raw,
    within,
};

/// More than there are files for, and no more than wait to be taken.
const CROWD: usize = 100;

async fn crowd(server: &TestProcess) -> Vec<TcpStream> {
    let streams = join_all((0..CROWD).map(|_| TcpStream::connect(server.address))).await;
    streams.into_iter().map(Result::unwrap).collect()
}

/// Asks whether it is ready until it says so with this status.
async fn readiness_is(http: &mut Http, status: u16) {
    let asked = async { while http.get("/readyz").await.status != status {} };
    within("another readiness", asked).await;
}

/// Comes anew to ask whether it is ready until the answer has this status. Few are told at once that there is no
/// room; the others are just closed.
async fn knock(server: &TestProcess, status: u16) -> Response {
    let answered = async {
        loop {
            let http = Http::connect(server.address).await;
            match http.try_get("/readyz").await {
                Some(response) if response.status == status => break response,
                _ => {}
            }
        }
    };
    within("another readiness", answered).await
}

#[tokio::test]
async fn without_files_it_serves_who_is_there_says_so_once_and_recovers() {
    let mut server = TestProcess::start(&[]).await;
    let mut party = Raw::open(server.address).await;
    let token = party.enter().await;
    let mut http = Http::connect(server.address).await;
    assert_eq!(http.get("/readyz").await.status, 200);

    server.process.limit_files(20);
    for _ in 0..2 {
        let crowd = crowd(&server).await;
        readiness_is(&mut http, 503).await;
        assert_eq!(http.get("/healthz").await.status, 200);
        assert!(party.ask(PING).await.contains("pinged"));
        drop(crowd);
        readiness_is(&mut http, 200).await;
        Raw::open(server.address).await.login(&token).await;
    }

    server.process.signal("TERM");
    let ended = server.process.end().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let said = ended.stderr.matches("cannot take connections").count();
    assert_eq!(said, 1, "{}", ended.stderr);
}

#[tokio::test]
async fn where_few_files_are_allowed_it_takes_fewer_connections_and_tells_the_others() {
    let mut server = TestProcess::with_files(256).await;
    let mut party = Raw::open(server.address).await;
    party.enter().await;
    let crowd = crowd(&server).await;

    let refused = knock(&server, 503).await;
    assert!(
        refused.body.contains(r#""code":"unavailable""#),
        "{refused}"
    );
    assert!(party.ask(PING).await.contains("pinged"));
    drop(crowd);
    knock(&server, 200).await;

    server.process.signal("TERM");
    let ended = server.process.end().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(
        ended.stderr.matches("fewer open files").count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(
        !ended.stderr.contains("cannot take connections"),
        "{}",
        ended.stderr
    );
}
