//! The error contract: every refusal code that can be provoked, on every transport.

use nile_protocol::code::Code;

use super::{
    keep,
    table::{Call, Question, Table, line_of, post, put, text},
};
use crate::support::{
    Asks, Connects, TestInstance,
    http::{Http, JSON},
    request::{
        CHANNEL, LOGOUT, PATH, PING, REGISTER_NODE, login, register, strange_token, token_in,
    },
    socketio::SocketIo,
    websocket::{Raw, WebSocket},
};

#[tokio::test]
async fn every_refusal_on_every_transport() {
    let mut table = Table::default();
    what_makes_no_sense(&mut table).await;
    what_only_http_can_get_wrong(&mut table).await;
    what_is_not_allowed(&mut table).await;
    what_reaches_nobody(&mut table).await;
    what_is_too_much(&mut table).await;
    what_is_out_of_order(&mut table).await;
    for code in Code::ALL {
        assert!(table.codes.contains(code), "{code} is not provoked");
    }
    keep("refusals", &table.text);
}

async fn what_makes_no_sense(table: &mut Table) {
    let instance = &TestInstance::start().await;
    let long = register(&"x".repeat(257));
    let two_tokens = format!(
        r#"{{"action":"login","token":"{}","parameters":{{"token":"other"}}}}"#,
        strange_token()
    );
    let nowhere = Question {
        channel: "client.to.nobody",
        ..post(PING)
    };
    let hash_of_nothing = Question {
        channel: "node.to.instance",
        ..put(r#"{"action":"register","parameters":{"hash":"Qm"},"id":7}"#)
    };
    let shops_for_a_shop = Question {
        channel: "node.to.instance",
        ..post(r#"{"action":"updateNodeList"}"#)
    };
    let to_node = Question {
        channel: "client.to.node",
        ..post(r#"{"action":"order","id":7}"#)
    };
    let to_nobody = Question {
        channel: "client.to.node",
        ..post(r#"{"action":"order","id":7,"recipient":"Ada"}"#)
    };
    for (code, when, question) in [
        (Code::InvalidRequest, "the body is no object", post("[]")),
        (Code::InvalidRequest, "no action", post(r#"{"id":7}"#)),
        (
            Code::InvalidRequest,
            "a key twice",
            post(r#"{"action":"ping","id":7,"id":8}"#),
        ),
        (Code::InvalidRequest, "no such channel", nowhere),
        (
            Code::InvalidParameters,
            "no information",
            put(r#"{"action":"register","id":7}"#),
        ),
        (
            Code::InvalidParameters,
            "no token",
            post(r#"{"action":"login","id":7}"#),
        ),
        (Code::InvalidParameters, "two tokens", post(&two_tokens)),
        (
            Code::InvalidParameters,
            "an id that is none",
            post(r#"{"action":"ping","id":0.5}"#),
        ),
        (
            Code::InvalidInformation,
            "information that is no object",
            put(r#"{"action":"register","parameters":{"information":"Ada"}}"#),
        ),
        (Code::InvalidInformation, "a long name", put(&long)),
        (
            Code::UnknownAction,
            "no such action",
            post(r#"{"action":"jump","id":7}"#),
        ),
        (
            Code::UnknownAction,
            "a node asks for the list of nodes",
            shops_for_a_shop,
        ),
        (
            Code::InvalidHash,
            "a hash that is no content identifier",
            hash_of_nothing,
        ),
        (Code::InvalidParameters, "a message for nobody", to_node),
        (
            Code::InvalidParameters,
            "a recipient of no known shape",
            to_nobody,
        ),
    ] {
        table.ask(instance, code, when, question).await;
    }
}

async fn what_only_http_can_get_wrong(table: &mut Table) {
    let instance = &TestInstance::start().await;
    let (post, put) = (format!("POST {PATH}"), format!("PUT {PATH}"));
    let delete = format!("DELETE {PATH}");
    for (when, line, headers, body) in [
        ("another path", "POST /client", &[JSON][..], PING),
        ("another method", &delete, &[], ""),
        ("no media type", &post, &[], PING),
        (
            "another media type",
            &post,
            &[("content-type", "text/plain")],
            PING,
        ),
        (
            "a compressed body",
            &post,
            &[JSON, ("content-encoding", "gzip")],
            PING,
        ),
        ("POST to register", &post, &[JSON], &register("Ada")),
        ("PUT for anything else", &put, &[JSON], PING),
    ] {
        table
            .call(
                instance,
                when,
                Call {
                    line,
                    headers,
                    body,
                },
            )
            .await;
    }
}

async fn what_is_not_allowed(table: &mut Table) {
    let instance = &TestInstance::start().await;
    let strange = login(&strange_token());
    table
        .ask(
            instance,
            Code::InvalidToken,
            "nobody has this token",
            post(&strange),
        )
        .await;
    table
        .ask(instance, Code::Forbidden, "logout over HTTP", post(LOGOUT))
        .await;

    let instance = &TestInstance::exempt("allowed_origins = ['https://shop.example']").await;
    let headers = [("origin", "https://other.example")];
    table
        .knock(
            instance,
            Code::Forbidden,
            "a page of another origin",
            &headers,
        )
        .await;
}

async fn what_reaches_nobody(table: &mut Table) {
    let instance = &TestInstance::exempt("messages.per_pair = 1").await;
    let mut client = SocketIo::open(instance.address).await;
    let client = client.register().await;
    let mut shop = Http::connect(instance.address).await;
    let answer = shop
        .request("PUT /node/to/instance", &[JSON], REGISTER_NODE)
        .await;
    let node = token_in(&answer.body);

    let order = r#""action":"order","id":7,"recipient":1"#;
    let named = format!(r#"{{"action":"order","recipient":1,"token":"{client}","id":"order-1""#);
    for (code, when, (channel, body)) in [
        (
            Code::NotLoggedIn,
            "a message of nobody",
            ("client.to.node", format!("{{{order}}}")),
        ),
        (
            Code::NotLoggedIn,
            "a node that is not logged in forwards",
            ("node.to.instance", forward("6Yf1mOeXQkqT0bW7rJd2sA")),
        ),
        (
            Code::RecipientOffline,
            "no such connection",
            (CHANNEL, forward("6Yf1mOeXQkqT0bW7rJd2sA")),
        ),
        (
            Code::InvalidToken,
            "a message with the token of another kind",
            ("client.to.node", format!(r#"{{{order},"token":"{node}"}}"#)),
        ),
        (
            Code::UnknownRecipient,
            "a node that does not exist",
            (
                "client.to.node",
                format!(r#"{{"action":"order","id":7,"recipient":99,"token":"{client}"}}"#),
            ),
        ),
        (
            Code::UnknownRecipient,
            "a client that has not written to the node",
            ("node.to.client", format!(r#"{{{order},"token":"{node}"}}"#)),
        ),
        (
            Code::UnknownRecipient,
            "a client that does not exist",
            (
                "node.to.client",
                format!(r#"{{"action":"order","id":7,"recipient":99,"token":"{node}"}}"#),
            ),
        ),
        (
            Code::UnknownMessage,
            "the state of a message that does not exist",
            (
                CHANNEL,
                format!(
                    r#"{{"action":"messageStatus","parameters":{{"queue_id":99,"token":"{client}"}}}}"#
                ),
            ),
        ),
        (
            Code::UnknownMessage,
            "taking back a message that does not exist",
            (
                CHANNEL,
                format!(
                    r#"{{"action":"withdraw","parameters":{{"queue_id":99,"token":"{client}"}}}}"#
                ),
            ),
        ),
    ] {
        let question = Question {
            channel,
            ..post(&body)
        };
        table.ask(instance, code, when, question).await;
    }

    let mut party = Http::connect(instance.address).await;
    let line = "POST /client/to/node";
    let stored = party.request(line, &[JSON], &format!("{named}}}")).await;
    assert_eq!(stored.status, 200, "{stored}");
    let other = format!(r#"{named},"parameters":{{"pears":1}}}}"#);
    let more = format!(r#"{{{order},"token":"{client}"}}"#);
    for (code, when, body) in [
        (Code::IdConflict, "an id that another message has", other),
        (Code::QueueFull, "more than may wait", more),
    ] {
        let question = Question {
            channel: "client.to.node",
            ..post(&body)
        };
        table.ask(instance, code, when, question).await;
    }
}

fn forward(ws_id: &str) -> String {
    format!(r#"{{"action":"forward","recipient":"{ws_id}","id":7}}"#)
}

async fn what_is_too_much(table: &mut Table) {
    let instance = &TestInstance::exempt("limits.message_bytes = 300").await;
    let large = format!(r#"{{"action":"ping","parameters":"{}"}}"#, "x".repeat(300));
    table
        .ask(
            instance,
            Code::TooLarge,
            "a message over the limit",
            post(&large),
        )
        .await;

    let instance = &TestInstance::configured("limits.registrations_per_minute = 1").await;
    SocketIo::open(instance.address).await.register().await;
    let register = register("Bo");
    table
        .ask(
            instance,
            Code::RateLimited,
            "too many registrations",
            put(&register),
        )
        .await;

    let instance = &TestInstance::configured("limits.failed_logins_per_minute = 1").await;
    let strange = login(&strange_token());
    SocketIo::open(instance.address).await.ask(&strange).await;
    table
        .ask(
            instance,
            Code::RateLimited,
            "too many failed logins",
            post(&strange),
        )
        .await;

    let instance = &TestInstance::configured("limits.requests_per_second = 1").await;
    let cells = many(instance, PING).await;
    table.row(
        Code::RateLimited,
        "too many requests on a connection: the last of ten",
        &cells,
    );
    let cells = many(instance, r#"{"action":"dance"}"#).await;
    table.row(
        Code::RateLimited,
        "too many requests for what there is not: the last of ten",
        &cells,
    );
    let cells = many(instance, "[]").await;
    table.row(
        Code::InvalidRequest,
        "a flood of what is no request: the last of ten",
        &cells,
    );

    let instance = &TestInstance::configured("limits.connections_per_address = 1").await;
    let _first = Raw::open(instance.address).await;
    table
        .knock(
            instance,
            Code::RateLimited,
            "too many connections of an address",
            &[],
        )
        .await;
}

/// More often than a connection may ask at once.
const TIMES: usize = 10;

/// Sends ten times at once, and tells how each transport answers the last of them.
async fn many(instance: &TestInstance, body: &str) -> [(&'static str, String); 3] {
    let mut party = SocketIo::open(instance.address).await;
    let by_event = last(party.socket(), &SocketIo::carry(body)).await;
    let mut party = Raw::open(instance.address).await;
    let by_frame = last(party.socket(), &Raw::carry(body)).await;
    let mut http = Http::connect(instance.address).await;
    let mut by_http = http.call("POST", body).await;
    for _ in 1..TIMES {
        by_http = http.call("POST", body).await;
    }
    [
        ("Socket.IO event", by_event),
        ("/ws", by_frame),
        ("HTTP", line_of(&by_http)),
    ]
}

/// Sends a message so often at once, and returns the last answer, or the end.
async fn last(socket: &mut WebSocket, message: &str) -> String {
    socket.say_all(&[message; TIMES]).await;
    let mut heard = socket.next().await;
    for _ in 1..TIMES {
        if heard.is_err() {
            break;
        }
        heard = socket.next().await;
    }
    text(heard, str::to_owned)
}

/// Has the instance store what it would never accept.
const FORGE: &str = "CREATE TRIGGER forge AFTER INSERT ON client BEGIN
    UPDATE client SET information = '[]', sum = seal('client', id, token_hash, NULL, NULL, registered_at,
    updated_at, '[]') WHERE id = NEW.id; END";

async fn what_is_out_of_order(table: &mut Table) {
    let instance = &TestInstance::configured("limits.connections = 1").await;
    let _first = Raw::open(instance.address).await;
    table
        .knock(instance, Code::Unavailable, "no room for a connection", &[])
        .await;

    let instance = &TestInstance::start().await;
    let door = instance.side_door();
    door.execute_batch(FORGE).unwrap();
    let token = SocketIo::open(instance.address).await.register().await;
    door.execute_batch("DROP TRIGGER forge").unwrap();
    let login = login(&token);
    table
        .ask(instance, Code::Internal, "a row of nonsense", post(&login))
        .await;
    door.execute_batch("UPDATE client SET information = '{}'")
        .unwrap();
    table
        .ask(instance, Code::Unavailable, "a damaged row", post(&login))
        .await;
    door.execute_batch("ALTER TABLE client RENAME TO gone")
        .unwrap();
    table
        .ask(
            instance,
            Code::Unavailable,
            "a store that fails",
            put(&register("Bo")),
        )
        .await;
}
