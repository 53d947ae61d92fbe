//! The limit speaks what the generator expects of it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// The echo on a port of its own, ended with the test.
struct Echo {
    child: Child,
    address: String,
}

impl Echo {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nile-echo"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it has been built");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it is text");
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.expect("it says where it listens").to_owned();
        Self { child, address }
    }

    /// Sends these, and hears as many as are said unasked and in answer.
    async fn converse(&self, path: &str, said: &[&str], heard: usize) -> Vec<String> {
        let url = format!("ws://{}{path}", self.address);
        let (mut socket, _) = connect_async(url).await.expect("it takes connections");
        for text in said {
            socket.send(Message::text(*text)).await.expect("it reads");
        }
        let mut messages = Vec::new();
        while messages.len() < heard {
            let message = socket
                .next()
                .await
                .expect("it goes on")
                .expect("it is a message");
            messages.push(message.into_text().expect("it is text").to_string());
        }
        messages
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has been started");
    }
}

#[tokio::test]
async fn a_text_comes_back_over_a_raw_websocket() {
    let echo = Echo::start();
    let heard = echo
        .converse("/ws?spelling=plain", &["one", "{\"two\":2}"], 2)
        .await;
    assert_eq!(heard, ["one", "{\"two\":2}"]);
}

#[tokio::test]
async fn an_event_is_its_own_acknowledgement_over_socketio() {
    let echo = Echo::start();
    let path = "/socket.io/?EIO=4&transport=websocket";
    let event = r#"4217["client.to.instance",{"action":"ping"}]"#;
    let heard = echo.converse(path, &["40", event], 3).await;
    assert!(heard[0].starts_with("0{\"sid\":"), "{heard:?}");
    assert!(heard[1].starts_with("40{\"sid\":"), "{heard:?}");
    assert_eq!(heard[2], r#"4317["client.to.instance",{"action":"ping"}]"#);
}
