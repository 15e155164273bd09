//! What an edit does: a block of whole lines, and what it becomes.

use super::random::Random;

/// Lines of a block, as models write them.
const SIZES: [usize; 24] =
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 10, 12, 15, 20, 25];

/// Picks the lines `from..to` of a block that begins and ends with a line that says something.
pub fn block(random: &mut Random, lines: &[&str]) -> Option<(usize, usize)> {
    let size = *random.pick(&SIZES);
    let from = random.below(lines.len());
    let to = from + size;
    let solid = |line: usize| lines.get(line).is_some_and(|line| !line.trim().is_empty());
    (to <= lines.len() && solid(from) && solid(to - 1)).then_some((from, to))
}

/// A line of the new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    pub text: String,
    /// The line of the block that it was.
    pub from: Option<usize>,
    /// The word of that line that became another one.
    pub swap: Option<(String, String)>,
    /// Blanks that came before it.
    pub deeper: String,
}

impl New {
    fn fresh(text: String) -> Self {
        Self { text, from: None, swap: None, deeper: String::new() }
    }
}

/// Changes a block as an edit would; the result is another one.
pub fn change(random: &mut Random, block: &[String]) -> Option<Vec<New>> {
    let lines = block.iter().enumerate();
    let mut new: Vec<New> = lines
        .map(|(i, text)| New {
            text: text.clone(),
            from: Some(i),
            swap: None,
            deeper: String::new(),
        })
        .collect();
    for _ in 0..random.between(1, 2) {
        step(random, &mut new);
    }
    let changed = new.iter().map(|line| &line.text).ne(block);
    (changed && !new.is_empty()).then_some(new)
}

fn indent(line: &str) -> String {
    line.chars().take_while(|c| c.is_whitespace()).collect()
}

fn step(random: &mut Random, lines: &mut Vec<New>) {
    let solid: Vec<usize> =
        (0..lines.len()).filter(|i| !lines[*i].text.trim().is_empty()).collect();
    if solid.is_empty() {
        return;
    }
    let at = *random.pick(&solid);
    let indent_here = indent(&lines[at].text);
    match random.below(10) {
        0..=3 => swap(random, &mut lines[at]),
        4 => {
            let text = format!("{}, extra)", lines[at].text.trim_end_matches([')', ';']));
            lines[at] = New { text, from: None, swap: None, deeper: String::new() };
        }
        5 => {
            let text = format!("{indent_here}inserted_call(argument, {});", random.below(90));
            lines.insert(at + 1, New::fresh(text));
        }
        6 => lines.insert(at, New::fresh(format!("{indent_here}let before = compute();"))),
        7 if lines.len() > 2 => {
            lines.remove(at);
        }
        8 => wrap(lines),
        _ => {
            let text = format!("{indent_here}entirely_new_line(with, {});", random.below(1000));
            lines[at] = New::fresh(text);
        }
    }
}

/// Puts another word for one of a line's words.
fn swap(random: &mut Random, line: &mut New) {
    let words = words(&line.text);
    if words.is_empty() || line.swap.is_some() {
        return;
    }
    let (start, end) = *random.pick(&words);
    let new = *random.pick(&["replacement", "value2", "other_name", "Renamed"]);
    line.swap = Some((line.text[start..end].to_owned(), new.to_owned()));
    line.text = format!("{}{new}{}", &line.text[..start], &line.text[end..]);
}

/// Puts all lines into a new block.
fn wrap(lines: &mut Vec<New>) {
    let solid = |line: &&mut New| !line.text.trim().is_empty();
    let outer = lines.iter().filter(|line| !line.text.trim().is_empty());
    let outer = outer.map(|line| indent(&line.text)).min_by_key(String::len).unwrap_or_default();
    let tabs = lines.iter().any(|line| line.text.starts_with('\t'));
    let unit = if tabs { "\t" } else { "    " };
    for line in lines.iter_mut().filter(solid) {
        line.text.insert_str(0, unit);
        line.deeper.push_str(unit);
    }
    lines.insert(0, New::fresh(format!("{outer}if condition {{")));
    lines.push(New::fresh(format!("{outer}}}")));
}

/// Puts another word for one of a line's words.
pub fn other_word(random: &mut Random, line: &str, others: &[&str]) -> String {
    let words = words(line);
    if words.is_empty() {
        return format!("{line} {}", random.pick(others));
    }
    let (start, end) = *random.pick(&words);
    format!("{}{}{}", &line[..start], random.pick(others), &line[end..])
}

/// Returns where a line's words are.
pub fn words(line: &str) -> Vec<(usize, usize)> {
    let mut words: Vec<(usize, usize)> = Vec::new();
    for (at, c) in line.char_indices().filter(|(_, c)| c.is_alphanumeric() || *c == '_') {
        match words.last_mut() {
            Some((_, end)) if *end == at => *end = at + c.len_utf8(),
            _ => words.push((at, at + c.len_utf8())),
        }
    }
    words
}
