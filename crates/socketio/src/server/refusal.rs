//! What is answered to a request that is none of Engine.IO's.

use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::Full;

use crate::websocket::Response;

/// The refusals of Engine.IO, with its numbers.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    UnknownTransport,
    UnknownSession,
    BadHandshakeMethod,
    BadRequest,
    UnsupportedVersion,
    TooLarge,
}

impl From<Refusal> for Box<Response> {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = match refusal {
            Refusal::UnknownTransport => (0, "Transport unknown"),
            Refusal::UnknownSession => (1, "Session ID unknown"),
            Refusal::BadHandshakeMethod => (2, "Bad handshake method"),
            Refusal::BadRequest => (3, "Bad request"),
            Refusal::UnsupportedVersion => (5, "Unsupported protocol version"),
            Refusal::TooLarge => (3, "Payload too large"),
        };
        let status = match refusal {
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = format!("{{\"code\":{code},\"message\":\"{message}\"}}");
        Self::new(respond(status, "application/json", body))
    }
}

pub(super) fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    http::Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, "no-store")
        .body(Full::new(body.into()))
        .expect("the headers are constants")
}
