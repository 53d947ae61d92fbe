//! What is known of a party that has registered: its tokens, what it tells about itself, and whether it is there.
//!
//! A change that was asked for and not answered may have been made or not. So all that may be is kept, and
//! **every answer strikes out what contradicts it; if nothing is left, the server has broken its word.**

use nile_protocol::party::PartyId;

pub(super) struct Account {
    pub(super) party: PartyId,
    /// Never empty.
    possible: Vec<Credential>,
    /// All tokens that it has been told.
    told: Vec<String>,
    /// The names that it may have.
    names: Vec<String>,
    pub(super) deleted: Deleted,
    /// In which life it was last asked whether it is there.
    pub(super) seen: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    No,
    Perhaps,
    Yes,
}

/// One thing that the server may know of a party's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Credential {
    current: String,
    next: Next,
}

/// The token that a rotation has given.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    None,
    /// Its answer was lost, or is to come.
    Untold,
    Told(String),
}

impl Credential {
    /// What it is after `token` was used; `None`, if that is not a live one.
    fn used(&self, token: &str) -> Option<Self> {
        if self.current == token {
            return Some(self.clone());
        }
        let is_next = matches!(&self.next, Next::Told(next) if next == token);
        is_next.then(|| Self {
            current: token.to_owned(),
            next: Next::None,
        })
    }

    fn rotated(&self, token: &str, next: Next) -> Option<Self> {
        self.used(token).map(|used| Self { next, ..used })
    }
}

impl Account {
    pub(super) fn new(party: PartyId, token: String, name: String, life: u32) -> Self {
        Self {
            party,
            possible: vec![Credential {
                current: token.clone(),
                next: Next::None,
            }],
            told: vec![token],
            names: vec![name],
            deleted: Deleted::No,
            seen: life,
        }
    }

    /// The tokens that may be live. One of them is.
    pub(super) fn tokens(&self) -> Vec<String> {
        let live = |token: &&String| {
            let mut possible = self.possible.iter();
            possible.any(|credential| credential.used(token).is_some())
        };
        self.told.iter().filter(live).cloned().collect()
    }

    /// Tokens that cannot be live any more.
    pub(super) fn dead_tokens(&self) -> Vec<String> {
        let live = self.tokens();
        let dead = |token: &&String| !live.contains(token);
        self.told.iter().filter(dead).cloned().collect()
    }

    /// Whether the first use of this token may be yet to come. It closes connections that came with another.
    pub(super) fn may_be_new(&self, token: &str) -> bool {
        let mut possible = self.possible.iter();
        possible.any(|credential| credential.current != token)
    }

    /// Something is asked for with this token.
    pub(super) fn uses(&mut self, token: &str) {
        self.may_become(|credential| credential.used(token));
    }

    /// What was asked for with this token was done.
    pub(super) fn used(&mut self, token: &str) {
        self.becomes(
            |credential| credential.used(token),
            || format!("{token} was taken"),
        );
    }

    /// This token was not taken for one.
    pub(super) fn refused(&mut self, token: &str) {
        match self.deleted {
            Deleted::Yes => return,
            Deleted::Perhaps => {
                self.deleted = Deleted::Yes;
                return;
            }
            Deleted::No => {}
        }
        let is_dead = |credential: &Credential| credential.used(token).is_none();
        self.becomes(
            |credential| is_dead(credential).then(|| credential.clone()),
            || format!("{token} was refused"),
        );
    }

    /// A new token is asked for with this one.
    pub(super) fn rotates(&mut self, token: &str) {
        self.may_become(|credential| credential.rotated(token, Next::Untold));
    }

    /// The new token was told.
    pub(super) fn rotated(&mut self, token: &str, next: String) {
        assert!(!self.told.contains(&next), "a token was given again");
        let told = || Next::Told(next.clone());
        self.becomes(
            |credential| credential.rotated(token, told()),
            || format!("{token} was exchanged"),
        );
        self.told.push(next);
    }

    /// It asks to be called so.
    pub(super) fn renames(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    pub(super) fn renamed(&mut self, name: &str) {
        self.names = vec![name.to_owned()];
    }

    /// It has logged in with this token, and was told this name.
    pub(super) fn logged_in(&mut self, token: &str, name: &str, life: u32) {
        assert_ne!(self.deleted, Deleted::Yes, "{} is there again", self.party);
        self.deleted = Deleted::No;
        self.seen = life;
        self.used(token);
        let known = self.names.iter().any(|known| known == name);
        assert!(known, "{}: {name}, not {:?}", self.party, self.names);
        self.renamed(name);
    }

    fn may_become(&mut self, change: impl Fn(&Credential) -> Option<Credential>) {
        for changed in self.changed(change) {
            if !self.possible.contains(&changed) {
                self.possible.push(changed);
            }
        }
    }

    fn becomes(
        &mut self,
        change: impl Fn(&Credential) -> Option<Credential>,
        what: impl Fn() -> String,
    ) {
        let changed = self.changed(change);
        let (party, before) = (self.party, &self.possible);
        assert!(!changed.is_empty(), "{party}: {}: {before:?}", what());
        self.possible = changed;
        self.possible.dedup();
    }

    fn changed(&self, change: impl Fn(&Credential) -> Option<Credential>) -> Vec<Credential> {
        self.possible.iter().filter_map(change).collect()
    }
}
