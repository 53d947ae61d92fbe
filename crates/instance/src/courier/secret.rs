//! The secret that an instance and an HTTP node share, and the signatures made with it.
//!
//! Invariant: the secret appears only where [`DeliverySecret::expose`] or [`DeliverySecret::as_bytes`] is called. It is
//! kept as it is, not as a hash: whoever signs needs it.

use std::fmt::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::Timestamp;

const PREFIX: &str = "nds_";

/// What the deliveries to one node are signed with: `nds_` and 43 characters, as text.
#[derive(Clone)]
pub struct DeliverySecret([u8; 32]);

impl DeliverySecret {
    /// The secret of these 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text that the node keeps. Its bytes, prefix included, are the key of the signatures.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = PREFIX.to_owned();
        URL_SAFE_NO_PAD.encode_string(self.0, &mut text);
        text
    }
}

impl fmt::Debug for DeliverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliverySecret(…)")
    }
}

/// The value of the header `Nile-Signature` of a delivery: `t=<unix seconds>,v1=<hex>`, where the latter is the
/// HMAC-SHA256 (RFC 2104) of `<unix seconds>.<body>`.
#[must_use]
pub fn signature(secret: &DeliverySecret, now: Timestamp, body: &str) -> String {
    let seconds = now.0.div_euclid(1000).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("a key may have any length");
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    let mut value = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(value, "{byte:02x}").expect("a String takes everything");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> DeliverySecret {
        let mut bytes = [0; 32];
        for (byte, value) in bytes.iter_mut().zip(0..) {
            *byte = value;
        }
        DeliverySecret::from_bytes(bytes)
    }

    #[test]
    fn a_secret_has_the_text_that_is_documented() {
        assert_eq!(
            secret().expose(),
            "nds_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        );
        assert_eq!(
            DeliverySecret::from_bytes([255; 32]).expose(),
            "nds___________________________________________8"
        );
    }

    #[test]
    fn a_secret_in_a_log_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", secret()), "DeliverySecret(…)");
    }

    /// Calculated with Python's `hmac.new(text.encode(), b"<t>." + body, "sha256")`.
    #[test]
    fn a_signature_is_the_hmac_that_others_calculate() {
        for (now, body, expected) in [
            (
                1_767_225_600_999,
                r#"{"action":"order","parameters":{"pears":2}}"#,
                "t=1767225600,v1=5c58e23462582183d0bcdfc0b74eaf2c11fcdc3880f4d1feb61a906d20789228",
            ),
            (
                1_767_225_600_000,
                r#"{"note":"crème brûlée"}"#,
                "t=1767225600,v1=4115a02568c62bdcfac68870ec44268845fc1d19648f4d25416414bc98fecdfe",
            ),
            (
                0,
                "",
                "t=0,v1=19268c771f0f59b3014b879dc936a28b82c40beb7d55670bb41df1e70664ddb6",
            ),
        ] {
            assert_eq!(signature(&secret(), Timestamp(now), body), expected);
        }
    }

    #[test]
    fn another_secret_second_or_body_has_another_signature() {
        let now = Timestamp(1_767_225_600_000);
        let one = signature(&secret(), now, "{}");
        let other = DeliverySecret::from_bytes([7; 32]);
        assert_ne!(signature(&other, now, "{}"), one);
        assert_ne!(signature(&secret(), now, "{} "), one);
        let later = signature(&secret(), Timestamp(now.0 + 1000), "{}");
        assert_ne!(later.split_once(",v1="), one.split_once(",v1="));
        assert_ne!(later.rsplit('=').next(), one.rsplit('=').next());
    }
}
