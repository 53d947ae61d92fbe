//! Whom the attacks are about: parties that were registered before, whose tokens only some may know.

use crate::{letters::letters, requests::Registered};

/// What attackers know.
pub(super) struct Prey {
    /// Their own clients and nodes, which they have registered as anybody may.
    pub(super) clients: Vec<Registered>,
    pub(super) nodes: Vec<Registered>,
    /// A node that never comes.
    pub(super) absent: i64,
    /// How many clients there are at least.
    pub(super) parties: u64,
}

impl Prey {
    pub(super) fn client(&self, number: usize) -> &str {
        &self.clients[number % self.clients.len()].token
    }

    pub(super) fn node(&self, number: usize) -> &str {
        &self.nodes[number % self.nodes.len()].token
    }

    /// A token that nobody has: of a client that there is, or of one that there is not.
    pub(super) fn wrong_token(&self, number: u64) -> String {
        let id = if number.is_multiple_of(2) {
            1 + number % self.parties
        } else {
            1_000_000_000 + number
        };
        format!("nlc_{id}_{}A", letters::<42>(number))
    }

    /// The id of a connection that nobody has.
    pub(super) fn guess(&self, number: u64) -> String {
        format!("{}A", letters::<21>(self.parties + number))
    }
}

#[cfg(test)]
mod tests {
    use nile_protocol::token::Token;

    use super::*;

    #[test]
    fn a_wrong_token_has_the_form_of_a_right_one() {
        let prey = Prey {
            clients: Vec::new(),
            nodes: Vec::new(),
            absent: 1,
            parties: 7,
        };
        let tokens: Vec<_> = (0..1000).map(|number| prey.wrong_token(number)).collect();
        for token in &tokens {
            assert!(Token::parse(token).is_some(), "{token}");
        }
        let known = tokens.iter().filter_map(|token| Token::parse(token));
        let known = known.filter(|token| token.party().number() <= 7).count();
        assert_eq!(known, 500);
        assert_eq!(prey.guess(3).len(), 22);
    }
}
