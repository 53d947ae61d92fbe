//! Compression, with which a small message becomes one that fills the memory, or tells a secret by its length.

use crate::support::{
    TestInstance,
    http::{Http, JSON, UPGRADE},
    request::{PATH, PING},
    socketio::path,
};

#[tokio::test]
async fn a_websocket_that_offers_compression_gets_none() {
    let instance = TestInstance::start().await;
    for path in [
        "/ws".to_owned(),
        path(4, "websocket", ""),
        path(3, "websocket", ""),
    ] {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
        ] {
            let headers = [&UPGRADE[..], &[("sec-websocket-extensions", offer)]].concat();
            let mut http = Http::connect(instance.address).await;
            let answer = http.request(&format!("GET {path}"), &headers, "").await;
            assert_eq!(answer.status, 101, "{path}: {answer}");
            assert_eq!(answer.header("sec-websocket-extensions"), None, "{path}");
        }
    }
    instance.stop().await;
}

#[tokio::test]
async fn over_http_nothing_is_expanded_and_nothing_compressed() {
    let instance = TestInstance::start().await;
    let line = format!("POST {PATH}");
    for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip"] {
        let mut http = Http::connect(instance.address).await;
        let compressed = [JSON, ("content-encoding", coding)];
        let answer = http.request(&line, &compressed, PING).await;
        assert_eq!(answer.status, 415, "{coding}: {answer}");
        let answer = http
            .request(&line, &[JSON, ("accept-encoding", coding)], PING)
            .await;
        assert_eq!(answer.status, 200, "{coding}: {answer}");
        assert_eq!(answer.header("content-encoding"), None);
        let opened = format!("GET {}", path(4, "polling", ""));
        let answer = http
            .request(&opened, &[("accept-encoding", coding)], "")
            .await;
        assert_eq!(answer.status, 200, "{coding}: {answer}");
        assert_eq!(answer.header("content-encoding"), None);
    }
    instance.stop().await;
}
