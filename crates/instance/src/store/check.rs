//! Looking through a whole database for damage, past the process that serves.
//!
//! **It changes nothing, and finds what is damaged wherever it is used**: every row by its sum, the indexes
//! and pages by the database's own check, the sums of what waits by a count, the definitions by comparison,
//! the log by its own sums. It does not repair. It reads one moment of the database, so a server may go on
//! writing.

use std::{fmt, path::Path, sync::Arc};

use rusqlite::{Connection, Result, params_from_iter};

use super::{
    OpenError,
    connection::{self, Role},
    directory,
    disk::System,
    frames::{self, End, Frames},
    pulse::Pulse,
    schema,
    seal::intact,
};

/// How many damages of one sort are told.
const TOLD: u32 = 100;

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A line for each, which names the table and the row and nothing of what is in it. Of one sort there
    /// are a hundred at most.
    pub damages: Vec<String>,
    /// What may be damage, and may be none.
    pub doubts: Vec<String>,
    /// How many rows could be read, damaged or not.
    pub rows: i64,
}

impl Report {
    /// Whether there is no damage.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }
}

/// A line for each damage and doubt, and one that sums up.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for damage in &self.damages {
            writeln!(f, "damaged: {damage}")?;
        }
        for doubt in &self.doubts {
            writeln!(f, "doubtful: {doubt}")?;
        }
        let Self { damages, rows, .. } = self;
        match damages.len() {
            0 => write!(f, "sound: {rows} rows"),
            1 => write!(f, "damaged: 1 damage, {rows} rows read"),
            number => write!(f, "damaged: {number} damages, {rows} rows read"),
        }
    }
}

/// Tables, and for each the key of a row, for people, and whether the row is intact.
const ROWS: [(&str, &str, &str); 6] = [
    ("client", "id", intact!(client)),
    ("node", "id", intact!(node)),
    (
        "message",
        "seq",
        concat!(
            intact!(message),
            " AND (body IS NULL OR ",
            intact!(body),
            ")"
        ),
    ),
    ("queue", "to_node || '/' || to_id", intact!(queue)),
    ("pair", "client_id || '/' || node_id", intact!(pair)),
    ("clock", "id", intact!(clock)),
];

/// Queries for what does not agree with something else: what each finds, and what that means. The tables
/// are counted themselves, not their indexes, which the database's own check compares with them.
const DISAGREEMENTS: [(&str, &str); 7] = [
    (
        "SELECT 'queue ' || to_node || '/' || to_id FROM
         (SELECT to_node, to_id, waiting, bytes FROM queue WHERE waiting <> 0 OR bytes <> 0
         EXCEPT SELECT to_node, to_id, count(*), sum(bytes) FROM message NOT INDEXED
         WHERE state = 0 GROUP BY to_node, to_id)",
        "is not the sum of the messages that wait",
    ),
    (
        "SELECT 'queue ' || to_node || '/' || to_id FROM
         (SELECT to_node, to_id, count(*), sum(bytes) FROM message NOT INDEXED
         WHERE state = 0 GROUP BY to_node, to_id
         EXCEPT SELECT to_node, to_id, waiting, bytes FROM queue)",
        "is not the sum of the messages that wait",
    ),
    (
        "SELECT 'queue ' || to_node || '/' || to_id FROM queue JOIN
         (SELECT to_node, to_id, max(seq) AS last FROM message NOT INDEXED GROUP BY to_node, to_id)
         USING (to_node, to_id) WHERE newest < last",
        "does not know the newest message",
    ),
    (
        "SELECT 'pair ' || client_id || '/' || node_id FROM
         (SELECT client_id, node_id, to_node, to_client FROM pair WHERE to_node <> 0 OR to_client <> 0
         EXCEPT SELECT iif(to_node, from_id, to_id) AS client, iif(to_node, to_id, from_id) AS node,
         sum(to_node), sum(NOT to_node) FROM message NOT INDEXED WHERE state = 0 GROUP BY client, node)",
        "is not the sum of the messages that wait",
    ),
    (
        "SELECT 'pair ' || client || '/' || node FROM
         (SELECT iif(to_node, from_id, to_id) AS client, iif(to_node, to_id, from_id) AS node,
         sum(to_node), sum(NOT to_node) FROM message NOT INDEXED WHERE state = 0 GROUP BY client, node
         EXCEPT SELECT client_id, node_id, to_node, to_client FROM pair)",
        "is not the sum of the messages that wait",
    ),
    (
        "WITH given(name, number) AS (SELECT 'client', max(id) FROM client
         UNION ALL SELECT 'client', max(client_id) FROM pair
         UNION ALL SELECT 'node', max(id) FROM node UNION ALL SELECT 'node', max(node_id) FROM pair
         UNION ALL SELECT 'message', max(seq) FROM message
         UNION ALL SELECT 'message', max(newest) FROM queue)
         SELECT DISTINCT name FROM given WHERE number > coalesce((SELECT max(seq)
         FROM sqlite_sequence WHERE sqlite_sequence.name = given.name), 0)",
        "would be given numbers again",
    ),
    (
        "SELECT name FROM sqlite_sequence WHERE name NOT IN ('client', 'node', 'message')
         OR typeof(seq) <> 'integer' OR seq NOT BETWEEN 0 AND 9007199254740991",
        "is not what numbers are given to",
    ),
];

