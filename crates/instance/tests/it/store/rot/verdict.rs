//! What a damage may lead to.
//!
//! **No answer is ever another than that of the whole store**, but for damage that only the last commit in
//! the log can have, which cannot be told from a crash: there it may be that of the moment before. Whatever
//! a damage changes of what is in the tables, the check finds.

use std::{fmt::Write as _, path::Path, time::Duration};

use nile_instance::store::{Health, OpenError, Options, Report, Store, check};
use rusqlite::{Connection, Result, config::DbConfig, types::ValueRef};
use tokio::time::timeout;

use super::{
    Damage,
    answers::{Answers, Difference, ask},
    world::World,
};
use crate::support::directory_in_memory;

/// How a damage was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// Nothing that is used was hit; everything is answered as it was.
    Harmless,
    /// Nothing that was asked for was hit; the check finds it.
    Unasked,
    /// The store was not opened.
    Refused,
    /// Whoever asked for it was told, or the log was, and the check finds it.
    Told,
    /// Something was not there, and only the check finds that.
    Missing,
    /// The last commit was dropped, as one that a crash has interrupted, and the check says that this may be.
    Interrupted,
    /// The log was cut off between two commits, or in one: it is as if the rest had never been.
    Older,
}

/// Damages the files of `world`, opens the store and asks everything.
pub(super) async fn judge(world: &World, damage: Damage) -> Result<Found, String> {
    let directory = directory_in_memory();
    damage.write(world, directory.path());
    let report = check(directory.path());
    let contents = contents_of(directory.path());
    let told = !report.as_ref().is_ok_and(Report::is_sound);
    let is_same = contents.as_ref() == Ok(&world.contents);
    let asked = timeout(Duration::from_secs(30), answers(world, directory.path()));
    let (answers, noticed) = match asked.await.map_err(|_| "it hangs")? {
        Some(answers) => answers?,
        None if told => return Ok(Found::Refused),
        None => return Err("it is not opened, and the check finds nothing".to_owned()),
    };

    let worst = answers.worst(&world.answers);
    if worst == Difference::Same && is_same {
        return Ok(if told {
            Found::Unasked
        } else {
            Found::Harmless
        });
    }
    if !told {
        return older(world, damage, &report, contents);
    }
    match worst {
        Difference::Same => Ok(Found::Unasked),
        Difference::Refused => Ok(Found::Told),
        Difference::Missing if noticed => Ok(Found::Told),
        Difference::Missing => Ok(Found::Missing),
        Difference::Wrong => Err(format!(
            "something else is answered: {}\n{}",
            answers.wrong(&world.answers),
            report.map_or_else(|error| error.to_string(), |report| report.to_string())
        )),
    }
}

/// Content of before, if nobody can know that it is, and nothing else is damaged.
fn older(
    world: &World,
    damage: Damage,
    report: &Result<Report, OpenError>,
    contents: Result<String, String>,
) -> Result<Found, String> {
    let doubted = report
        .as_ref()
        .is_ok_and(|report| !report.doubts.is_empty());
    let Ok(contents) = contents else {
        return Err("the check does not find it".to_owned());
    };
    let before_last = world.history.len() - 2;
    match (
        damage,
        world.history.iter().position(|before| *before == contents),
    ) {
        (Damage::FlipLog(_), Some(age)) if doubted && age == before_last => Ok(Found::Interrupted),
        (Damage::CutLog(_), Some(_)) => Ok(Found::Older),
        (_, age) => Err(format!(
            "the check does not find it (doubted: {doubted}, state: {age:?})"
        )),
    }
}

/// Opens the store and asks everything; also, whether damage was noticed meanwhile. `None`: it is refused.
async fn answers(world: &World, directory: &Path) -> Option<Result<(Answers, bool), String>> {
    let store = Store::open(directory, &Options::default()).ok()?;
    let answers = ask(&store, world).await;
    let health = store.health();
    let noticed = store.damaged_rows() > 0 || health == Health::Damaged;
    let closed = store.close().await;
    Some(if health == Health::Ended || closed.is_err() {
        Err(format!("a thread has ended: {health:?}, {closed:?}"))
    } else {
        Ok((answers, noticed))
    })
}

/// Everything that is in the tables, read past the store and past every index.
pub(super) fn contents_of(directory: &Path) -> Result<String, String> {
    read(&directory.join("nile.db")).map_err(|error| error.to_string())
}

fn read(path: &Path) -> Result<String> {
    let connection = Connection::open(path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let mut contents = String::new();
    for table in [
        "client",
        "node",
        "message",
        "queue",
        "pair",
        "clock",
        "sqlite_sequence",
        "sqlite_schema",
    ] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} NOT INDEXED"))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let value: ValueRef<'_> = row.get_ref(column)?;
                write!(contents, "{value:?} ").unwrap();
            }
            contents.push('\n');
        }
    }
    Ok(contents)
}
