//! Hides what differs from run to run: secrets, session ids, how long to wait.

/// What hides.
const MASK: &str = "…";

/// How many characters the secret of a token has.
const SECRET: usize = 43;

/// How tokens begin.
const TOKENS: [&str; 2] = ["nlc_", "nln_"];

/// What may stand before a session's id or a number of seconds.
const MARKS: [&str; 4] = [r#""sid":""#, "sid=", r#""retry_after":"#, "retry-after: "];

/// The same text with `nlc_7_…` for a token, and a mask for every session's id and time to wait.
pub(crate) fn mask(text: &str) -> String {
    let hidden = TOKENS
        .iter()
        .fold(text.to_owned(), |text, mark| tokens(&text, mark));
    MARKS.iter().fold(hidden, |text, mark| after(&text, mark))
}

/// Hides the secrets of the tokens that begin so.
fn tokens(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str(mark);
        let number = part.find('_').unwrap_or(0);
        let secret = part.get(number + 1..number + 1 + SECRET);
        if secret.is_some_and(|secret| secret.bytes().all(is_base64url)) {
            masked.push_str(&part[..=number]);
            masked.push_str(MASK);
            masked.push_str(&part[number + 1 + SECRET..]);
        } else {
            masked.push_str(part);
        }
    }
    masked
}

/// Hides the word behind every `mark`.
fn after(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.bytes().position(|byte| !is_base64url(byte));
        masked.push_str(mark);
        masked.push_str(MASK);
        masked.push_str(&part[end.unwrap_or(part.len())..]);
    }
    masked
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[test]
fn what_differs_from_run_to_run_is_hidden_and_nothing_else() {
    let secret = "Ab-_".repeat(11);
    let secret = &secret[1..];
    assert_eq!(
        mask(&format!(r#"{{"token":"nlc_12_{secret}","id":12}}"#)),
        r#"{"token":"nlc_12_…","id":12}"#
    );
    assert_eq!(
        mask(&format!("nlc_1_{secret} nln_2_{secret}.")),
        "nlc_1_… nln_2_…."
    );
    assert_eq!(mask("nlc_1_short"), "nlc_1_short");
    assert_eq!(
        mask(r#"0{"sid":"a-b_c","upgrades":[]}"#),
        r#"0{"sid":"…","upgrades":[]}"#
    );
    assert_eq!(mask(r#"{"retry_after":59}"#), r#"{"retry_after":…}"#);
}
