//! Where a node wants its messages: a URL that a stranger gave.
//!
//! Invariant: whoever holds a [`Resource`] holds a URL that is well-formed and not plainly forbidden, in one spelling.
//! Where its name leads is not known here: that is asked anew for each delivery, and judged by the same rules.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderValue, Uri};
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Position, Url};

use super::address::is_global;
use crate::{address::Networks, config::DeliveriesConfig};

/// The longest URL, in bytes, as it came and as it is kept.
const MAX_BYTES: usize = 2048;

/// What is appended to the URL: the channel of a client's message to a node.
const CHANNEL: &str = "/client/to/node";

/// Where a node wants its messages: a URL that was checked for its form.
///
/// `Display` gives the URL as the URL standard normalises it and without a slash at its end, which parses to the same
/// resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    text: String,
    /// Whether TLS is spoken.
    pub(super) secure: bool,
    pub(super) port: u16,
    pub(super) host: Host<String>,
    /// The host as a certificate names it.
    pub(super) server_name: ServerName<'static>,
    /// The host, and the port where it is not the usual one, as the header `Host` has them.
    pub(super) authority: HeaderValue,
    /// The path that is posted to.
    pub(super) target: Uri,
}

impl Resource {
    /// Reads a URL; where it cannot be one of a node, the error is a sentence for the node's developer.
    pub fn parse(text: &str, rules: &DeliveriesConfig) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("it is longer than 2048 bytes");
        }
        let url = Url::parse(text).map_err(|_| "it is not an absolute URL")?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("it does not start with https://"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it contains a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it has a query or a fragment");
        }
        let resource = Self::assemble(&url, secure)?;
        resource.check_form(rules)?;
        Ok(resource)
    }

    fn assemble(url: &Url, secure: bool) -> Result<Self, &'static str> {
        const NO_HOST: &str = "its host is not a name or address";
        let text = url.as_str().trim_end_matches('/').to_owned();
        if text.len() > MAX_BYTES {
            return Err("it is longer than 2048 bytes when it is spelt out");
        }
        let host = url.host().ok_or(NO_HOST)?.to_owned();
        let server_name = match &host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| NO_HOST)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::from(*address)),
        };
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let path = url.path().trim_end_matches('/');
        Ok(Self {
            text,
            secure,
            port: url.port_or_known_default().ok_or("it has no port")?,
            host,
            server_name,
            authority: HeaderValue::from_str(authority).map_err(|_| NO_HOST)?,
            target: Uri::try_from(format!("{path}{CHANNEL}"))
                .map_err(|_| "its path has characters that must be percent-encoded")?,
        })
    }

    /// Refuses what no address that the host may have can make good.
    fn check_form(&self, rules: &DeliveriesConfig) -> Result<(), &'static str> {
        match self.address() {
            Some(address) => self.check(address.ip(), rules),
            None if rules.trusted_networks == Networks::default() => self.check_public(rules),
            None => Ok(()),
        }
    }

    /// Whether messages may go to `address`, or why not.
    pub(super) fn check(
        &self,
        address: IpAddr,
        rules: &DeliveriesConfig,
    ) -> Result<(), &'static str> {
        if rules.trusted_networks.contains(address) {
            Ok(())
        } else if is_global(address) {
            self.check_public(rules)
        } else {
            Err("its address is not one of the public internet")
        }
    }

    fn check_public(&self, rules: &DeliveriesConfig) -> Result<(), &'static str> {
        if !self.secure && !rules.plain_http {
            return Err("it does not start with https://");
        }
        if !rules.ports.iter().any(|port| port.get() == self.port) {
            return Err("its port is not one that this instance delivers to");
        }
        Ok(())
    }

    /// The address where the host is one, and no name.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let address = match self.host {
            Host::Domain(_) => return None,
            Host::Ipv4(address) => IpAddr::from(address),
            Host::Ipv6(address) => IpAddr::from(address),
        };
        Some(SocketAddr::new(address, self.port))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
