//! What a party asks of the instance, read once from an untrusted body.
//!
//! A [`Request`] holds only what its action needs, checked; whoever has one never looks at the body
//! again. A body that makes no request becomes a [`Rejected`], which knows as much of the question
//! as could be read, so that the answer finds its way. Whether a token is alive is not decided here.

mod envelope;
mod id;
mod parameters;
mod credential;
mod recipient;
mod message;

pub use credential::Proof;
pub use id::{MAX_TEXT_ID_BYTES, RequestId};
pub use message::{MAX_QUEUE_IDS, MessageRef};
pub use parameters::MAX_RESOURCE_BYTES;
pub use recipient::{MAX_WS_ID_BYTES, Recipient};

use crate::channel::Channel;
use crate::cid::Cid;
use crate::information::Information;
use crate::json::{self, Raw};
use crate::party::{PartyId, PartyKind};
use crate::refusal::Refusal;
use crate::token::Token;
use crate::verb::Verb;

use envelope::Envelope;
use parameters::Parameters;

/// The deepest body: the envelope itself is 1.
pub const MAX_BODY_DEPTH: usize = 64;

/// One request of a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the reply repeats so that the party can tell its questions apart.
    pub id: Option<RequestId>,
    /// What is asked for.
    pub action: Action,
}

/// What is asked for, with its parameters.
///
/// A token of `None` is a string that no party of the sender's kind can have as its token. Whoever
/// serves the request answers it like a token that is not valid, after the same work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Become known to the instance.
    Register(Registration),
    /// Join the online list.
    Login {
        /// Who it is.
        token: Option<Token>,
        /// How many pending messages the answer may have at most.
        limit: Option<u32>,
    },
    /// Replace what the party has told about itself.
    Update {
        /// Who it is.
        token: Option<Token>,
        /// What takes the place of what it told before.
        amendment: Amendment,
    },
    /// Leave the online list.
    Logout,
    /// Be forgotten by the instance.
    Delete {
        /// Who it is.
        token: Option<Token>,
    },
    /// Exchange the token for a new one.
    RotateToken {
        /// The present token.
        token: Option<Token>,
    },
    /// Ask whether anybody is there.
    Ping,
    /// Ask which nodes are online, and hear of it when that changes.
    UpdateNodeList,
    /// Send something to a connection, which hears it now or never, or to a party.
    Forward {
        /// Who sends it.
        proof: Proof,
        /// Whom it is for. It is missing only where the message answers another one.
        recipient: Option<Recipient>,
        /// The waiting message that this one answers, by its `queue_id`. Only nodes answer so.
        answers: Option<i64>,
        /// What is sent.
        content: Raw,
    },
    /// Send a message that waits until its recipient has it.
    Queue {
        /// Who sends it.
        proof: Proof,
        /// Whom it is for. It is missing only where the message answers another one.
        recipient: Option<PartyId>,
        /// The waiting message that this one answers, by its `queue_id`. Only nodes answer so.
        answers: Option<i64>,
        /// What is sent.
        content: Raw,
    },
    /// Send a message on a party channel. It waits, too.
    Send {
        /// Who sends it.
        proof: Proof,
        /// Whom it is for.
        recipient: PartyId,
        /// What is sent: an object of `action` and `parameters`.
        content: Raw,
    },
    /// Remove messages from the party's own queue, and see what still waits.
    ProcessQueue {
        /// Whose queue it is.
        proof: Proof,
        /// The messages: each comes once, in the order in which they were named.
        queue_ids: Vec<i64>,
        /// How many pending messages the answer may have at most.
        limit: Option<u32>,
    },
    /// Ask what became of a message.
    MessageStatus {
        /// Who sent the message.
        proof: Proof,
        /// Which message it is.
        message: MessageRef,
    },
    /// Take back a message that was not delivered.
    Withdraw {
        /// Who sent the message.
        proof: Proof,
        /// Which message it is.
        queue_id: i64,
    },
    /// Hear, or no longer hear, what becomes of the messages that the party sent.
    SubscribeStatus {
        /// Whether to hear it.
        on: bool,
    },
}

/// What a party tells when it registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// A client tells about itself.
    Client {
        /// What the instance keeps for it.
        information: Information,
    },
    /// A node tells about itself and where its components are.
    Node {
        /// The address of its components.
        hash: Cid,
        /// What others are told of it.
        information: Information,
        /// The URL at which it is reached over HTTP, as the node wrote it: at most
        /// [`MAX_RESOURCE_BYTES`] bytes. Nobody has checked that it is one.
        resource: Option<String>,
    },
}

