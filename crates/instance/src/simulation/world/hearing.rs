//! What those who take part are told, and what they make of it.

use nile_protocol::party::{PartyId, PartyKind};
use serde_json::Value;

use crate::simulation::{
    asked::{Asked, Forwarded, Parameters, Told, What},
    link::Login,
    moment::{Delivery, Moment},
    oracle::{End, party::Identity},
    world::World,
};

/// When a request was heard, and when it was answered.
type Moments = (Moment, Moment);

impl World {
    /// An answer has come.
    pub(super) fn answered(&mut self, at: usize, moments: Moments, body: &str) {
        let told: Told =
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let asked = self.links[at].asked.pop_front();
        let asked = asked.unwrap_or_else(|| panic!("nobody asked: {body}"));
        let (code, queue_id) = (&told.parameters.code, &told.parameters.queue_id);
        self.trace.note(format_args!(
            "link {at} hears {} {} {code:?} {queue_id:?}",
            asked.id, told.action
        ));
        assert!(
            asked.id == Value::Null || asked.id == told.id,
            "{asked:?} is answered with {body}"
        );
        match told.parameters.code.clone() {
            Some(code) => self.refused(at, &asked, &code),
            None => self.served(at, asked, moments, told),
        }
    }

    fn refused(&mut self, at: usize, asked: &Asked, code: &str) {
        let who = self.links[at].who;
        let link_is_new = self.links[at].login.is_none();
        if let What::Send(place) = asked.what {
            let is_refused_token = code == "invalid_token" && self.is_forgiven(who, asked);
            let code = if is_refused_token {
                "rate_limited"
            } else {
                code
            };
            return self.oracle.refused(place, code);
        }
        if let (What::Login { .. }, Some(login)) = (&asked.what, &mut self.links[at].login)
            && code == "unavailable"
        {
            // A new token may have been confirmed by this, and then the link stays with it.
            login.token = None;
        }
        let may_be = match code {
            "unavailable" => true,
            "rate_limited" => self.is_limited(),
            "invalid_token" => self.is_forgiven(who, asked),
            // Somebody may have logged out on the same link before, or its login was refused.
            "not_logged_in" => asked.token.is_none(),
            "unknown_message" => self.may_be_unknown(&asked.what),
            "recipient_offline" | "queue_full" => matches!(asked.what, What::Forward(_)),
            "forbidden" => self.links[at].is_once,
            _ => false,
        };
        assert!(
            may_be,
            "refused as {code}: {asked:?} of {who}, new {link_is_new}"
        );
    }

    /// Whether a token may have been refused. It is not tried again.
    fn is_forgiven(&mut self, who: usize, asked: &Asked) -> bool {
        if matches!(asked.what, What::Login { in_vain: true, .. }) {
            return true;
        }
        let member = &mut self.oracle.members[who];
        let (Some(identity), Some(token)) = (&mut member.identity, &asked.token) else {
            return true;
        };
        let may_be_deleted = self.oracle.deleting.contains(&identity.party);
        // A token that was not used for a day is none, to whoever looks at another time.
        let may_live = self.oracle.clock.has_jumped_by(1) && !may_be_deleted;
        if identity.refused(token, may_live) {
            return true;
        }
        if may_be_deleted {
            member.identity = None;
        }
        may_be_deleted || may_live
    }

    /// Whether a message may be said not to be known to the asker, or not to wait.
    fn may_be_unknown(&self, what: &What) -> bool {
        let (What::Status { queue_id, is_own } | What::Withdraw { queue_id, is_own }) = *what
        else {
            return false;
        };
        let message = self.oracle.message(queue_id);
        let waits = || message.is_some_and(|it| self.oracle.surely_waits(queue_id, it));
        match what {
            What::Withdraw { .. } => !(is_own && waits()),
            // It is remembered for a week.
            _ => !is_own || self.oracle.may_be(queue_id, "expired"),
        }
    }

