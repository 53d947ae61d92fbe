//! Why a delivery or a challenge came to nothing.
//!
//! Invariant: neither the reason nor the text of a failure contains an address, a name or anything that the other side
//! sent, so a node's developer learns nothing about our networks from them. The chain of sources is for the log.

use std::{error, fmt, io};

use crate::error::Fault;

/// Why a delivery or a challenge came to nothing. What was sent may have arrived nevertheless.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// None of the host's addresses is one that messages may go to.
    Forbidden,
    /// The host's name leads to no address.
    Unresolvable(#[source] io::Error),
    /// No address takes a connection.
    Unreachable(#[source] io::Error),
    /// This machine has no list of certificate authorities.
    NoAuthorities,
    /// No secure connection can be made, as where the certificate is not valid.
    Tls(#[source] io::Error),
    /// The deadline passed.
    TimedOut,
    /// The answer has a status that is not 2xx; redirects are not followed.
    Status(u16),
    /// The answer's body is longer than 64 KiB.
    TooLarge,
    /// The connection ended before the answer did, or what came is no answer.
    BrokenOff(#[source] Box<dyn error::Error + Send + Sync>),
    /// The challenge was answered, with something else.
    WrongChallenge,
    /// No challenge could be made.
    Internal(#[source] Fault),
}

impl Failure {
    /// One plain phrase for the node's developer.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Forbidden => "the host has no address that this instance delivers to",
            Self::Unresolvable(_) => "the host name cannot be resolved",
            Self::Unreachable(_) => "no connection can be made to the host",
            Self::NoAuthorities => "this instance has no certificate authorities to check https by",
            Self::Tls(_) => "no secure connection can be made; is the certificate valid?",
            Self::TimedOut => "the answer was not complete before the deadline",
            Self::Status(300..400) => "the answer is a redirect, which is not followed",
            Self::Status(_) => "the answer has a status other than 2xx",
            Self::TooLarge => "the answer is longer than 64 KiB",
            Self::BrokenOff(_) => "the connection broke off, or the answer is not HTTP/1.1",
            Self::WrongChallenge => "the answer does not repeat the challenge",
            Self::Internal(_) => "this instance could not make a challenge",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the answer has status {status}"),
            other => f.write_str(other.reason()),
        }
    }
}
