//! Looks for many secrets at once, in every form in which a careless program writes bytes down.

use std::{collections::HashMap, fmt::Write};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use nile_protocol::token::Token;

/// How many bytes of a form are enough to look closer.
const BEGIN: usize = 8;

/// What to look for.
pub(super) struct Needles {
    forms: HashMap<[u8; BEGIN], Vec<(String, Vec<u8>)>>,
}

impl Needles {
    /// The secrets of these tokens.
    pub(super) fn of(tokens: &[String]) -> Self {
        let secrets = tokens.iter().flat_map(|text| {
            let token = Token::parse(text).unwrap_or_else(|| panic!("no token: {text}"));
            let named = |(form, bytes)| (format!("{text} as {form}"), bytes);
            forms(token.secret()).map(named)
        });
        Self::index(secrets)
    }

    /// A text, as it is.
    pub(super) fn of_text(text: &str) -> Self {
        Self::index([(text.to_owned(), text.into())])
    }

    fn index(named: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut forms: HashMap<_, Vec<_>> = HashMap::new();
        for (name, bytes) in named {
            let begin = *bytes.first_chunk().expect("a form is longer than that");
            forms.entry(begin).or_default().push((name, bytes));
        }
        Self { forms }
    }

    /// What is in there.
    pub(super) fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            let near = rest.first_chunk().and_then(|begin| self.forms.get(begin));
            let there = near.into_iter().flatten();
            let there = there.filter(|(_, form)| rest.starts_with(form));
            found.extend(there.map(|(name, _)| name.as_str()));
        }
        found
    }
}

/// A secret as in its token, as it is, and as programs show bytes.
fn forms(secret: &[u8; 32]) -> [(&'static str, Vec<u8>); 6] {
    let mut hexadecimal = String::new();
    for byte in secret {
        write!(hexadecimal, "{byte:02x}").unwrap();
    }
    let numbers = format!("{secret:?}");
    [
        ("text", URL_SAFE_NO_PAD.encode(secret).into()),
        ("base64", STANDARD.encode(secret).into()),
        ("bytes", secret.to_vec()),
        ("upper hexadecimal", hexadecimal.to_uppercase().into()),
        ("hexadecimal", hexadecimal.into()),
        ("numbers", numbers.trim_matches(['[', ']']).into()),
    ]
}

#[test]
fn a_secret_is_found_in_every_form_and_nothing_else_is() {
    let tokens: Vec<_> = (1..100)
        .map(|number: u8| {
            let secret: [u8; 32] = std::array::from_fn(|at| number ^ u8::try_from(at * 7).unwrap());
            format!("nlc_{number}_{}", URL_SAFE_NO_PAD.encode(secret))
        })
        .collect();
    let needles = Needles::of(&tokens);
    let secret = *Token::parse(&tokens[41]).unwrap().secret();
    for (form, bytes) in forms(&secret) {
        let mut hay = b"a log of the 8 o'clock, 17, 4, 255".repeat(20);
        assert_eq!(needles.found_in(&hay), [""; 0]);
        hay.splice(100..100, bytes.clone());
        hay.extend(&bytes[..bytes.len() - 1]);
        let found = needles.found_in(&hay);
        assert!(!found.is_empty(), "{form}");
        assert!(
            found.iter().all(|name| name.starts_with(&tokens[41])),
            "{found:?}"
        );
    }
}
