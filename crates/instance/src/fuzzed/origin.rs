//! Origins, beside those that the URL standard reads.

use http::HeaderValue;
use url::Url;

use crate::origin::{AllowedOrigins, Decision};

/// The origins that are allowed where it is not any.
const ALLOWED: [&str; 4] = [
    "https://shop.example",
    "http://localhost:8080",
    "https://192.0.2.1",
    "http://[2001:db8::1]",
];

/// A page is let in only where a browser would say that it is of an allowed origin. A list of origins
/// that is taken says the same when it is written again.
pub fn origin(data: &[u8]) {
    let listed = AllowedOrigins::try_from(ALLOWED.map(str::to_owned).to_vec());
    let listed = listed.expect("these are origins");
    if let Ok(value) = HeaderValue::from_bytes(data)
        && let Decision::Listed(answer) = listed.decide(Some(&value))
    {
        assert_eq!(answer, value);
        let url = value.to_str().ok().and_then(|text| Url::parse(text).ok());
        let origin = url.expect("it is a URL").origin().ascii_serialization();
        assert!(ALLOWED.contains(&&*origin), "{origin}: {value:?}");
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let origins: Vec<_> = text.split('\n').map(str::to_owned).collect();
    if let Ok(read) = AllowedOrigins::try_from(origins) {
        let again = AllowedOrigins::try_from(Vec::from(read.clone()));
        assert_eq!(again.expect("it was written by us"), read);
    }
}
