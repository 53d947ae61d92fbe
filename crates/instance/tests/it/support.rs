//! What the tests stand on: an instance, served in this process or in one of its own, and simple clients
//! that speak to it over real sockets.
//!
//! Whatever waits here has a deadline, and waits for a condition. Nothing in here knows what an answer
//! should say.

pub(crate) mod request;
pub(crate) mod mask;
pub(crate) mod http;
pub(crate) mod websocket;
pub(crate) mod socketio;
pub(crate) mod polling;
pub(crate) mod deaf;
pub(crate) mod process;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use nile_instance::{
    config::Config, error::Fault, instance::Instance, server::Server, store::OpenError,
};
use nile_protocol::party::PartyId;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{error::Elapsed, interval, timeout},
};

use websocket::WebSocket;

/// How long anything may take here. It is reached only by what never happens.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Waits for `future`, which `what` names in a complaint.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(Elapsed { .. }) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until `holds`, which `what` names in a complaint.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = interval(LOOK);
    let held = async {
        while !holds() {
            looks.tick().await;
        }
    };
    within(what, held).await;
}

/// A number that whoever runs the tests gives in the environment.
pub(crate) fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// What chance is made of: what `NILE_TEST_SEED` says, to repeat a run.
pub(crate) fn seed() -> u64 {
    given("NILE_TEST_SEED").unwrap_or_else(|| getrandom::u64().unwrap())
}

/// How many times as long as usual a test runs: what `NILE_TEST_FACTOR` says.
pub(crate) fn factor() -> u64 {
    given("NILE_TEST_FACTOR").unwrap_or(1)
}

/// A directory in memory, where there is a file system for that: nothing in it waits for a disk.
pub(crate) fn directory_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Who is online: WebSocket ids and parties, sorted.
pub(crate) type Online = Vec<(String, PartyId)>;

/// An instance that this process serves, with a data directory of its own.
pub(crate) struct TestInstance {
    pub(crate) address: SocketAddr,
    instance: Arc<Instance>,
    directory: TempDir,
    config: Config,
    /// Dropped to end it.
    shutdown: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), Fault>>,
}

impl TestInstance {
    /// An instance with the limits of a generous operator.
    pub(crate) async fn start() -> Self {
        Self::exempt("").await
    }

    /// An instance that counts nobody's requests, configured with further lines such as
    /// `limits.write_seconds = 1`.
    pub(crate) async fn exempt(lines: &str) -> Self {
        Self::configured(&format!("limits.exempt = ['127.0.0.0/8']\n{lines}")).await
    }

    /// An instance with this configuration file.
    pub(crate) async fn configured(file: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().join("data"),
            ..toml::from_str(file).unwrap()
        };
        Self::on(directory, config).await
    }

    async fn on(directory: TempDir, config: Config) -> Self {
        let server = start(config.clone()).await.unwrap();
        let (shutdown, told) = oneshot::channel();
        Self {
            address: server.address().unwrap(),
            instance: Arc::clone(server.instance()),
            directory,
            config,
            shutdown: Some(shutdown),
            served: tokio::spawn(server.serve(async { drop(told.await) })),
        }
    }

    /// Ends it, and starts it anew on what it had stored, at another address.
    pub(crate) async fn restarted(self) -> Self {
        let config = self.config.clone();
        let directory = self.stop().await;
        Self::on(directory, config).await
    }

    /// The online list.
    pub(crate) fn online(&self) -> Online {
        let online = self.instance.hub().online();
        let mut online: Online = online
            .into_iter()
            .map(|(ws_id, party)| (ws_id.to_string(), party))
            .collect();
        online.sort_by(|(a, _), (b, _)| a.cmp(b));
        online
    }

    /// Waits until the online list is `expected`.
    pub(crate) async fn online_is(&self, expected: &[(String, PartyId)]) {
        let what = format!("the online list to be {expected:?}");
        eventually(&what, || self.online() == expected).await;
    }

    /// A way past the store, to make the database misbehave.
    pub(crate) fn side_door(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data_dir().join("nile.db")).unwrap()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Has it begin to end.
    pub(crate) fn drain(&mut self) {
        self.shutdown = None;
    }

    /// Ends it, and waits until it has ended well; its directory, if that is still wanted.
    pub(crate) async fn stop(mut self) -> TempDir {
        self.drain();
        within("the instance to end", self.served)
            .await
            .unwrap()
            .unwrap();
        assert!(
            self.instance.hub().online().is_empty(),
            "nobody is online at an instance that has ended"
        );
        self.directory
    }
}

/// Starts a server on a free port of this machine.
pub(crate) async fn start(config: Config) -> Result<Server, OpenError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Server::start(config, listener)
}

/// A party over whatever carries its requests.
pub(crate) trait Asks {
    /// Sends a request, and returns the body of the answer.
    async fn ask(&mut self, request: &str) -> String;

    /// Registers a client, and returns its token.
    async fn register(&mut self) -> String {
        let answer = self.ask(&request::register("Ada")).await;
        request::token_in(&answer)
    }

    /// Logs in, which has to succeed.
    async fn login(&mut self, token: &str) {
        let answer = self.ask(&request::login(token)).await;
        assert_eq!(request::action_of(&answer), "logged", "{answer}");
    }

    /// Registers a client and logs it in; returns its token.
    async fn enter(&mut self) -> String {
        let token = self.register().await;
        self.login(&token).await;
        token
    }
}

/// A party on a WebSocket of its own.
pub(crate) trait Connects: Asks + Sized {
    async fn open(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap()).await
    }

    /// Shakes hands on a TCP connection.
    async fn on(stream: TcpStream) -> Self;

    /// What carries it.
    fn socket(&mut self) -> &mut WebSocket;

    fn into_socket(self) -> WebSocket;

    /// The stream beneath, which says nothing by itself.
    fn into_stream(self) -> TcpStream {
        self.into_socket().stream.into_inner()
    }

    /// The text that carries a request.
    fn carry(request: &str) -> String;
}
