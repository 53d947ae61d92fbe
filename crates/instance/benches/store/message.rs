//! Messages, in a store that has few of them and in one that has very many.
//!
//! Both have the same parties, and take turns. Of what they begin with half waits, spread over all
//! parties, and half has ended. Each sender names its messages, so that every index is written. What a
//! message costs is mostly pages, and those that it shares with others of its commit it has for nothing:
//! so it is also told how much is written for each, to the log and from there to the database.

use std::{fs, path::Path, sync::Arc};

use nile_instance::{
    clock::Timestamp,
    store::{Authority, NewMessage, Options, Proven, Sent, Store},
};
use nile_protocol::party::{ClientId, NodeId, PartyId};
use tokio::time::Instant;

use super::{Bench, NOW, connect, measure, median, probe};

const FEW: i64 = 1_000;
const CLIENTS: i64 = 50_000;
const NODES: i64 = 5_000;

/// The newest schema whose rows have no sums: opening such a store gives them theirs.
const WITHOUT_SUMS: [&str; 3] = [
    include_str!("../../migrations/0001_create_client.sql"),
    include_str!("../../migrations/0002_create_node.sql"),
    include_str!("../../migrations/0003_create_message.sql"),
];

/// Parties, and `?1` messages between each client and ten nodes, in no order of parties.
const FILL: [&str; 5] = [
    "INSERT INTO client (token_hash, registered_at, updated_at, information)
     SELECT zeroblob(32), 0, 0, '{}' FROM (WITH RECURSIVE n(i) AS
     (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ?1) SELECT i FROM n)",
    "INSERT INTO node (token_hash, registered_at, updated_at, protocol, approved, hash, information)
     SELECT zeroblob(32), 0, 0, 'websocket', 1, '', '{}' FROM (WITH RECURSIVE n(i) AS
     (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ?1) SELECT i FROM n)",
    "INSERT INTO message (to_node, to_id, from_id, sender_ref, digest, sent_at, state, changed_at,
     bytes, body)
     SELECT to_node, iif(to_node, node, client), iif(to_node, client, node),
     printf('fill-%d', i), zeroblob(16), 0, state, 0, 200, iif(state, NULL, printf('%200d', i))
     FROM (SELECT i, i % 2 AS to_node, i / 2 % 2 AS state, client,
     (client * 31 + i / 4 % 10 * 499) % 5000 + 1 AS node
     FROM (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ?1)
     SELECT i, i / 4 * 7919 % 50000 + 1 AS client FROM n))",
    "INSERT INTO queue SELECT to_node, to_id, sum(state = 0), sum(iif(state, 0, bytes)), max(seq), 1, 0
     FROM message WHERE seq <= ?1 GROUP BY to_node, to_id",
    "INSERT INTO pair SELECT iif(to_node, from_id, to_id) AS client, iif(to_node, to_id, from_id) AS node,
     sum(to_node AND state = 0), sum(NOT to_node AND state = 0)
     FROM message WHERE seq <= ?1 GROUP BY client, node",
];

/// What messages cost.
#[derive(Clone, Copy)]
struct Cost {
    /// Messages a second.
    rate: f64,
    /// The time within which 99 of 100 were answered, in milliseconds.
    p99: f64,
    /// KiB a message.
    written: f64,
}

/// How many bytes this process has written to files; nothing where the system does not tell.
fn written() -> f64 {
    let told = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.map_or(0.0, |bytes| bytes.parse().unwrap())
}

#[derive(Clone, Copy)]
enum Operation {
    Send,
    SendAndAcknowledge,
}

/// Compares a store that begins with a thousand messages with one that begins with `bench.rows`.
pub(super) async fn compare(bench: &Bench) {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let begin = Instant::now();
    let few = filled(&root.path().join("few"), FEW);
    let many = filled(&root.path().join("many"), bench.rows);
    let seconds = begin.elapsed().as_secs();
    println!("\nmessages: filled in {seconds} s");
    println!(
        "stored: {FEW:>16} /s  p99 ms    KiB {:>8} /s  p99 ms    KiB    ratio    disk/s",
        bench.rows
    );
    for operation in [Operation::Send, Operation::SendAndAcknowledge] {
        for concurrent in [64, 512] {
            let mut rounds = Vec::new();
            for round in 0..bench.rounds {
                let disk = probe(root.path());
                let measure = |store| operation.measure(store, concurrent, bench);
                // Now the one comes first, now the other.
                let (few, many) = if round % 2 == 0 {
                    (measure(&few).await, measure(&many).await)
                } else {
                    let many = measure(&many).await;
                    (measure(&few).await, many)
                };
                rounds.push((few, many, disk));
            }
            report(operation, concurrent, &rounds);
        }
    }
    few.close().await.unwrap();
    many.close().await.unwrap();
}

