//! The headers of proxies.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue, header::FORWARDED};

use crate::address::{Networks, client_address};

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The client, as a proxy tells it.
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// A peer that is no proxy is who it is. What a proxy appends is believed whatever stands before it, in
/// the same line or in others.
///
/// A line of the input is a header that the client sent: `Forwarded` where it has `=`, else
/// `X-Forwarded-For`.
pub fn forwarded(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(100) {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        if line.contains(&b'=') {
            headers.append(FORWARDED, value);
        } else {
            headers.append(X_FORWARDED_FOR, value);
        }
    }
    let proxies = ["10.0.0.0/8", "2001:db8::/32"].map(str::to_owned).to_vec();
    let trusted = Networks::try_from(proxies).expect("these are networks");
    let client = IpAddr::from(CLIENT);
    assert_eq!(client_address(client, &headers, &trusted), client);

    let proxy = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
    let address = client_address(proxy, &headers, &trusted);
    assert_eq!(address, address.to_canonical());
    for in_line in [true, false] {
        let mut headers = headers.clone();
        for (name, hop) in [(FORWARDED.as_str(), "for="), (X_FORWARDED_FOR, "")] {
            if headers.contains_key(name) {
                append(&mut headers, name, &format!("{hop}{CLIENT}"), in_line);
            }
        }
        assert_eq!(client_address(proxy, &headers, &trusted), client);
    }
}

/// Appends a hop as a proxy does: behind the last line, or as a line of its own.
fn append(headers: &mut HeaderMap, name: &'static str, hop: &str, in_line: bool) {
    let mut lines: Vec<_> = headers.get_all(name).iter().cloned().collect();
    let mut last = Vec::new();
    if in_line && let Some(line) = lines.pop() {
        last = [line.as_bytes(), b", "].concat();
    }
    last.extend_from_slice(hop.as_bytes());
    lines.push(HeaderValue::from_bytes(&last).expect("both halves are values"));
    headers.remove(name);
    for line in lines {
        headers.append(name, line);
    }
}
