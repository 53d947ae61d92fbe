//! From a resource to a connection that messages may go over.
//!
//! Invariant: a name is resolved once for a connection, every address it leads to is judged, and what is connected to
//! is the very address that was judged. So a name that leads elsewhere the next moment leads nowhere (DNS rebinding).
//! No proxy is ever asked, whatever the environment says.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use tokio::{
    net::{TcpStream, lookup_host},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring},
};
use url::Host;

use super::{failure::Failure, resource::Resource};
use crate::config::DeliveriesConfig;

/// How many of a name's addresses are tried, one after the other.
const MAX_ADDRESSES: usize = 4;

/// The addresses of a name, as they will be known.
pub(super) type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Who knows the addresses of a name, each with the port that was asked for.
pub(super) type Resolver = Box<dyn Fn(&str, u16) -> Lookup + Send + Sync>;

/// The operating system's resolver. A look-up that nobody waits for any more goes on in a thread of its own until the
/// system gives up.
pub(super) fn system_resolver() -> Resolver {
    Box::new(|name, port| {
        let name = name.to_owned();
        Box::pin(async move { Ok(lookup_host((name, port)).await?.collect()) })
    })
}

/// Connects to the first address of `resource` that may be connected to and takes the connection.
pub(super) async fn connect(
    resource: &Resource,
    rules: &DeliveriesConfig,
    resolver: &Resolver,
    deadline: Instant,
) -> Result<TcpStream, Failure> {
    let mut addresses = resolve(resource, resolver).await?;
    addresses.retain(|address| resource.check(address.ip(), rules).is_ok());
    addresses.truncate(MAX_ADDRESSES);
    let mut failure = Failure::Forbidden;
    for (tried, address) in addresses.iter().enumerate() {
        // The time is shared, so that an address that never answers leaves some to the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        failure = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(Failure::Unreachable)?;
                return Ok(stream);
            }
            Ok(Err(error)) => Failure::Unreachable(error),
            Err(_) => Failure::TimedOut,
        };
    }
    Err(failure)
}

async fn resolve(resource: &Resource, resolver: &Resolver) -> Result<Vec<SocketAddr>, Failure> {
    let addresses = match &resource.host {
        Host::Domain(name) => resolver(name, resource.port).await,
        Host::Ipv4(address) => Ok(vec![SocketAddr::from((*address, resource.port))]),
        Host::Ipv6(address) => Ok(vec![SocketAddr::from((*address, resource.port))]),
    };
    match addresses.map_err(Failure::Unresolvable)? {
        none if none.is_empty() => Err(Failure::Unresolvable(io::ErrorKind::NotFound.into())),
        some => Ok(some),
    }
}

/// TLS, as far as this machine knows whom to trust.
pub(super) struct Tls(Option<TlsConnector>);

impl Tls {
    /// Trusts whom this machine trusts. It reads files for that.
    pub(super) async fn of_system() -> Self {
        let roots = spawn_blocking(system_authorities).await;
        Self::trusting(roots.unwrap_or_else(|_| RootCertStore::empty()))
    }

    /// Trusts the certificate authorities in `roots`.
    pub(super) fn trusting(roots: RootCertStore) -> Self {
        if roots.is_empty() {
            return Self(None);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has ciphers for these versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Some(TlsConnector::from(Arc::new(config))))
    }

    /// Makes `stream` secure; its other end must prove to be the host of `resource`.
    pub(super) async fn secure(
        &self,
        resource: &Resource,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let connector = self.0.as_ref().ok_or(Failure::NoAuthorities)?;
        let name = resource.server_name.clone();
        connector.connect(name, stream).await.map_err(Failure::Tls)
    }
}

/// The certificate authorities that this machine trusts.
fn system_authorities() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "some certificate authorities cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}
