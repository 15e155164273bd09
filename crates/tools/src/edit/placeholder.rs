//! Catches `// ... rest unchanged ...` before it replaces real code.

/// Words that tell of code left out, after an ellipsis.
const TELLING: [&str; 14] = [
    "existing",
    "unchanged",
    "rest of",
    "the rest",
    "remaining",
    "remainder",
    "same as before",
    "as before",
    "previous code",
    "other methods",
    "other functions",
    "other code",
    "omitted",
    "stays the same",
];

/// Returns the first line of `new` that stands for code left out and is not in `old` already.
pub(crate) fn find<'a>(new: &'a str, old: &str) -> Option<&'a str> {
    new.lines()
        .map(str::trim)
        .find(|line| is_placeholder(line) && !old.lines().any(|before| before.trim() == *line))
}

fn is_placeholder(line: &str) -> bool {
    if line.len() > 120 || line.len() < 8 {
        return false;
    }
    let lower = line.to_lowercase();
    let comment = ["//", "#", "/*", "<!--", "--", "{/*", ";", "%", "(*", "*", "\"\"\""]
        .iter()
        .find_map(|mark| lower.strip_prefix(mark));
    // A blank must follow: `...existing` spreads a value.
    let bare =
        ["... ", "… ", "[... ", "(... ", "<... ", "[… "].iter().any(|m| lower.starts_with(m));
    let Some(words) = comment.or(bare.then_some(lower.as_str())) else { return false };
    let words = words.trim_start_matches(['/', '#', '*', '!', '-', ' ']);
    let ellipsis = words.contains("...") || words.contains('…');
    if ellipsis {
        return TELLING.iter().any(|telling| words.contains(telling));
    }
    let words = words.trim_end_matches(['*', '/', '-', '>', '}', ' ', '.', ')']);
    let (start, end) = (words.strip_prefix("the ").unwrap_or(words), words);
    (start.starts_with("rest ") || start.starts_with("remaining ") || start == "unchanged")
        && (end.ends_with("unchanged") || end.ends_with("same") || end.ends_with("as before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_placeholders_from_code_and_comments() {
        for line in [
            "// ... existing code ...",
            "    # ... rest of the function unchanged ...",
            "/* ... remaining methods ... */",
            "<!-- … the rest of the page … -->",
            "// rest of the file unchanged",
            "# the rest stays the same",
            "... (rest of code) ...",
            "{/* ... existing props ... */}",
        ] {
            assert_eq!(find(&format!("a\n{line}\nb"), ""), Some(line.trim()), "{line}");
            assert_eq!(find(line, &format!("x\n  {}\n", line.trim())), None, "{line}");
        }
        for line in [
            "// waits for the rest of the body",
            "let rest = [...existing];",
            "...existingProps,",
            "# loading ...",
            "print('... rest of code')",
            "// unchanged files are skipped",
            "f(...rest)",
        ] {
            let found = find(line, "");
            // A spread of `existing…` in an object is code, not a placeholder.
            assert_eq!(found, None, "{line}");
        }
    }
}
