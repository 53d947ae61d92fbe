//! Registration, login, and what a party may change about itself.
//!
//! A write is handed to the store when it is asked for, so that writes are done in the order in which
//! they were asked for; its result comes with the future. Tokens that are not valid cost the same work
//! whatever is wrong with them, and are counted against the address they came from.

use std::{error::Error, fmt, net::IpAddr, sync::Arc};

use nile_protocol::{
    code::Code,
    information::Information,
    party::{ClientId, PartyId},
    refusal::Refusal,
    reply::{Page, Reply},
    token::Token,
};
use nile_socketio::Outbox;
use tokio::time::Instant;

use super::{Instance, change::Changing};
use crate::{
    error::Fault,
    hub::WsId,
    limits::RetryAfter,
    store::{Authenticated, Change, LiveToken},
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

/// A client's token, as somebody presented it.
#[derive(Clone, Copy)]
struct Presented {
    client: ClientId,
    hash: TokenHash,
}

impl Presented {
    /// What is no token at all is looked up like one of a client that does not exist.
    fn new(token: Option<&Token>) -> Self {
        let (client, secret) = match token {
            Some(token) => match token.party() {
                PartyId::Client(client) => (client, token.secret()),
                PartyId::Node(_) => (NOBODY, token.secret()),
            },
            None => (NOBODY, &[0; 32]),
        };
        Self {
            client,
            hash: TokenHash::of(secret),
        }
    }

    fn party(self) -> PartyId {
        PartyId::Client(self.client)
    }
}

/// A number that is never given: ids begin at 1.
const NOBODY: ClientId = ClientId(0);

impl Instance {
    /// Adds a client to the database and gives it a token.
    pub(crate) fn register(
        self: &Arc<Self>,
        information: &Information,
        address: IpAddr,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        self.limits
            .registration(address, Instant::now())
            .map_err(rate_limited)?;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let written = self.store.register_client(
            TokenHash::of(&secret),
            information.as_str().into(),
            self.clock.now(),
        );
        Ok(Pending {
            in_order: written.is_queued(),
            outcome: async move {
                let client = written.await.map_err(|fault| refuse(&fault))?;
                let token = Token::new(PartyId::Client(client), secret);
                Ok(Reply::Registered { token })
            },
        })
    }

    /// Replaces a client's information.
    pub(crate) fn update(
        self: &Arc<Self>,
        token: Option<&Token>,
        information: &Information,
        address: IpAddr,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let presented = self.admit(token, address)?;
        let Presented { client, hash } = presented;
        let information = information.as_str().into();
        let written = self
            .store
            .update_client(client, hash, information, self.clock.now());
        let change = Changing::new(self, presented.party(), hash, written);
        Ok(self.changed(change, address, || Reply::Updated))
    }

    /// Forgets a client, and closes its connections.
    pub(crate) fn delete(
        self: &Arc<Self>,
        token: Option<&Token>,
        address: IpAddr,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let presented = self.admit(token, address)?;
        let Presented { client, hash } = presented;
        let written = self.store.delete_client(client, hash, self.clock.now());
        let change = Changing::new(self, presented.party(), hash, written).ending();
        Ok(self.changed(change, address, || Reply::Deleted))
    }

    /// Gives a client a new token, which replaces the present one when it is first used.
    pub(crate) fn rotate_token(
        self: &Arc<Self>,
        token: Option<&Token>,
        address: IpAddr,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let presented = self.admit(token, address)?;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let Presented { client, hash } = presented;
        let new = TokenHash::of(&secret);
        let written = self
            .store
            .rotate_client_token(client, hash, new, self.clock.now());
        let party = presented.party();
        let change = Changing::new(self, party, hash, written);
        Ok(self.changed(change, address, move || Reply::TokenRotated {
            token: Token::new(party, secret),
        }))
    }

    /// Logs a connection in: from the reply on, it is on the online list as that client.
    ///
    /// Whatever it was there before stays as it is unless this succeeds.
    pub(crate) async fn log_in(
        self: Arc<Self>,
        token: Option<Token>,
        address: IpAddr,
        connection: WsId,
        outbox: Outbox,
    ) -> Outcome {
        let presented = self.admit(token.as_ref(), address)?;
        loop {
            let login = self.hub.begin_login(presented.party());
            let found = self.authenticate(presented, address).await?;
            // A token of this party may have been revoked since, and it may be this one: then look again.
            if login.join(connection, presented.hash, outbox.clone()) {
                return logged(presented, found);
            }
        }
    }

    /// Answers as a login does, for one who has no connection to be online on.
    pub(crate) async fn answer_login(
        self: Arc<Self>,
        token: Option<Token>,
        address: IpAddr,
    ) -> Outcome {
        let presented = self.admit(token.as_ref(), address)?;
        let found = self.authenticate(presented, address).await?;
        logged(presented, found)
    }

    /// Whether a token of this address is looked at at all.
    fn admit(&self, token: Option<&Token>, address: IpAddr) -> Result<Presented, Refusal> {
        self.limits
            .login_allowed(address, Instant::now())
            .map_err(rate_limited)?;
        Ok(Presented::new(token))
    }

    /// Finds the client that the token is of. A new token is confirmed by this.
    async fn authenticate(
        self: &Arc<Self>,
        presented: Presented,
        address: IpAddr,
    ) -> Result<Authenticated, Refusal> {
        let Presented { client, hash } = presented;
        let now = self.clock.now();
        let found = self.store.authenticate_client(client, hash, now).await;
        let Some(found) = found.map_err(|fault| refuse(&fault))? else {
            return Err(self.invalid_token(address));
        };
        if found.with == LiveToken::Next {
            let written = self.store.confirm_client_token(client, hash, now);
            let change = Changing::new(self, presented.party(), hash, written).await;
            if change.map_err(|fault| refuse(&fault))? == Change::InvalidToken {
                return Err(self.invalid_token(address));
            }
        }
        Ok(found)
    }

    /// Turns what becomes of a change into a reply.
    fn changed<R>(
        self: &Arc<Self>,
        change: Changing,
        address: IpAddr,
        reply: R,
    ) -> Pending<impl Future<Output = Outcome> + Send + use<R>>
    where
        R: FnOnce() -> Reply + Send,
    {
        let instance = Arc::clone(self);
        Pending {
            in_order: change.is_queued(),
            outcome: async move {
                match change.await.map_err(|fault| refuse(&fault))? {
                    Change::InvalidToken => Err(instance.invalid_token(address)),
                    Change::Made { .. } => Ok(reply()),
                }
            },
        }
    }

    fn invalid_token(&self, address: IpAddr) -> Refusal {
        self.limits.login_failed(address, Instant::now());
        Refusal::invalid_token()
    }
}

fn logged(presented: Presented, found: Authenticated) -> Outcome {
    let information = Information::restore(found.information.into()).ok_or_else(|| {
        let fault = Fault::new(
            "read a client's information",
            "the row is not a JSON object",
        );
        tracing::error!(client = presented.client.0, "{fault}: the row is damaged");
        Refusal::internal()
    })?;
    // What waits for the client comes with the messages by party.
    Ok(Reply::Logged {
        party: presented.party(),
        information,
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
