//! Registration, login, and what a party may change about itself.
//!
//! A write is handed to the store when it is asked for, so that writes are done in the order in which
//! they were asked for; its result comes with the future. Tokens that are not valid cost the same work
//! whatever is wrong with them, and are counted against the address they came from.

use std::{error::Error, fmt, net::IpAddr, sync::Arc};

use nile_protocol::{
    cid::Cid,
    code::Code,
    information::Information,
    party::{ClientId, NodeId, PartyId, PartyKind},
    refusal::Refusal,
    reply::{Page, Reply},
    request::{Amendment, Registration},
    token::Token,
};
use nile_socketio::Outbox;
use tokio::time::Instant;

use super::{Instance, change::Changing};
use crate::{
    config::Admission,
    error::Fault,
    hub::WsId,
    limits::RetryAfter,
    store::{Authenticated, Change, LiveToken, NewNode, NodeUpdate, Protocol, Proven, Submission},
    token::{TokenHash, fresh_secret},
};

/// A reply, or the refusal that it is instead.
pub(crate) type Outcome = Result<Reply, Refusal>;

/// A write that the store has been asked for.
pub(crate) struct Pending<F> {
    /// Whether it has its place among the store's writes. If not, it takes it when it is polled.
    pub(crate) in_order: bool,
    /// What becomes of it.
    pub(crate) outcome: F,
}

/// Who sent a request, as far as that is known without a token.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    /// What the channel says it is.
    pub(crate) kind: PartyKind,
    /// How it came.
    pub(crate) protocol: Protocol,
    /// The address that limits count.
    pub(crate) address: IpAddr,
}

/// A token, as somebody presented it.
#[derive(Clone, Copy)]
struct Presented {
    party: PartyId,
    hash: TokenHash,
}

impl Presented {
    /// What is no token of this kind at all is looked up like one of a party that does not exist.
    fn new(kind: PartyKind, token: Option<&Token>) -> Self {
        let (party, secret) = match token {
            Some(token) if token.kind() == kind => (token.party(), token.secret()),
            Some(token) => (kind.party(NOBODY), token.secret()),
            None => (kind.party(NOBODY), &[0; 32]),
        };
        Self {
            party,
            hash: TokenHash::of(secret),
        }
    }
}

/// A number that is never given: ids begin at 1.
const NOBODY: i64 = 0;

/// A registration that the store has been asked for.
enum Registering {
    Client(Submission<ClientId>),
    Node(Submission<NodeId>),
}

impl Registering {
    fn is_queued(&self) -> bool {
        match self {
            Self::Client(written) => written.is_queued(),
            Self::Node(written) => written.is_queued(),
        }
    }

    async fn party(self) -> Result<PartyId, Fault> {
        Ok(match self {
            Self::Client(written) => PartyId::Client(written.await?),
            Self::Node(written) => PartyId::Node(written.await?),
        })
    }
}

impl Instance {
    /// Adds a party to the database and gives it a token.
    pub(crate) fn register(
        self: &Arc<Self>,
        registration: &Registration,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        self.limits
            .registration(sender.address, Instant::now())
            .map_err(rate_limited)?;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let (token, now) = (TokenHash::of(&secret), self.clock.now());
        let written = match registration {
            Registration::Client { information } => {
                let information = information.as_str().into();
                Registering::Client(self.store.register_client(token, information, now))
            }
            Registration::Node { hash, information } => {
                let node = NewNode {
                    hash: hash.as_str().into(),
                    information: information.as_str().into(),
                    protocol: sender.protocol,
                    approved: self.admission == Admission::Open,
                    delivery: None,
                };
                Registering::Node(self.store.register_node(token, node, now))
            }
        };
        Ok(Pending {
            in_order: written.is_queued(),
            outcome: async move {
                let party = written.party().await.map_err(|fault| refuse(&fault))?;
                let token = Token::new(party, secret);
                Ok(Reply::Registered { token })
            },
        })
    }

    /// Replaces what a party has told about itself.
    pub(crate) fn update(
        self: &Arc<Self>,
        token: Option<&Token>,
        amendment: &Amendment,
        address: IpAddr,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let Presented { party, hash: proof } = self.admit(amendment.kind(), token, address)?;
        let now = self.clock.now();
        let written = match amendment {
            Amendment::Client { information } => {
                let (id, information) = (ClientId(party.number()), information.as_str().into());
                self.store.update_client(id, proof, information, now)
            }
            Amendment::Node { hash, information } => {
                let update = NodeUpdate {
                    hash: hash.as_ref().map(|hash| hash.as_str().into()),
                    information: information.as_ref().map(|text| text.as_str().into()),
                };
                self.store
                    .update_node(NodeId(party.number()), proof, update, now)
            }
        };
        let change = Changing::new(self, party, proof, written);
        Ok(self.changed(change, address, || Reply::Updated))
    }

    /// Forgets a party, and closes its connections.
    pub(crate) fn delete(
        self: &Arc<Self>,
        token: Option<&Token>,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let Sender { kind, address, .. } = sender;
        let Presented { party, hash } = self.admit(kind, token, address)?;
        let written = self.store.delete(party, hash, self.clock.now());
        let change = Changing::new(self, party, hash, written).ending();
        Ok(self.changed(change, address, || Reply::Deleted))
    }

