//! Who a request comes from, and what it has been granted before anyone looked at it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use http::request::Parts;
use tokio::time::Instant;

use crate::limits::{AddressPermit, Limits, Quota, Rate, RetryAfter, SocketPermit};

/// One accepted TCP connection.
#[derive(Debug)]
pub struct Arrival {
    /// Who is at the other end of it: a party, or a proxy.
    pub peer: IpAddr,
    /// Whether the peer is a proxy that speaks for many.
    pub proxied: bool,
    rate: Mutex<Rate>,
    _socket: SocketPermit,
    /// A proxy has none: those it speaks for are counted one by one.
    _address: Option<AddressPermit>,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The address that limits count.
    pub address: IpAddr,
    /// Whether it came through a trusted proxy.
    pub proxied: bool,
}

impl Arrival {
    /// A connection that was let in.
    #[must_use]
    pub fn new(
        peer: IpAddr,
        proxied: bool,
        socket: SocketPermit,
        address: Option<AddressPermit>,
    ) -> Self {
        Self {
            peer,
            proxied,
            rate: Mutex::new(Rate::default()),
            _socket: socket,
            _address: address,
        }
    }

    /// The connection that this request came on.
    #[must_use]
    pub fn of(request: &Parts) -> &Self {
        let arrival: &Arc<Self> = request
            .extensions
            .get()
            .expect("the doorman tells of every request on what it came");
        arrival
    }

    /// Counts a request over plain HTTP. A proxy's connection carries many parties' requests, and is not
    /// held to what one may ask.
    pub fn request(&self, quota: Quota) -> Result<(), RetryAfter> {
        if self.proxied {
            return Ok(());
        }
        // A rate is one value; nothing can panic halfway through changing it.
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.take(Instant::now(), quota)
    }
}

impl Caller {
    /// Who sent this request.
    #[must_use]
    pub fn of(request: &Parts) -> Self {
        *request
            .extensions
            .get()
            .expect("the gate names the caller of every request")
    }

    /// The place of a WebSocket. One that comes through no proxy has it already, with its TCP connection.
    pub fn websocket_place(
        self,
        limits: &Arc<Limits>,
    ) -> Result<Option<AddressPermit>, RetryAfter> {
        if !self.proxied {
            return Ok(None);
        }
        limits.connection(self.address, Instant::now()).map(Some)
    }
}
