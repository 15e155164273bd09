//! What past commits say of files for a request.

use std::collections::HashMap;

use distiq_base::paths::folder;

use super::stored::Stored;

/// BM25's numbers for messages, and for all messages of a file together.
const K1: f32 = 1.2;
const B: f32 = 0.5;
/// So many of the most similar commits speak for the files they changed.
const SIMILAR: usize = 30;
/// Places are told up to this one.
const RANKED: usize = 100;
/// Most entries of lists that are read; the commonest terms say least.
const MOST_ENTRIES: usize = 60_000;
const SECONDS_OF_YEAR: f32 = 31_557_600.0;
/// After how many years a message counts half.
const HALF_LIFE: f32 = 4.0;
/// So long ago is the last change of a file whose changes are not known, in years.
const UNKNOWN: f32 = 20.0;

/// What is told of a candidate's file.
pub(crate) const PAST: [&str; 16] = [
    "past_words",
    "past_words_share",
    "past_words_rank",
    "past_held",
    "past_similar",
    "past_similar_share",
    "past_similar_rank",
    "past_best",
    "past_recent",
    "past_folder",
    "past_changes",
    "past_last",
    "query_past_known",
    "query_past_best",
    "query_past_commits",
    "query_reads_as_change",
];

/// The past of a project, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct History {
    terms: Lines,
    files: Lines,
    /// Where each term's entries begin.
    starts: Vec<usize>,
    /// Commit and count.
    entries: Vec<(u32, u8)>,
    commits: Vec<Past>,
    /// The files of all commits.
    touched: Vec<u32>,
    mean_length: f32,
    /// By file.
    told: Vec<Told>,
    mean_told: f32,
    /// Folders by their paths.
    folders: HashMap<String, u32>,
    /// By file.
    folder_of: Vec<u32>,
}

/// A past commit.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// How many terms it has.
    length: f32,
    /// What it counts for each of its files: less the older it is and the more files it has.
    weight: f32,
    /// How many years before the newest one it was made.
    age: f32,
    /// Its files in [`History::touched`].
    first: usize,
    behind: usize,
}

/// What the past says of a file, whatever is asked.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// The lengths of its commits' messages, weighed.
    length: f32,
    /// How many commits changed it, each worth half a year after year.
    changes: f32,
    /// How many years before the newest commit it was changed last.
    last: Option<f32>,
}

/// Texts in order, found by halving.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    /// Where each ends, its end mark left out.
    ends: Vec<usize>,
}

impl Lines {
    fn new(text: String, end: u8) -> Self {
        let ends =
            text.bytes().enumerate().filter(|(_, byte)| *byte == end).map(|(at, _)| at).collect();
        Self { text, ends }
    }

