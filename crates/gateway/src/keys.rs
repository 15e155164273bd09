//! Keys: who may use the gateway, for how much, and which models.
//!
//! A key is `dq-ID-SECRET`; the secret has 256 random bits and only its SHA-256 is kept, so a stolen
//! database opens nothing and no slow hash is needed. `distiq keys` and a running gateway share the
//! database: a change by either holds for the other's next request.

mod rates;
mod table;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use distiq_base::{ErrorKind, Money, Secret};
use distiq_store::{Database, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use rates::Rates;

/// How long what was read of the database is believed without a look at its files. Who revokes a key waits for as long, so
/// that it is closed everywhere once that is said.
const BELIEVED: Duration = Duration::from_millis(1);

/// For how long after a write what was read may be from before it: what is written counts only once it is on the disk.
const SETTLES: Duration = Duration::from_secs(5);

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Its public part.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// Most dollars a local day.
    pub day_nanousd: Option<Money>,
    /// Most dollars a local month.
    pub month_nanousd: Option<Money>,
    /// Most requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Most tokens a minute.
    pub tokens_per_minute: Option<u32>,
    /// The models it may use, by the names that callers write; `*` at the end stands for any ending.
    /// Empty is all.
    pub models: Vec<String>,
    /// Whether it may make keys and see everybody's requests.
    pub admin: bool,
    /// Whether its requests may be changed to save money, without being asked each time.
    pub optimize: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    #[serde(skip)]
    hash: [u8; 32],
}

/// What a new key is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// Whose it is.
    pub owner: String,
    /// Most dollars a local day.
    pub day_nanousd: Option<Money>,
    /// Most dollars a local month.
    pub month_nanousd: Option<Money>,
    /// Most requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Most tokens a minute.
    pub tokens_per_minute: Option<u32>,
    /// The models it may use; empty is all.
    pub models: Vec<String>,
    /// Whether it may make keys and see everybody's requests.
    pub admin: bool,
    /// Whether its requests may be changed to save money.
    pub optimize: bool,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// A key that was just made, with what is never shown again.
#[derive(Debug)]
pub struct Made {
    /// The key as it is kept.
    pub key: Key,
    /// What its holder sends.
    pub secret: Secret,
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no random numbers.
    #[error("Cannot read random bytes")]
    Random(#[source] io::Error),
    /// No such key.
    #[error("No key `{0}`")]
    Unknown(String),
    /// A field has no sense.
    #[error("The key's {field} {problem}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}

impl KeyError {
    /// Returns the kind that sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            KeyError::Store(error) => error.kind(),
            KeyError::Random(_) | KeyError::Unknown(_) => ErrorKind::User,
            KeyError::Field { .. } => ErrorKind::Usage,
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            KeyError::Store(error) => error.hint(),
            KeyError::Random(_) => "Look at `/dev/urandom`".into(),
            KeyError::Unknown(_) => "`distiq keys list` shows them all".into(),
            KeyError::Field { .. } => "Correct it and try again".into(),
        }
    }
}

/// The keys, in a database that processes share.
pub struct Keys {
    db: Database,
    /// The log of its commits.
    log: PathBuf,
    cache: Mutex<Cache>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// What was read of the database, and the state of its files then.
#[derive(Default)]
struct Cache {
    stamp: Stamp,
    /// When the files were last looked at.
    looked_at: Option<Instant>,
    by_id: HashMap<String, Arc<Key>>,
}

/// Changes with every commit: SQLite appends it to the log, or rewrites the log from its start; where there is no log, it
/// changes the file.
type Stamp = Option<(SystemTime, u64)>;

impl Keys {
    /// Opens the database, making it where there is none.
    ///
    /// # Errors
    /// Where the database cannot be opened.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let db = Database::open(path, &table::SCHEMA)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self { db, log: PathBuf::from(log), cache: Mutex::default() })
    }