    fn served(&mut self, at: usize, asked: Asked, moments: Moments, told: Told) {
        let Told { parameters, .. } = told;
        let who = self.links[at].who;
        let member = &mut self.oracle.members[who];
        if let (Some(identity), Some(token)) = (&mut member.identity, &asked.token) {
            identity.used(token);
        }
        let Asked { what, token, .. } = asked;
        match what {
            What::Register => self.registered(at, parameters),
            What::Login { limit, in_vain } => {
                assert!(!in_vain, "a token that is not valid was accepted");
                let had = self.logged(at, token, moments, &parameters);
                let most = limit.map_or(256, |limit| limit as usize);
                assert!(had <= most, "{most} were asked for: {parameters:?}");
            }
            What::Logout => {
                if let Some(login) = &mut self.links[at].login {
                    login.is_on = false;
                }
                let link = &mut self.links[at];
                link.nodes = link.nodes.take().filter(|_| link.browses);
            }
            What::Rotate => {
                let new = parameters.token.expect("it is told");
                let name = self.trace.name(&new);
                self.note(format_args!("link {at} is given {name}"));
                let member = &mut self.oracle.members[who];
                // Of two rotations that cross, the last served counts: both may have been.
                if let Some(identity) = &mut member.identity {
                    identity.tokens.push(new);
                }
            }
            What::Delete => {
                // Whoever asked may be somebody else by now.
                let members = &mut self.oracle.members;
                let identity = members[who].identity.take_if(|identity| {
                    token.as_ref().is_some_and(|token| {
                        identity.tokens.contains(token) || identity.dead.contains(token)
                    })
                });
                if let Some(identity) = identity {
                    self.oracle.deleted(identity.party, moments.1);
                }
            }
            What::Send(place) => self.sent(place, &parameters, moments.1),
            What::Forward(place) => self.oracle.forwards[place].is_answered = true,
            What::Process { party, own } => {
                for queue_id in own {
                    self.oracle.ends(queue_id, End::Delivered, moments.1);
                }
                self.links[at].left = self.page(party, &parameters, moments);
            }
            What::Withdraw { queue_id, .. } => {
                self.oracle.ends(queue_id, End::Withdrawn, moments.1);
            }
            What::Status { .. } => self.status(&parameters),
            What::Nodes => {
                self.links[at].browses = true;
                self.nodes(at, parameters);
            }
            What::Update | What::Follow | What::Ping => {}
        }
    }

    fn registered(&mut self, at: usize, parameters: Parameters) {
        let who = self.links[at].who;
        let member = &mut self.oracle.members[who];
        if member.identity.is_some() {
            return;
        }
        self.oracle.strangers -= 1;
        let number = parameters.id.as_i64().expect("it is told");
        member.identity = Some(Identity {
            party: member.kind.party(number),
            tokens: vec![parameters.token.expect("it is told")],
            doubtful: Vec::new(),
            dead: Vec::new(),
        });
    }

    /// Somebody has logged in, and was shown so many messages.
    fn logged(
        &mut self,
        at: usize,
        token: Option<String>,
        moments: Moments,
        parameters: &Parameters,
    ) -> usize {
        let kind = self.oracle.members[self.links[at].who].kind;
        let party = kind.party(parameters.id.as_i64().expect("it is told"));
        let had = self.page(party, parameters, moments);
        let count = had.len();
        if !self.links[at].is_once {
            self.links[at].login = Some(Login {
                party,
                token,
                since: moments.1,
                is_on: true,
                had,
                pushed: Vec::new(),
            });
        }
        count
    }

    /// A page of what waits for `party`: what is in it.
    fn page(&mut self, party: PartyId, parameters: &Parameters, moments: Moments) -> Vec<i64> {
        let rows = parameters.queue.as_ref().expect("it is told");
        for row in rows {
            // What ended while it was read may be in it.
            self.oracle.hear(party, row, moments.0);
        }
        let (total, more) = (parameters.total, parameters.more);
        let (total, more) = (total.expect("it is told"), more.expect("it is told"));
        assert_eq!(more, rows.len() < total, "{parameters:?}");
        let ids: Vec<i64> = rows.iter().map(|row| row.queue_id).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        ids
    }

