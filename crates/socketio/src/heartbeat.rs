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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::patience::Bounds;

    /// For slow networks: an answer may take longer than it is to the next ping.
    fn options() -> Options {
        let seconds = Duration::from_secs;
        Options {
            ping_interval: seconds(10),
            ping_timeout: seconds(25),
            connect: seconds(10),
            upgrade: seconds(10),
            max_outbound: 1024,
            bounds: Arc::new(Bounds {
                max_message: 1024,
                handshake: seconds(10),
                write: seconds(20),
                close: seconds(5),
            }),
        }
    }

    #[test]
    fn who_is_asked_has_the_whole_timeout_to_answer() {
        let options = options();
        let mut heartbeat = Heartbeat::new(&options);
        let begin = heartbeat.ping - options.ping_interval;
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut pings = 0;
        let mut beat = |seconds| heartbeat.beat(at(seconds), &options, || pings += 1).ok();
        assert_eq!(beat(9), Some(at(10)));
        assert_eq!(beat(10), Some(at(20)));
        assert_eq!(beat(20), Some(at(30)));
        assert_eq!(beat(34), Some(at(35)));
        assert_eq!(beat(35), None);
        assert_eq!(pings, 1);
    }

    #[test]
    fn who_has_to_ask_has_an_interval_and_the_timeout_to_do_so() {
        let options = options();
        let heartbeat = Heartbeat::new(&options);
        let begin = heartbeat.ping - options.ping_interval;
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(heartbeat.listen(at(34), &options).ok(), Some(at(35)));
        assert!(heartbeat.listen(at(35), &options).is_err());
    }
}
