//! Durable registrations and logins of the store alone, beside the naive way to do them.
//!
//! `cargo bench -p nile-instance --bench store -- [--rows N] [--messages N] [--seconds S] [--rounds N]`
//!
//! The naive peer has the same pragmas, the same rows but for their sums, and makes one transaction a request
//! under a mutex. The two take turns on the same disk, since only their ratio travels: next to each
//! round stands what the disk itself could do. Requests come from as many tasks as are said to be
//! concurrent, each waiting for its answer before it asks again. Messages are in a part of their own.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    missing_docs,
    reason = "a program for developers, whose output is its purpose"
)]

#[path = "store/message.rs"]
mod message;

use std::{fs, fs::File, future::Future, io::Write, path::Path, sync::Arc, time::Duration};

use nile_instance::{
    clock::Timestamp,
    store::{Options, Store},
    token::TokenHash,
};
use nile_protocol::party::{ClientId, PartyId};
use rusqlite::{Connection, config::DbConfig};
use tokio::{sync::Mutex, time::Instant};

const SCHEMA: &str = include_str!("../migrations/0001_create_client.sql");
const INFORMATION: &str = r#"{"name":"Anna's groceries","location":"Via Roma 1, Trento"}"#;
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const CONCURRENT: [usize; 3] = [1, 64, 512];

/// The hash of the token of client `id`.
fn token(id: i64) -> TokenHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&id.to_le_bytes());
    TokenHash::from_bytes(bytes)
}

/// What is measured: two operations, however they are done.
trait Contender: Send + Sync + 'static {
    fn register(&self) -> impl Future<Output = ()> + Send;
    fn login(&self, id: i64) -> impl Future<Output = ()> + Send;
}

impl Contender for Store {
    async fn register(&self) {
        self.register_client(token(0), INFORMATION.into(), NOW)
            .await
            .unwrap();
    }

    async fn login(&self, id: i64) {
        let client = self
            .authenticate(PartyId::Client(ClientId(id)), token(id), NOW)
            .await
            .unwrap();
        assert!(client.is_some(), "client {id} could not log in");
    }
}

struct Naive(Mutex<Connection>);

impl Naive {
    /// One that begins with `rows` clients.
    fn filled(directory: &Path, rows: i64) -> Self {
        let mut connection = connect(&directory.join("nile.db"));
        connection.execute_batch(SCHEMA).unwrap();
        let transaction = connection.transaction().unwrap();
        for id in 1..=rows {
            register(&transaction, token(id));
        }
        transaction.commit().unwrap();
        Self(Mutex::new(connection))
    }
}

impl Contender for Naive {
    async fn register(&self) {
        register(&*self.0.lock().await, token(0));
    }

    async fn login(&self, id: i64) {
        let connection = self.0.lock().await;
        let mut statement = connection
            .prepare_cached("SELECT token_hash, information FROM client WHERE id = ?1")
            .unwrap();
        let (hash, _): ([u8; 32], Box<str>) = statement
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert!(TokenHash::from_bytes(hash) == token(id));
    }
}

fn register(connection: &Connection, token: TokenHash) {
    connection
        .prepare_cached(
            "INSERT INTO client (token_hash, registered_at, updated_at, information)
             VALUES (?1, ?2, ?2, ?3)",
        )
        .unwrap()
        .execute((token.as_bytes(), NOW.0, INFORMATION))
        .unwrap();
}

/// A connection with the store's pragmas, but the engine's own checkpoints.
fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .unwrap();
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864;";
    connection.execute_batch(pragmas).unwrap();
    connection
}

#[derive(Clone, Copy)]
enum Operation {
    Register,
    Login,
}

/// Requests a second, and the time within which 99 of 100 were answered.
#[derive(Clone, Copy)]
struct Measured {
    rate: f64,
    p99: Duration,
}

impl Operation {
    async fn run(self, contender: &impl Contender, id: i64) {
        match self {
            Self::Register => contender.register().await,
            Self::Login => contender.login(id).await,
        }
    }
}

