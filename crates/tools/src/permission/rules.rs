//! Rules of the settings: deny beats ask beats allow, and each covers exactly the part that it matches.
//!
//! A rule loosens a question, never a refusal of the built-in rules. Its examples are tested when it is loaded.

use distiq_base::config::{Origin, Rule, RulePattern, RuleVerdict};
use distiq_lang::shell::{self, Command, Word};
use globset::{GlobBuilder, GlobMatcher};

use super::{Part, Verdict};

/// The rules in force.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Ready>,
}

/// Why a rule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// An example says otherwise.
    #[error("The rule `{pattern}` in {origin} {}, as its {list} says: `{example}`", if *matches { "should not match" } else { "does not match" })]
    Example {
        /// Where the rule stands.
        origin: Origin,
        /// Its pattern.
        pattern: String,
        /// `match` or `no_match`.
        list: &'static str,
        /// The example.
        example: String,
        /// Whether it matches.
        matches: bool,
    },
    /// The pattern of paths is none.
    #[error("The rule `{pattern}` in {origin} is no pattern of paths")]
    Pattern {
        /// Where the rule stands.
        origin: Origin,
        /// Its pattern.
        pattern: String,
        /// Why.
        #[source]
        cause: globset::Error,
    },
}

#[derive(Debug)]
struct Ready {
    rule: Rule,
    paths: Option<GlobMatcher>,
}

impl Rules {
    /// Takes rules, and tests them with their examples.
    ///
    /// # Errors
    /// The first rule that is not as its examples say.
    pub fn new(rules: &[Rule]) -> Result<Self, RuleError> {
        let rules = rules.iter().map(|rule| ready(rule.clone())).collect::<Result<Vec<_>, _>>()?;
        rules.iter().try_for_each(Ready::test)?;
        Ok(Self { rules })
    }

    /// Returns the rules, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|ready| &ready.rule)
    }

    /// Applies what the rules say of a command to its part.
    pub(super) fn of_command(&self, command: &Command, part: Part) -> Part {
        self.apply(part, |ready| {
            let fits = ready.rule.tool == "shell" && ready.fits(&command.words);
            fits && !(command.partial && ready.rule.verdict == RuleVerdict::Allow)
        })
    }

    /// Applies what the rules say of the git tool to its part.
    pub(super) fn of_git(&self, part: Part) -> Part {
        let words: Vec<Word> = part.text.split(' ').map(super::values::literal).collect();
        self.apply(part, |ready| ready.rule.tool == "git" && ready.fits(&words))
    }

    /// Applies what the rules say of a path, relative to the root, to a tool's part.
    pub(super) fn of_path(&self, tool: &str, path: &str, part: Part) -> Part {
        self.apply(part, |ready| {
            ready.rule.tool == tool
                && ready.paths.as_ref().is_some_and(|paths| paths.is_match(path))
        })
    }

    fn apply(&self, mut part: Part, fits: impl Fn(&Ready) -> bool) -> Part {
        let Some(ready) =
            self.rules.iter().filter(|ready| fits(ready)).max_by_key(|ready| ready.rule.verdict)
        else {
            return part;
        };
        let (verdict, loosens) = match ready.rule.verdict {
            RuleVerdict::Allow => (Verdict::Allow, part.verdict == Verdict::Ask),
            RuleVerdict::Ask => (Verdict::Ask, false),
            RuleVerdict::Deny => (Verdict::Deny, false),
        };
        if loosens || verdict > part.verdict {
            part.verdict = verdict;
            part.reason = match &ready.rule.reason {
                Some(reason) => reason.clone(),
                None => format!("a rule says so: {}", ready.rule.origin),
            };
        }
        // No mode loosens what a rule asks about.
        part.outside |= verdict != Verdict::Allow;
        part
    }
}

fn ready(rule: Rule) -> Result<Ready, RuleError> {
    let paths = match &rule.pattern {
        RulePattern::Words(_) => None,
        RulePattern::Paths(pattern) => {
            let built = GlobBuilder::new(pattern).literal_separator(true).build();
            let glob = built.map_err(|cause| RuleError::Pattern {
                origin: rule.origin.clone(),
                pattern: pattern.clone(),
                cause,
            })?;
            Some(glob.compile_matcher())
        }
    };
    Ok(Ready { rule, paths })
}

impl Ready {
    /// Tells whether the first words of a command are the rule's; what is not literal fits nothing.
    fn fits(&self, words: &[Word]) -> bool {
        let RulePattern::Words(pattern) = &self.rule.pattern else { return false };
        // What a rule denies is denied by whatever path it is called.
        let tightens = self.rule.verdict != RuleVerdict::Allow;
        pattern.len() <= words.len()
            && pattern.iter().zip(words).enumerate().all(|(at, (choices, word))| {
                let name = word.text.rsplit('/').next().unwrap_or_default();
                let same = |choice: &String| {
                    *choice == word.text || (at == 0 && tightens && choice == name)
                };
                word.literal && choices.iter().any(same)
            })
    }

    fn matches(&self, example: &str) -> bool {
        match (&self.paths, self.rule.tool.as_str()) {
            (Some(paths), _) => paths.is_match(example),
            (None, "git") => {
                let words: Vec<Word> = example.split(' ').map(super::values::literal).collect();
                self.fits(&words)
            }
            (None, _) => shell::parse(example).is_ok_and(|script| {
                script.commands.iter().any(|command| self.fits(&command.words))
            }),
        }
    }

    fn test(&self) -> Result<(), RuleError> {
        let lists =
            [("match", &self.rule.matches, true), ("no_match", &self.rule.no_matches, false)];
        for (list, examples, expected) in lists {
            if let Some(example) = examples.iter().find(|example| self.matches(example) != expected)
            {
                return Err(RuleError::Example {
                    origin: self.rule.origin.clone(),
                    pattern: self.rule.pattern.to_string(),
                    list,
                    example: example.clone(),
                    matches: !expected,
                });
            }
        }
        Ok(())
    }
}
