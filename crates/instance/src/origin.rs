//! Which web pages may talk to this instance from a browser.
//!
//! Invariant: an origin is compared whole (scheme, host and port), never by a
//! prefix or suffix. It guards no secrets: a token is in the request's body and
//! never in a cookie, so a foreign page has nothing to ride on. The list keeps
//! other pages from spending the operator's capacity through their visitors.

use std::net::Ipv6Addr;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

/// The configured origins: `["*"]` for any, or `["https://shop.example", …]`.
///
/// An empty list allows no page at all, only what is not a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum AllowedOrigins {
    /// Pages of every origin, those without one (`null`) included.
    Any,
    /// Pages of these origins only.
    Listed(Vec<Origin>),
}

/// One web origin in normal form: lower case, the scheme's own port left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// A text in the list of origins that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an origin: write scheme://host or scheme://host:port with no path, such as https://shop.example, or \"*\" alone for any"
)]
pub struct InvalidOrigin(String);

/// What is to be done with a request, as far as its origin goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Every origin may, so the answer does not depend on it.
    Any,
    /// The request has no `Origin`: it comes from no page of another origin.
    NoOrigin,
    /// This origin is on the list; the value is the request's own.
    Listed(HeaderValue),
    /// A page that is not on the list: refuse the request and any upgrade.
    Refused,
}

impl AllowedOrigins {
    /// Decides on the request's `Origin` header.
    pub fn decide(&self, origin: Option<&HeaderValue>) -> Decision {
        let Self::Listed(listed) = self else {
            return Decision::Any;
        };
        let Some(value) = origin else {
            return Decision::NoOrigin;
        };
        let asked = value.to_str().ok().and_then(Origin::parse);
        match asked {
            Some(asked) if listed.contains(&asked) => Decision::Listed(value.clone()),
            _ => Decision::Refused,
        }
    }
}

impl Decision {
    /// Whether the request may be served.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        *self != Self::Refused
    }

    /// Writes what a browser and a cache must know into the response's `headers`.
    ///
    /// Credentials are never allowed: there are no cookies.
    pub fn write(&self, headers: &mut HeaderMap) {
        let allowed = match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(origin) => Some(origin.clone()),
            Self::NoOrigin | Self::Refused => None,
        };
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if *self != Self::Any {
            headers.append(VARY, HeaderValue::from(ORIGIN));
        }
    }
}

