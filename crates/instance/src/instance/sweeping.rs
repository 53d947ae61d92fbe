//! Ending what has waited for too long, a little at a time, as long as the clock can be believed.
//!
//! **Nothing ends by a clock that has jumped ahead**, across a restart as well: the store knows when a
//! sweep last began, and one that is put off does not begin.

use std::time::Duration;

use tokio::time::Instant;

use super::{calendar::Calendar, follow::Following};
use crate::{
    clock::Timestamp,
    error::Fault,
    store::{Ended, Store, Swept},
};

/// How long the store is left alone between two batches of a sweep, and between two sweeps.
const BATCHES: Duration = Duration::from_millis(50);
const SWEEPS: Duration = Duration::from_mins(1);

/// Where a sweep is.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// `None` until the store has told when the last sweep was.
    calendar: Option<Calendar>,
    /// The last message that this sweep has looked at; 0 between two sweeps.
    after: i64,
}

impl Sweeper {
    /// Does a part of a sweep, if `wall` can be believed. `tell` is called with what has expired, also when that
    /// takes longer than anybody waits.
    pub(super) async fn step(
        &mut self,
        store: &Store,
        wall: Timestamp,
        now: Instant,
        tell: impl FnOnce(&[Ended]) + Send + Unpin + 'static,
    ) -> Result<(), Fault> {
        // What fails is begun anew.
        let after = std::mem::take(&mut self.after);
        if self.calendar.is_none() {
            let swept_at = store.swept_at().await?.unwrap_or(wall);
            self.calendar = Some(Calendar::new(swept_at, now));
        }
        let believes = |calendar: &mut Calendar| calendar.believes(wall, now);
        if !self.calendar.as_mut().is_some_and(believes) {
            return Ok(());
        }
        let swept = Following::new(store.sweep(after, wall), move |Swept { ended, next }| {
            tell(&ended);
            next
        });
        self.after = swept.await?.unwrap_or(0);
        Ok(())
    }

    /// How long to wait until the next step.
    pub(super) const fn pause(&self) -> Duration {
        if self.after == 0 { SWEEPS } else { BATCHES }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nile_protocol::party::{ClientId, NodeId, PartyId};
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        clock::{Clock, FixedClock},
        store::{Authority, Limit, NewMessage, NewNode, Options, Protocol, Proven, Sent},
        token::TokenHash,
    };

