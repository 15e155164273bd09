//! The history's file: commits as the terms of their messages and the files they changed; no text of a message is kept.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::log::{Commit, Head, Stamp, is_id};
use super::message::clean;
use crate::sealed::{self, Magic};
use crate::words::Analyzer;

/// How many of the newest commits are known.
pub(super) const MOST_COMMITS: u32 = 5_000;
/// A commit of more files tells nothing of each.
const MOST_FILES: usize = 40;
/// How often a term of a message counts at most; one of its first line counts twice.
const MOST_TIMES: usize = 3;
/// Most terms of a message.
const MOST_TERMS: usize = 300;
/// What the file begins with.
const MAGIC: &Magic = b"DISTIQP\x01";

/// What is read to tell whether it is current: what all such files begin with, whether it is whole, and the stamp.
const HEAD: usize = sealed::HEAD + 1 + 32;

/// What is known of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub stamp: Stamp,
    /// What was checked out.
    pub head: Head,
    /// The commit at which the reading began, and how many were read, where older ones are still to be read.
    pub rest: Option<(String, u32)>,
    /// In order, a line each.
    pub terms: String,
    /// In order, each with a zero byte behind it.
    pub files: String,
    /// Newest first.
    pub commits: Vec<Row>,
}

/// A commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The beginning of its id.
    pub id: u64,
    /// Seconds since 1970.
    pub time: i64,
    /// By rising number, each as often as it counts.
    pub terms: Vec<u32>,
    pub files: Vec<u32>,
    /// Old and new paths.
    pub moved: Vec<(u32, u32)>,
}

impl Stored {
    /// Returns the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = sealed::begin(MAGIC);
        bytes.push(u8::from(self.rest.is_none()));
        bytes.extend(self.stamp.now);
        bytes.extend(postcard::to_allocvec(self).unwrap_or_default());
        sealed::seal(&mut bytes);
        bytes
    }

    /// Reads a file; `None` where it is not what was written.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        sealed::unseal(bytes, MAGIC)?;
        let stored: Self = postcard::from_bytes(bytes.get(HEAD..)?).ok()?;
        // They are given to git, which must not take them for options.
        let is_right = is_id(&stored.head.id) && stored.rest.iter().all(|(from, _)| is_id(from));
        is_right.then_some(stored)
    }

    /// Tells by a file's first bytes whether it holds all there is to know.
    pub fn is_current(file: &mut impl Read, stamp: &Stamp) -> bool {
        let mut head = [0; HEAD];
        file.read_exact(&mut head).is_ok()
            && head.starts_with(MAGIC)
            && head
                .get(sealed::HEAD..)
                .is_some_and(|rest| rest.starts_with(&[1]) && rest.ends_with(&stamp.now))
    }

    /// Returns it with commits that are newer and older than the known ones: the newest of all. Where several are of the
    /// same second, they stay in git's order, in which moves of files must be followed.
    pub fn with(&self, newer: &[Commit], older: &[Commit]) -> Self {
        let (mut terms, mut files) = (Texts::of(&self.terms, '\n'), Texts::of(&self.files, '\0'));
        let analyzer = Analyzer::default();
        let mut read = |commits: &[Commit]| -> Vec<Row> {
            let rows = commits.iter();
            rows.filter_map(|commit| row(commit, &analyzer, &mut terms, &mut files)).collect()
        };
        let mut rows = read(newer);
        rows.extend(self.commits.iter().cloned());
        rows.extend(read(older));
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(row.id));
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        rows.truncate(MOST_COMMITS as usize);
        let used = rows.iter().flat_map(|row| &row.terms);
        let (terms, term_places) = terms.sorted(used, '\n');
        let used = rows.iter().flat_map(|row| {
            row.files.iter().chain(row.moved.iter().flat_map(|(old, new)| [old, new]))
        });
        let (files, file_places) = files.sorted(used, '\0');
        let place = |places: &[u32], at: u32| {
            usize::try_from(at).ok().and_then(|at| places.get(at)).copied().unwrap_or(0)
        };
        for row in &mut rows {
            row.terms.iter_mut().for_each(|at| *at = place(&term_places, *at));
            row.terms.sort_unstable();
            row.files.iter_mut().for_each(|at| *at = place(&file_places, *at));
            row.files.sort_unstable();
            for (old, new) in &mut row.moved {
                (*old, *new) = (place(&file_places, *old), place(&file_places, *new));
            }
        }
        Self { terms, files, commits: rows, ..self.clone() }
    }
}

/// Returns what is kept of a commit; `None` where it says nothing of any file.
fn row(commit: &Commit, analyzer: &Analyzer, terms: &mut Texts, files: &mut Texts) -> Option<Row> {
    if commit.files.is_empty() || commit.files.len() > MOST_FILES {
        return None;
    }
    let id = u64::from_str_radix(commit.id.get(..16)?, 16).ok()?;
    let message = clean(&commit.message);
    let title = message.lines().next().unwrap_or_default();
    let mut counts: HashMap<u32, usize> = HashMap::new();
    let mut held = Vec::new();
    let all = analyzer.analyze(title).into_iter().chain(analyzer.analyze(&message));
    for term in all.take(MOST_TERMS) {
        let term = terms.number(&term);
        let count = counts.entry(term).or_insert(0);
        if *count < MOST_TIMES {
            *count += 1;
            held.push(term);
        }
    }
    let numbers: BTreeSet<u32> = commit.files.iter().map(|file| files.number(file)).collect();
    let moved = commit.moved.iter();
    let moved = moved.map(|(old, new)| (files.number(old), files.number(new))).collect();
    Some(Row { id, time: commit.time, terms: held, files: numbers.into_iter().collect(), moved })
}

