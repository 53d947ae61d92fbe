//! What looks random and is decided by a number, so that it is the same in each run.

/// Characters of a token's secret.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A number that has nothing in common with those of its neighbours (`SplitMix64`).
#[must_use]
pub const fn mixed(number: u64) -> u64 {
    let state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// So many letters.
#[must_use]
pub fn letters<const N: usize>(number: u64) -> String {
    let letter = |at: usize| {
        let mixed = mixed(mixed(number).wrapping_add(at as u64));
        char::from(ALPHABET[usize::from(mixed.to_le_bytes()[0] & 63)])
    };
    (0..N).map(letter).collect()
}
