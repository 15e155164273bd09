//! Catches `// ... rest unchanged ...` before it replaces real code.

/// What comments begin with.
const MARKS: &[&str] =
    &["{/*", "<!--", "/*", "//", "\"\"\"", "'''", "(*", "--", "#", ";", "%", "*", "rem "];

/// Words that tell of code left out, after an ellipsis; parts of words where a language has endings.
const TELLING: &[&str] = &[
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
    "remains the same",
    "no changes",
    "your code",
    "остальн",
    "без изменений",
    "не меня",
    "как раньше",
    "как было",
    "как прежде",
    "существующ",
    "прежн",
    "остаётся",
    "остается",
    "тот же код",
    "unverändert",
    "bestehend",
    "restlich",
    "inchangé",
    "le reste",
    "existente",
    "el resto",
    "sin cambios",
    "其余",
    "不变",
    "现有",
    "省略",
];

/// What such a comment says where it has no ellipsis.
const ALONE: &[&str] = &[
    "existing code",
    "existing code here",
    "existing implementation",
    "rest of code",
    "rest of the code",
    "rest of file",
    "rest of the file",
    "rest of function",
    "rest of the function",
    "rest of implementation",
    "rest of the implementation",
    "same as before",
    "остальной код",
    "остальное без изменений",
    "без изменений",
    "существующий код",
];

/// Returns the first line of `new` that stands for code left out and is not in `old` already.
pub(crate) fn find<'a>(new: &'a str, old: &str) -> Option<&'a str> {
    new.lines()
        .map(str::trim)
        .find(|line| is_placeholder(line) && !old.lines().any(|before| before.trim() == *line))
}

fn is_placeholder(line: &str) -> bool {
    if line.len() > 200 {
        return false;
    }
    let lower = line.to_lowercase();
    let comment = MARKS.iter().find_map(|mark| lower.strip_prefix(mark).map(|rest| (*mark, rest)));
    // A blank must follow: `...existing` spreads a value.
    let bare = ["... ", "… ", "[... ", "(... ", "<... ", "[… "];
    let bare = bare.iter().any(|mark| lower.starts_with(mark)) && !is_code(&lower);
    let Some(words) = comment.map(|(_, rest)| rest).or(bare.then_some(lower.as_str())) else {
        return false;
    };
    let is_mark = |c: char| "/#*!-<>{}()[];%.… \t\"'".contains(c);
    let said = words.trim_matches(is_mark);
    if words.contains("...") || words.contains('…') {
        // A comment that says nothing else; documentation may show such code.
        let bare_comment = said.is_empty()
            && comment.is_some_and(|(mark, rest)| {
                !matches!(mark, "*" | "%" | ";") && !rest.starts_with(['/', '!', '#', '*'])
            });
        return bare_comment || TELLING.iter().any(|telling| words.contains(telling));
    }
    let start = said.strip_prefix("the ").unwrap_or(said);
    let rest =
        start.starts_with("rest ") || start.starts_with("remaining ") || start == "unchanged";
    let same = ["unchanged", "same", "as before"].iter().any(|end| said.ends_with(end));
    ALONE.contains(&said) || rest && same
}

/// Tells whether a line that begins with an ellipsis is code: a spread value, a call, a pattern.
fn is_code(line: &str) -> bool {
    line.ends_with([',', ';']) || line.contains('=')
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
            "// ...",
            "    # ...",
            "/* ... */",
            "{/* ... */}",
            "<!-- ... -->",
            "-- ... existing columns ...",
            "// … остальной код без изменений …",
            "# ... остальные методы ...",
            "// остальной код",
            "# без изменений",
            "# rest of the function",
            "// existing code",
            "[... rest of the file unchanged ...]",
            "// ... restlicher Code ...",
            "# ... 其余代码不变 ...",
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
            "...",
            "    ...",
            "...args,",
            "[...existing, ...remaining]",
            "const { a, ...rest } = props;",
            "case 'a'...'z': return rest;",
            "let x = ..;",
            "/// ...",
            "//! ... and so on",
            "* ...",
            "    def f(self): ...",
            "# the existing code path is slow",
            "// keeps the rest of the line",
            "#include <rest.h>",
            "-- the remaining rows",
            "// остальные поля заполняет вызывающий",
            "void f(const char *existing, ...);",
        ] {
            let found = find(line, "");
            // A spread of `existing…` in an object is code, not a placeholder.
            assert_eq!(found, None, "{line}");
        }
    }
}
