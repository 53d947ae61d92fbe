//! Secrets: where they come from, and the only form in which they are kept.
//!
//! A secret is 32 bytes from the operating system, so its hash needs neither salt nor stretching. Hashes are compared
//! in constant time only. How a token is written as text is the protocol's business, not this module's.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::Fault;

/// Draws the 32 bytes of a new secret from the operating system.
pub fn fresh_secret() -> Result<[u8; 32], Fault> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Fault::new("draw a secret", error))?;
    Ok(secret)
}

/// The SHA-256 of a token's secret: what is stored, and what a presented token is compared with.
///
/// `==` takes the same time whether the hashes differ in the first byte, the last, or not at all.
#[derive(Clone, Copy, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token's secret.
    #[must_use]
    pub fn of(secret: &[u8; 32]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// A hash as it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Redacted: a hash in a log helps whoever looks for its row.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_sha_256_of_the_secret() {
        // FIPS 180-4's function over 32 zero bytes.
        let expected = [
            0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f,
            0x8e, 0x20, 0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d,
            0x0d, 0x5f, 0x29, 0x25,
        ];
        assert_eq!(TokenHash::of(&[0; 32]).as_bytes(), &expected);
    }

    #[test]
    fn hashes_are_equal_only_if_every_byte_is() {
        let hash = TokenHash::of(&[7; 32]);
        assert_eq!(hash, TokenHash::from_bytes(*hash.as_bytes()));
        for byte in 0..32 {
            let mut other = *hash.as_bytes();
            other[byte] ^= 1;
            assert_ne!(hash, TokenHash::from_bytes(other), "byte {byte}");
        }
    }

    #[test]
    fn two_secrets_are_never_the_same() {
        assert_ne!(fresh_secret().unwrap(), fresh_secret().unwrap());
    }

    #[test]
    fn debug_output_shows_nothing_of_a_hash() {
        assert_eq!(format!("{:?}", TokenHash::of(&[7; 32])), "TokenHash(…)");
    }
}
