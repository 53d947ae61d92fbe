//! HTTP/1.1 as far as a load generator needs it: requests that are written, heads that are read.
//!
//! Bodies have a `Content-Length`; anything else is a failure.

use std::{fmt::Write, ops::Range};

use crate::failure::Failure;

/// The key that every handshake sends, which is the example of RFC 6455.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What a server has to make of [`KEY`].
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A response that has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Where its body is in the bytes that were read.
    pub body: Range<usize>,
}

/// The request that opens a WebSocket at this path.
#[must_use]
pub fn handshake(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// The length of the answer to [`handshake`], once it is there whole; what follows are frames.
pub fn read_handshake(bytes: &[u8]) -> Result<Option<usize>, Failure> {
    let Some(head) = Head::read(bytes)? else {
        return Ok(None);
    };
    if head.status()? != 101 {
        return Err(Failure::unexpected(head.text));
    }
    if head.header("sec-websocket-accept") != Some(ACCEPT) {
        return Err(Failure::Malformed("a handshake for another key"));
    }
    Ok(Some(head.length))
}

/// Appends a request with a JSON body.
pub fn write(method: &str, path: &str, host: &str, body: &str, out: &mut String) {
    let length = body.len();
    write!(
        out,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .expect("a string takes every write");
}

/// The response at the front of these bytes, if it has arrived whole.
pub fn read(bytes: &[u8]) -> Result<Option<Response>, Failure> {
    let Some(head) = Head::read(bytes)? else {
        return Ok(None);
    };
    let length = head
        .header("content-length")
        .and_then(|value| value.parse::<usize>().ok());
    let length = length.ok_or(Failure::Malformed("a response without Content-Length"))?;
    let end = head.length.checked_add(length);
    let end = end.ok_or(Failure::Malformed("an endless response"))?;
    let status = head.status()?;
    Ok((bytes.len() >= end).then_some(Response {
        status,
        body: head.length..end,
    }))
}

/// The status line and the headers.
struct Head<'a> {
    text: &'a str,
    /// With the empty line.
    length: usize,
}

impl<'a> Head<'a> {
    const END: &'static [u8] = b"\r\n\r\n";

    fn read(bytes: &'a [u8]) -> Result<Option<Self>, Failure> {
        let Some(end) = bytes
            .windows(Self::END.len())
            .position(|four| four == Self::END)
        else {
            return Ok(None);
        };
        let text = str::from_utf8(&bytes[..end])
            .map_err(|_| Failure::Malformed("a head that is no text"))?;
        let length = end + Self::END.len();
        Ok(Some(Self { text, length }))
    }

    fn status(&self) -> Result<u16, Failure> {
        let status = self
            .text
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        status.ok_or_else(|| Failure::unexpected(self.text))
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.text.split("\r\n").skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_when_its_body_is_there() {
        let bytes = b"HTTP/1.1 404 Not Found\r\nContent-LENGTH: 2\r\nDate: x\r\n\r\n{}HTTP/1.1";
        let all = bytes.len() - "HTTP/1.1".len();
        for part in 0..all {
            assert_eq!(read(&bytes[..part]).unwrap(), None, "{part} bytes");
        }
        let response = read(bytes).unwrap().unwrap();
        assert_eq!((response.status, &bytes[response.body]), (404, &b"{}"[..]));
    }

    #[test]
    fn a_body_without_a_length_is_not_guessed() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(matches!(read(chunked), Err(Failure::Malformed(_))));
    }

    #[test]
    fn a_handshake_is_taken_only_with_the_right_key() {
        let good = format!(
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n\u{1}"
        );
        assert_eq!(
            read_handshake(good.as_bytes()).unwrap(),
            Some(good.len() - 1)
        );
        let other = good.replace("s3p", "S3P");
        assert!(read_handshake(other.as_bytes()).is_err());
        let refused = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";
        let failure = read_handshake(refused.as_bytes()).unwrap_err();
        assert!(failure.to_string().contains("429"), "{failure}");
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let mut out = String::new();
        write(
            "PUT",
            "/client/to/instance",
            "127.0.0.1:1",
            "{\"ä\":1}",
            &mut out,
        );
        assert!(out.starts_with("PUT /client/to/instance HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"));
        assert!(out.ends_with("Content-Length: 8\r\n\r\n{\"ä\":1}"));
    }
}
