//! Near copies of a block elsewhere in the file, which no edit may touch.

use super::change::{other_word, words};
use super::random::Random;

/// Makes a near copy: a word, a number or a line of it differs.
pub fn decoy(random: &mut Random, block: &[String]) -> Vec<String> {
    let mut copy = block.to_vec();
    for _ in 0..random.between(1, 2) {
        let solid: Vec<usize> = (0..copy.len()).filter(|i| !copy[*i].trim().is_empty()).collect();
        let Some(at) = solid.get(random.below(solid.len())).copied() else { break };
        copy[at] = match random.below(7) {
            0 => other_word(random, &copy[at], &["another", "second", "copy"]),
            1 => suffixed(random, &copy[at], &["2", "_b", "x", "_old", "s"]),
            2 => number(random, &copy[at]),
            3 => operator(random, &copy[at]),
            4 if copy.len() > 3 => String::new(),
            5 => format!("{} // the other one", copy[at]),
            _ => other_word(random, &copy[at], &["i", "j", "tmp", "None", "0"]),
        };
    }
    copy
}

fn suffixed(random: &mut Random, line: &str, suffixes: &[&str]) -> String {
    let words = words(line);
    if words.is_empty() {
        return format!("{line} {}", random.pick(&["// here", "/* b */", "other", "end"]));
    }
    let (_, end) = *random.pick(&words);
    format!("{}{}{}", &line[..end], random.pick(suffixes), &line[end..])
}

fn number(random: &mut Random, line: &str) -> String {
    match line.find(|c: char| c.is_ascii_digit()) {
        Some(at) => {
            let digit = line.as_bytes()[at] - b'0';
            format!("{}{}{}", &line[..at], (digit + 1) % 10, &line[at + 1..])
        }
        None => suffixed(random, line, &["1", "3"]),
    }
}

fn operator(random: &mut Random, line: &str) -> String {
    for (from, to) in
        [("==", "!="), (" < ", " > "), (" + ", " - "), ("true", "false"), ("->", "=>")]
    {
        if line.contains(from) {
            return line.replacen(from, to, 1);
        }
    }
    other_word(random, line, &["third", "other"])
}
