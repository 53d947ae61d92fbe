//! One life of the instance, from its start to its crash.

use std::{path::Path, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{runtime::Handle, task::yield_now};

use super::temper::Temper;
use crate::{
    clock::{Clock, FixedClock},
    config::{Admission, DeliveriesConfig},
    courier::Courier,
    instance::{Instance, Rules},
    limits::Limits,
    store::{ByHand, Fate, Store},
};

pub(super) struct Process {
    pub(super) instance: Arc<Instance>,
    pub(super) store: ByHand,
    /// How many tasks it has when nothing is to be done.
    pub(super) tasks: usize,
}

impl Process {
    pub(super) async fn start(
        data_dir: &Path,
        temper: &Temper,
        clock: &Arc<FixedClock>,
        rng: &mut Rng,
    ) -> Self {
        let opened = Store::by_hand(data_dir, &temper.options);
        let (store, by_hand) = opened.expect("nobody else has it");
        let instance = Instance::new(
            store,
            Limits::new(&temper.limits),
            Arc::clone(clock) as Arc<dyn Clock>,
            Courier::new(&DeliveriesConfig::default()),
            Rules {
                admission: Admission::Open,
                guests: rng.bool(),
                max_information: 4096,
            },
        );
        let mut process = Self {
            instance: Arc::clone(&instance),
            store: by_hand,
            tasks: 0,
        };
        let recalled = {
            let instance = Arc::clone(&instance);
            tokio::spawn(async move { instance.recall().await })
        };
        while !recalled.is_finished() {
            process.work();
            yield_now().await;
        }
        recalled
            .await
            .expect("it does not panic")
            .expect("it can be read");
        tokio::spawn(instance.tend());
        process.settle().await;
        process.tasks = tasks();
        process
    }

    /// Whether the store has anything to do.
    pub(super) fn is_busy(&self) -> bool {
        let store = &self.store;
        store.writes() + store.reads() + store.written() + store.found() > 0
    }

    /// Has the store do all there is.
    pub(super) fn work(&mut self) {
        let store = &mut self.store;
        if store.writes() > 0 {
            store.write(64, Fate::Works);
        }
        if store.reads() > 0 {
            store.read(64, Fate::Works);
        }
        while store.written() > 0 {
            store.answer_write();
        }
        while store.found() > 0 {
            store.answer_read(0);
        }
    }

    /// Waits until nothing is to be done but what takes time.
    pub(super) async fn settle(&mut self) {
        loop {
            // Time does not pass while there is a task that can run.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if !self.is_busy() {
                return;
            }
            self.work();
        }
    }
}

pub(super) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
