//! One hop of a proxy header: from bytes to an address, or `None` where it says none.
//!
//! Headers are taken apart from the right, on bytes: the right-most part was
//! written by the proxy that we trust, what is further left by anybody. So an open
//! quote or a stray byte on the left cannot swallow what the proxy appended.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The parts of `text` between separators that stand outside quoted strings, last one first.
pub(super) fn from_the_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = last_unquoted(text, separator) else {
            rest = None;
            return Some(text);
        };
        rest = Some(&text[..at]);
        Some(&text[at + 1..])
    })
}

fn last_unquoted(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate().rev() {
        if *byte == b'"' && !(quoted && is_escaped(text, at)) {
            quoted = !quoted;
        } else if *byte == separator && !quoted {
            return Some(at);
        }
    }
    None
}

fn is_escaped(text: &[u8], at: usize) -> bool {
    let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// The address in the `for` parameter of one element of `Forwarded` (RFC 7239, section 4).
pub(super) fn forwarded(element: &[u8]) -> Option<IpAddr> {
    let mut node = None;
    for pair in from_the_right(element, b';').map(<[u8]>::trim_ascii) {
        if pair.is_empty() {
            continue;
        }
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        if !pair[..equals].eq_ignore_ascii_case(b"for") {
            continue;
        }
        if node.replace(&pair[equals + 1..]).is_some() {
            return None;
        }
    }
    address(unquote(node?)?)
}

/// The inside of a quoted string, or the token itself. No address needs an escape.
fn unquote(value: &[u8]) -> Option<&[u8]> {
    let inside = match value.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\"")?,
        None => value,
    };
    let plain = !inside.iter().any(|byte| matches!(byte, b'"' | b'\\'));
    plain.then_some(inside)
}

/// The address in one hop: IPv4 or IPv6, brackets and port allowed.
///
/// This is the node of RFC 7239, section 6, and what `X-Forwarded-For` holds in
/// practice: an IPv6 address without brackets, which then has no port.
pub(super) fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop.trim_ascii()).ok()?;
    if let Some(rest) = hop.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return valid.then(|| IpAddr::V6(address).to_canonical());
    }
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = hop.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
}

/// A number of up to five digits, or an obfuscated one: `_` and a word.
fn is_port(text: &str) -> bool {
    let (word, allowed): (&str, fn(u8) -> bool) = match text.strip_prefix('_') {
        Some(word) => (word, |byte| {
            byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
        }),
        None if text.len() <= 5 => (text, |byte| byte.is_ascii_digit()),
        None => return false,
    };
    !word.is_empty() && word.bytes().all(allowed)
}