/// Texts, numbered as they come.
struct Texts {
    all: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Texts {
    fn of(joined: &str, end: char) -> Self {
        let mut texts = Self { all: Vec::new(), numbers: HashMap::new() };
        for text in joined.split_terminator(end) {
            texts.number(text);
        }
        texts
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        self.all.push(text.into());
        number
    }

    /// Returns those that are used, in order, with an end behind each; and the place of each old number among them.
    fn sorted<'a>(self, used: impl Iterator<Item = &'a u32>, end: char) -> (String, Vec<u32>) {
        let mut is_used = vec![false; self.all.len()];
        for number in used {
            if let Some(slot) = usize::try_from(*number).ok().and_then(|at| is_used.get_mut(at)) {
                *slot = true;
            }
        }
        let mut order: Vec<(&str, usize)> =
            self.all.iter().zip(0..).map(|(text, at)| (&**text, at)).collect();
        order.retain(|(_, at)| is_used.get(*at) == Some(&true));
        order.sort_unstable();
        let mut places = vec![0; self.all.len()];
        let mut joined = String::new();
        for ((text, at), place) in order.into_iter().zip(0..) {
            if let Some(slot) = places.get_mut(at) {
                *slot = place;
            }
            joined.push_str(text);
            joined.push(end);
        }
        (joined, places)
    }
}

/// Asks a file with changes for what it holds; for tests.
pub(crate) fn fuzzed(change: &dyn Fn(&mut [u8])) {
    let commit = |n: u8, message: &str, files: &[&str]| Commit {
        id: format!("{n:02x}").repeat(20),
        time: i64::from(n) * 1_000_000,
        message: message.into(),
        files: files.iter().map(|file| (*file).to_owned()).collect(),
        moved: vec![("old.py".into(), "shop/cart.py".into())],
    };
    let commits = [
        commit(9, "Put articles into the cart", &["shop/cart.py", "web/checkout.ts"]),
        commit(5, "cart: sum up articles, articles", &["old.py", "README.md"]),
        commit(3, "Pay invoices", &["bank/account.go"]),
    ];
    let head = Head { id: "ab".repeat(20), ..Head::default() };
    let mut bytes = Stored { head, ..Stored::default() }.with(&[], &commits).bytes();
    change(bytes.get_mut(HEAD..).unwrap_or_default());
    sealed::seal(&mut bytes);
    let Some(stored) = Stored::read(&bytes) else { return };
    let _ = stored.with(&commits, &commits);
    let history = super::History::new(stored);
    let asked = ["articl", "cart", "pay"].map(|term| (term.to_owned(), 1.0));
    if let Some(look) = history.look(&asked) {
        let _ = look.values("shop/cart.py", true);
        let _ = look.files().count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(n: u8, message: &str, files: &[&str]) -> Commit {
        Commit {
            id: format!("{n:02x}").repeat(20),
            time: i64::from(n),
            message: message.into(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            moved: Vec::new(),
        }
    }

    #[test]
    fn the_order_of_reading_changes_nothing_and_damage_is_seen() {
        let commits = [
            commit(3, "Parse cookies", &["b.py", "a.py"]),
            commit(2, "Cookies are parsed: cookies, cookies", &["a.py"]),
            commit(1, "First", &["z.py"]),
        ];
        let whole = Stored::default().with(&[], &commits);
        let parts = Stored::default().with(&[], &commits[1..]).with(&commits[..2], &[]);
        assert_eq!(whole, parts);
        assert_eq!(whole.terms, "cooki\nfirst\npars\n");
        assert_eq!(whole.files, "a.py\0b.py\0z.py\0");
        assert_eq!(whole.commits[1].terms, [0, 0, 0, 2, 2], "no more than three times");
        let head = Head { id: "ab".repeat(20), ..Head::default() };
        let whole = Stored { head, ..whole };
        let bytes = whole.bytes();
        assert_eq!(Stored::read(&bytes).as_ref(), Some(&whole));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x11;
            assert_eq!(Stored::read(&damaged), None, "byte {at}");
            assert_eq!(Stored::read(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn what_is_no_commit_is_not_given_to_git() {
        let option = "--output=/tmp/written".to_owned();
        let right = Head { id: "ab".repeat(20), ..Head::default() };
        let of = |head: &Head, rest| Stored { head: head.clone(), rest, ..Stored::default() };
        assert!(Stored::read(&of(&right, Some((right.id.clone(), 3))).bytes()).is_some());
        assert_eq!(Stored::read(&of(&right, Some((option.clone(), 3))).bytes()), None);
        assert_eq!(Stored::read(&of(&Head { id: option, ..right }, None).bytes()), None);
    }

    #[test]
    fn commits_of_many_files_or_of_none_are_left_out() {
        let many: Vec<String> = (0..=MOST_FILES).map(|n| format!("{n}.py")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let stored =
            Stored::default().with(&[commit(1, "All", &many), commit(2, "None", &[])], &[]);
        assert_eq!((stored.commits.len(), stored.files.as_str()), (0, ""));
    }
}