    fn get(&self, at: usize) -> &str {
        let begin =
            at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end + 1);
        self.ends.get(at).and_then(|end| self.text.get(begin..*end)).unwrap_or_default()
    }

    fn find(&self, text: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.get(middle).cmp(text) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl History {
    /// Makes what was stored ready; a file that was moved is known by its last path.
    pub(super) fn new(stored: Stored) -> Self {
        let (terms, files) = (Lines::new(stored.terms, b'\n'), Lines::new(stored.files, b'\0'));
        let mut history = Self {
            starts: vec![0; terms.ends.len() + 1],
            told: vec![Told::default(); files.ends.len()],
            ..Self::default()
        };
        let mut now: Vec<u32> = (0..).take(files.ends.len()).collect();
        let newest = stored.commits.first().map_or(0, |row| row.time);
        let mut lists: Vec<(u32, u32, u8)> = Vec::new();
        for (row, commit) in stored.commits.iter().zip(0_u32..) {
            let age = newest.saturating_sub(row.time) as f32 / SECONDS_OF_YEAR;
            let first = history.touched.len();
            let paths = row.files.iter().filter_map(|file| now.get(place(*file)).copied());
            history.touched.extend(paths);
            let length = row.terms.len() as f32;
            let weight = 0.5_f32.powf(age / HALF_LIFE) / (row.files.len().max(1) as f32).sqrt();
            let behind = history.touched.len();
            for file in history.touched.get(first..behind).unwrap_or_default() {
                if let Some(told) = history.told.get_mut(place(*file)) {
                    told.length += weight * length;
                    told.changes += 0.5_f32.powf(age);
                    told.last = Some(told.last.map_or(age, |last| last.min(age)));
                }
            }
            history.commits.push(Past { length, weight, age, first, behind });
            for same in row.terms.chunk_by(|a, b| a == b) {
                if let Some(term) = same.first().filter(|term| place(**term) < terms.ends.len()) {
                    lists.push((*term, commit, u8::try_from(same.len()).unwrap_or(u8::MAX)));
                }
            }
            // Older commits know the file by the path it had then.
            for (old, new) in &row.moved {
                let new = now.get(place(*new)).copied();
                if let (Some(old), Some(new)) = (now.get_mut(place(*old)), new) {
                    *old = new;
                }
            }
        }
        for (term, ..) in &lists {
            if let Some(start) = history.starts.get_mut(place(*term) + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut history.starts {
            sum += *start;
            *start = sum;
        }
        let mut next = history.starts.clone();
        history.entries = vec![(0, 0); lists.len()];
        for (term, commit, count) in lists {
            let Some(at) = next.get_mut(place(term)) else { continue };
            if let Some(entry) = history.entries.get_mut(*at) {
                *entry = (commit, count);
            }
            *at += 1;
        }
        let mean = |sum: f32, count: usize| (sum / count.max(1) as f32).max(1.0);
        history.mean_length =
            mean(history.commits.iter().map(|past| past.length).sum(), history.commits.len());
        let known = history.told.iter().filter(|told| told.length > 0.0).count();
        history.mean_told = mean(history.told.iter().map(|told| told.length).sum(), known);
        for file in 0..files.ends.len() {
            let next = u32::try_from(history.folders.len()).unwrap_or(u32::MAX);
            let folder = folder(files.get(file));
            let number = match history.folders.get(folder) {
                Some(number) => *number,
                None => *history.folders.entry(folder.to_owned()).or_insert(next),
            };
            history.folder_of.push(number);
        }
        Self { terms, files, ..history }
    }

    /// Returns how many commits are known.
    pub(crate) fn commits(&self) -> usize {
        self.commits.len()
    }

    fn list(&self, term: &str) -> &[(u32, u8)] {
        let Some(at) = self.terms.find(term) else { return &[] };
        let range = self.starts.get(at).zip(self.starts.get(at + 1));
        range.and_then(|(from, to)| self.entries.get(*from..*to)).unwrap_or_default()
    }

    fn files_of(&self, commit: &Past) -> &[u32] {
        self.touched.get(commit.first..commit.behind).unwrap_or_default()
    }

    /// Looks at the past for terms, each with how much it counts; `None` where no commit says anything of them.
    pub(crate) fn look(&self, terms: &[(String, f32)]) -> Option<Look<'_>> {
        let all = self.commits.len() as f32;
        let mut whole = 0.0;
        let mut lists = Vec::new();
        for (term, weight) in terms {
            let list = self.list(term);
            let held = list.len() as f32;
            let weight = weight * (1.0 + (all - held + 0.5) / (held + 0.5)).ln();
            whole += weight;
            if !list.is_empty() {
                lists.push((weight, list));
            }
        }
        lists.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut read = 0;
        lists.retain(|(_, list)| {
            read += list.len();
            read <= MOST_ENTRIES
        });
        if lists.is_empty() {
            return None;
        }
        let known = lists.iter().map(|(weight, _)| weight).sum::<f32>() / whole;
        let mut similar = vec![0.0_f32; self.commits.len()];
        let mut words = vec![0.0_f32; self.told.len()];
        let mut held = vec![0.0_f32; self.told.len()];
        let mut counts = vec![0.0_f32; self.told.len()];
        let mut seen: Vec<u32> = Vec::new();
        for (weight, list) in &lists {
            for (commit, count) in *list {
                let Some(past) = self.commits.get(place(*commit)) else { continue };
                let count = f32::from(*count);
                if let Some(similar) = similar.get_mut(place(*commit)) {
                    let norm = K1 * (1.0 - B + B * past.length / self.mean_length);
                    *similar += weight * count / (count + norm);
                }
                for file in self.files_of(past) {
                    let Some(sum) = counts.get_mut(place(*file)) else { continue };
                    if *sum == 0.0 {
                        seen.push(*file);
                    }
                    *sum += past.weight * count;
                }
            }
            for file in seen.drain(..) {
                let at = place(file);
                let (Some(count), Some(told)) = (counts.get_mut(at), self.told.get(at)) else {
                    continue;
                };
                let norm = K1 * (1.0 - B + B * told.length / self.mean_told);
                if let (Some(words), Some(held)) = (words.get_mut(at), held.get_mut(at)) {
                    *words += weight * *count / (*count + norm);
                    *held += weight;
                }
                *count = 0.0;
            }
        }
        for number in words.iter_mut().chain(&mut held).chain(&mut similar) {
            *number /= whole;
        }
        let mut look = Look {
            history: self,
            held,
            known,
            best: Vec::new(),
            recent: Vec::new(),
            folders: Ranked::default(),
            words: Ranked::new(words),
            similar: Ranked::default(),
            top: 0.0,
        };
        look.hear(&similar);
        Some(look)
    }
}

/// Numbers by file, and the places of the greatest.
#[derive(Debug, Default)]
struct Ranked {
    values: Vec<f32>,
    top: f32,
    /// File and value, the greatest first.
    first: Vec<(u32, f32)>,
}

impl Ranked {
    fn new(values: Vec<f32>) -> Self {
        let first = greatest(&values, RANKED);
        let top = first.first().map_or(0.0, |(_, value)| *value);
        Self { values, top, first }
    }

    /// Returns a file's number, its share of the greatest, and its place, counted ever more roughly.
    fn of(&self, file: Option<usize>) -> [f32; 3] {
        let value = file.and_then(|file| self.values.get(file)).copied().unwrap_or(0.0);
        let better = self.first.partition_point(|(_, other)| *other > value);
        let share = if self.top > 0.0 { value / self.top } else { 0.0 };
        [value, share, (1.0 + better as f32).ln()]
    }
}

/// Returns the places of the greatest numbers above 0, the greatest first; of equal ones the first.
fn greatest(values: &[f32], most: usize) -> Vec<(u32, f32)> {
    let mut all: Vec<(u32, f32)> = (0..)
        .zip(values)
        .filter(|(_, value)| **value > 0.0)
        .map(|(at, value)| (at, *value))
        .collect();
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if all.len() > most {
        all.select_nth_unstable_by(most, order);
        all.truncate(most);
    }
    all.sort_unstable_by(order);
    all
}

/// What the past says of files for one request.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    history: &'a History,
    /// By file: how much of the request its messages hold, from 0 to 1.
    held: Vec<f32>,
    /// Which share of the request any message holds.
    known: f32,
    /// By file: how similar the most similar commit is that changed it.
    best: Vec<f32>,
    /// By file: how much the most similar commits speak for it, each half as much year after year.
    recent: Vec<f32>,
    /// How much they speak for each folder's files together.
    folders: Ranked,
    /// How well the messages of each file together fit.
    words: Ranked,
    /// How much the most similar commits speak for each file.
    similar: Ranked,
    /// How similar the most similar commit is.
    top: f32,
}

impl Look<'_> {
    /// Lets the most similar commits speak for the files that they changed.
    fn hear(&mut self, similar: &[f32]) {
        let mut sums = vec![0.0_f32; self.held.len()];
        self.best = vec![0.0; self.held.len()];
        self.recent = vec![0.0; self.held.len()];
        let mut folders = vec![0.0_f32; self.history.folders.len()];
        let first = greatest(similar, SIMILAR);
        self.top = first.first().map_or(0.0, |(_, value)| *value);
        for (commit, value) in first {
            let Some(past) = self.history.commits.get(place(commit)) else { continue };
            let files = self.history.files_of(past);
            // What is half as similar says far less than half.
            let says = value * value / (files.len().max(1) as f32).sqrt();
            for file in files {
                let at = place(*file);
                if let (Some(sum), Some(best)) = (sums.get_mut(at), self.best.get_mut(at)) {
                    *sum += says;
                    *best = best.max(value);
                }
                if let Some(recent) = self.recent.get_mut(at) {
                    *recent += says * 0.5_f32.powf(past.age);
                }
                let folder = self.history.folder_of.get(at).map(|folder| place(*folder));
                if let Some(sum) = folder.and_then(|folder| folders.get_mut(folder)) {
                    *sum += says;
                }
            }
        }
        self.similar = Ranked::new(sums);
        self.folders = Ranked::new(folders);
    }

    /// Returns what is told of a file, in the order of [`PAST`]; the last is the request's.
    pub(crate) fn values(&self, path: &str, reads_as_change: bool) -> Vec<f32> {
        let file = self.history.files.find(path);
        let of = |values: &[f32]| file.and_then(|file| values.get(file)).copied().unwrap_or(0.0);
        let told = file.and_then(|file| self.history.told.get(file)).copied().unwrap_or_default();
        let folder = self.history.folders.get(folder(path)).map(|folder| place(*folder));
        let [_, folder_share, _] = self.folders.of(folder);
        let ([words, words_share, words_rank], [similar, similar_share, similar_rank]) =
            (self.words.of(file), self.similar.of(file));
        vec![
            words,
            words_share,
            words_rank,
            of(&self.held),
            similar,
            similar_share,
            similar_rank,
            of(&self.best),
            of(&self.recent),
            folder_share,
            (1.0 + told.changes).ln(),
            told.last.unwrap_or(UNKNOWN),
            self.known,
            self.top,
            (1.0 + self.history.commits() as f32).ln(),
            if reads_as_change { 1.0 } else { 0.0 },
        ]
    }

    /// Returns the files that similar commits changed, the likeliest first.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.similar.first.iter().map(|(file, _)| self.history.files.get(place(*file)))
    }
}
