//! What stands at a path, and how a call changed it.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The BLAKE3 hash of a content: its name in the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// Git's id of a content: SHA-1 over its header and bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oid(pub [u8; 20]);

impl Hash {
    /// Returns the name of a content.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl Oid {
    /// Returns the id that git would give to a content.
    pub fn of(bytes: &[u8]) -> Self {
        use sha1::{Digest, Sha1};
        let mut sha = Sha1::new();
        sha.update(format!("blob {}\0", bytes.len()));
        sha.update(bytes);
        Self(sha.finalize().into())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect(),
    )
}

macro_rules! as_hex {
    ($name:ident) => {
        impl $name {
            /// Reads the hexadecimal form.
            pub fn parse(text: &str) -> Option<Self> {
                unhex(text)?.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom("no hash"))
            }
        }
    };
}

as_hex!(Hash);
as_hex!(Oid);

/// Bytes that are nearly always text: a path or a link's target.
///
/// In JSON a string, or `{"hex": "…"}` where they are no UTF-8.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RawText(pub Vec<u8>);

impl RawText {
    /// Takes the bytes of a path.
    pub fn of(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }

    /// Returns it as a path.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(&self.0))
    }

    /// Returns it fit to be shown in one line.
    pub fn shown(&self) -> String {
        distiq_base::paths::one_line(&String::from_utf8_lossy(&self.0)).into_owned()
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RawForm<'a> {
    Text(std::borrow::Cow<'a, str>),
    Hex { hex: String },
}

impl Serialize for RawText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => RawForm::Text(text.into()),
            Err(_) => RawForm::Hex { hex: hex(&self.0) },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match RawForm::deserialize(deserializer)? {
            RawForm::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            RawForm::Hex { hex } => {
                unhex(&hex).map(Self).ok_or_else(|| de::Error::custom("no hexadecimal digits"))
            }
        }
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Node {
    /// A file whose content can be had.
    File {
        /// Its permission bits.
        mode: u32,
        /// Its length in bytes.
        size: u64,
        /// Its content.
        hash: Hash,
        /// Where git has the content and the store has not: git's id of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        git: Option<Oid>,
    },
    /// A file whose content was not kept: too large, or not to be read.
    Unkept {
        /// Its permission bits.
        mode: u32,
        /// Its length in bytes.
        size: u64,
        /// When it was written, in nanoseconds since 1970.
        mtime_ns: i64,
    },
    /// A symbolic link.
    Link {
        /// Where it leads, as written.
        target: RawText,
    },
    /// A folder.
    Folder {
        /// Its permission bits.
        mode: u32,
    },
}

impl Node {
    /// Tells whether both are the same to a user: content, mode, target.
    pub fn same(&self, other: &Node) -> bool {
        match (self, other) {
            (
                Node::File { mode, hash, .. },
                Node::File { mode: other_mode, hash: other_hash, .. },
            ) => mode == other_mode && hash == other_hash,
            _ => self == other,
        }
    }

    /// Tells whether both are of one kind, so that one can take the other's place by a rename.
    pub fn same_kind(&self, other: &Node) -> bool {
        self.is_folder() == other.is_folder()
    }

    /// Tells whether it is a folder.
    pub const fn is_folder(&self) -> bool {
        matches!(self, Node::Folder { .. })
    }
}

/// Tells whether two states of a path are the same; `None` is nothing there.
pub fn same(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.same(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// How a path was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the root.
    pub path: RawText,
    /// What stood there; `None` where nothing did.
    pub before: Option<Node>,
    /// What stands there now.
    pub after: Option<Node>,
    /// Whether nobody would miss it: an ignored file or a tool's cache. Never a reason to refuse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub minor: bool,
    /// Whether it may as well have been the user's: nobody looked when it happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
}

/// What one call, or one undo, changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The changes, one a path.
    pub changes: Vec<Change>,
}

impl Manifest {
    /// Returns the files and links that changed and that somebody would miss, fit to be shown.
    pub fn files(&self) -> impl Iterator<Item = String> {
        let is_file = |node: &Option<Node>| node.as_ref().is_some_and(|node| !node.is_folder());
        let told = self.changes.iter().filter(move |change| {
            !change.minor && (is_file(&change.before) || is_file(&change.after))
        });
        told.map(|change| change.path.shown())
    }

    /// Tells whether git has a content that the store has not.
    pub fn needs_git(&self) -> bool {
        let nodes = self.changes.iter().flat_map(|change| [&change.before, &change.after]);
        nodes.flatten().any(|node| matches!(node, Node::File { git: Some(_), .. }))
    }

    /// Returns the names of all contents that it needs from the store.
    pub fn contents(&self) -> impl Iterator<Item = Hash> {
        let nodes = self.changes.iter().flat_map(|change| [&change.before, &change.after]);
        nodes.flatten().filter_map(|node| match node {
            Node::File { hash, .. } => Some(*hash),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_text_survive_json() {
        for bytes in [&b"src/a b.rs"[..], b"a\nb", b"\xff\xfe/x", b"{\"hex\":1}", b""] {
            let raw = RawText(bytes.to_vec());
            let json = serde_json::to_string(&raw).unwrap();
            assert_eq!(serde_json::from_str::<RawText>(&json).unwrap(), raw, "{json}");
        }
        assert_eq!(RawText(b"a\nb".to_vec()).shown(), "a\\nb");
    }

    #[test]
    fn every_node_survives_json() {
        let nodes = [
            Node::File { mode: 0o644, size: 1, hash: Hash::of(b"x"), git: Some(Oid::of(b"x")) },
            Node::Unkept { mode: 0o644, size: 1 << 40, mtime_ns: -1_700_000_000_123_456_789 },
            Node::Link { target: RawText(b"\xff".to_vec()) },
            Node::Folder { mode: 0o755 },
        ];
        for node in nodes {
            let json = serde_json::to_string(&node).unwrap();
            assert_eq!(serde_json::from_str::<Node>(&json).unwrap(), node, "{json}");
        }
    }

    #[test]
    fn git_gives_the_same_id() {
        // `printf 'hello\n' | git hash-object --stdin`
        let oid = Oid::of(b"hello\n").to_string();
        assert_eq!(oid, "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(Oid::parse(&oid), Some(Oid::of(b"hello\n")));
        assert_eq!(Oid::parse("ce01"), None);
    }
}
