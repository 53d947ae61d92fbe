//! The opening handshake (RFC 6455, section 4.2), and the way from HTTP to the bare stream.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tungstenite::handshake::server::create_response_with_body;

/// An HTTP response of this crate.
pub type Response = http::Response<Full<Bytes>>;

/// Something that is held as long as the WebSocket lives which a request becomes, such as its place among
/// all connections. Whoever gives it puts it into the request's extensions.
#[derive(Clone)]
pub struct Held(pub Arc<dyn Any + Send + Sync>);

/// A request that was answered with 101 and whose stream is about to be ours.
pub struct Upgrading {
    upgrade: OnUpgrade,
    held: Option<Held>,
}

/// The stream of a WebSocket, at the end of its opening handshake.
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    /// What the peer sent behind its handshake.
    pub(crate) early: Bytes,
    pub(crate) held: Option<Held>,
}

/// Answers a WebSocket handshake: the response to give, and what becomes of the connection.
///
/// An error is the refusal to give: 426 where the request asks for no WebSocket or another version of
/// it, 400 where it asks wrongly. Who may connect, and from which origin, is for the caller to say.
pub fn accept<B>(request: &mut Request<B>) -> Result<(Response, Upgrading), Box<Response>> {
    let response = create_response_with_body(request, Full::default)
        .map_err(|error| Box::new(refuse(request, &error.to_string())))?;
    let held = request.extensions().get().cloned();
    let upgrading = Upgrading {
        upgrade: hyper::upgrade::on(request),
        held,
    };
    Ok((response, upgrading))
}

fn refuse<B>(request: &Request<B>, why: &str) -> Response {
    let asked = request.headers().contains_key(header::SEC_WEBSOCKET_KEY);
    let status = if asked {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::UPGRADE_REQUIRED
    };
    http::Response::builder()
        .status(status)
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::from(format!("{why}\n")))
        .expect("the headers are constants")
}

impl Upgrading {
    /// The stream, when the peer has taken the response.
    ///
    /// `None` where the peer left, took longer than `deadline`, or speaks through something other
    /// than a bare TCP stream.
    pub(crate) async fn opened(self, deadline: Duration) -> Option<Opened> {
        let upgraded = timeout(deadline, self.upgrade).await.ok()?.ok()?;
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
        Some(Opened {
            stream: parts.io.into_inner(),
            early: parts.read_buf,
            held: self.held,
        })
    }
}