fn filled(directory: &Path, messages: i64) -> Arc<Store> {
    fs::create_dir(directory).unwrap();
    let mut connection = connect(&directory.join("nile.db"));
    let hurry = "PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000;";
    connection.execute_batch(hurry).unwrap();
    connection.execute_batch(&WITHOUT_SUMS.concat()).unwrap();
    for (name, value) in [("application_id", 0x4e69_6c65), ("user_version", 3)] {
        connection.pragma_update(None, name, value).unwrap();
    }
    let transaction = connection.transaction().unwrap();
    for (statement, rows) in FILL
        .iter()
        .zip([CLIENTS, NODES, messages, messages, messages])
    {
        transaction.execute(statement, [rows]).unwrap();
    }
    transaction.commit().unwrap();
    let write_back = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection.query_row(write_back, [], |_| Ok(())).unwrap();
    drop(connection);
    Arc::new(Store::open(directory, &Options::default()).unwrap())
}

impl Operation {
    async fn measure(self, store: &Arc<Store>, concurrent: usize, bench: &Bench) -> Cost {
        let (store, begin) = (Arc::clone(store), Instant::now());
        let before = written();
        let measured = measure(concurrent, bench, move |random| {
            let store = Arc::clone(&store);
            async move { self.run(&store, random, begin).await }
        })
        .await;
        let messages = measured.rate * begin.elapsed().as_secs_f64();
        Cost {
            rate: measured.rate,
            p99: measured.p99.as_secs_f64() * 1e3,
            written: (written() - before) / 1024.0 / messages,
        }
    }

    /// Has one of the clients write to one of its ten nodes.
    async fn run(self, store: &Store, random: u64, begin: Instant) {
        let client = random as i64 % CLIENTS + 1;
        let node = (client * 31 + (random >> 20) as i64 % 10 * 499) % NODES + 1;
        let message = NewMessage {
            from: PartyId::Client(ClientId(client)),
            authority: Authority::Session,
            to: Some(PartyId::Node(NodeId(node))),
            answers: None,
            id: Some(format!("{:x}-{random:x}", begin.elapsed().as_nanos()).into()),
            content: format!("{random:200}").into(),
        };
        let Proven::Done {
            outcome: Sent::Stored { queue_id, to, .. },
            ..
        } = store.send(message, NOW).await.unwrap()
        else {
            panic!("a message was not stored");
        };
        if matches!(self, Self::SendAndAcknowledge) {
            let now = Timestamp(NOW.0 + 1);
            let ended = store.acknowledge(to, vec![queue_id], now).await.unwrap();
            assert_eq!(ended.len(), 1);
        }
    }
}

fn report(operation: Operation, concurrent: usize, rounds: &[(Cost, Cost, f64)]) {
    let name = match operation {
        Operation::Send => "send",
        Operation::SendAndAcknowledge => "send, acknowledge",
    };
    let of = |pick: fn(&(Cost, Cost, f64)) -> f64| pick(&median(rounds, pick));
    println!(
        "{name:>17} x{concurrent:<4} {:>9.0} {:>7.2} {:>6.1} {:>11.0} {:>7.2} {:>6.1} {:>8.2} {:>9.0}",
        of(|(few, ..)| few.rate),
        of(|(few, ..)| few.p99),
        of(|(few, ..)| few.written),
        of(|(_, many, _)| many.rate),
        of(|(_, many, _)| many.p99),
        of(|(_, many, _)| many.written),
        of(|(few, many, _)| few.rate / many.rate),
        of(|(.., disk)| *disk),
    );
}