    const START: Timestamp = Timestamp(1_800_000_000_000);
    const MINUTE: Duration = Duration::from_mins(1);
    const DAY: Duration = Duration::from_hours(24);
    const ALMOST_A_DAY: Duration = Duration::from_mins(24 * 60 - 1);
    const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);
    const LIFE: Duration = Duration::from_hours(30 * 24);

    /// A store with two parties, and both clocks.
    struct World {
        store: Store,
        directory: TempDir,
        sweeper: Sweeper,
        clock: FixedClock,
        now: Instant,
    }

    impl World {
        async fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path(), &Options::default()).unwrap();
            let token = TokenHash::of(&[1; 32]);
            let client = store.register_client(token, "{}".into(), START).await;
            let node = NewNode {
                hash: "".into(),
                information: "{}".into(),
                protocol: Protocol::WebSocket,
                approved: true,
                delivery: None,
            };
            let node = store.register_node(token, node, START).await;
            assert_eq!((client.unwrap().0, node.unwrap().0), (1, 1));
            Self {
                store,
                directory,
                sweeper: Sweeper::default(),
                clock: FixedClock::at(START),
                now: Instant::now(),
            }
        }

        /// The number of a message that is sent now.
        async fn send(&self) -> i64 {
            let message = NewMessage {
                from: PartyId::Client(ClientId(1)),
                authority: Authority::Session,
                to: Some(PartyId::Node(NodeId(1))),
                answers: None,
                id: None,
                content: Arc::from("{}"),
            };
            match self.store.send(message, self.clock.now()).await.unwrap() {
                Proven::Done {
                    outcome: Sent::Stored { queue_id, .. },
                    ..
                } => queue_id,
                other => panic!("{other:?}"),
            }
        }

        /// What waits, all of which a page shows.
        async fn waiting(&self) -> Vec<i64> {
            let all = Limit {
                messages: 100,
                bytes: 1 << 20,
            };
            let page = self.store.page(PartyId::Node(NodeId(1)), 0, all).await;
            let page = page.unwrap();
            assert!(page.is_all());
            page.rows.iter().map(|row| row.queue_id).collect()
        }

        /// What expires.
        async fn sweep(&mut self) -> Vec<i64> {
            let (tell, told) = oneshot::channel();
            let tell = |ended: &[Ended]| {
                let numbers = ended.iter().map(|ended| ended.queue_id).collect();
                tell.send(numbers).unwrap();
            };
            let wall = self.clock.now();
            let step = self.sweeper.step(&self.store, wall, self.now, tell);
            step.await.unwrap();
            // Nobody is told where nothing was swept.
            told.await.unwrap_or_default()
        }

        /// Time passes, by both clocks.
        fn pass(&mut self, time: Duration) {
            self.clock.advance(time);
            self.now += time;
        }

        /// The process is not there for `time`.
        async fn restart_after(self, time: Duration) -> Self {
            self.store.close().await.unwrap();
            self.clock.advance(time);
            let store = Store::open(self.directory.path(), &Options::default()).unwrap();
            Self {
                store,
                sweeper: Sweeper::default(),
                ..self
            }
        }
    }

    const NOTHING: [i64; 0] = [];

    #[tokio::test]
    async fn a_jump_of_ten_years_ahead_expires_nothing_for_a_day() {
        let mut world = World::new().await;
        let sent = world.send().await;
        assert_eq!(world.sweep().await, NOTHING);

        world.clock.advance(TEN_YEARS);
        for _ in 0..24 {
            assert_eq!(world.sweep().await, NOTHING);
            assert_eq!(world.waiting().await, [sent]);
            world.pass(Duration::from_hours(1) - Duration::from_millis(1));
        }
        world.pass(MINUTE);
        assert_eq!(world.sweep().await, [sent]);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_right_within_the_day_has_cost_nothing() {
        let mut world = World::new().await;
        let sent = world.send().await;
        assert_eq!(world.sweep().await, NOTHING);
        world.clock.advance(TEN_YEARS);
        world.pass(ALMOST_A_DAY);
        assert_eq!(world.sweep().await, NOTHING);
        let ahead = world.send().await;

        world.clock.set(Timestamp(START.0 + 24 * 60 * 60 * 1000));
        world.pass(MINUTE);
        assert_eq!(world.sweep().await, NOTHING);
        assert_eq!(world.waiting().await, [sent, ahead]);
        for _ in 0..30 {
            world.pass(DAY);
            assert!(world.sweep().await.len() < 2);
        }
        assert_eq!(
            world.waiting().await,
            [ahead],
            "thirty days after it was sent, and not before"
        );
    }

    #[tokio::test]
    async fn a_jump_of_ten_years_back_expires_nothing_and_gives_no_number_again() {
        let mut world = World::new().await;
        let sent = world.send().await;
        assert_eq!(world.sweep().await, NOTHING);
        world.clock.set(Timestamp(
            START.0 - i64::try_from(TEN_YEARS.as_millis()).unwrap(),
        ));
        assert_eq!(world.sweep().await, NOTHING);
        let later = world.send().await;
        assert!(later > sent);
        assert_eq!(world.waiting().await, [sent, later]);

        // Setting it right is a jump ahead.
        world.clock.set(START);
        assert_eq!(world.sweep().await, NOTHING);
        world.pass(DAY + MINUTE);
        // What looks ten years old is not; it goes with what was sent before it.
        assert_eq!(world.sweep().await, NOTHING);
        assert_eq!(world.waiting().await, [sent, later]);
        world.pass(LIFE);
        assert_eq!(world.sweep().await, [sent, later]);
    }

    #[tokio::test]
    async fn a_jump_across_restarts_expires_nothing_for_a_day_of_running() {
        let mut world = World::new().await;
        let sent = world.send().await;
        assert_eq!(world.sweep().await, NOTHING);
        world = world.restart_after(TEN_YEARS).await;
        assert_eq!(world.sweep().await, NOTHING);
        world.pass(ALMOST_A_DAY);
        assert_eq!(world.sweep().await, NOTHING);
        // The day counts as one piece.
        world = world.restart_after(MINUTE).await;
        assert_eq!(world.sweep().await, NOTHING);
        world.pass(ALMOST_A_DAY);
        assert_eq!(world.sweep().await, NOTHING);
        assert_eq!(world.waiting().await, [sent]);
        world.pass(MINUTE);
        assert_eq!(world.sweep().await, [sent]);
    }

    #[tokio::test]
    async fn a_short_restart_puts_nothing_off() {
        let mut world = World::new().await;
        let sent = world.send().await;
        for _ in 0..29 {
            assert_eq!(world.sweep().await, NOTHING);
            world.pass(DAY);
        }
        assert_eq!(world.sweep().await, NOTHING);
        world = world.restart_after(DAY).await;
        assert_eq!(world.sweep().await, [sent]);
    }

    #[tokio::test]
    async fn what_is_sent_after_a_jump_has_a_number_of_its_own_also_when_all_before_it_is_gone() {
        let mut world = World::new().await;
        let first = world.send().await;
        assert_eq!(world.sweep().await, NOTHING);
        world.clock.advance(TEN_YEARS);
        assert_eq!(world.sweep().await, NOTHING);
        world.pass(DAY);
        assert_eq!(world.sweep().await, [first]);
        world.pass(LIFE);
        assert_eq!(world.sweep().await, NOTHING);
        world.clock.set(Timestamp(0));
        assert!(world.send().await > first);
    }
}