    /// Makes a key.
    ///
    /// # Errors
    /// Where a field has no sense or the database fails.
    pub fn create(&self, new: &NewKey) -> Result<Made, KeyError> {
        check(new)?;
        let random = random::<40>().map_err(KeyError::Random)?;
        let (id, secret) = random.split_at(8);
        let (id, secret) = (hex(id), hex(secret));
        let text = format!("dq-{id}-{secret}");
        let key = Key {
            id,
            owner: new.owner.clone(),
            day_nanousd: new.day_nanousd,
            month_nanousd: new.month_nanousd,
            requests_per_minute: new.requests_per_minute,
            tokens_per_minute: new.tokens_per_minute,
            models: new.models.clone(),
            admin: new.admin,
            optimize: new.optimize,
            created: Timestamp::now(),
            expires: new.expires,
            revoked: None,
            hash: hash(&text),
        };
        table::insert(&self.db, &key)?;
        self.forget();
        Ok(Made { key, secret: Secret::new(text) })
    }

    /// Revokes a key, at once and for good; doing it twice changes nothing.
    ///
    /// # Errors
    /// Where there is no such key or the database fails.
    pub fn revoke(&self, id: &str) -> Result<Key, KeyError> {
        let found = table::revoke(&self.db, id, Timestamp::now())?;
        self.forget();
        thread::sleep(BELIEVED);
        if !found {
            return Err(KeyError::Unknown(id.to_owned()));
        }
        self.get(id)
    }

    /// Returns all keys, the revoked too, oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn list(&self) -> Result<Vec<Key>, KeyError> {
        Ok(table::all(&self.db)?)
    }

    /// Returns a key by its id.
    ///
    /// # Errors
    /// Where there is no such key or the database fails.
    pub fn get(&self, id: &str) -> Result<Key, KeyError> {
        let all = table::all(&self.db)?;
        all.into_iter().find(|key| key.id == id).ok_or_else(|| KeyError::Unknown(id.to_owned()))
    }

    /// Tells whether any key may be used.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn any(&self) -> Result<bool, KeyError> {
        let now = Timestamp::now();
        Ok(table::all(&self.db)?.iter().any(|key| key.is_valid(now)))
    }

    /// Finds the key of a text that a caller sent; `None` where it opens nothing (any more).
    ///
    /// The id finds the row; the secret's hash is compared in constant time.
    pub fn find(&self, text: &str) -> Option<Arc<Key>> {
        self.find_hashed(text, &hash(text))
    }

    /// Does as [`Keys::find`] with a text whose hash is known.
    pub(crate) fn find_hashed(&self, text: &str, given: &[u8; 32]) -> Option<Arc<Key>> {
        let (id, _) = text.strip_prefix("dq-")?.split_once('-')?;
        let key = self.fresh(id).filter(|key| same(given, &key.hash))?;
        key.is_valid(Timestamp::now()).then_some(key)
    }

    /// Returns a key that may still be used.
    pub(crate) fn live(&self, id: &str) -> Option<Arc<Key>> {
        let key = self.fresh(id);
        key.filter(|key| key.is_valid(Timestamp::now()))
    }

    /// Returns the database, for what else the gateway keeps.
    pub(crate) fn database(&self) -> &Database {
        &self.db
    }

    /// Returns a key as the database has it: of what was looked at a moment ago, only a key that was there is believed.
    fn fresh(&self, id: &str) -> Option<Arc<Key>> {
        let now = Instant::now();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: Instant| now.saturating_duration_since(at) < BELIEVED;
        if cache.looked_at.is_some_and(is_recent)
            && let Some(key) = cache.by_id.get(id)
        {
            return Some(Arc::clone(key));
        }
        let stamp = stamp(&self.log).or_else(|| stamp(self.db.path()));
        let is_settled = |(at, _): (SystemTime, u64)| at.elapsed().is_ok_and(|age| age > SETTLES);
        if (cache.stamp != stamp || !stamp.is_some_and(is_settled))
            && let Ok(all) = table::all(&self.db)
        {
            cache.by_id = all.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect();
            cache.stamp = stamp;
        }
        cache.looked_at = Some(now);
        cache.by_id.get(id).cloned()
    }

    fn forget(&self) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        (cache.stamp, cache.looked_at) = (None, None);
    }
}