/// What a party changes about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// A client replaces what it told.
    Client {
        /// What takes the place of the present information.
        information: Information,
    },
    /// A node replaces one or both of what it told. What is `None` stays.
    Node {
        /// What takes the place of the present hash.
        hash: Option<Cid>,
        /// What takes the place of the present information.
        information: Option<Information>,
    },
}

/// A body that makes no request, and what the answer needs to reach whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The id, where it could be read.
    pub id: Option<RequestId>,
    /// The verb, where it is known.
    pub verb: Option<Verb>,
    /// Why.
    pub refusal: Refusal,
}

impl Request {
    /// Reads one body that came on `channel`.
    ///
    /// `bearer` is the token that the transport carries beside the body, if it can;
    /// `max_information` bounds the information in bytes. How long a body may be is the caller's
    /// to decide: the work grows with its length, and with n log n in the number of its members.
    pub fn parse(
        channel: Channel,
        body: &str,
        bearer: Option<&str>,
        max_information: usize,
    ) -> Result<Self, Rejected> {
        let mut heard = Heard {
            id: None,
            verb: Verb::implied_by(channel),
        };
        match heard.read(channel, body, bearer, max_information) {
            Ok(action) => Ok(Self {
                id: heard.id,
                action,
            }),
            Err(refusal) => Err(Rejected {
                id: heard.id,
                verb: heard.verb,
                refusal,
            }),
        }
    }
}

impl Action {
    /// The name of what is asked for.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Register(_) => Verb::Register,
            Self::Login { .. } => Verb::Login,
            Self::Update { .. } => Verb::Update,
            Self::Logout => Verb::Logout,
            Self::Delete { .. } => Verb::Delete,
            Self::RotateToken { .. } => Verb::RotateToken,
            Self::Ping => Verb::Ping,
            Self::UpdateNodeList => Verb::UpdateNodeList,
            Self::Forward { .. } | Self::Send { .. } => Verb::Forward,
            Self::Queue { .. } => Verb::Queue,
            Self::ProcessQueue { .. } => Verb::ProcessQueue,
            Self::MessageStatus { .. } => Verb::MessageStatus,
            Self::Withdraw { .. } => Verb::Withdraw,
            Self::SubscribeStatus { .. } => Verb::SubscribeStatus,
        }
    }
}

impl Amendment {
    /// Which kind of party changes something.
    #[must_use]
    pub const fn kind(&self) -> PartyKind {
        match self {
            Self::Client { .. } => PartyKind::Client,
            Self::Node { .. } => PartyKind::Node,
        }
    }
}

/// What is known of a request while it is being read.
struct Heard {
    id: Option<RequestId>,
    verb: Option<Verb>,
}

impl Heard {
    /// Hears the id and the verb before anything that comes after them can be refused.
    fn read(
        &mut self,
        channel: Channel,
        body: &str,
        bearer: Option<&str>,
        max_information: usize,
    ) -> Result<Action, Refusal> {
        let envelope = Envelope::parse(body)?;
        self.id = envelope.id.and_then(RequestId::parse);
        let text = envelope.action.and_then(json::string);
        let verb = text
            .as_deref()
            .and_then(|action| Verb::parse(channel, action));
        self.verb = self.verb.or(verb);

        let parameters = Parameters {
            envelope: &envelope,
            channel,
            bearer,
            max_information,
        };
        let found = json::scan(body);
        if found.depth > MAX_BODY_DEPTH {
            return Err(parameters.blame(verb, "too many levels of arrays and objects"));
        }
        if found.broken_text {
            return Err(parameters.blame(verb, "a string has NUL or half a surrogate pair"));
        }
        let Some(action) = envelope.action.filter(|_| text.is_some()) else {
            return Err(Refusal::invalid_request(
                "there is no action that is a string",
            ));
        };
        let verb = self.verb.ok_or_else(Refusal::unknown_action)?;
        if envelope.id.is_some() && self.id.is_none() {
            return Err(RequestId::refusal());
        }
        match channel {
            Channel::ToInstance { .. } => parameters.read(verb),
            Channel::ToParty { .. } => parameters.send(action),
        }
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod written;
#[cfg(test)]
mod tests;
