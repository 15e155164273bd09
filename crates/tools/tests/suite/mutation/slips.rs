//! What models get wrong when they copy a text: one class, one function.

use super::change::New;
use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    TrailingBlanks,
    Reindent,
    TabsAndSpaces,
    Crlf,
    Punctuation,
    BlankLines,
    Typos,
    Combined,
    /// Typos in fewer than five lines, where one line is more than a fifth.
    TyposInFewLines,
}

pub const CLASSES: [Class; 9] = [
    Class::TrailingBlanks,
    Class::Reindent,
    Class::TabsAndSpaces,
    Class::Crlf,
    Class::Punctuation,
    Class::BlankLines,
    Class::Typos,
    Class::Combined,
    Class::TyposInFewLines,
];

/// Copies of the old and the new lines as a model would write them.
pub struct Copied {
    pub old: Vec<String>,
    pub new: Vec<New>,
}

impl Copied {
    pub fn new_lines(&self) -> Vec<String> {
        self.new.iter().map(|line| line.text.clone()).collect()
    }
}

/// Makes the same slips in the old and the new text; `None` where the class cannot be had of this block.
pub fn slip(random: &mut Random, class: Class, old: &[String], new: &[New]) -> Option<Copied> {
    match class {
        Class::TrailingBlanks => each_line(old, new, |line| trailing(random, line)),
        Class::Reindent => reindent(random, old, new),
        Class::TabsAndSpaces => tabs(random, old, new),
        // The line ends are put on when the lines are joined.
        Class::Crlf => Some(Copied { old: old.to_vec(), new: new.to_vec() }),
        Class::Punctuation => each_line(old, new, |line| punctuation(random, line)),
        Class::BlankLines => blank_lines(random, old, new),
        Class::Typos if old.len() >= 5 => typos(random, old, new),
        Class::TyposInFewLines if old.len() < 5 => typos(random, old, new),
        Class::Typos | Class::TyposInFewLines => None,
        Class::Combined => {
            let first = *random.pick(&CLASSES[..6]);
            let second = *random.pick(&CLASSES[..7]);
            // Blank lines last: they change which line is which.
            let (first, second) =
                if first == Class::BlankLines { (second, first) } else { (first, second) };
            let once = slip(random, first, old, new)?;
            if first == second { Some(once) } else { slip(random, second, &once.old, &once.new) }
        }
    }
}

/// Copies every line; the new text is written by the copy.
fn each_line(old: &[String], new: &[New], mut copy: impl FnMut(&str) -> String) -> Option<Copied> {
    let copied: Vec<String> = old.iter().map(|line| copy(line)).collect();
    let new = new.iter().map(|line| from_copy(line, &copied)).collect();
    (copied != old).then_some(Copied { old: copied, new })
}

/// Writes a line of the new text as somebody would who sees the copy.
fn from_copy(line: &New, copied: &[String]) -> New {
    let Some(from) = line.from.map(|from| copied[from].as_str()) else { return line.clone() };
    let deeper = &line.deeper;
    let text = match &line.swap {
        None => format!("{deeper}{from}"),
        Some((was, is)) if from.matches(was.as_str()).count() == 1 => {
            format!("{deeper}{}", from.replacen(was, is, 1))
        }
        Some(_) => line.text.clone(),
    };
    New { text, ..line.clone() }
}

/// Does the same to every line of both texts that says something.
fn all_lines(
    old: &[String],
    new: &[New],
    change: &dyn Fn(&str) -> Option<String>,
) -> Option<Copied> {
    let change =
        |line: &str| if line.trim().is_empty() { Some(line.to_owned()) } else { change(line) };
    let old: Option<Vec<String>> = old.iter().map(|line| change(line)).collect();
    let new: Option<Vec<New>> =
        new.iter().map(|line| Some(New { text: change(&line.text)?, ..line.clone() })).collect();
    Some(Copied { old: old?, new: new? })
}

fn trailing(random: &mut Random, line: &str) -> String {
    if line.ends_with([' ', '\t']) {
        return line.trim_end().to_owned();
    }
    if random.percent(50) {
        format!("{line}{}", random.pick(&[" ", "  ", "\t", "    "]))
    } else {
        line.to_owned()
    }
}

