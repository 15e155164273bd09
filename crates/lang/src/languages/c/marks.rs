//! Macros by which libraries export what they define: between `class` and a class's name, `class API Store {`, and before
//! a function whose type has arguments, `API std::vector<Node> Load();`, which the grammar takes for a member of `std`.

use std::ops::Range;

/// Words behind which such a macro stands.
const HEADS: [&str; 3] = ["class", "struct", "union"];

/// Words that may stand before the macro of a function.
const BEFORE: [&str; 5] = ["static", "inline", "extern", "virtual", "friend"];

/// Returns where such macros stand in a text.
pub(super) fn marks(text: &str) -> Vec<Range<usize>> {
    let heads = HEADS.iter().flat_map(|head| text.match_indices(head));
    let found = heads.filter_map(|(at, head)| {
        let is_word = !text.get(..at)?.ends_with(is_part);
        let end = at + head.len();
        let behind = text.get(end..).filter(|behind| is_word && behind.starts_with([' ', '\t']))?;
        let mark = mark(behind)?;
        let line = text.get(..at)?.rsplit('\n').next()?.trim_start();
        let in_comment = line.contains("//") || line.starts_with(['*', '#']);
        (!in_comment).then(|| end + mark.start..end + mark.end)
    });
    let mut found: Vec<Range<usize>> = found.collect();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = text.get(at..).unwrap_or_default();
        found.extend(before_function(rest).map(|mark| at + mark.start..at + mark.end));
        at += line.len();
    }
    found
}

/// Returns where a macro stands in what begins with a line, if a type with arguments, a name and parameters follow.
fn before_function(text: &str) -> Option<Range<usize>> {
    let mut rest = text.trim_start_matches([' ', '\t']);
    let (mut name, mut behind) = word(rest)?;
    while BEFORE.contains(&name) {
        rest = behind.trim_start_matches([' ', '\t']);
        (name, behind) = word(rest)?;
    }
    let start = text.len() - rest.len();
    let (of, rest) = Some(behind.trim_start()).filter(|_| is_macro(name)).and_then(word)?;
    let of = Some(of)
        .filter(|of| *of != "const")
        .map_or_else(|| word(rest.trim_start()), |of| Some((of, rest)));
    let rest = of.and_then(|(_, rest)| without_path(rest))?;
    let rest = rest.strip_prefix('<').and_then(|_| without_brackets(rest, '<', '>'))?;
    let rest = without_path(rest)?;
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '&'));
    let (called, rest) = word(rest)?;
    let is_function = without_path(rest)?.trim_start().starts_with('(') && called != "operator";
    is_function.then_some(start..start + name.len())
}

/// Takes away the parts of a path behind its first one.
fn without_path(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(behind) = rest.strip_prefix("::") {
        rest = word(behind).filter(|(name, _)| *name != "operator")?.1;
    }
    Some(rest)
}

fn is_macro(name: &str) -> bool {
    name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && !name.contains(|c: char| c.is_ascii_lowercase())
}

/// Returns where a macro stands in what is behind `class`, if a name and the beginning of a body follow.
fn mark(text: &str) -> Option<Range<usize>> {
    let start = text.len() - text.trim_start().len();
    let (name, rest) = word(text.get(start..)?)?;
    let rest = if is_macro(name) { without_brackets(rest, '(', ')')? } else { return None };
    let end = text.len() - rest.len();
    let (_, rest) = word(rest.trim_start())?;
    let rest = without_brackets(rest, '<', '>')?.trim_start();
    let rest = rest.strip_prefix("final").unwrap_or(rest).trim_start();
    let has_body = rest.starts_with('{') || rest.starts_with(':') && !rest.starts_with("::");
    has_body.then_some(start..end)
}

/// Takes the name that a text begins with.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let found = text.split_at(end);
    (!found.0.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())).then_some(found)
}

/// Takes away brackets that a text begins with, those of one line.
fn without_brackets(text: &str, open: char, close: char) -> Option<&str> {
    let rest = text.trim_start_matches([' ', '\t']);
    if !rest.starts_with(open) {
        return Some(text);
    }
    let mut depth = 0_usize;
    for (at, char) in rest.char_indices() {
        match char {
            '\n' => return None,
            char if char == open => depth += 1,
            char if char == close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(at + 1..);
        }
    }
    None
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_before_the_names_of_classes_are_found() {
        for (text, expected) in [
            ("class DB_API Store {", Some("DB_API")),
            ("class DB_API Store final\n  : public A {", Some("DB_API")),
            ("struct ALIGNED(8) Store {", Some("ALIGNED(8)")),
            ("template <typename T> class API Store<T*> {", Some("API")),
            ("class Store {", None),
            ("class DB_API Store;", None),
            ("struct POINT of(int x) {", None),
            ("struct Point made {1, 2};", None),
            ("// class DB_API Store {", None),
            ("class DB_API {", None),
            ("subclass DB_API Store {", None),
            ("class DB_API a::b {", None),
            ("YAML_API std::vector<Node> LoadAll(int a);", Some("YAML_API")),
            ("DB_EXPORT\nResult<std::string> Region(\n  int a);", Some("DB_EXPORT")),
            ("  static DB_API const Ptr<A>& of(int a) {", Some("DB_API")),
            ("DB_API Ptr<A<B>> C::of() {", Some("DB_API")),
            ("DB_API Ptr<A>::Other* of();", Some("DB_API")),
            ("DB_API Ptr<A> made;", None),
            ("DB_API Store of(int a);", None),
            ("DWORD Store<int>::of(int a) {", None),
            ("DWORD Store<int>::operator bool() {", None),
            ("BOOL a = b<c> d(e);", None),
            ("std::vector<Node> LoadAll(int a);", None),
        ] {
            let found = marks(text);
            assert_eq!(found.first().and_then(|range| text.get(range.clone())), expected, "{text}");
        }
    }
}
