//! What a request asks for, by name.
//!
//! A verb is known as soon as the action is read, so that a refusal can name it even when the rest
//! of the request makes no sense. It carries no parameters;
//! [`Action`](crate::request::Action) does.

use crate::channel::Channel;
use crate::party::PartyKind;

/// One table for the variants, [`Verb::ALL`] and the words, so that none of them can lag behind.
macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// The actions that a request can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verb {
            $($(#[$doc])* $name,)*
        }

        impl Verb {
            /// Every verb.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            fn named(action: &str) -> Option<Self> {
                match action {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The action of the request.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The action of the reply that refuses it.
            #[must_use]
            pub const fn failed(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($word, "Failed"),)*
                }
            }
        }
    };
}

verbs! {
    /// Become known to the instance.
    Register => "register",
    /// Join the online list.
    Login => "login",
    /// Replace the information.
    Update => "update",
    /// Leave the online list.
    Logout => "logout",
    /// Be forgotten by the instance.
    Delete => "delete",
    /// Exchange the token for a new one.
    RotateToken => "rotateToken",
    /// Ask whether anybody is there.
    Ping => "ping",
    /// Ask which nodes are online, and hear of it when that changes. Only clients do.
    UpdateNodeList => "updateNodeList",
    /// Send something to a connection or a party: also whatever comes on a party channel.
    Forward => "forward",
    /// Send a message that waits until it is fetched.
    Queue => "queue",
    /// Remove messages that were received from the queue.
    ProcessQueue => "processQueue",
    /// Ask what became of a message.
    MessageStatus => "messageStatus",
    /// Take a message back that was not delivered.
    Withdraw => "withdraw",
    /// Hear, or no longer hear, what becomes of messages.
    SubscribeStatus => "subscribeStatus",
}

impl Verb {
    /// The verb that an action means on a channel of the instance; `None` if the channel has no
    /// such action, and on the party channels, where the action is part of what is carried.
    #[must_use]
    pub fn parse(channel: Channel, action: &str) -> Option<Self> {
        let Channel::ToInstance { from } = channel else {
            return None;
        };
        Self::named(action)
            .filter(|verb| *verb != Self::UpdateNodeList || from == PartyKind::Client)
    }

    /// The verb of everything on this channel, whatever its action says.
    #[must_use]
    pub const fn implied_by(channel: Channel) -> Option<Self> {
        match channel {
            Channel::ToInstance { .. } => None,
            Channel::ToParty { .. } => Some(Self::Forward),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_parsed_from_its_own_name_where_it_is_served() {
        for verb in Verb::ALL {
            for channel in Channel::ALL {
                let served = match channel {
                    Channel::ToInstance {
                        from: PartyKind::Node,
                    } => *verb != Verb::UpdateNodeList,
                    Channel::ToInstance { .. } => true,
                    Channel::ToParty { .. } => false,
                };
                let expected = served.then_some(*verb);
                assert_eq!(Verb::parse(channel, verb.as_str()), expected);
            }
        }
        for other in ["", "Register", "register ", "registered", "rotatetoken"] {
            for channel in Channel::ALL {
                assert_eq!(Verb::parse(channel, other), None, "{other}");
            }
        }
    }

    #[test]
    fn the_word_of_a_verb_is_its_name_with_a_small_initial() {
        for verb in Verb::ALL {
            let name = format!("{verb:?}");
            let word = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
            assert_eq!(verb.as_str(), word);
            assert_eq!(verb.failed(), format!("{word}Failed"));
        }
        assert_eq!(Verb::ALL.len(), 14);
    }
}
