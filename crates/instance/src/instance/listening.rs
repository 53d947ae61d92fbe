//! Those who hear what is sent to them without being online: over HTTP, for as long as a request lasts.
//!
//! They are on no online list and have no WebSocket ID that anybody learns; what waits for them is what
//! waits for everybody else of their party.

use std::{pin::pin, sync::Arc, time::Duration};

use nile_protocol::{party::PartyId, refusal::Refusal, reply::Reply, token::Token};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    Instance,
    accounts::start,
    proof::{Outcome, Sender},
};
use crate::hub::{Joining, Kind, Line, Start, Voice, WsId};

/// One who listens. Dropping it is the end of it.
pub struct Listening {
    instance: Arc<Instance>,
    connection: WsId,
}

impl Instance {
    /// From here on `voice` tells what waits for the party of `token`, after the message `after` if that is
    /// given, and what comes for it.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        token: Option<Token>,
        sender: Sender,
        voice: Voice,
        after: Option<i64>,
    ) -> Result<Listening, Refusal> {
        let presented = self.admit(token.as_ref(), sender)?;
        let connection = WsId::fresh();
        let line = Line { connection, voice };
        loop {
            let login = self.hub.begin_login(presented.party);
            let found = self.find(presented, Some(0), None).await?;
            let mut start: Start = start(&found.page);
            if let Some(after) = after {
                let after = after.min(found.page.newest);
                start.cursor = start.cursor.max(after);
                // The others of a node share a feed with it, and what one of them gives back is not for it.
                start.page = Some(1..=after);
            }
            let joining = Joining {
                line: line.clone(),
                kind: Kind::Listening,
                token: presented.hash,
                start,
                card: None,
            };
            if let Some(left) = login.join(joining) {
                self.leave_behind(left);
                return Ok(Listening {
                    instance: Arc::clone(self),
                    connection,
                });
            }
        }
    }

    /// Answers with what waits for the party of `token`; when nothing does, with what comes first, or with
    /// nothing after `patience`, or when the instance is about to end.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        token: Option<Token>,
        sender: Sender,
        limit: Option<u32>,
        patience: Duration,
    ) -> Outcome {
        let deadline = Instant::now() + patience;
        let presented = self.admit(token.as_ref(), sender)?;
        let party: PartyId = presented.party;
        let mut draining = self.draining.subscribe();
        loop {
            let coming = self.hub.watch(party);
            let mut coming = pin!(coming.notified());
            coming.as_mut().enable();
            let found = self.find(presented, limit, None).await?;
            let over = found.page.total > 0
                || select! {
                    () = coming => false,
                    () = sleep_until(deadline) => true,
                    _ = draining.wait_for(|draining| *draining) => true,
                };
            if over {
                let page = self.show(party, &found.page);
                return Ok(Reply::Queue { page });
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let left = self.instance.hub.end(self.connection);
        self.instance.leave_behind(left);
    }
}
