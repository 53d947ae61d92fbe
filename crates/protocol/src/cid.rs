//! Under which hash IPFS finds what a node publishes: a content identifier (CID).
//!
//! It names content and does not hold it: nothing here fetches anything or compares hashes. A CID
//! is kept in the text in which it came, so that whoever gets it back finds the same text.

use serde::Serialize;

/// How a CID is written as an address. Only the bare CID is kept.
const SCHEME: &str = "ipfs://";

/// The longest text of a CID: 84 bytes in base32, and the letter of the base.
const MAX_TEXT_BYTES: usize = 136;

/// The shortest digest that a hash may be cut to, and the longest that any hash in use has.
const DIGEST_BYTES: std::ops::RangeInclusive<u64> = 20..=64;

/// The code of SHA-256 among the hashes, and the length of its digest: what a CID of version 0 has.
const SHA_256: [u8; 2] = [0x12, 32];

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A content identifier, bare: `QmNLfbof…` (version 0), `bafybei…` (version 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cid(Box<str>);

impl Cid {
    /// Reads a CID, bare or as `ipfs://…`; `None` for every other text, one with a path included.
    ///
    /// Version 0 is base58btc alone; version 1 is in the bases that IPFS writes: base32 (`b…`),
    /// base36 (`k…`) and base58btc (`z…`). Any codec and any hash will do.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix(SCHEME).unwrap_or(text);
        names_content(bare).then(|| Self(bare.into()))
    }

    /// The bare text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn names_content(text: &str) -> bool {
    if text.len() > MAX_TEXT_BYTES {
        return false;
    }
    if text.starts_with("Qm") {
        return from_radix(BASE58, text).is_some_and(|bytes| is_version_0(&bytes));
    }
    let bytes = match text.split_at_checked(1) {
        Some(("b", digits)) => from_base32(digits),
        Some(("k", digits)) => from_radix(BASE36, digits),
        Some(("z", digits)) => from_radix(BASE58, digits),
        _ => None,
    };
    bytes.is_some_and(|bytes| is_version_1(&bytes).is_some())
}

fn is_version_0(bytes: &[u8]) -> bool {
    bytes.starts_with(&SHA_256) && bytes.len() == SHA_256.len() + usize::from(SHA_256[1])
}

/// Version, codec, hash, length of the digest, digest; and nothing after it.
fn is_version_1(mut bytes: &[u8]) -> Option<()> {
    let version = varint(&mut bytes)?;
    let _codec = varint(&mut bytes)?;
    let _hash = varint(&mut bytes)?;
    let length = varint(&mut bytes)?;
    let whole = u64::try_from(bytes.len()) == Ok(length);
    (version == 1 && DIGEST_BYTES.contains(&length) && whole).then_some(())
}

/// Takes an integer of 63 bits at most off the front: seven bits a byte, the lowest first, and in as
/// few bytes as it needs.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (*byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}

/// The bytes of a number that is written in the digits of `alphabet`. No CID begins with a zero.
fn from_radix(alphabet: &[u8], text: &str) -> Option<Vec<u8>> {
    let radix = u16::try_from(alphabet.len()).ok()?;
    // The lowest first, so that it grows at its end.
    let mut bytes = Vec::new();
    for letter in text.bytes() {
        let mut carry = digit(alphabet, letter)?;
        if carry == 0 && bytes.is_empty() {
            return None;
        }
        for byte in &mut bytes {
            let [low, high] = (u16::from(*byte) * radix + carry).to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
        if carry > 0 {
            bytes.extend(u8::try_from(carry));
        }
    }
    bytes.reverse();
    Some(bytes)
}

/// The bytes of base32 without padding, whose last bits are zero.
fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut rest, mut bits) = (0, 0);
    for letter in text.bytes() {
        rest = rest << 5 | digit(BASE32, letter)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.extend(u8::try_from(rest >> bits));
            rest &= (1 << bits) - 1;
        }
    }
    (bits < 5 && rest == 0).then_some(bytes)
}

