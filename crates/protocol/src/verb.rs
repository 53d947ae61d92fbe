//! What a request asks for, by name.
//!
//! A verb is known as soon as the action is read, so that a refusal can name it even when the rest
//! of the request makes no sense. It carries no parameters;
//! [`Action`](crate::request::Action) does.

use crate::channel::Channel;

/// The actions that a request can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Become known to the instance.
    Register,
    /// Join the online list.
    Login,
    /// Replace the information.
    Update,
    /// Leave the online list.
    Logout,
    /// Be forgotten by the instance.
    Delete,
    /// Exchange the token for a new one.
    RotateToken,
    /// Ask whether anybody is there.
    Ping,
    /// Send something to a party: whatever comes on a party channel.
    Forward,
}

impl Verb {
    /// The verb that an action means on a channel of the instance; `None` if the channel has no
    /// such action, and on the party channels, where the action is part of what is carried.
    #[must_use]
    pub fn parse(channel: Channel, action: &str) -> Option<Self> {
        let Channel::ToInstance { .. } = channel else {
            return None;
        };
        Some(match action {
            "register" => Self::Register,
            "login" => Self::Login,
            "update" => Self::Update,
            "logout" => Self::Logout,
            "delete" => Self::Delete,
            "rotateToken" => Self::RotateToken,
            "ping" => Self::Ping,
            _ => return None,
        })
    }

    /// The verb of everything on this channel, whatever its action says.
    #[must_use]
    pub const fn implied_by(channel: Channel) -> Option<Self> {
        match channel {
            Channel::ToInstance { .. } => None,
            Channel::ToParty { .. } => Some(Self::Forward),
        }
    }

    /// The action of the request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::Update => "update",
            Self::Logout => "logout",
            Self::Delete => "delete",
            Self::RotateToken => "rotateToken",
            Self::Ping => "ping",
            Self::Forward => "forward",
        }
    }

    /// The action of the reply that refuses it.
    #[must_use]
    pub const fn failed(self) -> &'static str {
        match self {
            Self::Register => "registerFailed",
            Self::Login => "loginFailed",
            Self::Update => "updateFailed",
            Self::Logout => "logoutFailed",
            Self::Delete => "deleteFailed",
            Self::RotateToken => "rotateTokenFailed",
            Self::Ping => "pingFailed",
            Self::Forward => "forwardFailed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::PartyKind;

    const CLIENT: Channel = Channel::ToInstance {
        from: PartyKind::Client,
    };
    const ALL: [Verb; 8] = [
        Verb::Register,
        Verb::Login,
        Verb::Update,
        Verb::Logout,
        Verb::Delete,
        Verb::RotateToken,
        Verb::Ping,
        Verb::Forward,
    ];

    #[test]
    fn a_verb_is_parsed_from_its_own_name_where_it_is_served() {
        for verb in ALL {
            let served = (verb != Verb::Forward).then_some(verb);
            for channel in Channel::ALL {
                let expected = match channel {
                    Channel::ToInstance { .. } => served,
                    Channel::ToParty { .. } => None,
                };
                assert_eq!(Verb::parse(channel, verb.as_str()), expected);
            }
        }
        for other in ["", "Register", "register ", "registered", "rotatetoken"] {
            assert_eq!(Verb::parse(CLIENT, other), None, "{other}");
        }
    }

    #[test]
    fn the_refusing_action_is_the_verb_and_failed() {
        for verb in ALL {
            assert_eq!(verb.failed(), format!("{}Failed", verb.as_str()));
        }
    }
}
