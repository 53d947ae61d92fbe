//! The courier's part of [`crate::fuzzed`]: URLs of strangers, and what they answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nile_protocol::json;
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncWriteExt, duplex},
    runtime::Builder,
};

use super::{
    exchange::{MAX_ANSWER, exchange, post},
    resource::Resource,
};
use crate::config::DeliveriesConfig;

/// A URL that is taken is the same when it is written again, leads to no address that is not public, and
/// can be asked for.
pub fn resource(data: &[u8]) {
    let rules = DeliveriesConfig::default();
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(resource) = Resource::parse(text, &rules) else {
        return;
    };
    let again = Resource::parse(&resource.to_string(), &rules);
    assert_eq!(again.as_ref(), Ok(&resource));
    assert!(resource.secure && resource.port == 443, "{resource}");
    if let Some(address) = resource.address() {
        assert!(is_public(address.ip()), "{resource}");
    }
    let request = post(&resource, "{}".into(), None);
    assert!(request.uri().path().ends_with("/client/to/node"));
    assert_eq!(request.uri().query(), None);
}

/// What the standard library can say of an address.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.segments() {
            // Behind a translator.
            [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
                let [.., a, b, c, d] = address.octets();
                is_public_v4(Ipv4Addr::new(a, b, c, d))
            }
            _ => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local())
}

/// Whatever a node sends back, the exchange ends when it does, and brings no more than it may. What counts
/// as the node's word is JSON that can be handed on.
pub fn answer(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check_word(text);
    }
    let rules = DeliveriesConfig::default();
    let resource = Resource::parse("https://shop.example/nile", &rules).expect("it is a URL");
    let request = post(&resource, "{}".into(), Some("t=0,v1=0".to_owned()));
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs a few file descriptors");
    let answered = runtime.block_on(async {
        let (near, mut far) = duplex(data.len().max(1024));
        let sends = async move {
            // The exchange may have heard enough.
            let _ = far.write_all(data).await;
            let _ = far.shutdown().await;
            // What was asked is read by nobody, but has a place.
            far
        };
        let (answered, _far) = tokio::join!(exchange(near, request), sends);
        answered
    });
    if let Ok(body) = answered {
        assert!(body.len() <= MAX_ANSWER);
        if let Some(text) = super::json(body) {
            check_word(&text);
        }
    }
}

/// What is handed on of a node's answer can be handed on.
fn check_word(text: &str) {
    let Some(content) = crate::instance::answer(text) else {
        return;
    };
    let found = json::scan(content.as_str());
    assert!(!found.broken_text);
    assert!(serde_json::from_str::<&RawValue>(text).is_ok());
    assert!(text.contains(content.as_str()), "it was changed");
}
