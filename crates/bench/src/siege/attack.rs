//! What is thrown at the server, by how many, and what each of them may hear.
//!
//! **Whatever is heard that is not listed here breaks the promise**, and so does what is listed as certain and was
//! never heard: then the attack did not reach what it attacks.

use std::{collections::BTreeMap, time::Duration};

/// What one does who means no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// The head of a request, a byte a second.
    SlowHead,
    /// Its body.
    SlowBody,
    /// A frame of a WebSocket.
    SlowFrame,
    /// A session of Engine.IO on which nobody connects to Socket.IO.
    Silence,
    /// Requests without end whose answers are not read.
    Deaf,
    /// As many connections as one address can hold, and more.
    Connections,
    /// The same with long polling.
    Polling,
    /// Tokens of parties that there are with other secrets, and of such that there are not.
    WrongTokens,
    /// Registrations without end.
    Registrations,
    /// Bodies that are too large.
    LargeBodies,
    /// Messages on a WebSocket that are too large.
    LargeFrames,
    /// Frames that break the rules of WebSocket.
    BrokenFrames,
    /// Texts that are no request.
    Nonsense,
    /// The same, as fast as can be.
    Flood,
    /// Messages to one who never comes.
    FullQueue,
    /// A node that writes to everybody.
    Spam,
    /// Messages of others that are asked after, taken back and removed.
    Foreign,
    /// Guests that forward to connections which they guess.
    Guesses,
}

/// How often something may be heard.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// So often.
    Total(u64),
    /// So often at once, and again in each minute, for each address.
    Minute(u64),
}

/// An attack, and what is promised about it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) attack: Attack,
    /// What reports call it.
    pub(super) name: &'static str,
    /// How many do it at once.
    pub(super) crowd: usize,
    /// From how many addresses.
    pub(super) addresses: u8,
    /// How long each rests afterwards.
    pub(super) pause: Duration,
    /// How long an attempt may take until it has been answered or ended.
    pub(super) patience: Duration,
    /// What must be heard by some.
    certain: &'static [&'static str],
    /// What may be heard besides.
    possible: &'static [&'static str],
    most: Option<(&'static str, Bound)>,
}

/// The word for a connection that ended without one.
pub(super) const CLOSED: &str = "closed";
/// The word for what was not answered in time, which is never allowed.
pub(super) const LATE: &str = "no answer in time";

/// Longer than a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Longer than it takes to fill a connection, and then to be found deaf.
const DEAF: Duration = Duration::from_secs(45);
/// Longer than any siege.
const NEVER: Duration = Duration::from_hours(24);
/// How long anything may take that is answered at once.
const SOON: Duration = Duration::from_secs(30);

const fn plan(attack: Attack, name: &'static str, crowd: usize, addresses: u8) -> Plan {
    Plan {
        attack,
        name,
        crowd,
        addresses,
        pause: Duration::from_secs(1),
        patience: SOON,
        certain: &[],
        possible: &[],
        most: None,
    }
}

