//! Who asks, and how that is proved: the way of every request that is made in a party's name.
//!
//! **A token that is not valid costs the same work whatever is wrong with it**, and is counted against the
//! address it came from. What a request made in a party's name changes here follows its commit, also when
//! the one who asked has left.

use std::{error::Error, fmt, net::IpAddr, sync::Arc};

use nile_protocol::{
    code::Code,
    party::{MAX_INTEGER, PartyId, PartyKind},
    refusal::Refusal,
    reply::Reply,
    request::Proof,
    token::Token,
};
use tokio::time::Instant;

use super::{Instance, follow::Following};
use crate::{
    error::Fault,
    hub::WsId,
    limits::RetryAfter,
    store::{Authority, Protocol, Proven, Submission},
    token::TokenHash,
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
    /// Who is logged in on the connection that it came on.
    pub(crate) party: Option<PartyId>,
}

/// A token, as somebody presented it.
#[derive(Clone, Copy)]
pub(super) struct Presented {
    pub(super) party: PartyId,
    pub(super) hash: TokenHash,
    pub(super) address: IpAddr,
}

impl Presented {
    /// What is no token of this kind at all is looked up like one of a party that does not exist.
    fn new(token: Option<&Token>, sender: Sender) -> Self {
        let Sender { kind, address, .. } = sender;
        let (party, secret) = match token {
            Some(token) if token.kind() == kind => (token.party(), token.secret()),
            Some(token) => (kind.party(NOBODY), token.secret()),
            None => (kind.party(NOBODY), &[0; 32]),
        };
        Self {
            party,
            hash: TokenHash::of(secret),
            address,
        }
    }
}

/// A number that is never given. It is larger than all that are: the store reads a row for it all the same.
const NOBODY: i64 = MAX_INTEGER + 1;

/// In whose name something is asked.
#[derive(Clone, Copy)]
pub(super) struct Asking {
    pub(super) party: PartyId,
    pub(super) authority: Authority,
    address: IpAddr,
    /// The connection that logs in by this, if one does.
    login: Option<WsId>,
}

impl From<Presented> for Asking {
    fn from(presented: Presented) -> Self {
        let Presented {
            party,
            hash,
            address,
        } = presented;
        Self {
            party,
            authority: Authority::Token(hash),
            address,
            login: None,
        }
    }
}

impl Asking {
    /// The same, where it is part of the login of `connection`.
    pub(super) const fn of_login(self, login: Option<WsId>) -> Self {
        Self { login, ..self }
    }
}

impl Instance {
    /// Whether a token of this address is looked at at all.
    pub(super) fn admit(
        &self,
        token: Option<&Token>,
        sender: Sender,
    ) -> Result<Presented, Refusal> {
        self.limits
            .login_allowed(sender.address, Instant::now())
            .map_err(rate_limited)?;
        Ok(Presented::new(token, sender))
    }

    /// In whose name a request about messages is: with a token, its party's; without, that of whoever is
    /// logged in.
    pub(super) fn asking(&self, proof: &Proof, sender: Sender) -> Result<Asking, Refusal> {
        match (proof, sender.party) {
            (Proof::Token(token), _) => Ok(self.admit(token.as_ref(), sender)?.into()),
            (Proof::Connection, Some(party)) if party.kind() == sender.kind => Ok(Asking {
                party,
                authority: Authority::Session,
                address: sender.address,
                login: None,
            }),
            (Proof::Connection, _) => Err(match sender.protocol {
                Protocol::WebSocket => Refusal::not_logged_in(),
                Protocol::Http => Refusal::invalid_parameters("token", "is missing"),
            }),
        }
    }

    /// What becomes of something that the store was asked in a party's name. `then` is what follows from it
    /// here, and makes the reply.
    pub(super) fn proven<T, F>(
        self: &Arc<Self>,
        asking: Asking,
        written: Submission<Proven<T>>,
        then: F,
    ) -> Pending<impl Future<Output = Outcome> + Send + use<T, F>>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Self>, T) -> Outcome + Send + Unpin + 'static,
    {
        let instance = Arc::clone(self);
        let following = Following::new(written, move |proven| {
            let Proven::Done { confirmed, outcome } = proven else {
                instance.limits.login_failed(asking.address, Instant::now());
                return Err(Refusal::invalid_token());
            };
            if let (true, Authority::Token(token)) = (confirmed, asking.authority) {
                instance.hub.revoke(asking.party, Some(token), asking.login);
            }
            then(&instance, outcome)
        });
        Pending {
            in_order: following.is_queued(),
            outcome: async move { following.await.unwrap_or_else(|fault| Err(refuse(&fault))) },
        }
    }
}

/// The refusal of what came too often.
pub(crate) fn rate_limited(retry: RetryAfter) -> Refusal {
    Refusal::rate_limited(u32::try_from(retry.seconds()).unwrap_or(u32::MAX))
}

/// What the asker is told of a fault; the operator is told the rest.
pub(super) fn refuse(fault: &Fault) -> Refusal {
    report(fault);
    Refusal::new(
        Code::Unavailable,
        "the instance cannot do this now; try again",
    )
}

/// Tells the operator of a fault, where it stops: here and only here.
pub(super) fn report(fault: &Fault) {
    tracing::error!("{fault}{}", Causes(fault));
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
