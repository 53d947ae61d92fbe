//! The clients' table, by use case.
//!
//! Client numbers count only clients; nodes have a table and numbers of their own. Who may call
//! what, and what a token or an information may look like, is decided above.

use nile_protocol::party::ClientId;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::{
    Store, Submission,
    credential::{Change, Credential, LiveToken, NextToken},
};
use crate::{clock::Timestamp, token::TokenHash};

/// A client that has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// What it last said about itself: a JSON object, as it was received.
    pub information: Box<str>,
    /// The token it proved itself with. With [`LiveToken::Next`], confirm it before serving.
    pub with: LiveToken,
}

impl Store {
    /// Adds a client and gives it a number that no client has had before.
    ///
    /// Repeated after a fault, it may add a second client that nobody knows the token of.
    pub fn register_client(
        &self,
        token: TokenHash,
        information: Box<str>,
        now: Timestamp,
    ) -> Submission<ClientId> {
        self.writes.submit("register a client", move |connection| {
            let id = connection
                .prepare_cached(
                    "INSERT INTO client (token_hash, registered_at, updated_at, information)
                     VALUES (?1, ?2, ?2, ?3)",
                )?
                .insert((token.as_bytes(), now.0, information))?;
            Ok(ClientId(id))
        })
    }

    /// Tells whether `token` is a live token of client `id`.
    ///
    /// `None` for a wrong token and for a client that does not exist, after the same work.
    pub fn authenticate_client(
        &self,
        id: ClientId,
        token: TokenHash,
        now: Timestamp,
    ) -> Submission<Option<Authenticated>> {
        self.reads
            .submit("authenticate a client", move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT token_hash, next_token_hash, next_token_at, information
                 FROM client WHERE id = ?1",
                )?;
                let mut rows = statement.query([id.0])?;
                let row = rows.next()?;
                let credential = row.map(credential).transpose()?;
                let with = credential
                    .unwrap_or(Credential::NOBODY)
                    .recognise(token, now);
                row.zip(with)
                    .map(|(row, with)| {
                        Ok(Authenticated {
                            information: row.get(3)?,
                            with,
                        })
                    })
                    .transpose()
            })
    }

    /// Makes `token` the only one of client `id`, if a rotation has given it.
    ///
    /// Repeating it changes nothing. A token that was live when it authenticated may be so no
    /// longer: then this is [`Change::InvalidToken`].
    pub fn confirm_client_token(
        &self,
        id: ClientId,
        token: TokenHash,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes
            .submit("confirm a client's token", move |connection| {
                let Some((credential, with)) = admit(connection, id, token, now)? else {
                    return Ok(Change::InvalidToken);
                };
                if with == LiveToken::Next {
                    store_credential(connection, id, credential)?;
                }
                Ok(made(with))
            })
    }

    /// Replaces the information of client `id`.
    pub fn update_client(
        &self,
        id: ClientId,
        token: TokenHash,
        information: Box<str>,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes.submit("update a client", move |connection| {
            let Some((credential, with)) = admit(connection, id, token, now)? else {
                return Ok(Change::InvalidToken);
            };
            let (current, next, since) = columns(&credential);
            connection
                .prepare_cached(
                    "UPDATE client SET token_hash = ?2, next_token_hash = ?3, next_token_at = ?4,
                     information = ?5, updated_at = ?6 WHERE id = ?1",
                )?
                .execute((id.0, current, next, since, information, now.0))?;
            Ok(made(with))
        })
    }

    /// Removes client `id`, its information and its tokens. Its number is not used again.
    ///
    /// Repeated after a fault, it finds the token invalid.
    pub fn delete_client(
        &self,
        id: ClientId,
        token: TokenHash,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes.submit("delete a client", move |connection| {
            let Some((_, with)) = admit(connection, id, token, now)? else {
                return Ok(Change::InvalidToken);
            };
            connection
                .prepare_cached("DELETE FROM client WHERE id = ?1")?
                .execute([id.0])?;
            Ok(made(with))
        })
    }

    /// Gives client `id` the token `new`, which becomes its only one when it is first used, and is
    /// discarded if that does not happen within 24 hours.
    ///
    /// Until then `token` stays live, so losing the answer locks nobody out. A token from an
    /// earlier rotation that was never used is replaced.
    pub fn rotate_client_token(
        &self,
        id: ClientId,
        token: TokenHash,
        new: TokenHash,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes
            .submit("rotate a client's token", move |connection| {
                let Some((credential, with)) = admit(connection, id, token, now)? else {
                    return Ok(Change::InvalidToken);
                };
                store_credential(connection, id, credential.rotated(new, now))?;
                Ok(made(with))
            })
    }
}

/// The credential of client `id` as it is after `token` was used, if that is a live one.
fn admit(
    connection: &Connection,
    id: ClientId,
    token: TokenHash,
    now: Timestamp,
) -> Result<Option<(Credential, LiveToken)>> {
    let stored = connection
        .prepare_cached(
            "SELECT token_hash, next_token_hash, next_token_at FROM client WHERE id = ?1",
        )?
        .query_row([id.0], credential)
        .optional()?;
    let with = stored.unwrap_or(Credential::NOBODY).recognise(token, now);
    Ok(stored
        .zip(with)
        .map(|(credential, with)| (credential.after(with), with)))
}

fn store_credential(connection: &Connection, id: ClientId, credential: Credential) -> Result<()> {
    let (current, next, since) = columns(&credential);
    connection
        .prepare_cached(
            "UPDATE client SET token_hash = ?2, next_token_hash = ?3, next_token_at = ?4
             WHERE id = ?1",
        )?
        .execute((id.0, current, next, since))
        .map(drop)
}

/// Reads the columns `token_hash`, `next_token_hash` and `next_token_at`, the first of the row.
fn credential(row: &Row<'_>) -> Result<Credential> {
    let next = row.get::<_, Option<_>>(1)?.map(TokenHash::from_bytes);
    let since = row.get::<_, Option<_>>(2)?.map(Timestamp);
    Ok(Credential {
        current: TokenHash::from_bytes(row.get(0)?),
        next: next
            .zip(since)
            .map(|(hash, since)| NextToken { hash, since }),
    })
}

/// The values of the same columns.
fn columns(credential: &Credential) -> (&[u8; 32], Option<&[u8; 32]>, Option<i64>) {
    let next = credential.next.as_ref();
    (
        credential.current.as_bytes(),
        next.map(|next| next.hash.as_bytes()),
        next.map(|next| next.since.0),
    )
}

fn made(with: LiveToken) -> Change {
    Change::Made {
        confirmed: with == LiveToken::Next,
    }
}