/// All of them.
pub(super) const PLANS: [Plan; 18] = [
    Plan {
        patience: HANDSHAKE,
        certain: &[CLOSED],
        ..plan(Attack::SlowHead, "slow heads", 800, 4)
    },
    Plan {
        patience: HANDSHAKE,
        certain: &["invalid_request"],
        ..plan(Attack::SlowBody, "slow bodies", 400, 2)
    },
    Plan {
        patience: NEVER,
        possible: &[CLOSED],
        ..plan(Attack::SlowFrame, "slow frames", 200, 1)
    },
    Plan {
        patience: HANDSHAKE,
        certain: &["1008"],
        ..plan(Attack::Silence, "silent sessions", 400, 2)
    },
    Plan {
        patience: DEAF,
        certain: &[CLOSED],
        ..plan(Attack::Deaf, "non-readers", 200, 1)
    },
    Plan {
        patience: NEVER,
        certain: &["open", "rate_limited"],
        possible: &[CLOSED],
        most: Some(("open", Bound::Total(1000))),
        ..plan(Attack::Connections, "connections", 1200, 1)
    },
    Plan {
        certain: &["200", "rate_limited"],
        ..plan(Attack::Polling, "polling sessions", 300, 1)
    },
    Plan {
        pause: Duration::from_millis(50),
        certain: &["invalid_token", "rate_limited"],
        ..plan(Attack::WrongTokens, "wrong tokens", 200, 2)
    },
    Plan {
        pause: Duration::from_millis(50),
        certain: &["200", "rate_limited"],
        most: Some(("200", Bound::Minute(600))),
        ..plan(Attack::Registrations, "registrations", 100, 2)
    },
    Plan {
        certain: &["too_large"],
        possible: &["rate_limited"],
        ..plan(Attack::LargeBodies, "oversize bodies", 50, 1)
    },
    Plan {
        certain: &["1009"],
        possible: &["rate_limited"],
        ..plan(Attack::LargeFrames, "oversize frames", 50, 1)
    },
    Plan {
        certain: &["1002", "1007"],
        possible: &["rate_limited"],
        ..plan(Attack::BrokenFrames, "broken frames", 100, 2)
    },
    Plan {
        certain: &["as it should be"],
        possible: &["rate_limited"],
        ..plan(Attack::Nonsense, "malformed texts", 100, 2)
    },
    Plan {
        certain: &["1008"],
        possible: &[CLOSED],
        ..plan(Attack::Flood, "floods", 20, 1)
    },
    Plan {
        pause: Duration::from_millis(100),
        certain: &["200", "queue_full"],
        most: Some(("200", Bound::Total(1000))),
        ..plan(Attack::FullQueue, "full queues", 20, 1)
    },
    Plan {
        pause: Duration::from_millis(100),
        certain: &["unknown_recipient"],
        ..plan(Attack::Spam, "spam of nodes", 20, 1)
    },
    Plan {
        pause: Duration::from_millis(100),
        certain: &["unknown_message", "200"],
        ..plan(Attack::Foreign, "messages of others", 20, 1)
    },
    Plan {
        pause: Duration::from_millis(100),
        certain: &["recipient_offline"],
        ..plan(Attack::Guesses, "guessed connections", 50, 1)
    },
];

impl Plan {
    /// What of the promise was not kept.
    pub(super) fn broken(&self, heard: &BTreeMap<String, u64>, lasted: Duration) -> Vec<String> {
        let mut broken = Vec::new();
        for (word, times) in heard {
            let word = word.as_str();
            if !self.certain.contains(&word) && !self.possible.contains(&word) {
                broken.push(format!("{}: {times} times {word}", self.name));
            }
        }
        for word in self.certain {
            if !heard.contains_key(*word) {
                broken.push(format!("{}: never {word}", self.name));
            }
        }
        if let Some((word, bound)) = self.most {
            let times = heard.get(word).copied().unwrap_or_default();
            let most = bound.after(lasted) * self.factor(bound);
            if times > most {
                broken.push(format!(
                    "{}: {times} times {word}, more than {most}",
                    self.name
                ));
            }
        }
        broken
    }

    fn factor(&self, bound: Bound) -> u64 {
        match bound {
            Bound::Total(_) => 1,
            Bound::Minute(_) => u64::from(self.addresses),
        }
    }
}

impl Bound {
    /// How often after so long, rounded up.
    const fn after(self, lasted: Duration) -> u64 {
        match self {
            Self::Total(times) => times,
            Self::Minute(times) => times + times * (lasted.as_secs() + 1) / 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(words: &[(&str, u64)]) -> BTreeMap<String, u64> {
        words
            .iter()
            .map(|(word, times)| ((*word).to_owned(), *times))
            .collect()
    }

    #[test]
    fn what_is_not_promised_is_told() {
        let minute = Duration::from_mins(1);
        let plan = Plan {
            certain: &["200", "rate_limited"],
            possible: &[CLOSED],
            most: Some(("200", Bound::Minute(10))),
            ..plan(Attack::Registrations, "registrations", 1, 2)
        };
        let kept = heard(&[("200", 40), ("rate_limited", 1), (CLOSED, 9)]);
        assert_eq!(plan.broken(&kept, minute), Vec::<String>::new());
        let cases = [
            (heard(&[("200", 1)]), "never rate_limited"),
            (heard(&[("200", 43), ("rate_limited", 1)]), "more than 40"),
            (
                heard(&[("200", 1), ("rate_limited", 1), (LATE, 2)]),
                "2 times no answer",
            ),
        ];
        for (heard, expected) in cases {
            let broken = plan.broken(&heard, minute);
            assert!(
                broken.len() == 1 && broken[0].contains(expected),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn no_attack_is_planned_twice() {
        for (at, plan) in PLANS.iter().enumerate() {
            let others = PLANS[at + 1..].iter();
            assert!(others.filter(|other| other.attack == plan.attack).count() == 0);
        }
    }
}
