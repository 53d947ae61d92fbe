//! What can be measured. Each scenario prepares what it needs, measures one part, and says what it found.

mod asking;
mod connecting;
mod messages;
mod drain;
mod holding;
mod presence;
mod reconnect;

use clap::ValueEnum;

use crate::{
    bench::{Bench, Outcome},
    wire::{Dialect, Transport},
};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Connections that are made and ended
    Connect,
    /// Registrations of clients
    Register,
    /// Logins of clients that are registered
    Login,
    /// Updates of clients that are registered
    Update,
    /// Requests that change and read nothing
    Ping,
    /// Messages from clients to nodes that are online and acknowledge them
    MessageOnline,
    /// Messages from clients to nodes that are not online
    MessageOffline,
    /// Nodes that log in, and process what waits for them
    Drain,
    /// Nodes that come and go while many connections hear of it
    Presence,
    /// Clients that all come back at once, with a message waiting for each
    Reconnect,
    /// The memory of connections that are logged in
    Hold,
    /// The CPU time of connections that are logged in and ask nothing
    Idle,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 12] = [
        Self::Connect,
        Self::Register,
        Self::Login,
        Self::Update,
        Self::Ping,
        Self::MessageOnline,
        Self::MessageOffline,
        Self::Drain,
        Self::Presence,
        Self::Reconnect,
        Self::Hold,
        Self::Idle,
    ];

    /// Its name on the command line and in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Register => "register",
            Self::Login => "login",
            Self::Update => "update",
            Self::Ping => "ping",
            Self::MessageOnline => "message-online",
            Self::MessageOffline => "message-offline",
            Self::Drain => "drain",
            Self::Presence => "presence",
            Self::Reconnect => "reconnect",
            Self::Hold => "hold",
            Self::Idle => "idle",
        }
    }

    /// How much is counted where nothing else is said. Some scenarios count their connections.
    #[must_use]
    pub const fn count(self, connections: usize) -> u64 {
        match self {
            Self::Connect | Self::Drain => 20_000,
            Self::Register | Self::Update | Self::MessageOnline | Self::MessageOffline => 100_000,
            Self::Login => 200_000,
            Self::Ping => 500_000,
            Self::Presence => 20,
            Self::Reconnect | Self::Hold | Self::Idle => connections as u64,
        }
    }

    /// Whether its count is that of its connections, whatever is asked for.
    #[must_use]
    pub const fn counts_connections(self) -> bool {
        matches!(self, Self::Reconnect | Self::Hold | Self::Idle)
    }

    /// Whether its requests can have times of their own.
    #[must_use]
    pub const fn has_open_loop(self) -> bool {
        !matches!(self, Self::Drain | Self::Presence | Self::Reconnect)
    }

    /// Whether it can be measured so.
    #[must_use]
    pub const fn allows(self, transport: Transport, dialect: Dialect) -> bool {
        let understood = match dialect {
            Dialect::Nile => true,
            Dialect::PlainAck => {
                transport.is_socketio()
                    && matches!(
                        self,
                        Self::Connect
                            | Self::Register
                            | Self::Login
                            | Self::Update
                            | Self::Ping
                            | Self::Hold
                            | Self::Idle
                    )
            }
            Dialect::Echo => matches!(self, Self::Connect | Self::Ping | Self::Hold | Self::Idle),
        };
        let carried = match self {
            Self::Register
            | Self::Login
            | Self::Update
            | Self::Ping
            | Self::MessageOnline
            | Self::MessageOffline => true,
            _ => transport.path().is_some(),
        };
        understood && carried
    }

    /// Measures it.
    pub async fn run(self, bench: &Bench) -> anyhow::Result<Outcome> {
        match self {
            Self::Connect => connecting::connect(bench).await,
            Self::Register => asking::register(bench).await,
            Self::Login => asking::login(bench).await,
            Self::Update => asking::update(bench).await,
            Self::Ping => asking::ping(bench).await,
            Self::MessageOnline => messages::online(bench).await,
            Self::MessageOffline => messages::offline(bench).await,
            Self::Drain => drain::drain(bench).await,
            Self::Presence => presence::presence(bench).await,
            Self::Reconnect => reconnect::reconnect(bench).await,
            Self::Hold => holding::hold(bench).await,
            Self::Idle => holding::idle(bench).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_has_one_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_str(scenario.word(), false), Ok(scenario));
        }
        assert_eq!(Scenario::value_variants(), Scenario::ALL);
    }

    #[test]
    fn nothing_is_measured_that_the_server_or_the_transport_does_not_have() {
        let runs = |scenario: Scenario, transport, dialect| scenario.allows(transport, dialect);
        for scenario in Scenario::ALL {
            assert!(runs(scenario, Transport::Socketio, Dialect::Nile));
        }
        assert!(!runs(Scenario::Hold, Transport::Http, Dialect::Nile));
        assert!(runs(Scenario::Login, Transport::Http, Dialect::Nile));
        assert!(!runs(Scenario::Login, Transport::Http, Dialect::PlainAck));
        assert!(!runs(
            Scenario::Drain,
            Transport::Socketio,
            Dialect::PlainAck
        ));
        assert!(!runs(Scenario::Login, Transport::Websocket, Dialect::Echo));
        assert!(runs(Scenario::Ping, Transport::Websocket, Dialect::Echo));
    }
}
