//! What the instance does by itself: telling of presence, noticing the operator's word, and ending what has
//! waited for too long.

use std::{sync::Arc, time::Duration};

use nile_protocol::reply::Reply;
use tokio::{
    join,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{Instance, proof::report, sweeping::Sweeper};
use crate::store::Ended;

/// How long subscribers are left alone after they were told of presence.
const NEWS: Duration = Duration::from_millis(250);

/// How often the operator's word is looked for while a node waits for it.
const APPROVALS: Duration = Duration::from_secs(1);

impl Instance {
    /// Does it all, for ever.
    pub(crate) async fn tend(self: Arc<Self>) {
        join!(self.tell_presence(), self.notice_approvals(), self.sweep());
    }

    async fn tell_presence(&self) {
        loop {
            self.hub.presence_changed().await;
            let told = self
                .hub
                .tell_presence(|nodes| Reply::OnlineNodes { nodes }.to_body(None));
            tracing::debug!(told, "told who is online");
            sleep(NEWS).await;
        }
    }

    async fn notice_approvals(&self) {
        let mut ticks = interval(APPROVALS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let waiting = self.hub.unapproved();
            if waiting.is_empty() {
                continue;
            }
            match self.store.approved_among(waiting).await {
                Ok(approved) => approved.iter().for_each(|node| self.hub.approve(node.id)),
                Err(fault) => report(&fault),
            }
        }
    }

    async fn sweep(self: &Arc<Self>) {
        let mut sweeper = Sweeper::default();
        loop {
            let instance = Arc::clone(self);
            let tell = move |ended: &[Ended]| instance.ended(ended);
            let step = sweeper.step(&self.store, self.clock.now(), Instant::now(), tell);
            if let Err(fault) = step.await {
                report(&fault);
            }
            sleep(sweeper.pause()).await;
        }
    }
}
