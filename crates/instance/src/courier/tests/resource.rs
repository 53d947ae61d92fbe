use std::num::NonZeroU16;

use proptest::prelude::*;

use super::support::trusting;
use crate::{config::DeliveriesConfig, courier::Resource};

fn refusal(url: &str, rules: &DeliveriesConfig) -> &'static str {
    match Resource::parse(url, rules) {
        Ok(resource) => panic!("{url} was taken as {resource}"),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_resource_is_shown_in_one_spelling_without_a_slash_at_its_end() {
    for (url, shown, target) in [
        (
            "https://shop.example",
            "https://shop.example",
            "/client/to/node",
        ),
        (
            "https://shop.example/",
            "https://shop.example",
            "/client/to/node",
        ),
        (
            "https://SHOP.example:443/a/",
            "https://shop.example/a",
            "/a/client/to/node",
        ),
        (
            "https://shop.example/a//",
            "https://shop.example/a",
            "/a/client/to/node",
        ),
        (
            "https://shop.example/a/../b",
            "https://shop.example/b",
            "/b/client/to/node",
        ),
        (
            "https://shop.example/ä b",
            "https://shop.example/%C3%A4%20b",
            "/%C3%A4%20b/client/to/node",
        ),
        (
            "https://bücher.example",
            "https://xn--bcher-kva.example",
            "/client/to/node",
        ),
        ("https://0x1010101", "https://1.1.1.1", "/client/to/node"),
        (
            "https://[2606:4700:0::1111]",
            "https://[2606:4700::1111]",
            "/client/to/node",
        ),
    ] {
        let resource = Resource::parse(url, &DeliveriesConfig::default()).unwrap();
        assert_eq!(resource.to_string(), shown);
        assert_eq!(resource.target, target);
    }
}

#[test]
fn a_url_that_is_not_a_nodes_is_refused_with_the_reason() {
    let long = format!("https://shop.example/{}", "a".repeat(2048));
    let long_when_encoded = format!("https://shop.example/{}", "ä".repeat(512));
    for (url, expected) in [
        ("", "it is not an absolute URL"),
        ("shop.example", "it is not an absolute URL"),
        ("/shop", "it is not an absolute URL"),
        ("https://", "it is not an absolute URL"),
        ("https://a b.example", "it is not an absolute URL"),
        ("https://shop.example:65536", "it is not an absolute URL"),
        ("https://1.2.3.4.5", "it is not an absolute URL"),
        ("https://256.256.256.256", "it is not an absolute URL"),
        ("ftp://shop.example", "it does not start with https://"),
        ("file:///etc/passwd", "it does not start with https://"),
        (
            "gopher://127.0.0.1:6379/_",
            "it does not start with https://",
        ),
        ("http://shop.example", "it does not start with https://"),
        ("http://8.8.8.8", "it does not start with https://"),
        (
            "https://me@shop.example",
            "it contains a user name or password",
        ),
        (
            "https://:x@shop.example",
            "it contains a user name or password",
        ),
        (
            "https://shop.example@127.0.0.1",
            "it contains a user name or password",
        ),
        ("https://shop.example?", "it has a query or a fragment"),
        ("https://shop.example/#", "it has a query or a fragment"),
        (
            "https://shop.example:8443",
            "its port is not one that this instance delivers to",
        ),
        (
            "https://8.8.8.8:80",
            "its port is not one that this instance delivers to",
        ),
        ("https://-.example", "its host is not a name or address"),
        ("https://a..example", "its host is not a name or address"),
        (&long, "it is longer than 2048 bytes"),
        (
            &long_when_encoded,
            "it is longer than 2048 bytes when it is spelt out",
        ),
    ] {
        assert_eq!(
            refusal(url, &DeliveriesConfig::default()),
            expected,
            "{url}"
        );
    }
}

#[test]
fn http_is_taken_where_the_operator_allows_it_on_the_ports_that_are_listed() {
    let mut rules = DeliveriesConfig {
        plain_http: true,
        ..DeliveriesConfig::default()
    };
    let port = "its port is not one that this instance delivers to";
    assert_eq!(refusal("http://shop.example", &rules), port);
    rules.ports.push(NonZeroU16::new(80).unwrap());
    assert!(Resource::parse("http://shop.example", &rules).is_ok());
    let address = "its address is not one of the public internet";
    assert_eq!(refusal("http://127.0.0.1", &rules), address);
}

#[test]
fn a_trusted_network_may_be_delivered_to_without_tls_and_on_any_port() {
    let rules = trusting(&["10.1.0.0/16", "fd00::/8"]);
    for url in [
        "http://10.1.2.3:8080/shop",
        "https://10.1.2.3:8443",
        "http://[fd00::1]:1",
    ] {
        assert!(Resource::parse(url, &rules).is_ok(), "{url}");
    }
    assert_eq!(
        refusal("http://10.2.0.1", &rules),
        "its address is not one of the public internet"
    );
    assert_eq!(
        refusal("http://8.8.8.8", &rules),
        "it does not start with https://"
    );
    // Where the name leads is known only when it is asked for.
    let resource = Resource::parse("http://shop.example:8080", &rules).unwrap();
    for (address, allowed) in [("10.1.9.9", true), ("10.2.0.1", false), ("8.8.8.8", false)] {
        let checked = resource.check(address.parse().unwrap(), &rules);
        assert_eq!(checked.is_ok(), allowed, "{address}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_parses_to_the_same_resource(
        text in r"(https?:)?[/\\]{0,3}([a-z0-9.:@\[\]%-]{1,20}|\PC{1,8})([:/?#]\PC{0,20})?",
        plain_http: bool,
    ) {
        let rules = DeliveriesConfig { plain_http, ..trusting(&["10.0.0.0/8", "::/0"]) };
        if let Ok(resource) = Resource::parse(&text, &rules) {
            let shown = resource.to_string();
            prop_assert!(!shown.contains(char::is_control), "{}", shown);
            prop_assert_eq!(Resource::parse(&shown, &rules), Ok(resource));
        }
    }
}
