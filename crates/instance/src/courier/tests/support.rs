//! Nodes on the loopback interface that answer whatever a test wants them to, and couriers that may go there.

use std::{collections::HashMap, future::ready, io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_rustls::{TlsAcceptor, rustls::RootCertStore};

use crate::{
    address::Networks,
    clock::Timestamp,
    config::DeliveriesConfig,
    courier::{Accepted, Courier, DeliverySecret, Failure, Resource, connection::Resolver},
};

pub(super) const NOW: Timestamp = Timestamp(1_767_225_600_000);

pub(super) const ORDER: &str = r#"{"action":"order","parameters":{"pears":2}}"#;

/// What a node sends back, and whether it leaves the connection open then.
pub(super) struct Answer {
    bytes: Vec<u8>,
    stays: bool,
}

impl Answer {
    /// Exactly these bytes, then the end.
    pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            bytes,
            stays: false,
        }
    }

    /// Exactly these bytes, and then nothing for ever.
    pub(super) fn unfinished(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { bytes, stays: true }
    }

    /// A status and a body of known length.
    pub(super) fn with(status: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self::raw([head.as_bytes(), body].concat())
    }
}

/// A node's web server.
pub(super) struct Node {
    pub(super) address: SocketAddr,
    /// The requests as they came, head and body.
    pub(super) requests: UnboundedReceiver<String>,
}

type Respond = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

impl Node {
    pub(super) async fn answering(
        respond: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(None, Arc::new(respond)).await
    }

    /// The same with TLS.
    pub(super) async fn secure(tls: TlsAcceptor) -> Self {
        let respond = |_: &str| Answer::with("200 OK", "{}");
        Self::start(Some(tls), Arc::new(respond)).await
    }

    async fn start(tls: Option<TlsAcceptor>, respond: Respond) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, respond, sender) = (tls.clone(), respond.clone(), sender.clone());
                tokio::spawn(async move {
                    match tls {
                        None => converse(stream, &*respond, &sender).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => converse(stream, &*respond, &sender).await,
                            Err(error) => Err(error),
                        },
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    respond: &(dyn Fn(&str) -> Answer + Send + Sync),
    requests: &UnboundedSender<String>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8(request).unwrap();
    let answer = respond(&request);
    let _ = requests.send(request);
    stream.write_all(&answer.bytes).await?;
    stream.flush().await?;
    if answer.stays {
        std::future::pending::<()>().await;
    }
    stream.shutdown().await
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
    body.len() >= length
}

/// The value of a header of `request`, the first if there are several.
pub(super) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

pub(super) fn networks(texts: &[&str]) -> Networks {
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    Networks::try_from(texts).unwrap()
}

/// The defaults, but for networks that are trusted.
pub(super) fn trusting(networks_: &[&str]) -> DeliveriesConfig {
    DeliveriesConfig {
        trusted_networks: networks(networks_),
        ..DeliveriesConfig::default()
    }
}

/// A resolver that knows these names, whose ports are the ones it says.
pub(super) fn names(known: &[(&str, &[SocketAddr])]) -> Resolver {
    let known: HashMap<String, Vec<SocketAddr>> = known
        .iter()
        .map(|(name, addresses)| ((*name).to_owned(), addresses.to_vec()))
        .collect();
    Box::new(move |name, _port| {
        Box::pin(ready(
            known
                .get(name)
                .cloned()
                .ok_or(io::ErrorKind::NotFound.into()),
        ))
    })
}

/// A courier to the nodes of these tests, by address.
pub(super) fn courier() -> Courier {
    Courier::trusting(
        &trusting(&["127.0.0.0/8"]),
        names(&[]),
        RootCertStore::empty(),
    )
}

/// Delivers the order to `url` under the rules of `courier`.
pub(super) async fn deliver(courier: &Courier, url: &str) -> Result<Accepted, Failure> {
    let resource = Resource::parse(url, &courier.rules).unwrap();
    let secret = DeliverySecret::from_bytes([7; 32]);
    courier.deliver(&resource, &secret, ORDER, NOW).await
}

/// A listener that nobody may connect to.
pub(super) struct Canary(std::net::TcpListener);

impl Canary {
    pub(super) fn on_loopback() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// How many have connected since the last time; the system keeps them, also those that went again.
    pub(super) fn visitors(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}
