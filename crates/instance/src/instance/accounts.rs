//! Registration, login, and what a party may change about itself.
//!
//! A write is handed to the store when it is asked for, so that writes are done in the order in which
//! they were asked for; its result comes with the future.

use std::sync::Arc;

use nile_protocol::{
    cid::Cid,
    information::Information,
    party::{ClientId, NodeId, PartyId},
    refusal::Refusal,
    reply::Reply,
    request::Amendment,
    token::{self, Token},
};
use tokio::time::Instant;

use super::{
    Instance,
    delivery::page_limit,
    follow::Following,
    posting::Address,
    proof::{Asking, Outcome, Pending, Presented, Sender, rate_limited, refuse},
};
use crate::{
    config::Admission,
    courier::DeliverySecret,
    hub::{Card, Joining, Kind, Line, Start, WsId},
    store::{Authenticated, Delivery, LiveToken, LoggedIn, NewNode, NodeUpdate, Page, Protocol},
    token::{TokenHash, fresh_secret},
};

impl Instance {
    /// Adds a client to the database and gives it a token.
    pub(crate) fn register_client(
        self: &Arc<Self>,
        information: &Information,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        self.count_registration(sender)?;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let (token, now) = (TokenHash::of(&secret), self.clock.now());
        let information = information.as_str().into();
        let written = self.store.register_client(token, information, now);
        Ok(Pending {
            in_order: written.is_queued(),
            outcome: async move {
                let id = written.await.map_err(|fault| refuse(&fault))?;
                Ok(Reply::Registered {
                    token: Token::new(PartyId::Client(id), secret),
                    delivery_secret: None,
                })
            },
        })
    }

    /// Adds a node to the database and gives it a token.
    pub(crate) fn register_node(
        self: &Arc<Self>,
        told: Card,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        self.count_registration(sender)?;
        self.add_node(told, sender, None)
    }

    /// The same for a node that has its messages posted, when it has proved that it is there.
    pub(crate) async fn register_node_at(
        self: Arc<Self>,
        resource: String,
        told: Card,
        sender: Sender,
    ) -> Outcome {
        if sender.protocol != Protocol::Http {
            let msg = "is for nodes that register over HTTP";
            return Err(Refusal::invalid_parameters("resource", msg));
        }
        self.count_registration(sender)?;
        let refused = |reason| Refusal::invalid_parameters("resource", reason);
        let resource = self.courier.resource(&resource).map_err(refused)?;
        let challenged = self.courier.challenge(&resource).await;
        challenged.map_err(|failure| refused(failure.reason()))?;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let secret = DeliverySecret::from_bytes(secret);
        let added = self.add_node(told, sender, Some(Address { resource, secret }))?;
        added.outcome.await
    }

    fn add_node(
        self: &Arc<Self>,
        told: Card,
        sender: Sender,
        address: Option<Address>,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let (token, now) = (TokenHash::of(&secret), self.clock.now());
        let approved = self.rules.admission == Admission::Open;
        let node = NewNode {
            hash: told.hash.clone(),
            information: told.information.clone(),
            protocol: sender.protocol,
            approved,
            delivery: address.as_ref().map(|address| Delivery {
                resource: address.resource.to_string().into(),
                secret: *address.secret.as_bytes(),
            }),
        };
        let written = self.store.register_node(token, node, now);
        let instance = Arc::clone(self);
        let following = Following::new(written, move |node| {
            let delivery_secret = address.as_ref().map(|address| address.secret.expose());
            if sender.protocol == Protocol::Http {
                instance.hub.install(node, told, approved);
            }
            if let Some(address) = address {
                instance.posts.insert(node, address);
            }
            Reply::Registered {
                token: Token::new(PartyId::Node(node), secret),
                delivery_secret: delivery_secret.map(token::DeliverySecret::new),
            }
        });
        Ok(Pending {
            in_order: following.is_queued(),
            outcome: async move { following.await.map_err(|fault| refuse(&fault)) },
        })
    }

    fn count_registration(&self, sender: Sender) -> Result<(), Refusal> {
        self.limits
            .registration(sender.address, Instant::now())
            .map_err(rate_limited)
    }

