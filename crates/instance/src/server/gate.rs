//! What every request passes: who sends it, from which page, and what a browser is told about that.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    },
};
use nile_protocol::refusal::Refusal;

use crate::{
    address::{Networks, client_address},
    config::Config,
    origin::{AllowedOrigins, Decision},
    transport::{
        arrival::{Arrival, Caller},
        http::refuse,
    },
};

/// What the gate goes by.
#[derive(Clone)]
pub(super) struct Gate {
    trusted_proxies: Arc<Networks>,
    allowed_origins: Arc<AllowedOrigins>,
}

impl Gate {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            trusted_proxies: Arc::new(config.trusted_proxies.clone()),
            allowed_origins: Arc::new(config.allowed_origins.clone()),
        }
    }

    /// Decides on the origin of a request. One with two origins comes from no browser.
    pub(super) fn decide(&self, headers: &HeaderMap) -> Decision {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next();
        if origins.next().is_some() {
            return Decision::Refused;
        }
        self.allowed_origins.decide(origin)
    }
}

/// Writes into a response what a browser must know.
pub(super) fn tell(origin: &Decision, headers: &mut HeaderMap) {
    origin.write(headers);
    if origin.is_allowed() {
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("retry-after"),
        );
    }
}

/// Names the caller of a request, and holds to the allowed origins (CORS, and the
/// `Origin` of a WebSocket).
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let origin = gate.decide(request.headers());
    let mut response = if !origin.is_allowed() {
        refuse(&Refusal::forbidden(
            "pages of this origin are not served here",
        ))
        .map(Body::new)
    } else if is_preflight(&request) {
        preflight()
    } else {
        next.run(name_caller(&gate, request)).await
    };
    tell(&origin, response.headers_mut());
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, last-event-id",
        ),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn name_caller(gate: &Gate, request: Request) -> Request {
    let (mut head, body) = request.into_parts();
    let Arrival { peer, proxied, .. } = *Arrival::of(&head);
    let address = client_address(peer, &head.headers, &gate.trusted_proxies);
    head.extensions.insert(Caller { address, proxied });
    Request::from_parts(head, body)
}
