//! `[[permissions.rules]]`: what a user or a project wants allowed, asked about or denied.

use std::fmt;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Origin};

/// The key that the rules stand under.
pub const RULES_KEY: &str = "permissions.rules";

/// Most rules of one file.
pub const MAX_RULES: usize = 1_000;

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleVerdict {
    /// Without asking.
    Allow,
    /// Only when the user says so.
    Ask,
    /// Never.
    Deny,
}

impl RuleVerdict {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulePattern {
    /// The first words of a command; each may be one of several.
    Words(Vec<Vec<String>>),
    /// A pattern of paths, relative to the project's root.
    Paths(String),
}

impl fmt::Display for RulePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paths(pattern) => f.write_str(pattern),
            Self::Words(words) => {
                let words: Vec<String> = words.iter().map(|choices| choices.join("|")).collect();
                f.write_str(&words.join(" "))
            }
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The tool: `shell`, `git`, `read`, `search`, `find`, `edit` or `write`.
    pub tool: String,
    /// What it is about.
    pub pattern: RulePattern,
    /// What it says.
    pub verdict: RuleVerdict,
    /// Why, in the user's words.
    pub reason: Option<String>,
    /// Examples that it must be about.
    pub matches: Vec<String>,
    /// Examples that it must not be about.
    pub no_matches: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// The tools that rules are for.
const TOOLS: [&str; 7] = ["shell", "git", "read", "search", "find", "edit", "write"];

/// Reads the rules of a file; `origin` tells where a place of the text is.
pub(super) fn read(
    value: &DeValue<'_>,
    begin: Origin,
    origin: &dyn Fn(std::ops::Range<usize>) -> Origin,
) -> Result<Vec<Rule>, ConfigError> {
    let DeValue::Array(tables) = value else {
        return Err(wrong(RULES_KEY, begin, value.type_str(), "tables `[[permissions.rules]]`"));
    };
    if tables.len() > MAX_RULES {
        return Err(wrong(RULES_KEY, begin, "more of them", "at most 1000 rules"));
    }
    tables
        .iter()
        .map(|table| match table.get_ref() {
            DeValue::Table(fields) => rule(fields, origin(table.span()), origin),
            other => Err(wrong(
                RULES_KEY,
                begin.clone(),
                other.type_str(),
                "tables `[[permissions.rules]]`",
            )),
        })
        .collect()
}

fn rule(
    fields: &DeTable<'_>,
    begin: Origin,
    origin: &dyn Fn(std::ops::Range<usize>) -> Origin,
) -> Result<Rule, ConfigError> {
    let mut rule = Rule {
        tool: String::new(),
        pattern: RulePattern::Paths(String::new()),
        verdict: RuleVerdict::Ask,
        reason: None,
        matches: Vec::new(),
        no_matches: Vec::new(),
        origin: begin.clone(),
    };
    let mut given = Vec::new();
    for (name, value) in fields {
        let at = origin(name.span());
        let key = name.get_ref().as_ref();
        let full = format!("{RULES_KEY}.{key}");
        let expected = |expected: &str| wrong(&full, at.clone(), &shown(value.get_ref()), expected);
        match key {
            "tool" => {
                let tool = text(value.get_ref()).filter(|tool| TOOLS.contains(&tool.as_str()));
                rule.tool =
                    tool.ok_or_else(|| expected(&format!("one of {}", TOOLS.join(", "))))?;
            }
            "verdict" => {
                rule.verdict = match text(value.get_ref()).as_deref() {
                    Some("allow") => RuleVerdict::Allow,
                    Some("ask") => RuleVerdict::Ask,
                    Some("deny") => RuleVerdict::Deny,
                    _ => return Err(expected("`allow`, `ask` or `deny`")),
                };
            }
            "pattern" => {
                rule.pattern = pattern(value.get_ref()).ok_or_else(|| {
                    expected("words such as [\"git\", [\"status\", \"diff\"]], or a pattern of paths such as \"src/**\"")
                })?;
            }
            "reason" => {
                rule.reason = Some(text(value.get_ref()).ok_or_else(|| expected("a text"))?)
            }
            "match" => {
                rule.matches = texts(value.get_ref()).ok_or_else(|| expected("a list of texts"))?
            }
            "no_match" => {
                rule.no_matches =
                    texts(value.get_ref()).ok_or_else(|| expected("a list of texts"))?
            }
            _ => return Err(ConfigError::UnknownKey { origin: at, key: full, nearest: None }),
        }
        given.push(key.to_owned());
    }
    for needed in ["tool", "pattern", "verdict"] {
        if !given.iter().any(|name| name == needed) {
            return Err(wrong(
                RULES_KEY,
                begin,
                &format!("a rule without `{needed}`"),
                "`tool`, `pattern` and `verdict`",
            ));
        }
    }
    let by_words = matches!(rule.tool.as_str(), "shell" | "git");
    match (&rule.pattern, by_words) {
        (RulePattern::Words(_), true) | (RulePattern::Paths(_), false) => Ok(rule),
        (_, true) => Err(wrong(
            RULES_KEY,
            begin,
            "a pattern of paths",
            "words such as [\"git\", \"status\"] for this tool",
        )),
        (_, false) => Err(wrong(
            RULES_KEY,
            begin,
            "words",
            "a pattern of paths such as \"src/**\" for this tool",
        )),
    }
}

fn wrong(key: &str, origin: Origin, found: &str, expected: &str) -> ConfigError {
    ConfigError::WrongValue {
        origin,
        key: key.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

fn shown(value: &DeValue<'_>) -> String {
    text(value)
        .map_or_else(|| format!("a value of type {}", value.type_str()), |text| format!("`{text}`"))
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) if !text.is_empty() => Some(text.to_string()),
        _ => None,
    }
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::Array(values) => values.iter().map(|value| text(value.get_ref())).collect(),
        _ => None,
    }
}

fn pattern(value: &DeValue<'_>) -> Option<RulePattern> {
    let DeValue::Array(values) = value else { return text(value).map(RulePattern::Paths) };
    let words = values.iter().map(|value| match value.get_ref() {
        DeValue::Array(_) => texts(value.get_ref()).filter(|choices| !choices.is_empty()),
        one => text(one).map(|word| vec![word]),
    });
    words.collect::<Option<Vec<_>>>().filter(|words| !words.is_empty()).map(RulePattern::Words)
}