/// Looks through the store of `data_dir`, which a server may be serving.
///
/// It blocks as long as it takes to read everything. An error: there is nothing that it could look through.
pub fn check(data_dir: &Path) -> Result<Report, OpenError> {
    let path = directory::existing_database(data_dir)?;
    let refuse = |error| OpenError::database(&path, error);
    let mut checking = Checking::default();
    // First: whoever opens the database may begin a new log.
    checking.log(&directory::log(&path));
    let pulse = Arc::new(Pulse::silent());
    let connection = connection::open(&path, Role::Reader, &pulse).map_err(refuse)?;
    match schema::check(&connection, &path) {
        Ok(()) => {}
        Err(OpenError::DamagedDefinition { name, .. }) => {
            checking.damage(format!("the definition of {name} was altered"));
        }
        // What is left of it without its log need not be a database.
        Err(other) if !checking.report.is_sound() => {
            checking.damage(other.to_string());
            return Ok(checking.report);
        }
        Err(other) => return Err(other),
    }
    connection.execute_batch("BEGIN").map_err(refuse)?;
    checking.structure(&connection);
    for (table, key, is_intact) in ROWS {
        checking.rows(&connection, table, key, is_intact);
    }
    for (query, what) in DISAGREEMENTS {
        checking.agreement(&connection, query, what);
    }
    Ok(checking.report)
}

#[derive(Default)]
struct Checking {
    report: Report,
}

impl Checking {
    fn damage(&mut self, line: String) {
        if !self.report.damages.contains(&line) {
            self.report.damages.push(line);
        }
    }

    fn log(&mut self, path: &Path) {
        match frames::inspect(&System, path) {
            Ok(Frames {
                end: End::Whole, ..
            }) => {}
            Ok(Frames {
                sound,
                end: End::Doubtful,
            }) => self.report.doubts.push(format!(
                "the log: after {sound} pages there is a commit that a crash has interrupted, or the last one is damaged"
            )),
            Ok(Frames {
                sound,
                end: End::Lost,
            }) => self.damage(format!(
                "the log: after {sound} pages there are commits that cannot be read"
            )),
            Err(error) => self.damage(format!("the log cannot be read: {error}")),
        }
    }

    /// A line for each of those that were found, or one that says why nobody knows.
    fn tell(&mut self, found: Result<Vec<String>>, line: impl Fn(&str) -> String) {
        match found {
            Ok(found) => {
                for found in found {
                    self.damage(line(&found));
                }
            }
            Err(error) => self.damage(line(&error.to_string())),
        }
    }

    /// Pages, indexes, and what the definitions say of values.
    fn structure(&mut self, connection: &Connection) {
        let query = format!("PRAGMA integrity_check({TOLD})");
        let told = strings(connection, &query, []);
        if told.as_ref().is_ok_and(|lines| lines == &["ok"]) {
            return;
        }
        self.tell(told, |line| line.replace('\n', ", "));
    }

    fn rows(&mut self, connection: &Connection, table: &str, key: &str, is_intact: &str) {
        let from = format!("FROM {table} NOT INDEXED");
        let damaged = format!("SELECT {key} || '' {from} WHERE NOT ({is_intact}) LIMIT ?1");
        let damaged = strings(connection, &damaged, [TOLD]);
        self.tell(damaged, |row| {
            format!("{table} {row}: does not fit its sum")
        });
        let count = format!("SELECT count(*) {from}");
        match connection.query_row(&count, [], |row| row.get::<_, i64>(0)) {
            Ok(rows) => self.report.rows += rows,
            Err(error) => self.damage(format!("{table}: {error}")),
        }
    }

    fn agreement(&mut self, connection: &Connection, query: &str, what: &str) {
        let found = strings(connection, &format!("{query} LIMIT ?1"), [TOLD]);
        self.tell(found, |found| format!("{found}: {what}"));
    }
}

/// The first column of what `query` finds, also where that is no text any more.
fn strings<const N: usize>(
    connection: &Connection,
    query: &str,
    parameters: [u32; N],
) -> Result<Vec<String>> {
    connection
        .prepare(query)?
        .query_map(params_from_iter(parameters), |row| {
            let found = row.get_ref(0)?;
            Ok(match found.as_bytes() {
                Ok(text) => String::from_utf8_lossy(text).into_owned(),
                Err(_) => "?".to_owned(),
            })
        })?
        .collect()
}
