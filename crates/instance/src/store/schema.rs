//! Whose database this is, and which of our schemas it has.
//!
//! **A database that is not ours is never written to**: it is identified before anything about it
//! is changed. Migrations only go forward, one transaction each.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, Result, TransactionBehavior::Immediate};

use super::{OpenError, seal};

/// `Nile`: tells our databases from others'.
const APPLICATION_ID: i64 = 0x4e69_6c65;

/// Schema n is what the first n of these make. Released ones are never edited.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../migrations/0001_create_client.sql"),
    include_str!("../../migrations/0002_create_node.sql"),
    include_str!("../../migrations/0003_create_message.sql"),
    include_str!("../../migrations/0004_seal_rows.sql"),
    include_str!("../../migrations/0005_remember_the_time.sql"),
];

/// The newest schema that this program knows, as `user_version` says it.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Makes an empty database ours, brings an older one of ours up to date, and refuses all others.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let refuse = |error| OpenError::database(path, error);
    match identify(connection).map_err(refuse)? {
        Identity::Foreign => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
        Identity::Ours { version } if version > NEWEST => Err(OpenError::Newer {
            path: path.to_owned(),
            found: version,
            known: NEWEST,
        }),
        Identity::Ours { version } => bring_up_to_date(connection, path, version),
        Identity::Empty => bring_up_to_date(connection, path, 0),
    }
}

/// Refuses every database but one of ours that is up to date, and changes nothing.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let path = path.to_owned();
    match identify(connection) {
        Err(error) => Err(OpenError::database(&path, error)),
        Ok(Identity::Empty) => Err(OpenError::Missing { path }),
        Ok(Identity::Foreign) => Err(OpenError::Foreign { path }),
        Ok(Identity::Ours { version }) if version > NEWEST => Err(OpenError::Newer {
            path,
            found: version,
            known: NEWEST,
        }),
        Ok(Identity::Ours { version }) if version < NEWEST => Err(OpenError::Older {
            path,
            found: version,
            known: NEWEST,
        }),
        Ok(Identity::Ours { .. }) => compare(connection, &path),
    }
}

/// A write that changes nothing: it tells whether the disk takes one.
pub(super) fn touch(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "user_version", NEWEST)
}

enum Identity {
    Empty,
    Ours { version: i64 },
    Foreign,
}

fn identify(connection: &Connection) -> Result<Identity> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
    Ok(
        match (pragma("application_id")?, pragma("user_version")?, tables) {
            (APPLICATION_ID, version, _) => Identity::Ours { version },
            (0, 0, 0) => Identity::Empty,
            _ => Identity::Foreign,
        },
    )
}

fn bring_up_to_date(
    connection: &mut Connection,
    path: &Path,
    version: i64,
) -> Result<(), OpenError> {
    let refuse = |error| OpenError::database(path, error);
    if !keep_log(connection).map_err(refuse)? {
        return Err(OpenError::Unsuitable {
            path: path.to_owned(),
        });
    }
    migrate(connection, version).map_err(refuse)?;
    compare(connection, path)
}

/// Has changes go into a log from now on; `false` where the file system cannot do that.
fn keep_log(connection: &Connection) -> Result<bool> {
    let mut pragma = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = pragma.query([])?;
    let mut mode = None;
    // The mode is part of the file. It is told first, and written when that was read: only when there are no
    // more rows is it known to be so.
    while let Some(row) = rows.next()? {
        mode = Some(row.get::<_, String>(0)?);
    }
    Ok(mode.as_deref() == Some("wal"))
}

/// Refuses a database whose definitions are not what the migrations make: they are on the disk like all
/// else, and decide what is found.
fn compare(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match altered(connection) {
        Err(error) => Err(OpenError::database(path, error)),
        Ok(Some(name)) => Err(OpenError::DamagedDefinition {
            path: path.to_owned(),
            name,
        }),
        Ok(None) => Ok(()),
    }
}

/// A table or index that is not defined as it should be.
fn altered(connection: &Connection) -> Result<Option<String>> {
    let model = Connection::open_in_memory()?;
    seal::add_functions(&model, &Arc::default())?;
    for migration in MIGRATIONS {
        model.execute_batch(migration)?;
    }
    let mut definitions = model.prepare("SELECT name, sql FROM sqlite_schema")?;
    let mut definitions = definitions.query([])?;
    let mut same =
        connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1 AND sql IS ?2")?;
    while let Some(row) = definitions.next()? {
        let (name, sql): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        if !same.exists((&name, sql))? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn migrate(connection: &mut Connection, from: i64) -> Result<()> {
    for (version, migration) in (1..)
        .zip(MIGRATIONS)
        .skip_while(|(version, _)| *version <= from)
    {
        let transaction = connection.transaction_with_behavior(Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