impl Origin {
    /// Parses `scheme://host[:port]`; `null`, paths, user names and wildcards are no origins.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let mut scheme = scheme.to_owned();
        scheme.make_ascii_lowercase();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(letters)
        {
            return None;
        }
        let (host, port) = split_port(rest)?;
        let host = normal_host(host)?;
        let standard = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Some(Self(match port {
            Some(port) if standard != Some(port) => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[after_host..].find(':') else {
        return Some((authority, None));
    };
    let (host, port) = authority.split_at(after_host + colon);
    let digits = &port[1..];
    let port: u16 = digits.parse().ok()?;
    // Browsers write no sign and no leading zero; what does is not a browser's origin.
    (port.to_string() == digits).then_some((host, Some(port)))
}

fn normal_host(host: &str) -> Option<String> {
    if let Some(rest) = host.strip_prefix('[') {
        let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let valid = !host.is_empty() && host.bytes().all(letters);
    valid.then(|| host.to_ascii_lowercase())
}

impl TryFrom<Vec<String>> for AllowedOrigins {
    type Error = InvalidOrigin;

    fn try_from(texts: Vec<String>) -> Result<Self, InvalidOrigin> {
        if texts == ["*"] {
            return Ok(Self::Any);
        }
        let parse = |text: String| Origin::parse(&text).ok_or(InvalidOrigin(text));
        texts
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self::Listed)
    }
}

impl From<AllowedOrigins> for Vec<String> {
    fn from(origins: AllowedOrigins) -> Self {
        match origins {
            AllowedOrigins::Any => vec!["*".to_owned()],
            AllowedOrigins::Listed(listed) => listed.into_iter().map(|Origin(text)| text).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(texts: &[&str]) -> Result<AllowedOrigins, InvalidOrigin> {
        AllowedOrigins::try_from(texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn decide(list: &[&str], origin: &str) -> Decision {
        let value = HeaderValue::from_bytes(origin.as_bytes()).unwrap();
        allowed(list).unwrap().decide(Some(&value))
    }

    fn written(decision: &Decision) -> (Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        decision.write(&mut headers);
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let text = |name| {
            headers
                .get(name)
                .map(|value: &HeaderValue| value.to_str().unwrap().to_owned())
        };
        (text(ACCESS_CONTROL_ALLOW_ORIGIN), text(VARY))
    }

    #[test]
    fn any_origin_is_answered_with_a_star_and_depends_on_nothing() {
        for origin in ["https://shop.example", "null", "rubbish"] {
            let decision = decide(&["*"], origin);
            assert!(decision.is_allowed());
            assert_eq!(written(&decision), (Some("*".into()), None));
        }
        assert_eq!(allowed(&["*"]).unwrap().decide(None), Decision::Any);
    }

    #[test]
    fn what_is_not_a_browser_is_served_whatever_the_list_says() {
        for list in [&["https://shop.example"][..], &[]] {
            let decision = allowed(list).unwrap().decide(None);
            assert!(decision.is_allowed());
            assert_eq!(written(&decision), (None, Some("origin".into())));
        }
    }

    #[test]
    fn an_origin_on_the_list_is_echoed_exactly() {
        let list = [
            "https://shop.example",
            "http://localhost:8080",
            "http://[2001:DB8::0:1]:81",
            "capacitor://localhost",
        ];
        for origin in [
            "https://shop.example",
            "HTTPS://Shop.Example",
            "https://shop.example:443",
            "http://localhost:8080",
            "http://[2001:db8::1]:81",
            "capacitor://localhost",
        ] {
            let decision = decide(&list, origin);
            assert!(decision.is_allowed(), "{origin}");
            assert_eq!(
                written(&decision),
                (Some(origin.into()), Some("origin".into()))
            );
        }
    }

    #[test]
    fn what_only_resembles_an_origin_on_the_list_is_refused() {
        let list = ["https://shop.example", "http://[::1]:81"];
        for origin in [
            "null",
            "",
            "*",
            "https://",
            "https://shop.example/",
            "https://shop.example/x",
            "http://shop.example",
            "https://shop.example:80",
            "https://shop.example:8443",
            "https://shop.example:0443",
            "https://shop.example:+443",
            "https://shop.example:",
            "https://sub.shop.example",
            "https://evilshop.example",
            "https://shop.example.evil.example",
            "https://shop.example.",
            "https://shop.exampl",
            "https://shop_example",
            "https://shop.example@evil.example",
            "https://evil.example@shop.example",
            "https://evil.example#https://shop.example",
            "https://shop.example?x",
            "https://shop.example\\x",
            " https://shop.example",
            "https://shop.example ",
            "https://shop.example, https://evil.example",
            "https://shop.example https://evil.example",
            "https:shop.example",
            "//shop.example",
            "shop.example",
            "https://shöp.example",
            "https://[shop.example]",
            "http://[::1]",
            "http://::1:81",
            "http://[::1]x:81",
            "http://[::1]]:81",
        ] {
            let decision = decide(&list, origin);
            assert_eq!(decision, Decision::Refused, "{origin}");
            assert!(!decision.is_allowed());
            assert_eq!(written(&decision), (None, Some("origin".into())));
        }
    }

    #[test]
    fn an_empty_list_allows_no_page() {
        assert_eq!(decide(&[], "https://shop.example"), Decision::Refused);
    }

    #[test]
    fn a_configured_text_that_is_no_origin_is_named_in_the_refusal() {
        for text in [
            "null",
            "",
            "shop.example",
            "https://shop.example/",
            "https://*.shop.example",
            "https://shöp.example",
        ] {
            let refusal = allowed(&[text]).unwrap_err().to_string();
            assert!(refusal.contains(&format!("`{text}`")), "{refusal}");
        }
        assert!(allowed(&["*", "https://shop.example"]).is_err());
    }

    #[test]
    fn the_vary_header_of_the_answer_is_added_to_and_not_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("accept"));
        Decision::NoOrigin.write(&mut headers);
        assert_eq!(headers.get_all(VARY).iter().count(), 2);
    }
}
