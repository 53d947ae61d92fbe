//! Who speaks to whom: `client.to.instance` as an event name, `/client/to/instance` as a path.
//!
//! The sender's kind is in the channel and is never read from a body. The names under which the
//! instance answers are here too; which of them a connection wants to hear is its own business.

use crate::party::PartyKind;

/// The event of what the instance says to a client.
pub const INSTANCE_TO_CLIENT: &str = "instance.to.client";
/// The same event as the specification page spells it, a letter short. Clients written from that
/// page listen to this name, so it is part of the wire.
pub const INSTANCE_TO_CLIENT_AS_SPECIFIED: &str = "instace.to.client";
/// The event of what the instance says to a node.
pub const INSTANCE_TO_NODE: &str = "instance.to.node";
/// The same event with the spelling of [`INSTANCE_TO_CLIENT_AS_SPECIFIED`].
pub const INSTANCE_TO_NODE_AS_SPECIFIED: &str = "instace.to.node";

/// The channels a party may send on. Each kind has its own pair, so the sender's
/// kind is never read from the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A request to the instance itself: register, login, update.
    ToInstance {
        /// The kind of the sender.
        from: PartyKind,
    },
    /// A message to be forwarded to a party of the other kind.
    ToParty {
        /// The kind of the sender.
        from: PartyKind,
    },
}

/// The two spellings of the events that carry the instance's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `instace.to.…`, as in the specification page.
    Spec,
    /// `instance.to.…`, as in deployed clients.
    Plain,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [
        Self::ToInstance {
            from: PartyKind::Client,
        },
        Self::ToInstance {
            from: PartyKind::Node,
        },
        Self::ToParty {
            from: PartyKind::Client,
        },
        Self::ToParty {
            from: PartyKind::Node,
        },
    ];

    /// Parses `sender<sep>to<sep>recipient`; the separator is `.` or `/`.
    #[must_use]
    pub fn parse(name: &str, separator: char) -> Option<Self> {
        let mut words = name.split(separator);
        let sender_to_recipient = [words.next()?, words.next()?, words.next()?];
        if words.next().is_some() {
            return None;
        }
        Some(match sender_to_recipient {
            ["client", "to", "instance"] => Self::ToInstance {
                from: PartyKind::Client,
            },
            ["node", "to", "instance"] => Self::ToInstance {
                from: PartyKind::Node,
            },
            ["client", "to", "node"] => Self::ToParty {
                from: PartyKind::Client,
            },
            ["node", "to", "client"] => Self::ToParty {
                from: PartyKind::Node,
            },
            _ => return None,
        })
    }

    /// The event name of this channel: `client.to.instance`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToInstance {
                from: PartyKind::Client,
            } => "client.to.instance",
            Self::ToInstance {
                from: PartyKind::Node,
            } => "node.to.instance",
            Self::ToParty {
                from: PartyKind::Client,
            } => "client.to.node",
            Self::ToParty {
                from: PartyKind::Node,
            } => "node.to.client",
        }
    }

    /// The path of this channel: `/client/to/instance`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::ToInstance {
                from: PartyKind::Client,
            } => "/client/to/instance",
            Self::ToInstance {
                from: PartyKind::Node,
            } => "/node/to/instance",
            Self::ToParty {
                from: PartyKind::Client,
            } => "/client/to/node",
            Self::ToParty {
                from: PartyKind::Node,
            } => "/node/to/client",
        }
    }

    /// The kind of whoever sends on this channel.
    #[must_use]
    pub const fn sender(self) -> PartyKind {
        match self {
            Self::ToInstance { from } | Self::ToParty { from } => from,
        }
    }
}

impl Spelling {
    /// Both, the specification's first.
    pub const BOTH: [Self; 2] = [Self::Spec, Self::Plain];

    /// Reads what a handshake asks for: `spec` or `plain`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "spec" => Some(Self::Spec),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }

    /// The event on which a party of this kind hears the instance, spelt so.
    #[must_use]
    pub const fn reply_event(self, to: PartyKind) -> &'static str {
        match (self, to) {
            (Self::Spec, PartyKind::Client) => INSTANCE_TO_CLIENT_AS_SPECIFIED,
            (Self::Spec, PartyKind::Node) => INSTANCE_TO_NODE_AS_SPECIFIED,
            (Self::Plain, PartyKind::Client) => INSTANCE_TO_CLIENT,
            (Self::Plain, PartyKind::Node) => INSTANCE_TO_NODE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel::*, PartyKind::*, *};

    #[test]
    fn every_channel_has_one_name_per_transport() {
        let cases = [
            ("client.to.instance", Some(ToInstance { from: Client })),
            ("node.to.instance", Some(ToInstance { from: Node })),
            ("client.to.node", Some(ToParty { from: Client })),
            ("node.to.client", Some(ToParty { from: Node })),
            ("client.to.client", None),
            ("client.to.node.", None),
            ("client.to.node.x", None),
            ("instance.to.client", None),
            ("client.to", None),
            ("", None),
        ];
        for (name, channel) in cases {
            assert_eq!(Channel::parse(name, '.'), channel, "{name}");
            assert_eq!(
                Channel::parse(&name.replace('.', "/"), '/'),
                channel,
                "{name}"
            );
        }
    }

    #[test]
    fn a_channel_is_parsed_from_its_own_name_and_path() {
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.name(), '.'), Some(channel));
            assert_eq!(Channel::parse(&channel.path()[1..], '/'), Some(channel));
            assert!(channel.name().starts_with(channel.sender().word()));
        }
    }

    #[test]
    fn the_instance_answers_under_two_spellings() {
        assert_eq!(Spelling::Spec.reply_event(Client), "instace.to.client");
        assert_eq!(Spelling::Spec.reply_event(Node), "instace.to.node");
        assert_eq!(Spelling::Plain.reply_event(Client), "instance.to.client");
        assert_eq!(Spelling::Plain.reply_event(Node), "instance.to.node");
    }

    #[test]
    fn a_spelling_is_asked_for_by_its_word_alone() {
        assert_eq!(Spelling::parse("spec"), Some(Spelling::Spec));
        assert_eq!(Spelling::parse("plain"), Some(Spelling::Plain));
        for other in ["", "both", "Spec", "plain "] {
            assert_eq!(Spelling::parse(other), None, "{other}");
        }
    }
}
