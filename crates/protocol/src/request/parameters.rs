//! From a verb and an envelope to an action.
//!
//! An action reads only the members that it needs. Of those each comes once at most; members that
//! nobody reads may come as they like.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Action, Amendment, Envelope, Registration};
use crate::channel::Channel;
use crate::cid::Cid;
use crate::information::Information;
use crate::json;
use crate::party::{IDENTIFIERS, MAX_INTEGER, PartyKind};
use crate::refusal::Refusal;
use crate::verb::Verb;

/// The longest `resource` of a node, in bytes of UTF-8.
pub const MAX_RESOURCE_BYTES: usize = 2048;

/// What the parameters of a request are read from.
pub(super) struct Parameters<'a> {
    pub(super) envelope: &'a Envelope<'a>,
    pub(super) channel: Channel,
    pub(super) bearer: Option<&'a str>,
    pub(super) max_information: usize,
}

impl<'a> Parameters<'a> {
    /// Reads what `verb` needs on a channel of the instance.
    pub(super) fn read(&self, verb: Verb) -> Result<Action, Refusal> {
        Ok(match verb {
            Verb::Register => Action::Register(self.registration()?),
            Verb::Login => {
                let [token, limit] = self.pick(["token", "limit"])?;
                Action::Login {
                    token: self.token(token)?,
                    limit: limit.map(read_limit).transpose()?,
                }
            }
            Verb::Update => self.update()?,
            Verb::Logout => Action::Logout,
            Verb::Delete => {
                let [token] = self.pick(["token"])?;
                Action::Delete {
                    token: self.token(token)?,
                }
            }
            Verb::RotateToken => {
                let [token] = self.pick(["token"])?;
                Action::RotateToken {
                    token: self.token(token)?,
                }
            }
            Verb::Ping => Action::Ping,
            Verb::UpdateNodeList => Action::UpdateNodeList,
            Verb::Forward => self.forward()?,
            Verb::Queue => self.queue()?,
            Verb::ProcessQueue => self.process_queue()?,
            Verb::MessageStatus => self.message_status()?,
            Verb::Withdraw => self.withdraw()?,
            Verb::SubscribeStatus => self.subscribe_status()?,
        })
    }

    fn registration(&self) -> Result<Registration, Refusal> {
        match self.channel.sender() {
            PartyKind::Client => {
                let [information] = self.pick(["information"])?;
                let information = self.information(information)?.ok_or_else(no_information)?;
                Ok(Registration::Client { information })
            }
            PartyKind::Node => {
                let [hash, components, information, resource] =
                    self.pick(["hash", "components", "information", "resource"])?;
                let hash = read_hash([hash, components])?
                    .ok_or_else(|| Refusal::invalid_parameters("hash", "is missing"))?;
                let information = self.information(information)?;
                Ok(Registration::Node {
                    hash,
                    information: information.unwrap_or_else(Information::empty),
                    resource: resource.map(read_resource).transpose()?,
                })
            }
        }
    }

    fn update(&self) -> Result<Action, Refusal> {
        match self.channel.sender() {
            PartyKind::Client => {
                let [token, information] = self.pick(["token", "information"])?;
                let token = self.token(token)?;
                let information = self.information(information)?.ok_or_else(no_information)?;
                let amendment = Amendment::Client { information };
                Ok(Action::Update { token, amendment })
            }
            PartyKind::Node => {
                let [token, hash, components, information] =
                    self.pick(["token", "hash", "components", "information"])?;
                let token = self.token(token)?;
                let hash = read_hash([hash, components])?;
                let information = self.information(information)?;
                if hash.is_none() && information.is_none() {
                    return Err(Refusal::invalid_parameters(
                        "parameters",
                        "have neither hash nor information",
                    ));
                }
                let amendment = Amendment::Node { hash, information };
                Ok(Action::Update { token, amendment })
            }
        }
    }

    /// Whose fault it is that the text of the body is not as it must be: the information's, where the
    /// request has one and it is not in order, else the message's, in the words of `otherwise`.
    pub(super) fn blame(&self, verb: Option<Verb>, otherwise: &'static str) -> Refusal {
        let information = match verb {
            Some(Verb::Register | Verb::Update) => self.pick(["information"]),
            _ => Ok([None]),
        };
        match information {
            Ok([Some(value)]) => Information::parse(value, self.max_information).err(),
            _ => None,
        }
        .unwrap_or_else(|| Refusal::invalid_request(otherwise))
    }

    /// These members of the parameters; parameters that are absent are `{}`.
    pub(super) fn pick<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[Option<&'a RawValue>; N], Refusal> {
        match self.envelope.parameters {
            Some(parameters) => pick("parameters", parameters, names),
            None => Ok([None; N]),
        }
    }

    fn information(&self, value: Option<&RawValue>) -> Result<Option<Information>, Refusal> {
        value
            .map(|value| Information::parse(value, self.max_information))
            .transpose()
    }
}

fn no_information() -> Refusal {
    Refusal::invalid_parameters("information", "is missing")
}

/// The one hash that a node gives, as `hash`, as `components`, or as both.
fn read_hash(places: [Option<&RawValue>; 2]) -> Result<Option<Cid>, Refusal> {
    let mut hash = None;
    for value in places.into_iter().flatten() {
        let text = json::string(value).ok_or_else(Refusal::invalid_hash)?;
        let cid = Cid::parse(&text).ok_or_else(Refusal::invalid_hash)?;
        if hash.is_some_and(|other| other != cid) {
            return Err(Refusal::invalid_parameters(
                "hash",
                "components has a different one",
            ));
        }
        hash = Some(cid);
    }
    Ok(hash)
}

/// Where a node is reached over HTTP. What it means as a URL is not checked here.
fn read_resource(value: &RawValue) -> Result<String, Refusal> {
    json::string(value)
        .filter(|resource| resource.len() <= MAX_RESOURCE_BYTES)
        .map(Cow::into_owned)
        .ok_or_else(|| {
            Refusal::invalid_parameters("resource", "must be a string of at most 2048 bytes")
        })
}

/// The number of a party or a message; `None` for other values.
pub(super) fn identifier(value: &RawValue) -> Option<i64> {
    json::integer(value).filter(|number| IDENTIFIERS.contains(number))
}

/// The members of `object` that have these names. `field` is what to blame if it is no object.
pub(super) fn pick<'a, const N: usize>(
    field: &'static str,
    object: &'a RawValue,
    names: [&'static str; N],
) -> Result<[Option<&'a RawValue>; N], Refusal> {
    let mut values = [None; N];
    let mut repeated = None;
    json::members(object.get(), |key, value| {
        if let Some(at) = names.iter().position(|name| *name == key)
            && values[at].replace(value).is_some()
        {
            repeated = Some(names[at]);
        }
    })
    .map_err(|_| Refusal::invalid_parameters(field, "must be an object"))?;
    match repeated {
        Some(name) => Err(Refusal::invalid_parameters(name, "comes twice")),
        None => Ok(values),
    }
}

/// A limit too large for us to count to is still a limit: the largest we have.
pub(super) fn read_limit(value: &RawValue) -> Result<u32, Refusal> {
    match json::integer(value) {
        Some(limit @ 0..=MAX_INTEGER) => Ok(u32::try_from(limit).unwrap_or(u32::MAX)),
        _ => Err(Refusal::invalid_parameters(
            "limit",
            "must be an integer from 0 to 2^53 - 1",
        )),
    }
}