    /// Gives a party a new token, which replaces the present one when it is first used.
    pub(crate) fn rotate_token(
        self: &Arc<Self>,
        token: Option<&Token>,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let Sender { kind, address, .. } = sender;
        let Presented { party, hash } = self.admit(kind, token, address)?;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let new = TokenHash::of(&secret);
        let written = self.store.rotate_token(party, hash, new, self.clock.now());
        let change = Changing::new(self, party, hash, written);
        Ok(self.changed(change, address, move || Reply::TokenRotated {
            token: Token::new(party, secret),
        }))
    }

    /// Logs a connection in: from the reply on, it is on the online list as that party.
    ///
    /// Whatever it was there before stays as it is unless this succeeds.
    pub(crate) async fn log_in(
        self: Arc<Self>,
        token: Option<Token>,
        sender: Sender,
        connection: WsId,
        outbox: Outbox,
    ) -> Outcome {
        let presented = self.admit(sender.kind, token.as_ref(), sender.address)?;
        loop {
            let login = self.hub.begin_login(presented.party);
            let found = self
                .authenticate(presented, sender.address, Some(connection))
                .await?;
            // A token of this party may have been revoked since, and it may be this one: then look again.
            if login.join(connection, presented.hash, outbox.clone()) {
                return logged(presented.party, found);
            }
        }
    }

    /// Answers as a login does, for one who has no connection to be online on.
    pub(crate) async fn answer_login(
        self: Arc<Self>,
        token: Option<Token>,
        sender: Sender,
    ) -> Outcome {
        let presented = self.admit(sender.kind, token.as_ref(), sender.address)?;
        let found = self.authenticate(presented, sender.address, None).await?;
        logged(presented.party, found)
    }

    /// Whether a token of this address is looked at at all.
    fn admit(
        &self,
        kind: PartyKind,
        token: Option<&Token>,
        address: IpAddr,
    ) -> Result<Presented, Refusal> {
        self.limits
            .login_allowed(address, Instant::now())
            .map_err(rate_limited)?;
        Ok(Presented::new(kind, token))
    }

    /// Finds the party that the token is of, for the login of `connection`, if there is one. A new token
    /// is confirmed by this.
    async fn authenticate(
        self: &Arc<Self>,
        presented: Presented,
        address: IpAddr,
        connection: Option<WsId>,
    ) -> Result<Authenticated, Refusal> {
        let Presented { party, hash } = presented;
        let now = self.clock.now();
        let found = self.store.authenticate(party, hash, now).await;
        let Some(found) = found.map_err(|fault| refuse(&fault))? else {
            return Err(self.invalid_token(address));
        };
        if found.with == LiveToken::Next {
            let written = self.store.confirm_token(party, hash, now);
            let change = Changing::new(self, party, hash, written).of_login(connection);
            if change.await.map_err(|fault| refuse(&fault))? == Change::InvalidToken {
                return Err(self.invalid_token(address));
            }
        }
        Ok(found)
    }

    /// Turns what becomes of a change into a reply.
    fn changed<T, R>(
        self: &Arc<Self>,
        change: Changing<T>,
        address: IpAddr,
        reply: R,
    ) -> Pending<impl Future<Output = Outcome> + Send + use<T, R>>
    where
        T: Send + 'static,
        R: FnOnce() -> Reply + Send,
    {
        let instance = Arc::clone(self);
        Pending {
            in_order: change.is_queued(),
            outcome: async move {
                match change.await.map_err(|fault| refuse(&fault))? {
                    Proven::InvalidToken => Err(instance.invalid_token(address)),
                    Proven::Done { .. } => Ok(reply()),
                }
            },
        }
    }

    fn invalid_token(&self, address: IpAddr) -> Refusal {
        self.limits.login_failed(address, Instant::now());
        Refusal::invalid_token()
    }
}

fn logged(party: PartyId, found: Authenticated) -> Outcome {
    let damaged = |column: &'static str| {
        tracing::error!(%party, column, "could not read what a party has told: the row is damaged");
        Refusal::internal()
    };
    let hash = found
        .hash
        .map(|hash| Cid::parse(&hash).ok_or_else(|| damaged("hash")));
    let information = Information::restore(found.information.into());
    // What waits for the party comes with the messages by party.
    Ok(Reply::Logged {
        party,
        hash: hash.transpose()?,
        information: information.ok_or_else(|| damaged("information"))?,
        page: Page::default(),
    })
}

/// The refusal of what came too often.
pub(crate) fn rate_limited(retry: RetryAfter) -> Refusal {
    Refusal::rate_limited(u32::try_from(retry.seconds()).unwrap_or(u32::MAX))
}

/// What the asker is told of a fault; the operator is told the rest, here and only here.
fn refuse(fault: &Fault) -> Refusal {
    tracing::error!("{fault}{}", Causes(fault));
    Refusal::new(
        Code::Unavailable,
        "the instance cannot do this now; try again",
    )
}

/// The chain of an error's sources.
struct Causes<'a>(&'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
