//! HTTP: a channel is a path, a request is a body, a refusal is a problem (RFC 9457).
//!
//! `PUT` registers, `POST` asks for all else. There is no session: each request proves itself, by the
//! token in its body or in `Authorization: Bearer`.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use nile_protocol::{
    channel::Channel,
    code::Code,
    refusal::Refusal,
    reply::Reply,
    request::{Rejected, Request},
    verb::Verb,
};
use nile_socketio::Response;
use serde::Serialize;
use tokio::time::timeout;

use super::arrival::{Arrival, Caller};
use crate::instance::{Instance, proof::rate_limited, session::serve_once};

const TEXT: &str = "text/plain; charset=utf-8";

/// What the HTTP front needs to know.
#[derive(Clone, Debug)]
pub struct Front {
    /// Who serves the requests.
    pub instance: Arc<Instance>,
    /// The largest body, in bytes.
    pub max_message: usize,
    /// How long a body may take to arrive.
    pub deadline: Duration,
}

/// Answers a request whose path is a channel's, and refuses every other path.
pub async fn channel(State(front): State<Front>, request: http::Request<Body>) -> Response {
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let Some(channel) = Channel::parse(path, '/') else {
        let refusal = Refusal::invalid_request("there is no such path");
        return problem(StatusCode::NOT_FOUND, &refusal);
    };
    if !matches!(*request.method(), Method::PUT | Method::POST) {
        return method_not_allowed("PUT, POST");
    }
    answer(&front, channel, request)
        .await
        .unwrap_or_else(|refused| *refused)
}

/// `GET /healthz`: the process lives.
pub async fn health() -> Response {
    respond(StatusCode::OK, TEXT, "ok\n")
}

/// `GET /readyz`: the instance can serve.
pub async fn readiness(State(front): State<Front>) -> Response {
    if front.instance.is_ready() {
        respond(StatusCode::OK, TEXT, "ready\n")
    } else {
        respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n")
    }
}

/// The refusal of a method that a path does not have.
pub fn method_not_allowed(allowed: &'static str) -> Response {
    let refusal = Refusal::invalid_request("the path does not have this method");
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, &refusal);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A refusal as an HTTP response.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Response {
    problem(status(refusal.code), refusal)
}

/// The HTTP status of a refusal. Socket.IO and WebSocket say the code itself.
const fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidRequest => StatusCode::BAD_REQUEST,
        Code::InvalidToken => StatusCode::UNAUTHORIZED,
        Code::NotLoggedIn | Code::Forbidden => StatusCode::FORBIDDEN,
        Code::UnknownAction
        | Code::UnknownRecipient
        | Code::RecipientOffline
        | Code::UnknownMessage => StatusCode::NOT_FOUND,
        Code::QueueFull | Code::IdConflict => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::InvalidParameters | Code::InvalidInformation | Code::InvalidHash => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn answer(
    front: &Front,
    channel: Channel,
    request: http::Request<Body>,
) -> Result<Response, Box<Response>> {
    let refused = |refusal| Box::new(refuse(&refusal));
    let (head, body) = request.into_parts();
    let caller = Caller::of(&head);
    let quota = front.instance.limits.request_quota(caller.address);
    Arrival::of(&head)
        .request(quota)
        .map_err(|retry| refused(rate_limited(retry)))?;
    if !is_json(&head.headers) {
        let refusal = Refusal::invalid_request("a body is application/json, and not compressed");
        return Err(Box::new(problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            &refusal,
        )));
    }
    let body = read(front, body).await.map_err(refused)?;
    let bearer = bearer(&head.headers);
    let max_information = front.instance.rules.max_information;
    let asked = Request::parse(channel, &body, bearer, max_information)
        .map_err(|Rejected { refusal, .. }| refuse(&refusal))?;
    if (asked.action.verb() == Verb::Register) != (head.method == Method::PUT) {
        let refusal = Refusal::invalid_request("PUT registers, and POST asks for all else");
        return Err(Box::new(refuse(&refusal)));
    }
    Ok(
        match serve_once(&front.instance, channel.sender(), asked, caller.address).await {
            Reply::Refused { refusal, .. } => refuse(&refusal),
            reply => success(&reply),
        },
    )
}

/// A request that was served.
pub(super) fn success(reply: &Reply) -> Response {
    respond(StatusCode::OK, "application/json", reply.to_parameters())
}

/// The token of `Authorization: Bearer` (RFC 6750), if there is one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn read(front: &Front, body: Body) -> Result<String, Refusal> {
    let body = Limited::new(body, front.max_message).collect();
    let body = match timeout(front.deadline, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(Refusal::too_large(front.max_message));
        }
        Ok(Err(_)) | Err(_) => return Err(Refusal::invalid_request("the body did not come whole")),
    };
    String::from_utf8(body.into()).map_err(|_| Refusal::invalid_request("the body is not UTF-8"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let essence = kind
        .split_once(';')
        .map_or(kind, |(essence, _)| essence)
        .trim();
    essence.eq_ignore_ascii_case("application/json") && !headers.contains_key(CONTENT_ENCODING)
}

/// `application/problem+json` (RFC 9457): the members of a refusal, and its status.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'static str,
    status: u16,
    code: &'a str,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

fn problem(status: StatusCode, refusal: &Refusal) -> Response {
    let problem = Problem {
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        code: refusal.code.as_str(),
        msg: &refusal.msg,
        field: refusal.field,
        retry_after: refusal.retry_after,
    };
    let body = serde_json::to_string(&problem).expect("strings and numbers are JSON");
    let mut response = respond(status, "application/problem+json", body);
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    http::Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        // An answer may hold a token, and is nobody else's in any case.
        .header(CACHE_CONTROL, "no-store")
        .body(Full::new(body.into()))
        .expect("the headers are constants")
}
