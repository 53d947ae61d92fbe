//! The sum that every row carries: what is read is what was written, where it was written.
//!
//! **A row that does not fit its sum is never served as what it says**, and never given one that fits. The sum
//! is over the table's name and all columns, the key among them; so a row that is found in another's place,
//! by a damaged index for one, is noticed as well. Two SQL functions know how: `seal(table, …)` makes a sum,
//! and `intact(table, sum, key, …)` compares, and reports what does not fit. Sums are against bit rot and not
//! against people: whoever can write to the database can make one.

use std::{cell::RefCell, sync::Arc};

use rusqlite::{
    Connection, Error, Result,
    functions::{Context, FunctionFlags},
    types::{FromSql, FromSqlError, FromSqlResult, ValueRef},
};
use twox_hash::XxHash3_64;

use super::pulse::Pulse;

/// The columns that the sum of a message covers, or with other values in place of those that change.
macro_rules! message_columns {
    () => {
        $crate::store::seal::message_columns!("state", "changed_at", "handed_at", "pushes")
    };
    ($state:literal, $changed:literal, $handed:literal, $pushes:literal) => {
        concat!(
            "seq, to_node, to_id, from_id, sender_ref, digest, sent_at, ",
            $state,
            ", ",
            $changed,
            ", ",
            $handed,
            ", ",
            $pushes,
            ", bytes, body_sum"
        )
    };
}

/// Whether a row of a table fits its sum, as an expression: it says what the sum covers, in which order.
macro_rules! intact {
    (client) => {
        "intact('client', sum, id, token_hash, next_token_hash, next_token_at, registered_at,
         updated_at, information)"
    };
    (node) => {
        "intact('node', sum, id, token_hash, next_token_hash, next_token_at, registered_at, updated_at,
         protocol, approved, hash, resource, delivery_secret, information)"
    };
    (message) => {
        concat!(
            "intact('message', sum, ",
            $crate::store::seal::message_columns!(),
            ")"
        )
    };
    (body) => {
        "intact('body', body_sum, seq, body)"
    };
    (queue) => {
        "intact('queue', sum, to_node, to_id, waiting, bytes, newest, acknowledges, handed_to)"
    };
    (pair) => {
        "intact('pair', sum, client_id, node_id, to_node, to_client)"
    };
    (clock) => {
        "intact('clock', sum, id, swept_at)"
    };
}
pub(super) use {intact, message_columns};

/// What the column of an [`intact!`] holds. A row that does not fit its sum has none.
pub(super) struct Intact;

/// A row does not fit its sum. Which one, the log says.
#[derive(Debug, thiserror::Error)]
#[error("a row is damaged")]
struct Damaged;

impl FromSql for Intact {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(1) => Ok(Self),
            _ => Err(FromSqlError::other(Damaged)),
        }
    }
}

/// What was read. `None`: the row is damaged, and what comes after it still flows.
pub(super) fn unless_damaged<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(Error::FromSqlConversionFailure(_, _, error)) if error.is::<Damaged>() => Ok(None),
        read => read.map(Some),
    }
}

/// Teaches `connection` the functions. What is damaged is reported to `pulse`.
pub(super) fn add_functions(connection: &Connection, pulse: &Arc<Pulse>) -> Result<()> {
    // A trigger may use them, as whoever alters rows by hand needs one.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let row = RefCell::default();
    connection.create_scalar_function("seal", -1, flags, move |arguments| {
        Ok(seal(&row, arguments, 1))
    })?;
    let (row, pulse) = (RefCell::default(), Arc::clone(pulse));
    connection.create_scalar_function("intact", -1, flags, move |arguments| {
        let sum = ValueRef::Integer(seal(&row, arguments, 2));
        let fits = arguments.get_raw(1) == sum;
        if !fits {
            pulse.damaged(&arguments.get::<String>(0)?, &key(arguments));
        }
        Ok(fits)
    })
}

/// Reports that the sums of what waits for a party are not what a count has found.
pub(super) fn report_queue(connection: &Connection, to_node: bool, to_id: i64) -> Result<()> {
    connection
        .prepare_cached("SELECT intact('queue', NULL, ?1, ?2)")?
        .query_row((to_node, to_id), |_| Ok(()))
}

