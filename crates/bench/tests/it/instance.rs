//! Against an instance: every scenario on every transport that carries it.
//!
//! `NILE_BENCH_INSTANCE` names its program. Where it is not set, nothing is tested here.

use std::{
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{ChildStdout, Command, Stdio},
};

use crate::support::run;

/// An instance of its own, on a fresh directory.
struct Instance {
    process: std::process::Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
    _stdout: BufReader<ChildStdout>,
}

impl Instance {
    fn start(program: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path().join("data"))
            .env("NILE_LIMITS_EXEMPT", "127.0.0.0/8")
            .env("NILE_LOG_LEVEL", "off")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut line, mut stdout) = (
            String::new(),
            BufReader::new(process.stdout.take().unwrap()),
        );
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        Self {
            address: address.parse().unwrap(),
            process,
            _directory: directory,
            _stdout: stdout,
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn every_scenario_succeeds_on_every_transport_that_carries_it() {
    let Ok(program) = env::var("NILE_BENCH_INSTANCE") else {
        println!("skipped: NILE_BENCH_INSTANCE does not name the program of an instance");
        return;
    };
    let instance = Instance::start(&program);
    let websockets = ["socketio", "socketio3", "websocket"];
    let all = ["socketio", "socketio3", "websocket", "http"];
    let scenarios = [
        ("connect --count 20", &websockets[..]),
        ("register --count 100", &all),
        ("login --count 100", &all),
        ("update --count 100", &all),
        ("ping --count 100 --pipeline 3", &all),
        ("message-online --count 200 --warmup 20 --nodes 3", &all),
        ("message-offline --count 200", &all),
        ("drain --count 600 --nodes 2", &websockets),
        ("reconnect", &websockets),
        ("presence --count 1 --nodes 2", &all[..1]),
        ("hold", &websockets),
        ("idle --seconds 0", &websockets),
    ];
    for (scenario, transports) in scenarios {
        for transport in transports {
            let line = format!("{scenario} --transport {transport} --connections 8 --parties 10");
            let done = run(instance.address, instance.process.id(), &line).await;
            let (figures, reasons) = done.unwrap_or_else(|error| panic!("{line}: {error:#}"));
            assert_eq!(reasons, [], "{line}");
            assert!(figures.rate > 0.0, "{line}");
        }
    }
}
