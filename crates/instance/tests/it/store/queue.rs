//! The way to the store's threads: order, room, deadlines, failures, the end.

use std::{error::Error as _, num::NonZeroUsize, time::Duration};

use nile_instance::{
    error::Fault,
    store::{Health, Options, Submission},
};
use nile_protocol::party::{ClientId, PartyId};
use rusqlite::Connection;

use super::{NOW, TestStore, information, token};

impl TestStore {
    fn register(&self, name: &str) -> Submission<ClientId> {
        self.register_client(token(1), information(name), NOW)
    }
}

fn registered(door: &Connection) -> usize {
    let count: i64 = door
        .query_row("SELECT count(*) FROM client", [], |row| row.get(0))
        .unwrap();
    count.try_into().unwrap()
}

fn reason(fault: &Fault) -> String {
    fault.source().unwrap().to_string()
}

#[tokio::test]
async fn what_is_submitted_in_order_is_done_in_order() {
    let store = TestStore::open();
    let registrations: Vec<_> = (0..500).map(|_| store.register("apples")).collect();
    let mut last = ClientId(0);
    for registration in registrations {
        let id = registration.await.unwrap();
        assert!(id.0 > last.0);
        last = id;
    }

    let update = |name: String| store.update_client(last, token(1), information(&name), NOW);
    let updates: Vec<_> = (0..500).map(|number| update(number.to_string())).collect();
    // Each was queued at its call: in which order they are awaited does not matter.
    for update in updates.into_iter().rev() {
        update.await.unwrap();
    }
    let client = store
        .authenticate(PartyId::Client(last), token(1), NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.information, information("499"));
}

#[tokio::test]
async fn a_submission_that_is_dropped_is_done_nevertheless() {
    let store = TestStore::open();
    drop(store.register("apples"));
    assert_eq!(store.register("pears").await.unwrap(), ClientId(2));
}

#[tokio::test]
async fn a_write_that_fails_does_not_fail_those_beside_it() {
    let store = TestStore::open();
    let door = store.side_door();
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON client
        WHEN NEW.information LIKE '%stones%' BEGIN SELECT RAISE(ABORT, 'no stones'); END";
    door.execute_batch(trigger).unwrap();

    let names = |number| if number % 10 == 3 { "stones" } else { "apples" };
    let registrations: Vec<_> = (0..100)
        .map(|number| store.register(names(number)))
        .collect();
    for (number, registration) in registrations.into_iter().enumerate() {
        let outcome = registration.await;
        assert_eq!(
            outcome.is_err(),
            names(number) == "stones",
            "{number}: {outcome:?}"
        );
        if let Err(fault) = outcome {
            assert_eq!(fault.to_string(), "could not register a client");
            assert_eq!(reason(&fault), "no stones");
        }
    }
    assert_eq!(registered(&door), 90);
    assert_eq!(store.health(), Health::Serving);
}

#[tokio::test]
async fn nothing_that_was_answered_is_missing_when_transactions_are_lost() {
    let store = TestStore::open();
    let door = store.side_door();
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON client
        WHEN NEW.information LIKE '%stones%' BEGIN SELECT RAISE(ROLLBACK, 'no stones'); END";
    door.execute_batch(trigger).unwrap();

    let mut answered = 0;
    for round in 0..20 {
        let names = ["apples", "pears", "stones", "plums"];
        let registrations: Vec<_> = names.iter().map(|name| store.register(name)).collect();
        for (name, registration) in names.iter().zip(registrations) {
            let outcome = registration.await;
            assert!(*name != "stones" || outcome.is_err(), "{round}");
            answered += usize::from(outcome.is_ok());
        }
        assert!(store.register("figs").await.is_ok(), "{round}");
        answered += 1;
    }
    assert_eq!(registered(&door), answered);
    assert_eq!(store.health(), Health::Serving);
}

#[tokio::test]
async fn a_full_queue_is_told_and_waits_for_room() {
    let four = NonZeroUsize::new(4).unwrap();
    let store = TestStore::with(&Options {
        write_queue: four,
        ..Options::default()
    });
    let door = store.side_door();
    door.execute_batch("BEGIN IMMEDIATE").unwrap();

    // The writer takes some of them and then waits for the door to be shut.
    let mut submissions = Vec::new();
    while submissions.last().is_none_or(Submission::is_queued) {
        assert!(submissions.len() < 10_000, "the queue has no bound");
        submissions.push(store.register("apples"));
    }
    door.execute_batch("COMMIT").unwrap();
    let count = submissions.len();
    for submission in submissions {
        submission.await.unwrap();
    }
    assert_eq!(registered(&door), count);
}

#[tokio::test]
async fn whoever_waits_too_long_is_told_although_the_write_may_still_happen() {
    let options = Options {
        deadline: Duration::from_millis(20),
        ..Options::default()
    };
    let store = TestStore::with(&options);
    let door = store.side_door();
    door.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(
        reason(&store.register("apples").await.unwrap_err()),
        "timed out"
    );

    door.execute_batch("COMMIT").unwrap();
    while registered(&door) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn closing_does_what_was_asked_for_and_takes_no_more() {
    let store = TestStore::open();
    let registrations: Vec<_> = (0..100).map(|_| store.register("apples")).collect();
    store.close().await.unwrap();
    for registration in registrations {
        registration.await.unwrap();
    }

    assert_eq!(
        reason(&store.register("pears").await.unwrap_err()),
        "the store has stopped"
    );
    let lookup = store
        .authenticate(PartyId::Client(ClientId(1)), token(1), NOW)
        .await;
    assert_eq!(reason(&lookup.unwrap_err()), "the store has stopped");
    assert_eq!(store.health(), Health::Ended);
    store.close().await.unwrap();

    let log = std::fs::metadata(store.database().with_extension("db-wal"));
    assert_eq!(
        log.map_or(0, |log| log.len()),
        0,
        "the log was not copied back"
    );
}