/// The sum over the first argument and all from `values` on. Each value says its type and, where that does
/// not, its length, so that no two rows are written alike.
fn seal(row: &RefCell<Vec<u8>>, arguments: &Context<'_>, values: usize) -> i64 {
    let mut row = row.borrow_mut();
    row.clear();
    for index in std::iter::once(0).chain(values..arguments.len()) {
        match arguments.get_raw(index) {
            ValueRef::Null => row.push(0),
            ValueRef::Integer(value) => write(&mut row, 1, &[&value.to_le_bytes()]),
            ValueRef::Real(value) => write(&mut row, 2, &[&value.to_le_bytes()]),
            ValueRef::Text(text) => write(&mut row, 3, &[&length(text), text]),
            ValueRef::Blob(bytes) => write(&mut row, 4, &[&length(bytes), bytes]),
        }
    }
    XxHash3_64::oneshot(&row).cast_signed()
}

fn length(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_le_bytes()
}

fn write(row: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    row.push(kind);
    for part in parts {
        row.extend_from_slice(part);
    }
}

/// The row that [`intact!`] is asked about, for people: one number, or two where the key has two.
fn key(arguments: &Context<'_>) -> String {
    let has_two = matches!(arguments.get_raw(0).as_str(), Ok("queue" | "pair"));
    let number = |index| match arguments.get_raw(index) {
        ValueRef::Integer(number) => number.to_string(),
        _ => "?".to_owned(),
    };
    if has_two {
        format!("{}/{}", number(2), number(3))
    } else {
        number(2)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Type;

    use super::*;

    /// The first column of what `sql` selects, with what is damaged reported to `pulse`.
    fn read<T: FromSql>(sql: &str, pulse: &Arc<Pulse>) -> Result<T> {
        let connection = Connection::open_in_memory().unwrap();
        add_functions(&connection, pulse).unwrap();
        connection.query_row(sql, [], |row| row.get(0))
    }

    fn ask<T: FromSql>(sql: &str) -> T {
        read(sql, &Arc::default()).unwrap()
    }

    #[test]
    fn what_cannot_be_read_for_another_reason_is_not_taken_for_damaged() {
        let damaged = read("SELECT intact('t', 0, 1)", &Arc::default());
        assert!(unless_damaged::<Intact>(damaged).unwrap().is_none());
        let too_small = read("SELECT -1", &Arc::default());
        assert!(unless_damaged::<u8>(too_small).is_err());
        let other = FromSqlError::InvalidType;
        let other = Err(Error::FromSqlConversionFailure(0, Type::Null, other.into()));
        assert!(unless_damaged::<u8>(other).is_err());
    }

    /// What is in databases has these sums.
    #[test]
    fn a_sum_is_over_each_type_length_and_value_in_turn() {
        let row = [
            &[3, 1, 0, 0, 0, 0, 0, 0, 0][..],
            b"t",
            &[0],
            &[1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[2, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f],
            &[3, 2, 0, 0, 0, 0, 0, 0, 0],
            "é".as_bytes(),
            &[4, 3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3],
        ]
        .concat();
        let sum: i64 = ask("SELECT seal('t', NULL, -2, 0.5, 'é', x'010203')");
        assert_eq!(sum, XxHash3_64::oneshot(&row).cast_signed());
    }

    #[test]
    fn a_row_is_intact_when_it_has_its_sum_and_else_is_told_by_its_key() {
        assert!(ask::<bool>("SELECT intact('t', seal('t', 7, 'a'), 7, 'a')"));
        for (sql, row) in [
            ("intact('client', seal('client', 7, 'a'), 7, 'b')", "7"),
            ("intact('client', seal('client', 7, 'a'), 7)", "7"),
            ("intact('node', seal('client', 7, 'a'), 7, 'a')", "7"),
            ("intact('client', NULL, 'x')", "?"),
            ("intact('queue', 0, 1, 2)", "1/2"),
            ("intact('pair', 0, 3, 'x')", "3/?"),
        ] {
            let pulse = Arc::default();
            let fits: bool = read(&format!("SELECT {sql}"), &pulse).unwrap();
            assert!(!fits, "{sql}");
            let table = sql.split('\'').nth(1).unwrap();
            assert_eq!(pulse.told(), [(table.to_owned(), row.to_owned())]);
        }
    }
}
