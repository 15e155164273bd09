//! The engine over a corpus of edits made from real files, with the slips that models make: no edit
//! may ever land at a wrong place, and most must land.

mod change;
mod decoy;
mod plain;
mod random;
mod slips;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use distiq_tools::engine::{Edit, Tolerance, apply};

use random::Random;
use slips::{CLASSES, Class};
use sources::Source;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Recoverable(Class),
    Ambiguous,
    Gone,
}

#[derive(Default)]
struct Tally {
    right: usize,
    refused: usize,
    /// At the right place, with bytes that are not the exact edit's: what the slips took away cannot always be known.
    wrong_text: usize,
    wrong_place: usize,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.refused += other.refused;
        self.wrong_text += other.wrong_text;
        self.wrong_place += other.wrong_place;
        self.faults.extend(other.faults);
    }
}

/// One edit, with what must come of it.
struct Case {
    kind: Kind,
    file: String,
    search: String,
    replace: String,
    /// The file after the exact edit; `None` where nothing may be changed.
    expected: Option<String>,
    /// The file before and behind the block.
    around: (String, String),
}

fn join(lines: &[String], ending: &str) -> String {
    lines.join(ending)
}

/// The lines with one space where blanks are, and without those that have nothing else.
fn squeezed(lines: &[String]) -> String {
    let lines = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).map(|line| format!("\n{line}")).collect::<String>() + "\n"
}

fn case(random: &mut Random, source: &Source) -> Option<Case> {
    let lines: Vec<&str> = source.text.lines().collect();
    let (from, to) = change::block(random, &lines)?;
    let block: Vec<String> = lines[from..to].iter().map(|line| (*line).to_owned()).collect();
    let text = join(&block, "\n");
    if source.text.matches(text.as_str()).count() != 1 {
        return None;
    }
    let changed = change::change(random, &block)?;
    let new: Vec<String> = changed.iter().map(|line| line.text.clone()).collect();
    let planted = match random.below(3) {
        0 => Some(decoy::decoy(random, &block)),
        _ => None,
    };
    let kind = match random.below(14) {
        0 => Kind::Ambiguous,
        1 if planted.is_some() => Kind::Gone,
        _ => Kind::Recoverable(*random.pick(&CLASSES)),
    };
    let class = match kind {
        Kind::Recoverable(class) => class,
        _ => *random.pick(&CLASSES),
    };
    let copied = slips::slip(random, class, &block, &changed)?;
    let exact_new = random.percent(40);
    let end = if random.percent(50) { "\n" } else { "" };
    let search = join(&copied.old, "\n") + end;
    let copied_new = copied.new_lines();
    let replace = join(if exact_new { &new } else { &copied_new }, "\n") + end;

    let mut file: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let mut at = from;
    let mut plant = |file: &mut Vec<String>, copy: &[String], at: &mut usize| {
        let place = random.below(file.len());
        let place = if place > *at && place < *at + block.len() { *at } else { place };
        if place <= *at {
            *at += copy.len();
        }
        file.splice(place..place, copy.iter().cloned());
    };
    if let Some(copy) = &planted {
        plant(&mut file, copy, &mut at);
    }
    if kind == Kind::Ambiguous {
        plant(&mut file, &block, &mut at);
    }
    if kind == Kind::Gone {
        file.drain(at..at + block.len());
    }
    let count = join(&file, "\n").matches(text.as_str()).count();
    match kind {
        Kind::Recoverable(_) if count != 1 => return None,
        // The same text further in or out, or with other blanks in its lines, is the place that is meant.
        Kind::Gone if count != 0 || squeezed(&file).contains(&squeezed(&block)) => return None,
        _ => {}
    }
    // A slip that makes the text of another place asks for that place.
    let plain = join(&file, "\n");
    if plain.contains(search.trim_end_matches('\n')) && class != Class::Crlf {
        return None;
    }
    let ending = if class == Class::Crlf { "\r\n" } else { "\n" };
    let expected = matches!(kind, Kind::Recoverable(_)).then(|| {
        let mut file = file.clone();
        file.splice(at..at + block.len(), new.iter().cloned());
        join(&file, ending) + ending
    });
    let around = match kind {
        Kind::Recoverable(_) => (join(&file[..at], "\n"), join(&file[at + block.len()..], "\n")),
        _ => Default::default(),
    };
    Some(Case { kind, around, file: join(&file, ending) + ending, search, replace, expected })
}

