//! What only clients have, by use case.
//!
//! Client numbers count only clients; nodes have a table and numbers of their own. What an
//! information may look like is decided above.

use nile_protocol::party::{ClientId, PartyId};

use super::{
    Store, Submission,
    credential::Change,
    party::{admit, columns, made, next_number},
};
use crate::{clock::Timestamp, token::TokenHash};

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
            let id = next_number(connection, "client")?;
            connection
                .prepare_cached(
                    "INSERT INTO client (id, sum, token_hash, registered_at, updated_at, information)
                     VALUES (?1, seal('client', ?1, ?2, NULL, NULL, ?3, ?3, ?4), ?2, ?3, ?3, ?4)",
                )?
                .execute((id, token.as_bytes(), now.0, information))?;
            Ok(ClientId(id))
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
            let party = PartyId::Client(id);
            let Some((credential, with)) = admit(connection, party, token, now)? else {
                return Ok(Change::InvalidToken);
            };
            let (current, next, since) = columns(&credential);
            connection
                .prepare_cached(
                    "UPDATE client SET token_hash = ?2, next_token_hash = ?3, next_token_at = ?4,
                     information = ?5, updated_at = ?6,
                     sum = seal('client', id, ?2, ?3, ?4, registered_at, ?6, ?5) WHERE id = ?1",
                )?
                .execute((id.0, current, next, since, information, now.0))?;
            Ok(made(with))
        })
    }
}