fn reindent(random: &mut Random, old: &[String], new: &[New]) -> Option<Copied> {
    let shift = *random.pick(&["  ", "    ", "        ", "\t", " "]);
    let less = all_lines(old, new, &|line| line.strip_prefix(shift).map(str::to_owned));
    less.filter(|_| random.percent(70))
        .or_else(|| all_lines(old, new, &|line| Some(format!("{shift}{line}"))))
}

fn tabs(random: &mut Random, old: &[String], new: &[New]) -> Option<Copied> {
    let width = *random.pick(&[2, 4, 4, 8]);
    let blanks = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    if old.iter().any(|line| line.starts_with('\t')) {
        return all_lines(old, new, &|line| {
            let (head, rest) = line.split_at(blanks(line));
            Some(head.replace('\t', &" ".repeat(width)) + rest)
        });
    }
    // As an editor would that is set to tabs of the file's own step.
    let all = || old.iter().map(String::as_str).chain(new.iter().map(|line| line.text.as_str()));
    let step = all().map(blanks).filter(|n| *n > 0).min()?;
    let step = if step % 4 == 0 { 4 } else { step };
    if step == 1 || all().any(|line| blanks(line) % step != 0) {
        return None;
    }
    all_lines(old, new, &|line| Some("\t".repeat(blanks(line) / step) + &line[blanks(line)..]))
}

fn punctuation(random: &mut Random, line: &str) -> String {
    let mut open = true;
    let body = line.trim_start();
    let mut copy = line[..line.len() - body.len()].to_owned();
    for c in body.replace("...", "…").chars() {
        let change = random.percent(60);
        copy.push(match c {
            '"' => {
                open = !open;
                if !change {
                    c
                } else if open {
                    '”'
                } else {
                    '“'
                }
            }
            '\'' if change => '’',
            '-' if change => *random.pick(&['–', '—', '‑', '−']),
            ' ' if random.percent(20) => '\u{a0}',
            // And back, where the file has it.
            '“' | '”' => '"',
            '’' | '‘' => '\'',
            '–' | '—' => '-',
            c => c,
        });
    }
    copy
}

fn blank_lines(random: &mut Random, old: &[String], new: &[New]) -> Option<Copied> {
    let blanks: Vec<usize> = (0..old.len()).filter(|i| old[*i].trim().is_empty()).collect();
    let (mut copied, mut copied_new) = (old.to_vec(), new.to_vec());
    let blank = || New { text: String::new(), from: None, swap: None, deeper: String::new() };
    if !blanks.is_empty() && random.percent(60) {
        let at = *random.pick(&blanks);
        copied.remove(at);
        copied_new.retain(|line| line.from != Some(at));
    } else if random.percent(30) {
        let end = random.percent(50);
        copied.insert(if end { copied.len() } else { 0 }, String::new());
        copied_new.insert(if end { copied_new.len() } else { 0 }, blank());
    } else {
        let at = random.between(1, old.len().max(2) - 1);
        copied.insert(at.min(copied.len()), String::new());
        if let Some(at) = new.iter().position(|line| line.from == Some(at - 1)) {
            copied_new.insert(at + 1, blank());
        }
    }
    Some(Copied { old: copied, new: copied_new })
}

fn typos(random: &mut Random, old: &[String], new: &[New]) -> Option<Copied> {
    let solid: Vec<usize> = (0..old.len()).filter(|i| old[*i].trim().len() > 3).collect();
    if solid.is_empty() {
        return None;
    }
    let mut copied = old.to_vec();
    for _ in 0..(old.len() / 5).max(1) {
        let at = *random.pick(&solid);
        if copied[at] == old[at] {
            let count = random.between(1, 2);
            copied[at] = (0..count).fold(old[at].clone(), |line, _| typo(random, &line));
        }
    }
    let new = new.iter().map(|line| from_copy(line, &copied)).collect();
    (copied != old).then_some(Copied { old: copied, new })
}

/// Replaces, inserts or deletes a character.
pub fn typo(random: &mut Random, line: &str) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzeeaatt;,.()_ ";
    let mut chars: Vec<char> = line.chars().collect();
    let indent = chars.iter().take_while(|c| c.is_whitespace()).count();
    let at = random.between(indent, chars.len().max(indent + 1) - 1);
    let letter = char::from(*random.pick(LETTERS));
    match random.below(4) {
        0 => chars.insert(at, letter),
        1 if chars.len() > indent + 1 => {
            chars.remove(at);
        }
        2 if at + 1 < chars.len() => chars.swap(at, at + 1),
        _ => chars[at] = letter,
    }
    chars.into_iter().collect()
}
