//! The same questions asked another way: whole texts changed as an editor would, edits that only delete,
//! insert or replace a whole block, copies that differ in one token, blocks at the file's very ends.

use super::random::Random;
use super::slips::Class;
use super::sources::Source;
use super::{Case, Kind};

/// Makes one case.
pub fn case(random: &mut Random, source: &Source) -> Option<Case> {
    let text = source.text.trim_end_matches('\n');
    let (start, end) = paragraph(random, text)?;
    let old = text.get(start..end)?;
    if old.len() < 12 || old.len() > 2_000 || text.matches(old).count() != 1 {
        return None;
    }
    let new = edit(random, old);
    let (head, tail) = (&text[..start], &text[end..]);
    let kind = *random.pick(&[
        Kind::Recoverable(Class::TrailingBlanks),
        Kind::Recoverable(Class::Reindent),
        Kind::Recoverable(Class::TabsAndSpaces),
        Kind::Recoverable(Class::Crlf),
        Kind::Recoverable(Class::Punctuation),
        Kind::Recoverable(Class::BlankLines),
        Kind::Recoverable(Class::Typos),
        Kind::Ambiguous,
        Kind::Gone,
    ]);
    let class = match kind {
        Kind::Recoverable(class) => class,
        _ => {
            *random.pick(&[Class::TrailingBlanks, Class::Reindent, Class::BlankLines, Class::Typos])
        }
    };
    // The block once more, or one token of it another, before or behind the rest.
    let twin = match kind {
        Kind::Ambiguous => Some(old.to_owned()),
        Kind::Gone => Some(one_token(random, old)?),
        _ if random.percent(40) => Some(one_token(random, old)?),
        _ => None,
    };
    let (mut before, mut after) = (head.to_owned(), tail.to_owned());
    match twin {
        Some(twin) if random.percent(50) => before = format!("{twin}\n\n{before}"),
        Some(twin) => after = format!("{after}\n\n{twin}"),
        None => {}
    }
    let target = if kind == Kind::Gone { "" } else { old };
    let file = format!("{before}{target}{after}");
    let count = file.matches(old).count();
    let seed = random.between(0, 1 << 20) as u64;
    let slip = |text: &str| slip(&mut Random(seed), class, text);
    let (search, copied) = (slip(old)?, slip(&new)?);
    let exact = count == usize::from(kind != Kind::Gone) + usize::from(kind == Kind::Ambiguous);
    if !exact || search == old || file.contains(&search) && class != Class::Crlf {
        return None;
    }
    // What the slips of a typist make of the new text is his own, and blank lines that are left out of
    // a text with fewer lines cannot be told from those that are to go.
    let shorter = class == Class::BlankLines && !new.starts_with(old);
    let own = class == Class::Typos || shorter || random.percent(50);
    let replace = if own { new.clone() } else { copied };
    let around = (before.clone(), after.clone());
    let expected = matches!(kind, Kind::Recoverable(_)).then(|| format!("{before}{new}{after}"));
    Some(Case { kind, file, search, replace, expected, around })
}

/// Picks lines from one blank line to the next, or the file's first or last ones.
fn paragraph(random: &mut Random, text: &str) -> Option<(usize, usize)> {
    let mut breaks: Vec<usize> = text.match_indices("\n\n").map(|(at, _)| at).collect();
    breaks.push(text.len());
    let pick = match random.below(8) {
        0 => 0,
        1 => breaks.len() - 1,
        _ => random.below(breaks.len()),
    };
    let start = match pick.checked_sub(1) {
        Some(before) => breaks[before] + text[breaks[before]..].find(|c| c != '\n')?,
        None => 0,
    };
    // Now and then two paragraphs.
    let last = if random.percent(30) { (pick + 1).min(breaks.len() - 1) } else { pick };
    (start < breaks[last]).then_some((start, breaks[last]))
}

fn edit(random: &mut Random, old: &str) -> String {
    let lines: Vec<&str> = old.lines().collect();
    let indent: String = lines[0].chars().take_while(|c| c.is_whitespace()).collect();
    match random.below(5) {
        0 => format!("{indent}// gone"),
        1 => format!("{old}\n{indent}appended();"),
        2 => format!("{indent}prepended();\n{old}"),
        3 => {
            let kept: Vec<&str> = lines.iter().step_by(2).copied().collect();
            if kept.len() == lines.len() { format!("{indent}replaced()") } else { kept.join("\n") }
        }
        _ => format!("{indent}a_new_block {{\n{indent}    with_other_lines();\n{indent}}}"),
    }
}

/// Puts another token for one.
fn one_token(random: &mut Random, text: &str) -> Option<String> {
    let words = super::change::words(text);
    let (start, end) = *random.pick(words.get(..).filter(|words| !words.is_empty())?);
    let word = &text[start..end];
    let other = match word.parse::<u64>() {
        Ok(number) => (number + 1).to_string(),
        Err(_) => match random.below(4) {
            0 => format!("{word}_2"),
            1 => format!("other_{word}"),
            2 => word.chars().rev().collect::<String>() + "q",
            _ => "something".to_owned(),
        },
    };
    (other != word).then(|| format!("{}{other}{}", &text[..start], &text[end..]))
}

fn slip(random: &mut Random, class: Class, text: &str) -> Option<String> {
    let each = |f: &dyn Fn(&str) -> String| text.split('\n').map(f).collect::<Vec<_>>().join("\n");
    let solid = |line: &str| !line.trim().is_empty();
    Some(match class {
        Class::TrailingBlanks => each(&|line| format!("{line}  ")),
        Class::Reindent => {
            let by = random.between(1, 3) * 2;
            each(&|line| if solid(line) { " ".repeat(by) + line } else { line.to_owned() })
        }
        Class::TabsAndSpaces if text.contains('\t') => text.replace('\t', "    "),
        Class::TabsAndSpaces => {
            let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
            each(&|line| {
                "\t".repeat(blanks(line) / 4)
                    + &" ".repeat(blanks(line) % 4)
                    + line.trim_start_matches(' ')
            })
        }
        Class::Crlf => text.replace('\n', "\r\n"),
        Class::Punctuation => {
            text.replace("--", "—").replace('"', "”").replace('\'', "’").replace("...", "…")
        }
        Class::BlankLines if text.contains("\n\n") => text.replace("\n\n", "\n"),
        Class::BlankLines => text.replacen('\n', "\n\n", 1),
        Class::Typos => typos(random, text)?,
        Class::Combined | Class::TyposInFewLines => return None,
    })
}

/// Other letters within long words, in a fifth of the lines.
fn typos(random: &mut Random, text: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let wrong = lines.len() / 5;
    for _ in 0..wrong {
        let at = random.below(lines.len());
        let line = lines[at].clone();
        let words: Vec<_> =
            super::change::words(&line).into_iter().filter(|(from, to)| to - from > 4).collect();
        if let Some((from, to)) = words.first().copied().filter(|_| line.is_ascii()) {
            let middle = random.between(from + 1, to - 2);
            let letter = char::from(b'a' + random.below(26) as u8);
            lines[at].replace_range(middle..=middle, &letter.to_string());
        }
    }
    (wrong > 0).then(|| lines.join("\n"))
}