    /// Replaces what a party has told about itself.
    pub(crate) fn update(
        self: &Arc<Self>,
        token: Option<&Token>,
        amendment: Amendment,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let presented = self.admit(token, sender)?;
        let Presented {
            party, hash: proof, ..
        } = presented;
        let now = self.clock.now();
        let written = match &amendment {
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
        Ok(self.proven(presented.into(), written, move |instance, ()| {
            if let (PartyId::Node(node), Amendment::Node { hash, information }) = (party, amendment)
            {
                let hash = hash.as_ref().map(Cid::as_str);
                let information = information.as_ref().map(Information::as_str);
                instance.hub.describe(node, hash, information);
            }
            Ok(Reply::Updated)
        }))
    }

    /// Forgets a party, and closes its connections.
    pub(crate) fn delete(
        self: &Arc<Self>,
        token: Option<&Token>,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let presented = self.admit(token, sender)?;
        let Presented { party, hash, .. } = presented;
        let written = self.store.delete(party, hash, self.clock.now());
        Ok(
            self.proven(presented.into(), written, move |instance, refused| {
                instance.hub.revoke(party, None, None);
                if let PartyId::Node(node) = party {
                    instance.posts.remove(node);
                }
                instance.ended(&refused);
                Ok(Reply::Deleted)
            }),
        )
    }

    /// Gives a party a new token, which replaces the present one when it is first used.
    pub(crate) fn rotate_token(
        self: &Arc<Self>,
        token: Option<&Token>,
        sender: Sender,
    ) -> Result<Pending<impl Future<Output = Outcome> + Send + use<>>, Refusal> {
        let presented = self.admit(token, sender)?;
        let Presented { party, hash, .. } = presented;
        let secret = fresh_secret().map_err(|fault| refuse(&fault))?;
        let new = TokenHash::of(&secret);
        let written = self.store.rotate_token(party, hash, new, self.clock.now());
        Ok(self.proven(presented.into(), written, move |_, ()| {
            Ok(Reply::TokenRotated {
                token: Token::new(party, secret),
            })
        }))
    }

    /// Logs a connection in: from the reply on, it is on the online list as that party, and hears what is
    /// sent to it.
    ///
    /// Whatever it was there before stays as it is unless this succeeds.
    pub(crate) async fn log_in(
        self: Arc<Self>,
        token: Option<Token>,
        limit: Option<u32>,
        sender: Sender,
        line: Line,
    ) -> Outcome {
        let presented = self.admit(token.as_ref(), sender)?;
        loop {
            let login = self.hub.begin_login(presented.party);
            let found = self.find(presented, limit, Some(line.connection)).await?;
            let joining = Joining {
                line: line.clone(),
                kind: Kind::Online,
                token: presented.hash,
                start: start(&found.page),
                card: card(&found.party),
            };
            // Something of this party may have changed since, its tokens perhaps: then look again.
            if let Some(left) = login.join(joining) {
                self.leave_behind(left);
                return self.logged(presented.party, found);
            }
        }
    }

    /// Answers as a login does, for one who has no connection to be online on.
    pub(crate) async fn answer_login(
        self: Arc<Self>,
        token: Option<Token>,
        limit: Option<u32>,
        sender: Sender,
    ) -> Outcome {
        let presented = self.admit(token.as_ref(), sender)?;
        let found = self.find(presented, limit, None).await?;
        self.logged(presented.party, found)
    }

    /// Finds the party that the token is of, and the page of what waits for it that is handed over by this,
    /// for the login of `connection`, if there is one. A new token is confirmed.
    pub(super) async fn find(
        self: &Arc<Self>,
        presented: Presented,
        limit: Option<u32>,
        connection: Option<WsId>,
    ) -> Result<LoggedIn, Refusal> {
        let Presented {
            party,
            hash,
            address,
        } = presented;
        let now = self.clock.now();
        let found = self.store.log_in(party, hash, page_limit(limit), now).await;
        let Some(found) = found.map_err(|fault| refuse(&fault))? else {
            self.limits.login_failed(address, Instant::now());
            return Err(Refusal::invalid_token());
        };
        if found.party.with == LiveToken::Next {
            let written = self.store.confirm_token(party, hash, now);
            let asking = Asking::from(presented).of_login(connection);
            let confirmed = self.proven(asking, written, |_, ()| Ok(Reply::Pinged));
            confirmed.outcome.await?;
        }
        self.hand_over(party, &found.page).await?;
        Ok(found)
    }

    fn logged(&self, party: PartyId, found: LoggedIn) -> Outcome {
        let damaged = |column: &'static str| {
            tracing::error!(%party, column, "could not read what a party has told: the row is damaged");
            Refusal::internal()
        };
        let LoggedIn { party: told, page } = found;
        let hash = told
            .hash
            .map(|hash| Cid::parse(&hash).ok_or_else(|| damaged("hash")));
        let information = Information::restore(told.information.into());
        Ok(Reply::Logged {
            party,
            hash: hash.transpose()?,
            information: information.ok_or_else(|| damaged("information"))?,
            page: self.show(party, &page),
        })
    }
}

/// What others see of a party that logged in: only nodes are seen.
fn card(party: &Authenticated) -> Option<(Card, bool)> {
    let hash = party.hash.clone()?;
    let information = party.information.clone();
    Some((Card { hash, information }, party.approved))
}

/// Where pushes begin after this page.
pub(super) fn start(page: &Page) -> Start {
    let ids = || page.rows.iter().map(|row| row.queue_id);
    let cursor = match ids().next_back() {
        _ if page.is_all() => page.newest,
        Some(last) if page.acknowledges => last,
        // The pages of a party that never acknowledges begin anywhere: what comes before is pushed, too.
        _ => 0,
    };
    Start {
        page: ids()
            .next()
            .zip(ids().next_back())
            .map(|(first, last)| first..=last),
        cursor,
        behind: !page.is_all(),
    }
}
