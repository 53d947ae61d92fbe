//! Content identifiers, beside those of the reference implementation.

use ::cid::{Cid as Reference, Version, multibase::Base};

use crate::cid::Cid;

/// What is a CID here is one there, and the other way round but for what `Cid::parse` documents as
/// stricter. What is kept is the bare text.
pub fn cid(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let bare = text.strip_prefix("ipfs://").unwrap_or(text);
    let ours = Cid::parse(text);
    if let Some(cid) = &ours {
        assert_eq!(cid.as_str(), bare);
        assert_eq!(Cid::parse(bare).as_ref(), Some(cid));
    }
    assert_eq!(ours.is_some(), is_taken(bare), "{text:?}");
}

/// Whether the reference reads exactly this text, in a base and with a digest that we take.
fn is_taken(bare: &str) -> bool {
    let Ok(reference) = Reference::try_from(bare) else {
        return false;
    };
    let in_its_base = match (reference.version(), bare.as_bytes()) {
        (Version::V0, _) | (Version::V1, [b'b', ..]) => Some(reference.to_string()),
        (Version::V1, [b'k', ..]) => reference.to_string_of_base(Base::Base36Lower).ok(),
        (Version::V1, [b'z', ..]) => reference.to_string_of_base(Base::Base58Btc).ok(),
        (Version::V1, _) => None,
    };
    let digest = 20..=64;
    // Written anew it is the same: no path before it, nothing behind it, no number in more bytes than it needs.
    in_its_base.as_deref() == Some(bare) && digest.contains(&reference.hash().size())
}
