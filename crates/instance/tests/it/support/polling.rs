//! Socket.IO over long polling: packets in the bodies of HTTP requests.

use std::net::SocketAddr;

use super::{
    Asks,
    http::{Http, Response},
    request,
    socketio::{event, parse_event, path},
};

/// A party that speaks Socket.IO 4 over polling, and wants each answer once.
pub(crate) struct Polling {
    pub(crate) http: Http,
    pub(crate) sid: String,
}

impl Polling {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let mut http = Http::connect(address).await;
        let opened = http.get(&path(4, "polling", "&spelling=spec")).await.body;
        let handshake = request::parse(opened.strip_prefix('0').unwrap());
        let sid = handshake["sid"].as_str().unwrap().to_owned();
        let mut party = Self { http, sid };
        party.post("40").await;
        assert!(party.poll().await.body.starts_with("40{"));
        party
    }

    /// Sends packets.
    pub(crate) async fn post(&mut self, payload: &str) {
        let line = format!("POST {}", self.path());
        let answer = self.http.request(&line, &[], payload).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }

    /// Asks for what waits, and waits until something does.
    pub(crate) async fn poll(&mut self) -> Response {
        self.http.get(&self.path()).await
    }

    /// The path of the session's requests.
    pub(crate) fn path(&self) -> String {
        path(4, "polling", &format!("&sid={}", self.sid))
    }
}

impl Asks for Polling {
    async fn ask(&mut self, request: &str) -> String {
        self.post(&event(request::CHANNEL, request)).await;
        parse_event(&self.poll().await.body).1
    }
}
