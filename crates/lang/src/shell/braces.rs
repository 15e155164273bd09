//! Lists in braces: `a{b,c}` is `ab ac`, before anything else is expanded.

/// The most words that braces are made into; more stay as they are written.
const MAX_WORDS: usize = 64;

/// Returns the words that the braces of a source text make, or `None` where that is not certain: with
/// substitutions in it, which would then stand several times, expansions in expansions, or too many words.
pub(super) fn expand(raw: &str) -> Option<Vec<String>> {
    if raw.contains("$(") || raw.contains("<(") || raw.contains(">(") || raw.contains('`') {
        return None;
    }
    // Where an expansion ends is certain only without braces and quotes in it.
    let mut expansions = raw.split("${").skip(1).map(|rest| rest.split_once('}'));
    let plain = |inner: &str| !inner.contains(['{', '\'', '"', '\\']);
    if !expansions.all(|split| split.is_some_and(|(inner, _)| plain(inner))) {
        return None;
    }
    let mut words = vec![String::new()];
    let mut rest = raw;
    while !rest.is_empty() {
        let (piece, after) = next(rest)?;
        let choices = match piece.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(inner) => list(inner)?.unwrap_or_else(|| vec![piece.to_owned()]),
            None => vec![piece.to_owned()],
        };
        if words.len() * choices.len() > MAX_WORDS {
            return None;
        }
        words = words
            .iter()
            .flat_map(|word| choices.iter().map(move |choice| format!("{word}{choice}")))
            .collect();
        rest = after;
    }
    Some(words)
}

/// Splits off a quoted text, an escape, an expansion, a group in braces, or a character.
fn next(text: &str) -> Option<(&str, &str)> {
    let mut chars = text.char_indices();
    let (_, first) = chars.next()?;
    let end = match first {
        '\\' => chars.next().map_or(text.len(), |(at, c)| at + c.len_utf8()),
        '\'' => text.get(1..)?.find('\'')? + 2,
        '"' => double_quoted(text)?,
        '$' if text.starts_with("$'") => ansi_quoted(text)?,
        '$' if text.starts_with("${") => text.find('}')? + 1,
        '{' => return group(text),
        c => c.len_utf8(),
    };
    text.split_at_checked(end)
}

fn double_quoted(text: &str) -> Option<usize> {
    escaped_end(text, 1, '"')
}

fn ansi_quoted(text: &str) -> Option<usize> {
    escaped_end(text, 2, '\'')
}

fn escaped_end(text: &str, begin: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(begin) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Splits off `{ … }`; an opening brace without its end is a character.
fn group(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.chars().next()? {
            '{' => {
                depth += 1;
                1
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return text.split_at_checked(at + 1);
                }
                1
            }
            _ => next(rest)?.0.len(),
        };
        at += length;
    }
    // Bash goes on to look for lists behind it; that is rare enough to be left alone.
    None
}

/// Returns the choices of a list's inside: by commas, or a sequence; `Some(None)` where it is none.
#[allow(clippy::option_option)] // "Not certain" and "no list" are two answers.
fn list(inner: &str) -> Option<Option<Vec<String>>> {
    let mut items = vec![String::new()];
    let mut rest = inner;
    let mut commas = 0;
    while !rest.is_empty() {
        let (piece, after) = next(rest)?;
        rest = after;
        if piece == "," {
            commas += 1;
            items.push(String::new());
        } else if let Some(item) = items.last_mut() {
            item.push_str(piece);
        }
    }
    if commas > 0 {
        let mut words = Vec::new();
        for item in items {
            words.extend(expand(&item)?);
        }
        return Some(Some(words));
    }
    match inner.split_once("..") {
        Some((from, to)) => sequence(from, to).map(Some),
        // What stands in braces without a list may hold one.
        None if inner.contains('{') => None,
        None => Some(None),
    }
}

/// Returns `from..to`, numbers without leading zeros or letters; anything else is not certain.
fn sequence(from: &str, to: &str) -> Option<Vec<String>> {
    let padded = |text: &str| {
        let digits = text.trim_start_matches('-');
        digits.len() > 1 && digits.starts_with('0')
    };
    if let (Ok(first), Ok(last)) = (from.parse::<i32>(), to.parse::<i32>()) {
        if padded(from) || padded(to) || first.abs_diff(last) as usize >= MAX_WORDS {
            return None;
        }
        let up = (first.min(last)..=first.max(last)).map(|n| n.to_string());
        return Some(if first <= last { up.collect() } else { up.rev().collect() });
    }
    let letter = |text: &str| text.parse::<char>().ok().filter(char::is_ascii_lowercase);
    let (first, last) = (letter(from)?, letter(to)?);
    let up = (first.min(last)..=first.max(last)).map(String::from);
    Some(if first <= last { up.collect() } else { up.rev().collect() })
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn lists_and_sequences() {
        for (raw, words) in [
            ("{rm,-rf,x}", &["rm", "-rf", "x"][..]),
            ("a{b,c}d", &["abd", "acd"]),
            ("{a,b}{1,2}", &["a1", "a2", "b1", "b2"]),
            ("x{a,{b,c}}", &["xa", "xb", "xc"]),
            ("{1..3}", &["1", "2", "3"]),
            ("{c..a}", &["c", "b", "a"]),
            ("'{a,b}'", &["'{a,b}'"]),
            ("{a,'b,c'}", &["a", "'b,c'"]),
            ("{,x}", &["", "x"]),
            ("{x}", &["{x}"]),
            ("\\{a,b}", &["\\{a,b}"]),
            ("${x}{a,b}", &["${x}a", "${x}b"]),
        ] {
            assert_eq!(expand(raw).unwrap(), words, "{raw}");
        }
        for unsure in ["{$(a),b}", "{1..9999}", "{01..3}", "{{a,b}}", "{a,b"] {
            assert_eq!(expand(unsure), None, "{unsure}");
        }
    }
}
