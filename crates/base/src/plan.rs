//! A plan: what is to be changed, where and why, before anything is.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest plan that is read.
pub const MAX_PLAN_BYTES: usize = 64 << 10;
/// Most changes of a plan.
const MAX_CHANGES: usize = 100;

/// A plan, as a model or the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is done, in a sentence or two.
    pub summary: String,
    /// Files to look at or to change.
    #[serde(default)]
    pub files: Vec<String>,
    /// The changes, in the order in which they are made.
    pub changes: Vec<PlannedChange>,
    /// Tests that are run or written.
    #[serde(default)]
    pub tests: Vec<String>,
    /// How hard it is.
    #[serde(default)]
    pub complexity: Complexity,
}

/// One change of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Where.
    pub file: String,
    /// What.
    pub what: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// How hard a plan is to carry out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// One small step.
    Simple,
    /// A bounded task.
    #[default]
    Medium,
    /// A change across many places.
    Complex,
}

impl Plan {
    /// Reads a plan out of a text: the JSON object in it, whatever stands around.
    ///
    /// # Errors
    /// What is unclear about it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PLAN_BYTES {
            return Err(format!("it is longer than {MAX_PLAN_BYTES} bytes"));
        }
        let object = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
        let object = object.ok_or("it is no JSON object")?;
        let mut plan: Plan =
            serde_json::from_str(object).map_err(|error| format!("it is no plan ({error})"))?;
        if plan.summary.trim().is_empty() {
            return Err("it has no summary".to_owned());
        }
        if plan.changes.is_empty() {
            return Err("it has no changes".to_owned());
        }
        if plan.changes.len() > MAX_CHANGES {
            return Err(format!("it has more than {MAX_CHANGES} changes"));
        }
        if plan.changes.iter().any(|change| change.what.trim().is_empty()) {
            return Err("a change does not say what is to be done".to_owned());
        }
        for change in &plan.changes {
            let file = &change.file;
            if !file.trim().is_empty() && !plan.files.contains(file) {
                plan.files.push(file.clone());
            }
        }
        Ok(plan)
    }

    /// Returns the JSON schema of a plan, for vendors that hold a model to it.
    pub fn schema() -> Value {
        let text = |about: &str| json!({"type": "string", "description": about});
        let texts = |about: &str| json!({"type": "array", "items": {"type": "string"}, "description": about});
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "summary": text("What is done, in a sentence or two"),
                "files": texts("Files to look at or to change"),
                "changes": {
                    "type": "array",
                    "description": "The changes, in order",
                    "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "file": text("Where"),
                            "what": text("What"),
                            "reason": text("Why"),
                        },
                        "required": ["file", "what", "reason"],
                    },
                },
                "tests": texts("Tests to run or to write"),
                "complexity": {
                    "type": "string",
                    "enum": ["simple", "medium", "complex"],
                    "description": "How hard it is to carry out",
                },
            },
            "required": ["summary", "files", "changes", "tests", "complexity"],
        })
    }

    /// Returns the plan in lines.
    pub fn to_text(&self) -> String {
        let mut text = self.summary.trim().to_owned();
        for (number, change) in (1..).zip(&self.changes) {
            let _ = write!(text, "\n{number}. {}", change.file.trim());
            let _ = write!(text, ": {}", change.what.trim());
            if !change.reason.trim().is_empty() {
                let _ = write!(text, " ({})", change.reason.trim());
            }
        }
        let named: Vec<&str> = self.changes.iter().map(|change| change.file.as_str()).collect();
        let others: Vec<&str> =
            self.files.iter().map(String::as_str).filter(|file| !named.contains(file)).collect();
        if !others.is_empty() {
            let _ = write!(text, "\nLook at: {}", others.join(", "));
        }
        if !self.tests.is_empty() {
            let _ = write!(text, "\nTests: {}", self.tests.join("; "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"summary": "Mend it", "changes": [{"file": "a.py", "what": "add one"}]}"#;

    #[test]
    fn a_plan_is_found_in_prose_and_says_what_is_unclear() {
        let plan = Plan::parse(&format!("Here it is:\n```json\n{GOOD}\n```\nGood?")).unwrap();
        assert_eq!(
            (plan.files.as_slice(), plan.complexity),
            (&["a.py".to_owned()][..], Complexity::Medium)
        );
        assert_eq!(plan.to_text(), "Mend it\n1. a.py: add one");
        let again = Plan::parse(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(again, plan);
        for (text, why) in [
            ("First I would look at the code.", "no JSON object"),
            ("{\"summary\": \"Mend it", "no JSON object"),
            (r#"{"summary": "x"}"#, "no plan"),
            (r#"{"summary": " ", "changes": [{"file": "a", "what": "b"}]}"#, "no summary"),
            (r#"{"summary": "x", "changes": []}"#, "no changes"),
            (r#"{"summary": "x", "changes": [{"file": "a", "what": " "}]}"#, "what is to be done"),
            (r#"{"summary": 1, "changes": []}"#, "no plan"),
        ] {
            let error = Plan::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Plan::parse(&" ".repeat(MAX_PLAN_BYTES + 1)).unwrap_err().contains("longer"));
    }
}
