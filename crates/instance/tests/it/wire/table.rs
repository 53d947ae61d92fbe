//! A table of refusals: what leads to each, and how each transport says it.

use std::fmt::Write;

use nile_protocol::code::Code;

use crate::support::{
    Connects, TestInstance,
    http::{Http, JSON, Response, UPGRADE},
    mask::mask,
    request::{CHANNEL, PATH, PING},
    socketio::{SocketIo, event, path},
    websocket::{Ended, Raw},
};

/// The table: one row a trigger, one cell a transport.
#[derive(Default)]
pub(super) struct Table {
    pub(super) text: String,
    pub(super) codes: Vec<Code>,
}

impl Table {
    /// Adds a row; `code` has to be in one of its cells.
    pub(super) fn row(&mut self, code: Code, when: &str, cells: &[(&str, String)]) {
        writeln!(self.text, "{code}: {when}").unwrap();
        for (transport, cell) in cells {
            writeln!(self.text, "  {transport:<17} {}", mask(cell)).unwrap();
        }
        self.text.push('\n');
        let named = |cell: &String| cell.contains(&format!(r#""code":"{code}""#));
        let closed = |cell: &String| cell.starts_with("close ");
        let found = cells.iter().any(|(_, cell)| named(cell) || closed(cell));
        assert!(found, "{code} is in no cell: {}", self.text);
        self.codes.push(code);
    }

    /// Sends `body` on `channel` over every transport, each on a connection of its own.
    pub(super) async fn ask(
        &mut self,
        instance: &TestInstance,
        code: Code,
        when: &str,
        question: Question<'_>,
    ) {
        let Question {
            method,
            channel,
            body,
        } = question;
        let mut party = SocketIo::open(instance.address).await;
        party.socket.say(&event(channel, body)).await;
        let by_event = text(party.next().await, |packet| packet[2..].to_owned());
        let mut party = SocketIo::open(instance.address).await;
        party
            .socket
            .say(&event(channel, body).replacen("42", "420", 1))
            .await;
        let by_ack = text(party.next().await, |packet| packet[3..].to_owned());
        let mut party = Raw::open(instance.address).await;
        party
            .socket
            .say(&format!(r#"{{"event":"{channel}","body":{body}}}"#))
            .await;
        let by_frame = text(party.socket.next().await, str::to_owned);
        let mut http = Http::connect(instance.address).await;
        let line = format!("{method} /{}", channel.replace('.', "/"));
        let by_http = http.request(&line, &[JSON], body).await;
        let cells = [
            ("-->", format!("{channel} {}", beginning(body))),
            ("Socket.IO event", by_event),
            ("Socket.IO ack", by_ack),
            ("/ws", by_frame),
            ("HTTP", line_of(&by_http)),
        ];
        self.row(code, when, &cells);
    }

    /// Sends a request over HTTP alone.
    pub(super) async fn call(&mut self, instance: &TestInstance, when: &str, request: Call<'_>) {
        let mut http = Http::connect(instance.address).await;
        let answer = http
            .request(request.line, request.headers, request.body)
            .await;
        let cells = [("-->", request.line.to_owned()), ("HTTP", line_of(&answer))];
        self.row(Code::InvalidRequest, when, &cells);
    }

    /// Tries to open every kind of connection, with these headers besides.
    pub(super) async fn knock(
        &mut self,
        instance: &TestInstance,
        code: Code,
        when: &str,
        more: Headers<'_>,
    ) {
        let mut cells = Vec::new();
        for (transport, path) in [
            ("Socket.IO", path(4, "websocket", "")),
            ("Socket.IO polling", path(4, "polling", "")),
            ("/ws", "/ws".to_owned()),
        ] {
            let mut http = Http::connect(instance.address).await;
            let headers = [&UPGRADE, more].concat();
            let answer = http.request(&format!("GET {path}"), &headers, "").await;
            cells.push((transport, line_of(&answer)));
        }
        let mut http = Http::connect(instance.address).await;
        let headers = [&[JSON], more].concat();
        let answer = http.request(&format!("POST {PATH}"), &headers, PING).await;
        cells.push(("HTTP", line_of(&answer)));
        self.row(code, when, &cells);
    }
}

pub(super) type Headers<'a> = &'a [(&'a str, &'a str)];

/// A request that any transport can carry.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) method: &'static str,
    pub(super) channel: &'a str,
    pub(super) body: &'a str,
}

/// A request that only HTTP can carry.
pub(super) struct Call<'a> {
    pub(super) line: &'a str,
    pub(super) headers: Headers<'a>,
    pub(super) body: &'a str,
}

pub(super) fn post(body: &str) -> Question<'_> {
    Question {
        method: "POST",
        channel: CHANNEL,
        body,
    }
}

pub(super) fn put(body: &str) -> Question<'_> {
    Question {
        method: "PUT",
        channel: CHANNEL,
        body,
    }
}

/// A text that came, or how the connection ended.
pub(super) fn text(came: Result<String, Ended>, show: impl FnOnce(&str) -> String) -> String {
    match came {
        Ok(packet) => show(&packet),
        Err(Ended::Closed(Some(frame))) => {
            format!("close {} {}", u16::from(frame.code), frame.reason)
        }
        Err(end) => panic!("{end:?}"),
    }
}

/// Headers that say something about the refusal.
const TELLING: [&str; 5] = [
    "content-type",
    "www-authenticate",
    "retry-after",
    "allow",
    "connection",
];

/// An answer in one line.
pub(super) fn line_of(answer: &Response) -> String {
    let mut line = answer.status.to_string();
    for name in TELLING {
        if let Some(value) = answer.header(name) {
            write!(line, " | {name}: {value}").unwrap();
        }
    }
    format!("{line} | {}", answer.body)
}

/// The beginning of a request, which may be long.
fn beginning(request: &str) -> String {
    const LONG: usize = 120;
    match request.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &request[..end]),
        None => request.to_owned(),
    }
}
