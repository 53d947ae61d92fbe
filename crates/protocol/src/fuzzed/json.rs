//! The scan of a JSON text, beside what a reader of `serde_json` finds that looks at every value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::information::Information;
use crate::json::{Findings, Raw, scan};

/// Deeper texts are not compared: the reader that looks at every value goes no further.
const READER_DEPTH: usize = 120;

/// A scan finds what a reader finds that looks at every value, and is not upset by what is no JSON.
/// Information that is taken has nothing that could upset a careless reader.
pub fn json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let found = scan(text);
    let Ok(value) = serde_json::from_str::<&RawValue>(text) else {
        assert!(Raw::parse(text.to_owned()).is_none());
        return;
    };
    let raw = Raw::parse(text.to_owned()).expect("it is JSON");
    assert_eq!(raw.as_str(), value.get());
    assert_eq!(scan(value.get()), found, "white space around it counts");
    if found.depth < READER_DEPTH {
        compare(text, found);
    }
    let taken = Information::parse(value, 4096);
    let harmless = !found.broken_text && !found.forbidden_key && found.depth <= 16;
    assert!(taken.is_err() || harmless);
    if let Ok(information) = taken {
        assert_eq!(information.as_str(), value.get());
        assert_eq!(Information::restore(text.to_owned()), Some(information));
    }
}

fn compare(text: &str, found: Findings) {
    match serde_json::from_str::<Seen>(text) {
        Ok(Seen(seen)) => assert_eq!(found, seen, "{text}"),
        // Numbers are not judged by the scan.
        Err(error) if error.to_string().starts_with("number out of range") => {}
        // The text is JSON, so only half a surrogate pair is left to stumble over.
        Err(error) => assert!(found.broken_text, "{error}: {text}"),
    }
}

/// What there is to find, in a value every part of which was read.
struct Seen(Findings);

impl Seen {
    fn text(text: &str) -> Self {
        Self(Findings {
            broken_text: text.contains('\0'),
            ..Findings::default()
        })
    }

    fn scalar() -> Self {
        Self(Findings::default())
    }

    /// Sees a part of this container.
    fn add(&mut self, Self(part): Self) {
        let Self(whole) = self;
        whole.depth = whole.depth.max(part.depth + 1);
        whole.broken_text |= part.broken_text;
        whole.forbidden_key |= part.forbidden_key;
    }

    fn add_key(&mut self, key: &str) {
        self.0.broken_text |= key.contains('\0');
        self.0.forbidden_key |= matches!(key, "__proto__" | "constructor" | "prototype");
    }

    const fn container() -> Self {
        Self(Findings {
            depth: 1,
            broken_text: false,
            forbidden_key: false,
        })
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Seen, E> {
        Ok(Seen::scalar())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::scalar())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::scalar())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen::scalar())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::scalar())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::container();
        while let Some(element) = elements.next_element()? {
            seen.add(element);
        }
        Ok(seen)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::container();
        while let Some((key, value)) = members.next_entry::<String, Seen>()? {
            seen.add_key(&key);
            seen.add(value);
        }
        Ok(seen)
    }
}
