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

/// Who sent a request. It holds the connection's place among all connections.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The address that limits count.
    pub address: IpAddr,
    /// The connection that the request came on.
    pub arrival: Arc<Arrival>,
}

/// What a connection holds while it lives.
#[derive(Debug)]
pub struct Hold {
    _arrival: Arc<Arrival>,
    _address: Option<AddressPermit>,
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
        let rate = Mutex::new(Rate::default());
        Self {
            peer,
            proxied,
            rate,
            _socket: socket,
            _address: address,
        }
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
    pub fn of(request: &Parts) -> &Self {
        request
            .extensions
            .get()
            .expect("the gate names the caller of every request")
    }

    /// The place of a connection that outlives its first request.
    pub fn hold(&self, limits: &Arc<Limits>) -> Result<Hold, RetryAfter> {
        let address = if self.arrival.proxied {
            Some(limits.connection(self.address, Instant::now())?)
        } else {
            None
        };
        Ok(Hold {
            _arrival: Arc::clone(&self.arrival),
            _address: address,
        })
    }

    /// The place of a polling session, which is on no one TCP connection.
    pub fn hold_polling(&self, limits: &Arc<Limits>) -> Result<AddressPermit, RetryAfter> {
        limits.polling_session(self.address, Instant::now())
    }
}
