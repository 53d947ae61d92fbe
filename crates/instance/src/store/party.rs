//! What clients and nodes have in common: a row with a credential, in the table of their kind.
//!
//! **Which table is decided by the kind alone**, so a token of a client is never compared with one of
//! a node, whatever their numbers are. Who may call what is decided above.

use nile_protocol::party::{PartyId, PartyKind};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::{
    Ended, Store, Submission,
    credential::{Authority, Change, Credential, LiveToken, NextToken, Proven},
    message,
    seal::{Intact, intact},
};
use crate::{clock::Timestamp, token::TokenHash};

/// A party that has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The content identifier that a node last gave. A client has none.
    pub hash: Option<Box<str>>,
    /// What it last said about itself: a JSON object, as it was received.
    pub information: Box<str>,
    /// Whether it takes part. A client always does; a node, when the operator lets it.
    pub approved: bool,
    /// The token it proved itself with. With [`LiveToken::Next`], confirm it before serving.
    pub with: LiveToken,
}

/// Which row is read for the party ?1: its own, or somebody's where there is none of that number. Numbers that were
/// never given find rows all over the table, as those do that were: a row that is read all the time is nearer.
macro_rules! nearest {
    ($table:literal) => {
        concat!(
            " WHERE id <= (?1 - 1) % (SELECT max(id) FROM ",
            $table,
            ") + 1 ORDER BY id DESC LIMIT 1"
        )
    };
}

impl Store {
    /// Tells whether `token` is a live token of `party`.
    ///
    /// `None` for a wrong token and for a party that does not exist, after the same work.
    pub fn authenticate(
        &self,
        party: PartyId,
        token: TokenHash,
        now: Timestamp,
    ) -> Submission<Option<Authenticated>> {
        self.reads
            .submit("authenticate a party", move |connection| {
                authenticate(connection, party, token, now)
            })
    }

    /// Makes `token` the only one of `party`, if a rotation has given it.
    ///
    /// Repeating it changes nothing. A token that was live when it authenticated may be so no
    /// longer: then this is [`Change::InvalidToken`].
    pub fn confirm_token(
        &self,
        party: PartyId,
        token: TokenHash,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes.submit("confirm a token", move |connection| {
            prove(connection, party, Authority::Token(token), now, || Ok(()))
        })
    }

    /// Removes `party`, what it told and its tokens. Its number is not used again.
    ///
    /// The messages that waited for it end as refused, and are the outcome; those it sent stay.
    /// Repeated after a fault, it finds the token invalid.
    pub fn delete(
        &self,
        party: PartyId,
        token: TokenHash,
        now: Timestamp,
    ) -> Submission<Proven<Vec<Ended>>> {
        self.writes.submit("delete a party", move |connection| {
            prove(connection, party, Authority::Token(token), now, || {
                let refused = message::refuse_all(connection, party, now)?;
                connection
                    .prepare_cached(match party.kind() {
                        PartyKind::Client => "DELETE FROM client WHERE id = ?1",
                        PartyKind::Node => "DELETE FROM node WHERE id = ?1",
                    })?
                    .execute([party.number()])?;
                Ok(refused)
            })
        })
    }

    /// Gives `party` the token `new`, which becomes its only one when it is first used, and is
    /// discarded if that does not happen within 24 hours.
    ///
    /// Until then `token` stays live, so losing the answer locks nobody out. A token from an
    /// earlier rotation that was never used is replaced.
    pub fn rotate_token(
        &self,
        party: PartyId,
        token: TokenHash,
        new: TokenHash,
        now: Timestamp,
    ) -> Submission<Change> {
        self.writes.submit("rotate a token", move |connection| {
            let Some((credential, with)) = admit(connection, party, token, now)? else {
                return Ok(Change::InvalidToken);
            };
            store_credential(connection, party, credential.rotated(new, now))?;
            Ok(made(with))
        })
    }
}