/// Has `concurrent` tasks do `work` again and again, each time with another random number.
async fn measure<W, F>(concurrent: usize, bench: &Bench, work: W) -> Measured
where
    W: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let begin = Instant::now();
    let end = begin + bench.duration;
    let tasks: Vec<_> = (0..concurrent as u64)
        .map(|task| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut random = task.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let mut asked = Instant::now();
                while asked < end {
                    // Knuth's multiplier for 64 bits: any client, not the next one.
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    work(random >> 33).await;
                    let answered = Instant::now();
                    times.push(answered - asked);
                    asked = answered;
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let rate = times.len() as f64 / begin.elapsed().as_secs_f64();
    times.sort_unstable();
    Measured {
        rate,
        p99: times[(times.len() * 99).div_ceil(100) - 1],
    }
}

fn median<T: Copy>(values: &[T], key: impl Fn(&T) -> f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
    sorted[sorted.len() / 2]
}

/// How many 4 KiB appends the disk makes durable in a second.
fn probe(directory: &Path) -> f64 {
    let mut file = File::create(directory.join("probe")).unwrap();
    let begin = Instant::now();
    let mut appended = 0_u32;
    while begin.elapsed() < Duration::from_millis(300) {
        file.write_all(&[1; 4096]).unwrap();
        file.sync_data().unwrap();
        appended += 1;
    }
    f64::from(appended) / begin.elapsed().as_secs_f64()
}

struct Bench {
    rows: i64,
    duration: Duration,
    rounds: usize,
}

impl Bench {
    /// Compares the two on databases that begin with `self.rows` clients.
    async fn compare(&self) {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (ours, theirs) = (root.path().join("ours"), root.path().join("theirs"));
        self.fill(&ours).await;
        fs::create_dir(&theirs).unwrap();
        let ours = Arc::new(Store::open(&ours, &Options::default()).unwrap());
        let theirs = Arc::new(Naive::filled(&theirs, self.rows));

        println!(
            "\n{} clients       store/s  p99 ms    naive/s  p99 ms    ratio    disk/s",
            self.rows
        );
        for operation in [Operation::Register, Operation::Login] {
            for concurrent in CONCURRENT {
                let mut rounds = Vec::new();
                for _ in 0..self.rounds {
                    let disk = probe(root.path());
                    let store = self.measure(&ours, operation, concurrent).await;
                    let naive = self.measure(&theirs, operation, concurrent).await;
                    rounds.push((store, naive, disk));
                }
                report(operation, concurrent, &rounds);
            }
        }
        ours.close().await.unwrap();
    }

    async fn measure<C: Contender>(
        &self,
        contender: &Arc<C>,
        operation: Operation,
        concurrent: usize,
    ) -> Measured {
        let (contender, rows) = (Arc::clone(contender), self.rows);
        measure(concurrent, self, move |random| {
            let contender = Arc::clone(&contender);
            async move { operation.run(&*contender, random as i64 % rows + 1).await }
        })
        .await
    }

    async fn fill(&self, directory: &Path) {
        let store = Store::open(directory, &Options::default()).unwrap();
        let mut ids = 1..=self.rows;
        loop {
            let registrations: Vec<_> = ids
                .by_ref()
                .take(1000)
                .map(|id| store.register_client(token(id), INFORMATION.into(), NOW))
                .collect();
            if registrations.is_empty() {
                break;
            }
            for registration in registrations {
                registration.await.unwrap();
            }
        }
        store.close().await.unwrap();
    }
}

fn report(operation: Operation, concurrent: usize, rounds: &[(Measured, Measured, f64)]) {
    let name = match operation {
        Operation::Register => "register",
        Operation::Login => "login",
    };
    let of = |pick: fn(&(Measured, Measured, f64)) -> f64| pick(&median(rounds, pick));
    println!(
        "{name:>8} x{concurrent:<4} {:>12.0} {:>7.2} {:>10.0} {:>7.1} {:>8.1} {:>9.0}",
        of(|(store, ..)| store.rate),
        of(|(store, ..)| store.p99.as_secs_f64() * 1e3),
        of(|(_, naive, _)| naive.rate),
        of(|(_, naive, _)| naive.p99.as_secs_f64() * 1e3),
        of(|(store, naive, _)| store.rate / naive.rate),
        of(|(.., disk)| *disk),
    );
}

/// What never giving out a number again costs: the engine's way, and a counter kept by the writer.
fn compare_numbering(bench: &Bench) {
    println!("\nrows/s a batch    AUTOINCREMENT    own counter    ratio");
    for batch in [1, 64, 512] {
        let mut rounds = Vec::new();
        for _ in 0..bench.rounds {
            rounds.push((number(batch, true, bench), number(batch, false, bench)));
        }
        let autoincrement = median(&rounds, |round| round.0).0;
        let counter = median(&rounds, |round| round.1).1;
        let ratio = |round: &(f64, f64)| round.0 / round.1;
        let ratio = ratio(&median(&rounds, ratio));
        println!("{batch:>14} {autoincrement:>16.0} {counter:>14.0} {ratio:>8.2}");
    }
}

fn number(batch: i64, autoincrement: bool, bench: &Bench) -> f64 {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let connection = connect(&directory.path().join("db"));
    let schema = if autoincrement {
        SCHEMA.to_owned()
    } else {
        SCHEMA.replace("AUTOINCREMENT", "")
    };
    assert_eq!(schema.contains("KEY AUTOINCREMENT"), autoincrement);
    let counter = "CREATE TABLE counter (next INTEGER) STRICT; INSERT INTO counter VALUES (1)";
    connection.execute_batch(&schema).unwrap();
    connection.execute_batch(counter).unwrap();

    let execute = |sql: &str| connection.prepare_cached(sql).unwrap().execute([]).unwrap();
    let begin = Instant::now();
    let mut rows = 0_i64;
    while begin.elapsed() < bench.duration {
        execute("BEGIN IMMEDIATE");
        for _ in 0..batch {
            rows += 1;
            connection
                .prepare_cached(
                    "INSERT INTO client (id, token_hash, registered_at, updated_at, information)
                     VALUES (?1, ?2, ?3, ?3, ?4)",
                )
                .unwrap()
                .execute((
                    (!autoincrement).then_some(rows),
                    token(0).as_bytes(),
                    NOW.0,
                    INFORMATION,
                ))
                .unwrap();
        }
        if !autoincrement {
            let next = "UPDATE counter SET next = ?1";
            connection
                .prepare_cached(next)
                .unwrap()
                .execute([rows + 1])
                .unwrap();
        }
        execute("COMMIT");
    }
    rows as f64 / begin.elapsed().as_secs_f64()
}

/// The value after `--name` among the arguments.
fn argument(name: &str, default: f64) -> f64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments
        .nth(1)
        .map_or(default, |value| value.parse().expect("a number"))
}

#[tokio::main]
async fn main() {
    // `cargo test --all-targets` runs this too, but does not mean it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let bench = |rows| Bench {
        rows,
        duration: Duration::from_secs_f64(argument("--seconds", 0.5)),
        rounds: argument("--rounds", 3.0) as usize,
    };
    if argument("--clients", 1.0) > 0.0 {
        bench(1_000).compare().await;
        bench(argument("--rows", 100_000.0) as i64).compare().await;
        compare_numbering(&bench(0));
    }
    message::compare(&bench(argument("--messages", 5_000_000.0) as i64)).await;
}
