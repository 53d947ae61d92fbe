//! What can go wrong with a request, as the report names it.

use std::io;

/// Why a request was not answered as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The socket does not work.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("the server closed the connection{0}")]
    Closed(String),
    /// The server broke the rules of a transport.
    #[error("not understood: {0}")]
    Malformed(&'static str),
    /// The server refused the request, with this code.
    #[error("refused: {0}")]
    Refused(String),
    /// The answer is another one than was asked for.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
    /// There was no answer in time.
    #[error("no answer in time")]
    Late,
}

impl Failure {
    /// An answer that is not the right one, cut to what a line can show.
    #[must_use]
    pub fn unexpected(text: &str) -> Self {
        Self::Unexpected(text[..text.floor_char_boundary(120)].to_owned())
    }
}
