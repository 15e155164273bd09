//! Identifiers: time-ordered, so that names sort by age.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Makes a new id from the current time and randomness (UUID version 7).
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7().to_string())
            }

            /// Reads an id: 1 to 64 ASCII letters, digits, `-` or `_`; anything else is `None`.
            pub fn parse(text: &str) -> Option<Self> {
                let fits = !text.is_empty()
                    && text.len() <= 64
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                fits.then(|| Self(text.to_owned()))
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Names a session; also the stem of its log file.
    SessionId
}
id! {
    /// Names one request to a model, in the ledger and in events.
    RequestId
}

/// Returns what tells a content from any other: its BLAKE3 hash in hexadecimal.
pub fn fingerprint(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age_and_refuse_paths() {
        let first = SessionId::generate();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(first < SessionId::generate());
        assert_eq!(SessionId::parse("../etc"), None);
        assert_eq!(SessionId::parse(""), None);
        assert_eq!(SessionId::parse(first.as_str()), Some(first));
    }
}