/// What [`Store::authenticate`] tells.
pub(super) fn authenticate(
    connection: &Connection,
    party: PartyId,
    token: TokenHash,
    now: Timestamp,
) -> Result<Option<Authenticated>> {
    let mut statement = connection.prepare_cached(match party.kind() {
        PartyKind::Client => {
            concat!(
                "SELECT token_hash, next_token_hash, next_token_at, ",
                intact!(client),
                ", id, information, NULL, 1 FROM client",
                nearest!("client")
            )
        }
        PartyKind::Node => {
            concat!(
                "SELECT token_hash, next_token_hash, next_token_at, ",
                intact!(node),
                ", id, information, hash, approved FROM node",
                nearest!("node")
            )
        }
    })?;
    let mut rows = statement.query([party.number()])?;
    let row = rows.next()?;
    let credential = row.map(|row| credential(row, party)).transpose()?;
    let with = credential
        .unwrap_or(Credential::NOBODY)
        .recognise(token, now);
    row.zip(with)
        .map(|(row, with)| {
            Ok(Authenticated {
                hash: row.get(6)?,
                information: row.get(5)?,
                approved: row.get(7)?,
                with,
            })
        })
        .transpose()
}

/// Does `work` in the name of `party`, if `authority` is one. A new token is confirmed by that.
pub(super) fn prove<T>(
    connection: &Connection,
    party: PartyId,
    authority: Authority,
    now: Timestamp,
    work: impl FnOnce() -> Result<T>,
) -> Result<Proven<T>> {
    let confirmed = match authority {
        Authority::Session => false,
        Authority::Token(token) => {
            let Some((credential, with)) = admit(connection, party, token, now)? else {
                return Ok(Proven::InvalidToken);
            };
            if with == LiveToken::Next {
                store_credential(connection, party, credential)?;
            }
            with == LiveToken::Next
        }
    };
    let outcome = work()?;
    Ok(Proven::Done { confirmed, outcome })
}

/// The credential of `party` as it is after `token` was used, if that is a live one.
pub(super) fn admit(
    connection: &Connection,
    party: PartyId,
    token: TokenHash,
    now: Timestamp,
) -> Result<Option<(Credential, LiveToken)>> {
    let stored = connection
        .prepare_cached(match party.kind() {
            PartyKind::Client => concat!(
                "SELECT token_hash, next_token_hash, next_token_at, ",
                intact!(client),
                ", id FROM client",
                nearest!("client")
            ),
            PartyKind::Node => concat!(
                "SELECT token_hash, next_token_hash, next_token_at, ",
                intact!(node),
                ", id FROM node",
                nearest!("node")
            ),
        })?
        .query_row([party.number()], |row| credential(row, party))
        .optional()?;
    let credential = stored.unwrap_or(Credential::NOBODY);
    let with = credential.recognise(token, now);
    Ok(with.map(|with| (credential.after(with), with)))
}

fn store_credential(connection: &Connection, party: PartyId, credential: Credential) -> Result<()> {
    let (current, next, since) = columns(&credential);
    connection
        .prepare_cached(match party.kind() {
            PartyKind::Client => {
                "UPDATE client SET token_hash = ?2, next_token_hash = ?3, next_token_at = ?4,
                 sum = seal('client', id, ?2, ?3, ?4, registered_at, updated_at, information)
                 WHERE id = ?1"
            }
            PartyKind::Node => {
                "UPDATE node SET token_hash = ?2, next_token_hash = ?3, next_token_at = ?4,
                 sum = seal('node', id, ?2, ?3, ?4, registered_at, updated_at, protocol, approved,
                 hash, resource, delivery_secret, information)
                 WHERE id = ?1"
            }
        })?
        .execute((party.number(), current, next, since))
        .map(drop)
}

/// Reads the columns `token_hash`, `next_token_hash` and `next_token_at`, whether the row is intact, and `id`, the
/// first of the row: the credential of `party`, or nobody's where the row is another's, which takes as long.
fn credential(row: &Row<'_>, party: PartyId) -> Result<Credential> {
    let is_its_own = row.get::<_, i64>(4)? == party.number();
    if !is_its_own {
        return Ok(Credential::NOBODY);
    }
    let Intact = row.get(3)?;
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
pub(super) fn columns(credential: &Credential) -> (&[u8; 32], Option<&[u8; 32]>, Option<i64>) {
    let next = credential.next.as_ref();
    (
        credential.current.as_bytes(),
        next.map(|next| next.hash.as_bytes()),
        next.map(|next| next.since.0),
    )
}

/// The number for the next row of `table`, which none has had before.
pub(super) fn next_number(connection: &Connection, table: &str) -> Result<i64> {
    connection
        .prepare_cached("SELECT 1 + coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1")?
        .query_row([table], |row| row.get(0))
}

pub(super) fn made(with: LiveToken) -> Change {
    Proven::Done {
        confirmed: with == LiveToken::Next,
        outcome: (),
    }
}