    fn sent(&mut self, place: usize, parameters: &Parameters, moment: Moment) {
        let queue_id = parameters.queue_id.expect("it is told");
        self.oracle.stored(place, queue_id);
        if let Some((answered, true)) = self.oracle.attempts[place].answers {
            self.oracle.ends(answered, End::Delivered, moment);
        }
    }

    /// A message is said to be in a state.
    fn status(&mut self, parameters: &Parameters) {
        let (queue_id, state) = (&parameters.queue_id, &parameters.state);
        let queue_id = queue_id.expect("it is told");
        let state = state.as_deref().expect("it is told");
        if let (Some(message), true) = (self.oracle.message(queue_id), state != "stored") {
            let may_be = self.oracle.may_be(queue_id, state);
            assert!(may_be, "{queue_id} is said to be {state}: {message:?}");
        }
    }

    fn nodes(&mut self, at: usize, parameters: Parameters) {
        let listed = parameters.nodes.expect("it is told");
        let nodes: Vec<_> = listed
            .into_iter()
            .map(|one| (one.node_id, one.ws_id))
            .collect();
        self.trace
            .note(format_args!("link {at} hears of {} nodes", nodes.len()));
        self.links[at].nodes = Some(nodes);
    }

    /// Something has come unasked.
    pub(super) fn told(&mut self, at: usize, left: Moment, frame: &str) {
        let mut parts = frame.splitn(3, ' ');
        let mut part = || parts.next().expect("a frame has three parts");
        let (what, moment, body) = (part(), part(), part());
        match what {
            "push" => {
                let delivery: Delivery = serde_json::from_str(body).expect("it is a delivery");
                let moment = moment.parse().expect("it is a moment");
                self.pushed(at, &delivery, (moment, left));
            }
            "forward" => {
                let heard: Forwarded = serde_json::from_str(body).expect("it was forwarded");
                let (sender, content) = (&heard.sender, heard.content.get());
                let name = self.trace.name(sender);
                self.note(format_args!("link {at} hears {content} of {name}"));
                self.oracle.hear_forward(at, sender, content);
                self.links[at].correspondents.push(heard.sender);
            }
            _ => self.said(at, body),
        }
    }

    /// A message is heard that was written, and left, at these moments.
    fn pushed(&mut self, at: usize, delivery: &Delivery, (written, left): (Moment, Moment)) {
        let queue_id = delivery.queue_id;
        self.note(format_args!("link {at} is pushed {queue_id}"));
        let Some(login) = &mut self.links[at].login else {
            panic!("link {at} never logged in, and hears {delivery:?}");
        };
        let party = login.party;
        // What was pushed before it logged in again may come after that.
        let is_late = written < login.since;
        let may_be_again = party.kind() == PartyKind::Node || !login.is_on || is_late;
        let is_again = login.had.contains(&queue_id);
        assert!(
            !is_again || may_be_again,
            "link {at} is pushed {queue_id} again"
        );
        assert!(
            !self.oracle.is_acknowledged(queue_id, login.since..written),
            "link {at} is pushed {queue_id}, which was acknowledged"
        );
        if !is_late {
            login.had.push(queue_id);
        }
        login.pushed.push(queue_id);
        self.oracle.hear(party, delivery, left);
    }

    /// The instance says something of itself.
    fn said(&mut self, at: usize, body: &str) {
        let told: Told = serde_json::from_str(body).expect("it is what replies are like");
        if told.action == "updateOnlineNodes" {
            // What was on the way when it logged out is not the last that there was.
            if self.links[at].browses || self.links[at].party().is_some() {
                self.nodes(at, told.parameters);
            }
            return;
        }
        assert_eq!(told.action, "messageStatus", "{body}");
        let queue_id = told.parameters.queue_id;
        self.note(format_args!("link {at} hears of the end of {queue_id:?}"));
        let login = self.links[at].login.as_ref();
        let party = login.expect("it follows as somebody").party;
        let message = queue_id.and_then(|queue_id| self.oracle.message(queue_id));
        let is_own = message.is_none_or(|message| message.from == party);
        assert!(is_own, "{party} hears {body}");
        self.status(&told.parameters);
    }
}