impl Key {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }

    /// Tells whether it may use a model under one of its names.
    pub fn allows(&self, names: &[&str]) -> bool {
        self.models.is_empty()
            || self.models.iter().any(|allowed| match allowed.strip_suffix('*') {
                Some(start) => names.iter().any(|name| name.starts_with(start)),
                None => names.contains(&allowed.as_str()),
            })
    }
}

fn check(new: &NewKey) -> Result<(), KeyError> {
    let fail = |field, problem| Err(KeyError::Field { field, problem });
    let plain = |text: &str| text.len() <= 200 && !text.chars().any(char::is_control);
    if !plain(&new.owner) {
        return fail("owner", "has control characters or is longer than 200 bytes");
    }
    if new.models.len() > 1_000 || !new.models.iter().all(|model| plain(model)) {
        return fail("models", "are over 1,000, or one has control characters or over 200 bytes");
    }
    if [new.day_nanousd, new.month_nanousd].iter().flatten().any(|money| *money < Money::ZERO) {
        return fail("budget", "is below zero");
    }
    Ok(())
}

/// Compares without telling by its time how much was right.
pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let differing = a.iter().zip(b).fold(0_u8, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differing) == 0
}

/// Returns the hash that a key is known by.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (tempfile::TempDir, Keys) {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(&folder.path().join("gateway.db")).unwrap();
        (folder, keys)
    }

    #[test]
    fn a_key_opens_until_it_is_revoked_by_another_process() {
        let (folder, keys) = keys();
        let made = keys.create(&NewKey { owner: "ann".into(), ..NewKey::default() }).unwrap();
        let text = made.secret.expose();
        assert_eq!(keys.find(text).unwrap().owner, "ann");
        assert!(keys.find(&text.replace("dq-", "dq")).is_none());
        let mut wrong = text.to_owned();
        wrong.pop();
        assert!(keys.find(&wrong).is_none());
        let other = Keys::open(&folder.path().join("gateway.db")).unwrap();
        let second = other.create(&NewKey::default()).unwrap();
        assert!(keys.find(second.secret.expose()).is_some(), "made elsewhere");
        assert!(keys.find(text).is_some());
        other.revoke(&made.key.id).unwrap();
        assert!(keys.find(text).is_none(), "revoked elsewhere, looked at a moment before");
        assert!(other.revoke(&made.key.id).unwrap().revoked.is_some(), "twice changes nothing");
        assert!(matches!(other.revoke("none"), Err(KeyError::Unknown(_))));
    }

    #[test]
    fn what_was_read_while_a_revocation_was_written_is_read_again() {
        let (folder, keys) = keys();
        let made = keys.create(&NewKey::default()).unwrap();
        assert!(keys.find(made.secret.expose()).is_some());
        let before = keys.cache.lock().unwrap().by_id.clone();
        let other = Keys::open(&folder.path().join("gateway.db")).unwrap();
        other.revoke(&made.key.id).unwrap();
        // Its log was as long as now, and nothing of it counted yet.
        let stamp = stamp(&keys.log);
        *keys.cache.lock().unwrap() = Cache { stamp, looked_at: None, by_id: before };
        assert!(keys.find(made.secret.expose()).is_none());
    }

    #[test]
    fn the_database_holds_no_secret_and_an_end_is_kept() {
        let (folder, keys) = keys();
        let expires = Some(Timestamp::from_second(1_000).unwrap());
        let made = keys.create(&NewKey { expires, ..NewKey::default() }).unwrap();
        assert!(keys.find(made.secret.expose()).is_none(), "expired");
        assert!(!keys.any().unwrap());
        drop(keys);
        let secret = made.secret.expose().rsplit('-').next().unwrap().to_owned();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found);
        }
        assert!(!serde_json::to_string(&made.key).unwrap().contains("hash"));
    }

    #[test]
    fn models_are_allowed_by_name_and_by_start() {
        let (_folder, keys) = keys();
        let models = vec!["auto".to_owned(), "openai/*".to_owned()];
        let key = keys.create(&NewKey { models, ..NewKey::default() }).unwrap().key;
        assert!(key.allows(&["auto"]));
        assert!(key.allows(&["gpt-x", "openai/gpt-x"]));
        assert!(!key.allows(&["gpt-x", "anthropic/gpt-x"]));
    }
}
