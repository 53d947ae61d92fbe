//! What a member does, one thing after the other.

use nile_protocol::party::PartyKind;
use serde_json::json;

use super::{Conduct, Question, Talk, page_in};
use crate::{
    kills::line::Gone,
    support::request::{parse, token_in},
};

impl Talk<'_> {
    pub(super) async fn live(&mut self, conduct: Conduct) -> Result<(), Gone> {
        self.enter().await?;
        match conduct {
            Conduct::Look => Ok(()),
            Conduct::Empty => {
                let all = self.held.drain(..).map(|held| held.serial).collect();
                self.burst(vec![Question::Process(all, Vec::new())]).await
            }
            Conduct::Talk => loop {
                self.shared.pause().await;
                self.act().await?;
            },
        }
    }

    /// Logs in, looks at all that waits, and asks again for what was not answered.
    async fn enter(&mut self) -> Result<(), Gone> {
        let mut tokens = self.account.tokens();
        self.rng.shuffle(&mut tokens);
        for token in tokens {
            if self.login(&token).await? {
                break;
            }
        }
        if let Some(dead) = self.rng.choice(self.account.dead_tokens()) {
            let entered = self.login(&dead).await?;
            assert!(!entered, "{dead} is valid again");
        }
        self.burst(vec![Question::Process(Vec::new(), Vec::new())])
            .await?;
        let unfinished = self.shared.messages.borrow().unfinished(self.party());
        for serial in &unfinished {
            let request = self.shared.messages.borrow().of(*serial).answers;
            self.held.retain(|held| Some(held.serial) != request);
        }
        self.burst(unfinished.into_iter().map(Question::Send).collect())
            .await
    }

    /// Whether this token is taken.
    async fn login(&mut self, token: &str) -> Result<bool, Gone> {
        self.account.uses(token);
        let asked = self.shared.now();
        let answer = self.ask("login", json!({ "token": token })).await?;
        let told = parse(&answer);
        if told["action"] == "loginFailed" {
            assert_eq!(told["parameters"]["code"], "invalid_token", "{answer}");
            self.account.refused(token);
            return Ok(false);
        }
        assert_eq!(told["parameters"]["id"], self.party().number(), "{answer}");
        let name = told["parameters"]["information"]["name"].as_str().unwrap();
        self.account.logged_in(token, name, self.shared.life());
        self.last = self.last.filter(|_| self.since == 0);
        self.since = asked;
        self.held.clear();
        let page = page_in(&answer);
        for row in &page.queue {
            self.hold(row, None);
        }
        // Those before the page are pushed after it to a party that has never acknowledged any.
        if let (Some(last), Some(row)) = (&mut self.last, page.queue.last())
            && page.queue.len() == page.total
        {
            *last = row.queue_id;
        }
        Ok(true)
    }

    async fn act(&mut self) -> Result<(), Gone> {
        match self.rng.u8(..20) {
            0..=11 => {
                let number = self.rng.usize(1..=6);
                let questions = (0..number).filter_map(|_| self.question());
                let questions = questions.collect();
                self.burst(questions).await
            }
            12..=13 => self.ask("ping", json!({})).await.map(drop),
            14..=15 => self.update().await,
            16..=17 => self.rotate().await,
            18 => self.revoke().await,
            _ => {
                let token = self.any_token();
                self.login(&token).await.map(drop)
            }
        }
    }

    fn question(&mut self) -> Option<Question> {
        match self.rng.u8(..12) {
            0..=4 => self.draft(),
            5..=6 => self.reply(),
            7..=8 => Some(self.removal()),
            9..=10 => self.acknowledgement(),
            _ => self.withdrawal(),
        }
    }

    fn any_token(&mut self) -> String {
        let tokens = self.account.tokens();
        self.rng.choice(tokens).expect("there is always one")
    }

    /// Tells something else about itself. The first use of a new token would close the connection.
    async fn update(&mut self) -> Result<(), Gone> {
        let mut tokens = self.account.tokens();
        tokens.retain(|token| !self.account.may_be_new(token));
        let Some(token) = self.rng.choice(tokens) else {
            return Ok(());
        };
        self.rename(token).await
    }

    async fn rename(&mut self, token: String) -> Result<(), Gone> {
        let name = format!("member {}", *self.asked);
        self.account.renames(&name);
        self.account.uses(&token);
        let parameters = json!({ "token": token, "information": { "name": name } });
        let answer = self.ask("update", parameters).await?;
        if parse(&answer)["action"] == "updated" {
            self.account.used(&token);
            self.account.renamed(&name);
        } else {
            self.account.refused(&token);
        }
        Ok(())
    }

    /// Exchanges its token.
    async fn rotate(&mut self) -> Result<(), Gone> {
        let mut tokens = self.account.tokens();
        tokens.retain(|token| !self.account.may_be_new(token));
        let Some(token) = self.rng.choice(tokens) else {
            return Ok(());
        };
        self.account.rotates(&token);
        let answer = self.ask("rotateToken", json!({ "token": token })).await?;
        assert_eq!(parse(&answer)["action"], "tokenRotated", "{answer}");
        self.account.rotated(&token, token_in(&answer));
        Ok(())
    }

    /// Uses a new token for the first time, other than to log in: that closes the connection. A node does not,
    /// because what was on its way to the old connection may come on the next one once more.
    async fn revoke(&mut self) -> Result<(), Gone> {
        let token = self.any_token();
        if self.party().kind() == PartyKind::Node || !self.account.may_be_new(&token) {
            return Ok(());
        }
        self.is_revoked = true;
        self.rename(token).await?;
        // Where the token was new, nothing is answered any more.
        loop {
            self.ask("ping", json!({})).await?;
        }
    }
}
