//! How a silent peer is told from a dead one: somebody pings, and the other side answers in time.

use tokio::time::Instant;

use crate::{close::End, options::Options};

/// One connection's heartbeat. The first ping is due one interval after the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// When the next ping is due, whoever sends it.
    ping: Instant,
    /// When the answer to our ping is due at the latest.
    pong_by: Option<Instant>,
}

impl Heartbeat {
    /// A heartbeat that begins now.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            ping: Instant::now() + options.ping_interval,
            pong_by: None,
        }
    }

    /// The peer pinged, or answered our ping.
    pub fn heard(&mut self, options: &Options) {
        *self = Self::new(options);
    }

    /// Where this side pings: calls `ping` when one is due, and tells when to look again.
    pub fn beat(
        &mut self,
        now: Instant,
        options: &Options,
        ping: impl FnOnce(),
    ) -> Result<Instant, End> {
        match self.pong_by {
            Some(by) if now >= by => Err(End::Silent),
            Some(by) => Ok(by.min(now + options.ping_interval)),
            None if now >= self.ping => {
                ping();
                let by = now + options.ping_timeout;
                self.pong_by = Some(by);
                Ok(by.min(now + options.ping_interval))
            }
            None => Ok(self.ping),
        }
    }

    /// Where the peer pings: whether it still does, and when to look again.
    pub fn listen(&self, now: Instant, options: &Options) -> Result<Instant, End> {
        let by = self.ping + options.ping_timeout;
        if now >= by { Err(End::Silent) } else { Ok(by) }
    }
}