fn judge(case: &Case, name: &str, tallies: &mut BTreeMap<Kind, Tally>) {
    let edit = Edit::Replace { search: case.search.clone(), replace: case.replace.clone() };
    let tally = tallies.entry(case.kind).or_default();
    match (apply(&case.file, &[edit], Tolerance::Near), &case.expected) {
        (Ok(edited), Some(expected)) if edited.text == *expected => tally.right += 1,
        (Err(_), None) => tally.right += 1,
        (Err(_), Some(_)) => tally.refused += 1,
        (Ok(edited), Some(_)) if stays_within(case, &edited.text) => tally.wrong_text += 1,
        (Ok(edited), _) => {
            tally.wrong_place += 1;
            let diff = similar::TextDiff::from_lines(&case.file, &edited.text);
            tally.faults.push(format!(
                "{:?} {name}\n<<<<\n{}\n====\n{}\n>>>>\n{:?}\n{}",
                case.kind,
                case.search,
                case.replace,
                edited.notes,
                diff.unified_diff()
            ));
        }
    }
}

/// Tells whether nothing before and behind the block changed but blank lines next to it.
fn stays_within(case: &Case, text: &str) -> bool {
    let (before, after) = &case.around;
    let text = text.replace("\r\n", "\n");
    text.starts_with(before.trim_end()) && text.trim_end().ends_with(after.trim())
}

/// Shares of a hundred that must come out right, of each class and of all.
const LEAST_OF_CLASS: usize = 85;
const LEAST_OF_ALL: usize = 95;

/// Runs `case` over all sources, always with the same numbers, and returns what came of it by kind.
fn run(
    sources: &[Source],
    seed: u64,
    per_file: usize,
    case: impl Fn(&mut Random, &Source) -> Option<Case> + Sync,
) -> BTreeMap<Kind, Tally> {
    let tallies: Mutex<BTreeMap<Kind, Tally>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for part in 0..threads {
            let (tallies, case) = (&tallies, &case);
            scope.spawn(move || {
                let mut own = BTreeMap::new();
                for source in sources.iter().skip(part).step_by(threads) {
                    let mut random = Random(source.number.wrapping_add(seed));
                    let cases = (0..per_file * 6).filter_map(|_| case(&mut random, source));
                    for case in cases.take(per_file) {
                        judge(&case, &source.name, &mut own);
                    }
                }
                let mut tallies = tallies.lock().unwrap();
                own.into_iter()
                    .for_each(|(kind, tally)| tallies.entry(kind).or_default().add(tally));
            });
        }
    });
    tallies.into_inner().unwrap()
}

/// Prints what came of each kind, and holds it against the bounds.
fn hold(tallies: &BTreeMap<Kind, Tally>) {
    let (mut all, mut right) = (0, 0);
    let mut faults = Vec::new();
    for (kind, tally) in tallies {
        let edits = tally.right + tally.refused + tally.wrong_place + tally.wrong_text;
        let share = tally.right * 100 / edits.max(1);
        println!(
            "{kind:?}: {edits} edits, {share} % right, {} refused, {} with another text, {} at a wrong place",
            tally.refused, tally.wrong_text, tally.wrong_place
        );
        if let Kind::Recoverable(class) = kind {
            let counts = *class != Class::TyposInFewLines;
            if counts {
                all += edits;
                right += tally.right;
            }
            if counts && share < LEAST_OF_CLASS {
                faults.push(format!("{kind:?}: {share} % right"));
            }
        }
        faults.extend(tally.faults.iter().cloned());
    }
    if right * 100 < all * LEAST_OF_ALL {
        faults.push(format!("{right} of {all} right"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn edits_with_slips_land_right_or_not_at_all() {
    let sources = sources::sources();
    let edits: usize = 40;
    let tallies = run(&sources, 11, edits, case);
    let made: usize =
        tallies.values().map(|t| t.right + t.refused + t.wrong_place + t.wrong_text).sum();
    let languages: BTreeSet<&str> = sources.iter().map(|source| source.language).collect();
    println!("{made} edits of {} files: {languages:?}", sources.len());
    assert!(made >= 10_000 && languages.len() >= 5);
    hold(&tallies);
}

#[test]
fn edits_of_whole_paragraphs_land_right_or_not_at_all() {
    let src = sources::sources();
    let mut bad = 0;
    for seed in 100..106 {
        for tallies in [run(&src, seed, 16, plain::case), run(&src, seed, 30, case)] {
            for (k, t) in &tallies {
                bad += t.faults.len();
                for f in &t.faults {
                    println!("FAULT {k:?} {f}");
                }
            }
        }
    }
    println!("BAD {bad}");
}
