//! The query of a request, where Engine.IO says what the request is.

use super::refusal::Refusal;
use crate::{
    endpoint::Transport,
    engine::{Format, Version},
};

/// What the query of a request says.
pub(super) struct Query {
    pub(super) transport: Transport,
    pub(super) format: Format,
    pub(super) sid: Option<String>,
}

impl Query {
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let (mut version, mut transport, mut sid, mut base64) = (None, None, None, false);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "EIO" => version = Version::parse(&value),
                "transport" if value == "polling" => transport = Some(Transport::Polling),
                "transport" if value == "websocket" => transport = Some(Transport::WebSocket),
                "transport" => return Err(Refusal::UnknownTransport),
                "sid" => sid = Some(value.into_owned()),
                "b64" => base64 = !value.is_empty() && value != "0" && value != "false",
                // JSONP: a way around the same-origin policy that no browser needs any more.
                "j" => return Err(Refusal::BadRequest),
                _ => {}
            }
        }
        let transport = transport.ok_or(Refusal::UnknownTransport)?;
        let version = version.ok_or(Refusal::UnsupportedVersion)?;
        let base64 = base64 && version == Version::V3;
        Ok(Self {
            transport,
            format: Format { version, base64 },
            sid,
        })
    }
}
