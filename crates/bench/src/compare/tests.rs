//! A comparison of servers and by a generator that are shell scripts, and write down what is asked of them.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;
use tokio::time::timeout;

use super::{plan::Seed, *};

/// Adds a row to its database, writes down how many there are, listens nowhere, and ends when it is told to.
const SERVER: &str = r#"
trap 'echo stop >> LOG; exit 0' TERM
for word; do
  if [ "$before" = --data-dir ]; then
    mkdir -p "$word"
    echo row >> "$word/rows"
    echo "start with $(wc -l < "$word/rows")" >> LOG
  fi
  before=$word
done
echo "listening on http://127.0.0.1:9"
while :; do sleep 0.01; done
"#;

/// Writes its scenario and label down, saves what it is to save, and measures what was agreed.
const GENERATOR: &str = r#"
scenario=$2
for word; do
  case "$before" in
    --label) label=$word ;;
    --json) json=$word ;;
    --save-tokens) echo token > "$word" ;;
    --tokens) cat "$word" >> LOG ;;
  esac
  before=$word
done
echo "run $scenario $label" >> LOG
[ "$scenario" = hang ] && exec sleep 60
[ "$scenario" = fail ] && exit 1
refused=0; [ "$scenario" = refuse ] && refused=1
echo '{"label":"","scenario":"'$scenario'","transport":"","connections":1,"count":1,"open_rate":null,"seconds":1,"rate":7.5,
"p50_ms":1,"p99_ms":1,"p999_ms":1,"max_ms":1,"cpu_us_each":null,"rss_mib":null,"rss_before_mib":null,"bytes_in":1,"bytes_out":1,
"failed":0,"refused":'$refused',"extra":{}}' >> "$json"
"#;

struct Scripts {
    directory: TempDir,
    comparison: Comparison,
}

impl Scripts {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is a place for it");
        let at = |name: &str| directory.path().join(name);
        let script = |name: &str, text: &str| {
            let text = text.replace("LOG", &at("log").display().to_string());
            fs::write(at(name), format!("#!/bin/sh{text}")).expect("it can be written");
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(at(name), executable).expect("it is ours");
            at(name)
        };
        let core = server::cores().expect("it can be read")[0];
        let comparison = Comparison {
            programs: Programs {
                instance: script("instance", SERVER),
                echo: script("echo", SERVER),
                peer: at("peer"),
            },
            generator: Generator {
                program: script("generator", GENERATOR),
                core,
                line: at("line.json"),
            },
            server_core: core,
            data: at("data"),
        };
        Self {
            directory,
            comparison,
        }
    }

    /// What the scripts wrote down, without paths.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("log")).expect("it is there");
        log.replace(&self.directory.path().display().to_string(), "")
    }
}

fn row(scenario: &'static str, seed: Seed) -> Row {
    let mut row = Plan::Quick.rows().remove(0);
    row.load.scenario = scenario;
    row.rounds = 2;
    row.turns = vec![(Contender::Nile, 10), (Contender::Limit, 10)];
    Row { seed, ..row }
}

#[tokio::test]
async fn contenders_alternate() {
    let scripts = Scripts::new();
    let file = scripts.directory.path().join("results.jsonl");
    let mut results = Results::begin(&file, Machine::default()).expect("it can be written");
    let rows = [row("ping", Seed::default())];
    let failures = scripts.comparison.rows(&rows, &file, &mut results).await;
    assert_eq!(failures.expect("it can be written"), 0);
    let runs: Vec<_> = results
        .records
        .iter()
        .map(|record| (record.round, record.contender))
        .collect();
    let [nile, limit] = [Contender::Nile, Contender::Limit];
    assert_eq!(runs, [(1, nile), (1, limit), (2, nile), (2, limit)]);
    let log = scripts.log();
    let asked: Vec<_> = log.lines().filter(|line| line.starts_with("run")).collect();
    assert_eq!(
        asked,
        ["run ping nile-instance", "run ping bare echo"].repeat(2)
    );
    assert_eq!(log.matches("stop").count(), 4, "{log}");
}

#[tokio::test]
async fn a_run_that_fails_or_refuses_is_counted_and_not_recorded() {
    let scripts = Scripts::new();
    let file = scripts.directory.path().join("results.jsonl");
    let mut results = Results::begin(&file, Machine::default()).expect("it can be written");
    let rows = ["fail", "refuse", "ping"].map(|scenario| row(scenario, Seed::default()));
    let failures = scripts.comparison.rows(&rows, &file, &mut results).await;
    assert_eq!(failures.expect("it can be written"), 8);
    assert!(
        results
            .records
            .iter()
            .all(|record| record.run.scenario == "ping")
    );
    assert_eq!(Results::read(&file).expect("it can be read"), results);
}

#[tokio::test]
async fn a_database_is_filled_once_and_copied_for_each_run() {
    let scripts = Scripts::new();
    let mut row = row(
        "login",
        Seed {
            clients: 5,
            messages: 7,
        },
    );
    row.turns = vec![(Contender::Nile, 10)];
    let file = scripts.directory.path().join("results.jsonl");
    let mut results = Results::begin(&file, Machine::default()).expect("it can be written");
    let failures = scripts.comparison.rows(&[row], &file, &mut results).await;
    assert_eq!(failures.expect("it can be written"), 0);
    let log = scripts.log();
    assert_eq!(
        log.lines().collect::<Vec<_>>(),
        [
            "start with 1",
            "run register nile-instance",
            "run message-offline nile-instance",
            "stop",
            "start with 2",
            "token",
            "run login nile-instance",
            "stop",
            "start with 2",
            "token",
            "run login nile-instance",
            "stop",
        ]
    );
}

#[tokio::test]
async fn no_database_outlives_a_comparison() {
    let Scripts {
        directory,
        comparison,
    } = Scripts::new();
    let row = row("ping", Seed::default());
    let run = comparison.turn(&row, Contender::Nile, 10).await;
    run.expect("the scripts do what they are told");
    assert!(directory.path().join("data/run/rows").exists());
    drop(comparison);
    assert!(!directory.path().join("data").exists());
}

#[tokio::test]
async fn a_generator_that_hangs_is_ended() {
    let scripts = Scripts::new();
    let Comparison {
        programs,
        generator,
        server_core,
        data,
    } = &scripts.comparison;
    let load = row("hang", Seed::default()).load;
    let server = Server::start(programs, Contender::Nile, data, *server_core).await;
    let server = server.expect("it says that it listens");
    let work = (1, Tokens::None, Duration::from_millis(50));
    let run = generator.run(&server, Contender::Nile, load, work);
    let ended = timeout(Duration::from_secs(10), run)
        .await
        .expect("it is not waited for");
    let error = ended.expect_err("it hangs");
    assert!(error.to_string().contains("was not done"), "{error}");
    server.stop().await.expect("it ends when told to");
}
