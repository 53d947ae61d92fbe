//! A server that knows what the specification page says, over Socket.IO and WebSocket, and no more.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

type Socket = WebSocketStream<TcpStream>;

/// Starts one; it serves as long as the test runs.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let registered = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, Arc::clone(&registered)));
        }
    });
    address
}

#[expect(clippy::result_large_err, reason = "it is what the library calls")]
async fn serve(stream: TcpStream, registered: Arc<AtomicU64>) {
    let mut query = String::new();
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        query = request.uri().to_string();
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, look).await.unwrap();
    if query.starts_with("/socket.io/") {
        say(&mut socket, "0{}".to_owned()).await;
    }
    if query.contains("EIO=3") {
        say(&mut socket, "40".to_owned()).await;
    }
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let answer = if text.as_str() == "40" {
            "40{}".to_owned()
        } else if let Some(packet) = text.strip_prefix("42") {
            let (id, arguments) = packet.split_at(packet.find('[').unwrap());
            let arguments: [Value; 2] = serde_json::from_str(arguments).unwrap();
            let [channel, body] = arguments;
            format!("43{id}[{}]", answer(&channel, &body, &registered))
        } else {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let body = answer(&frame["event"], &frame["body"], &registered);
            json!({"event": "instance.to.client", "body": body}).to_string()
        };
        say(&mut socket, answer).await;
    }
}

async fn say(socket: &mut Socket, text: String) {
    // Whoever has left does not miss it.
    let _ = socket.send(Message::text(text)).await;
}

fn answer(channel: &Value, body: &Value, registered: &AtomicU64) -> Value {
    assert_eq!(channel, "client.to.instance");
    let parameters = &body["parameters"];
    let is_known = || {
        let token = parameters["token"].as_str().unwrap();
        let number: u64 = token.strip_prefix("secret-").unwrap().parse().unwrap();
        number < registered.load(Relaxed)
    };
    match body["action"].as_str().unwrap() {
        "register" => {
            assert!(parameters["information"]["name"].is_string());
            let token = format!("secret-{}", registered.fetch_add(1, Relaxed));
            json!({"action": "registered", "parameters": {"token": token}})
        }
        "login" if is_known() => json!({"action": "logged", "parameters": {"queue": []}}),
        "login" => json!({"action": "loginFailed", "parameters": {"msg": "token not valid"}}),
        "update" if is_known() => json!({"action": "updated", "parameters": {}}),
        "ping" => json!({"action": "pinged", "parameters": {"success": true}}),
        other => panic!("{other}"),
    }
}
