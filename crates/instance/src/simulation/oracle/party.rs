//! Those who take part, and the tokens they were given.

use nile_protocol::party::{PartyId, PartyKind};

/// One of those who take part, by place.
pub(in crate::simulation) type Who = usize;

pub(in crate::simulation) struct Member {
    pub(in crate::simulation) kind: PartyKind,
    /// Who it is, when it was told.
    pub(in crate::simulation) identity: Option<Identity>,
}

#[derive(Clone)]
pub(in crate::simulation) struct Identity {
    pub(in crate::simulation) party: PartyId,
    /// Those it was given and that may be valid; the newest last.
    pub(in crate::simulation) tokens: Vec<String>,
    /// Those of them that were refused while the clock was wrong. Where they stand says nothing of their age.
    pub(in crate::simulation) doubtful: Vec<String>,
    /// Those that a newer one has replaced, which was told.
    pub(in crate::simulation) dead: Vec<String>,
}

impl Identity {
    pub(in crate::simulation) fn token(&self) -> &str {
        self.tokens.last().expect("the last is never forgotten")
    }

    /// A request with this token was served: those before it are not valid any more.
    pub(in crate::simulation) fn used(&mut self, token: &str) {
        if let Some(at) = self.tokens.iter().position(|known| known == token) {
            let before = self.tokens.drain(..at);
            let (doubtful, dead) = before.partition::<Vec<_>, _>(|it| self.doubtful.contains(it));
            self.dead.extend(dead);
            self.tokens.splice(..0, doubtful);
        }
    }

    /// This token was refused. Whether it may have been: there is another, or it was known to be dead. One
    /// that `may_live` is tried again after the others.
    pub(in crate::simulation) fn refused(&mut self, token: &str, may_live: bool) -> bool {
        let Some(at) = self.tokens.iter().position(|known| known == token) else {
            return true;
        };
        if self.tokens.len() == 1 {
            return false;
        }
        let token = self.tokens.remove(at);
        if may_live {
            self.doubtful.push(token.clone());
            self.tokens.insert(0, token);
        } else {
            self.dead.push(token);
        }
        true
    }
}