fn digit(alphabet: &[u8], letter: u8) -> Option<u16> {
    let at = alphabet.iter().position(|other| *other == letter)?;
    u16::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the reference implementation in Rust (`cid` 0.11) writes of digests that count up from 0,
    /// and of others.
    const CIDS: [&str; 13] = [
        "QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE",
        "bafybeiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4",
        "k2jmtxrd43ukk1y7sbez98gxlwwbobotav868thdas64o6xu8eqxruvz",
        "zdj7WVRuyEiwKpFdZU8UPrxcX9KtmQTzkbR4nUWfu7D9DWycA",
        "bafkreih777777777777777777777777777777777777777777777777774",
        "k2cwuef13pmxjkyzdh4p24mfkz6e2u3er6ho7t0rxnrogd9h8aqovs3j",
        "zb2rhosbZf8yxq4Ab2HBh2fagErHnUUDQibYZMSGrSfbMgpWz",
        // The key of a name: 36 bytes that are not hashed.
        "k51qzi5gkyegeghyh7znpkgm1tp04lkshun9zpjremuatw5ndhon19mn45u6n7",
        // BLAKE2b-512 of JSON: two bytes of codec, three of hash, 64 of digest.
        "baguqfiheajaaobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4",
        "k57bloirirzkqkkybmtmj7hzo86rf2dhbdwmpzlsejje74gd1exsjup2ojr9pjo7wb7si2ctds8r23iuit60b25jl2tj66mjrymu183q1sn1fr",
        "zKgF4HoToe9qN6VyGUhWSGhYJbyHADUhCaj6RNcvSTq9SJXqXBbxHAhw5UEWEP7qS5XftuezGuypdNWd5i2S5s4synVJVjKEW",
        // SHA-1: the shortest digest.
        "bafkrcfaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "z83ajNbprjcXscmy5Tq1epNsQQbN2yUKq",
    ];

    const V0: &str = CIDS[0];
    const V1: &str = CIDS[1];

    #[test]
    fn a_cid_is_kept_bare_and_as_it_came() {
        for text in CIDS {
            assert_eq!(Cid::parse(text).expect(text).as_str(), text);
            let address = format!("ipfs://{text}");
            assert_eq!(Cid::parse(&address).expect(text).as_str(), text);
        }
    }

    #[test]
    fn what_is_no_cid_is_refused() {
        for text in [
            "",
            "Q",
            "Qm",
            "b",
            "k",
            "z",
            "b ",
            "é",
            "ipfs://",
            "components",
            // 19 bytes of digest; none; one byte too many; one too few.
            "bafkreeybaeaqcaibaeaqcaibaeaqcaibaeaqc",
            "bafkqaaa",
            "bafkreiabaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaa",
            "bafkreiabaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaib",
            // 34 bytes, of another hash than SHA-256: the last before those, and the first after them.
            "QmNLei78zWmzUdbeRB3CiUfAizWUrbeeZh5K1rhAQKCh4z",
            "QmfZy5bvk7a3DQAjCbGNtmrPXWkyVvPrdnZMyBZ5q5ieKH",
            // Five bits more than 25 bytes, all zero.
            "bafkrefiaaebagbafaydqqcikbmga2dqpcaireeyua",
            // Version 129, whose lowest bits are those of 1.
            "bqeavkeraaaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq",
            // Version 2; a codec in more bytes than it needs; version 0 in another base than its own.
            "bajkreiabaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibae",
            "bahkqaeraaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq",
            "bciqaaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4hy",
            "zQmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE",
            // Bases that IPFS writes only when it is asked to.
            "f01701220000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "BAFYBEIAAAEBAGBAFAYDQQCIKBMGA2DQPCAIREEYUCULBOGAZDINRYHI6D4",
        ] {
            assert_eq!(Cid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_around_a_cid_is_refused() {
        for cid in [V0, V1] {
            for text in [
                format!("ipfs://{cid}/"),
                format!("ipfs://{cid}/menu.json"),
                format!("ipfs://{cid}?x"),
                format!("ipfs://ipfs://{cid}"),
                format!("ipfs:/{cid}"),
                format!("IPFS://{cid}"),
                format!("/ipfs/{cid}"),
                format!("https://ipfs.io/ipfs/{cid}"),
                format!("{cid}/"),
                format!(" {cid}"),
                format!("{cid}\n"),
                format!("{cid}="),
                format!("{cid}\0"),
            ] {
                assert_eq!(Cid::parse(&text), None, "{text}");
            }
        }
    }

    #[test]
    fn a_cid_of_version_0_has_46_characters() {
        assert_eq!(V0.len(), 46);
        assert_eq!(Cid::parse(&V0[..45]), None);
        assert_eq!(Cid::parse(&format!("{V0}1")), None);
        // Letters that base58 leaves out.
        for letter in ["0", "O", "I", "l"] {
            assert_eq!(Cid::parse(&format!("{}{letter}", &V0[..45])), None);
        }
    }

    #[test]
    fn the_bits_that_fill_the_last_letter_of_base32_are_zero() {
        let (rest, last) = V1.split_at(V1.len() - 1);
        assert_eq!(last, "4");
        assert_eq!(Cid::parse(&format!("{rest}5")), None);
        assert_eq!(Cid::parse(&format!("{V1}a")), None);
    }

    #[test]
    fn a_long_text_is_no_work() {
        for letter in ["b", "k", "z", "Qm"] {
            assert_eq!(Cid::parse(&letter.repeat(1_000_000)), None);
        }
    }

    proptest! {
        #[test]
        fn every_digest_of_a_sane_length_makes_a_cid(
            codec in 0..1_u64 << 63,
            hash in 0..1_u64 << 63,
            digest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let length = digest.len() as u64;
            let mut bytes = vec![1];
            for integer in [codec, hash, length] {
                write_varint(integer, &mut bytes);
            }
            bytes.extend(digest);
            let sane = (20..=64).contains(&length);
            for text in [
                format!("b{}", to_base32(&bytes)),
                format!("k{}", to_radix(BASE36, &bytes)),
                format!("z{}", to_radix(BASE58, &bytes)),
            ] {
                prop_assert_eq!(Cid::parse(&text).is_some(), sane, "{}", text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(ipfs://)?[bkzQ]?\\PC{0,150}") {
            let _ = Cid::parse(&text);
        }
    }

    fn write_varint(mut value: u64, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
    }

    fn to_radix(alphabet: &[u8], bytes: &[u8]) -> String {
        let mut digits: Vec<usize> = Vec::new();
        for byte in bytes {
            let mut carry = usize::from(*byte);
            for digit in &mut digits {
                carry += *digit << 8;
                *digit = carry % alphabet.len();
                carry /= alphabet.len();
            }
            while carry > 0 {
                digits.push(carry % alphabet.len());
                carry /= alphabet.len();
            }
        }
        digits
            .iter()
            .rev()
            .map(|digit| char::from(alphabet[*digit]))
            .collect()
    }

    fn to_base32(bytes: &[u8]) -> String {
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
        (0..(bytes.len() * 8).div_ceil(5))
            .map(|letter| (0..5).fold(0, |value, at| value << 1 | bit(letter * 5 + at)))
            .map(|value| char::from(BASE32[usize::from(value)]))
            .collect()
    }
}
