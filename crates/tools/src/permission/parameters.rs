//! `${…}` with an operator: what it makes of a value that is known.

use distiq_lang::shell::{self, Command, Word};

use super::paths::Base;
use super::values::{Values, literal};

/// Returns what an expansion such as `${x%.rs}` becomes; `None` where only the run tells.
pub(super) fn expand(raw: &str, values: &Values<'_>, base: &Base<'_>, depth: u32) -> Option<Word> {
    let inner = raw.strip_prefix("${")?.strip_suffix('}')?;
    if inner.contains(['$', '`']) {
        return None;
    }
    let only = |name: &str| -> Option<String> {
        let mut known = values.variable(name, base, depth + 1)?;
        let value = known.pop().filter(|_| known.is_empty())?;
        value.literal.then_some(value.text)
    };
    if let Some(name) = inner.strip_prefix('!') {
        return only(&only(name)?).map(|text| literal(&text));
    }
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, operator) = inner.split_at_checked(end)?;
    if let Some(default) = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-')) {
        let default = default.trim_matches('"');
        // Where the line sets it, it may still be empty.
        return match values.is_set(name) {
            false => Some(literal(default)),
            true => only(name)
                .map(|text| if text.is_empty() { literal(default) } else { literal(&text) }),
        };
    }
    if let Some(index) = operator.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match index.parse() {
            Ok(index) => element(name, index, values),
            Err(_) => keyed(name, index, values),
        };
    }
    changed(&only(name)?, operator).map(|text| literal(&text))
}

/// Returns an element of an array that the line writes out once.
fn element(name: &str, index: usize, values: &Values<'_>) -> Option<Word> {
    let mut assigned = values
        .script
        .commands
        .iter()
        .flat_map(|command| &command.assignments)
        .filter(|a| a.name == name);
    let array = assigned.next().filter(|_| assigned.next().is_none())?;
    let elements = array.value.raw.strip_prefix('(')?.strip_suffix(')')?;
    let line = shell::parse(&format!("x {elements}")).ok()?;
    let word = line.commands.first()?.words.get(index + 1)?;
    word.literal.then(|| literal(&word.text))
}

/// Returns what the line writes under a key: `declare -A m=([key]=value)`, `m[key]=value`.
fn keyed(name: &str, key: &str, values: &Values<'_>) -> Option<Word> {
    let commands = &values.script.commands;
    let lists = commands.iter().flat_map(|command| lists_of(command, name));
    let mut found: Vec<String> = lists
        .filter_map(|elements| shell::parse(&format!("x {elements}")).ok())
        .filter_map(|line| line.commands.into_iter().next())
        .flat_map(|command| command.words)
        .filter(|word| word.spans.is_empty())
        .filter_map(|word| word.text.strip_prefix(&format!("[{key}]=")).map(str::to_owned))
        .collect();
    for command in commands {
        let alone =
            command.assignments.iter().filter(|a| a.name == name && a.value.spans.is_empty());
        found.extend(
            alone
                .filter(|_| command.text.contains(&format!("{name}[{key}]=")))
                .map(|assignment| assignment.value.text.trim_matches(['\'', '"']).to_owned()),
        );
    }
    let value = found.pop().filter(|_| found.is_empty())?;
    Some(literal(&value))
}

/// Returns the elements that a command puts into an array, as they are written.
pub(super) fn lists_of<'c>(command: &'c Command, name: &'c str) -> impl Iterator<Item = &'c str> {
    let assigned = command.assignments.iter().filter(move |a| a.name == name);
    let declared = command.words.iter().skip(1).filter_map(move |word| {
        let rest = word.raw.strip_prefix(name)?;
        rest.strip_prefix('=').or_else(|| rest.strip_prefix("+="))
    });
    let lists = assigned.map(|assignment| assignment.value.raw.as_str()).chain(declared);
    lists.filter_map(|raw| raw.strip_prefix('(')?.strip_suffix(')'))
}

fn changed(value: &str, operator: &str) -> Option<String> {
    let mut letters = value.chars();
    Some(match operator {
        ",," => value.to_lowercase(),
        "^^" => value.to_uppercase(),
        "^" => {
            letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default()
                + letters.as_str()
        }
        "," => {
            letters.next().map(|c| c.to_lowercase().collect::<String>()).unwrap_or_default()
                + letters.as_str()
        }
        "##*/" => value.rsplit('/').next()?.to_owned(),
        "%/*" => value.rsplit_once('/').map_or(value, |(folder, _)| folder).to_owned(),
        "%.*" => value.rsplit_once('.').map_or(value, |(stem, _)| stem).to_owned(),
        "##*." => value.rsplit('.').next()?.to_owned(),
        _ => return by_text(value, operator),
    })
}

fn by_text(value: &str, operator: &str) -> Option<String> {
    let plain = |pattern: &str| !pattern.contains(['*', '?', '[', '\\', '\'', '"']);
    if let Some(rest) = operator.strip_prefix("//") {
        let (from, to) = rest.split_once('/').unwrap_or((rest, ""));
        return (plain(from) && !from.is_empty()).then(|| value.replace(from, to));
    }
    if let Some(rest) = operator.strip_prefix('/') {
        let (from, to) = rest.split_once('/').unwrap_or((rest, ""));
        return (plain(from) && !from.starts_with(['#', '%'])).then(|| value.replacen(from, to, 1));
    }
    if let Some(suffix) = operator.strip_prefix("%%").or_else(|| operator.strip_prefix('%')) {
        return plain(suffix).then(|| value.strip_suffix(suffix).unwrap_or(value).to_owned());
    }
    if let Some(prefix) = operator.strip_prefix("##").or_else(|| operator.strip_prefix('#')) {
        return plain(prefix).then(|| value.strip_prefix(prefix).unwrap_or(value).to_owned());
    }
    let mut numbers =
        operator.strip_prefix(':')?.split(':').map(|number| number.trim().parse::<usize>().ok());
    let begin = numbers.next()??;
    let letters = value.chars().skip(begin);
    match numbers.next() {
        Some(length) => Some(letters.take(length?).collect()),
        None => Some(letters.collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn operators_change_values_as_bash_does() {
        for (value, operator, expected) in [
            ("SUDO", ",,", "sudo"),
            ("xrmx", ":1:2", "rm"),
            ("rZm", "/Z/", "rm"),
            ("a.b.c", "%.*", "a.b"),
            ("a/b/c", "##*/", "c"),
            ("aXbX", "//X/-", "a-b-"),
            ("main.rs", "%.rs", "main"),
            ("abc", "^", "Abc"),
            ("v1", "#v", "1"),
        ] {
            assert_eq!(changed(value, operator).as_deref(), Some(expected), "{value}{operator}");
        }
        assert_eq!(changed("abc", "%[a-z]"), None);
    }
}
