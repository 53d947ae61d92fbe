//! One request and its answer over one connection.
//!
//! Invariant: nothing that comes back is kept beyond [`MAX_ANSWER`] and [`MAX_HEAD`], and only a 2xx is an answer: a
//! redirect is a failure like any other status. It holds no connections, cookies or caches, and decompresses nothing.

use std::pin::pin;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request,
    header::{CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{failure::Failure, resource::Resource};

/// The longest body of an answer, in bytes.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("nile-instance/", env!("CARGO_PKG_VERSION")));

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const SIGNATURE: HeaderName = HeaderName::from_static("nile-signature");

/// What is posted to a node.
pub(super) type Post = Request<Full<Bytes>>;

/// Posts `body` to `resource`, with a signature where there is one.
pub(super) fn post(resource: &Resource, body: Bytes, signature: Option<String>) -> Post {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = resource.target.clone();
    let headers = request.headers_mut();
    headers.insert(HOST, resource.authority.clone());
    headers.insert(USER_AGENT, AGENT);
    headers.insert(CONTENT_TYPE, JSON);
    if let Some(signature) = signature {
        let value = HeaderValue::try_from(signature).expect("a signature is ASCII");
        headers.insert(SIGNATURE, value);
    }
    request
}

/// Sends `request` over `stream` and gives the body of the answer where that is a 2xx.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Post,
) -> Result<Bytes, Failure> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken_off)?;
    let mut answer = pin!(answer(sender, request));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The connection may end before its last bytes are taken; what broke it is told there, too.
        _ = connection => answer.await,
    }
}

async fn answer(mut sender: SendRequest<Full<Bytes>>, request: Post) -> Result<Bytes, Failure> {
    let response = sender.send_request(request).await.map_err(broken_off)?;
    if !response.status().is_success() {
        return Err(Failure::Status(response.status().as_u16()));
    }
    read(response.into_body()).await
}

async fn read(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Err(error) => Err(Failure::BrokenOff(error)),
    }
}

fn broken_off(error: hyper::Error) -> Failure {
    Failure::BrokenOff(Box::new(error))
}
