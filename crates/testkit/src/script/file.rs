//! Scripts as JSON files.

use distiq_base::{Content, StopReason, Usage};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, AtEnd, Count, Script, Step};
use crate::fault::Fault;

/// Why a script cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file is not a script.
    #[error("not a script: {0}")]
    Syntax(#[from] serde_json::Error),
    /// A step says nothing.
    #[error("step {step} of the script has neither words, calls, blocks nor a fault")]
    EmptyStep {
        /// Counts from 0.
        step: usize,
    },
    /// More requests came than it has steps.
    #[error("the script is over: it has {steps} steps and another request came")]
    Over {
        /// How many it has.
        steps: usize,
    },
    /// A tool result is not what a step expects.
    #[error("the script expected {expected:?} in the newest tool result, and found: {found}")]
    Unexpected {
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// No tool result has the piece that arguments are made from.
    #[error("the script found no {place} in the newest tool results: {found}")]
    NoPiece {
        /// What was looked for.
        place: String,
        /// What is there.
        found: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    order: Order,
    #[serde(default)]
    at_end: End,
    #[serde(default)]
    models: Vec<String>,
    steps: Vec<Line>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Sequence,
    Turn,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    #[default]
    Refuse,
    Repeat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    thinking: Option<String>,
    signature: Option<String>,
    text: Option<String>,
    #[serde(default)]
    calls: Vec<Call>,
    #[serde(default)]
    blocks: Vec<Content>,
    stop: Option<StopReason>,
    /// `null` is a missing count; left out, the vendor's rules count.
    #[serde(default, deserialize_with = "present")]
    usage: Option<Option<Usage>>,
    #[serde(default)]
    pace_ms: u64,
    #[serde(default)]
    expect: Vec<String>,
    fault: Option<Fault>,
    #[serde(default)]
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    id: String,
    /// JSON; a string is taken as the arguments' text, valid or not.
    input: Value,
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<Usage>>, D::Error> {
    Option::<Usage>::deserialize(from).map(Some)
}

impl Script {
    /// Reads a script file.
    ///
    /// ```
    /// use distiq_testkit::Script;
    ///
    /// let script = Script::from_json(r#"{
    ///     "order": "turn",
    ///     "steps": [
    ///         {"text": "Looking.", "calls": [{"name": "search", "input": {"text": "add("}}]},
    ///         {"calls": [{"name": "read", "input":
    ///             {"path": {"$result": {"after": "in ", "until": ":"}}}}]},
    ///         {"faults": [{"kind": "rate_limited", "retry_after": {"seconds": 1}}],
    ///          "expect": ["fn add"], "thinking": "Clear now.", "signature": "c2ln", "text": "Done."}
    ///     ]
    /// }"#).unwrap();
    /// assert_eq!(script.models, ["scripted-1"]);
    /// ```
    ///
    /// # Errors
    /// [`ScriptError::Syntax`] with the place, or [`ScriptError::EmptyStep`].
    pub fn from_json(text: &str) -> Result<Script, ScriptError> {
        let file: File = serde_json::from_str(text)?;
        let mut steps = Vec::with_capacity(file.steps.len());
        for (number, line) in file.steps.into_iter().enumerate() {
            steps.push(line.into_step().ok_or(ScriptError::EmptyStep { step: number })?);
        }
        let mut script = match file.order {
            Order::Sequence => Script::steps(steps),
            Order::Turn => Script::by_turn(steps),
        };
        script.at_end = match file.at_end {
            End::Refuse => AtEnd::Refuse,
            End::Repeat => AtEnd::Repeat,
        };
        if !file.models.is_empty() {
            script.models = file.models;
        }
        Ok(script)
    }
}

impl Line {
    fn into_step(self) -> Option<Step> {
        let mut content = self.blocks;
        if self.thinking.is_some() || self.signature.is_some() {
            let text = self.thinking.unwrap_or_default();
            content.push(Content::Thinking { text, signature: self.signature });
        }
        content.extend(self.text.map(Content::text));
        content.extend(self.calls.into_iter().map(|call| Content::ToolCall {
            id: call.id,
            name: call.name,
            arguments: match call.input {
                Value::String(text) => text,
                input => input.to_string(),
            },
        }));
        let answer = Answer {
            content,
            stop: self.stop,
            count: match self.usage {
                None => Count::Counted,
                Some(None) => Count::Missing,
                Some(Some(usage)) => Count::Exactly(usage),
            },
            pace_ms: self.pace_ms,
            expects: self.expect,
        };
        let says = !answer.content.is_empty() || answer.stop.is_some();
        match (self.fault, self.faults.is_empty(), says) {
            (None, true, true) => Some(Step::Answer(answer)),
            (Some(fault), true, false) => Some(Step::Fault(fault)),
            (fault, false, true) | (fault @ Some(_), true, true) => {
                let faults = fault.into_iter().chain(self.faults).collect();
                Some(Step::Faulty { faults, answer })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use distiq_base::{Message, Request};
    use serde_json::json;

    use super::*;
    use crate::script::Play;

    fn play(script: &mut Script, request: &Request) -> Play {
        script.play(request).unwrap()
    }

    #[test]
    fn a_file_says_what_code_says() {
        let mut script = Script::from_json(
            r#"{"at_end": "repeat", "models": ["m"], "steps": [
                {"thinking": "t", "signature": "s", "text": "a", "calls": [
                    {"name": "x", "input": {"n": 1}}, {"name": "y", "id": "call_9", "input": "{bad"}]},
                {"fault": {"kind": "gzip"}},
                {"faults": [{"kind": "reset"}], "text": "b", "usage": null, "stop": "max_tokens"}
            ]}"#,
        )
        .unwrap();
        let request = Request { messages: vec![Message::user("go")], ..Request::default() };
        let first = Answer::text("a")
            .after_thinking("t", "s")
            .and_call("x", json!({"n": 1}))
            .and_raw_call("y", "{bad");
        let mut said = play(&mut script, &request).answer;
        if let Some(Content::ToolCall { id, .. }) = said.content.last_mut() {
            assert_eq!(std::mem::take(id), "call_9");
        }
        assert_eq!(said, first);
        assert_eq!(play(&mut script, &request).fault, Some(Fault::Gzip));
        assert_eq!(play(&mut script, &request).fault, Some(Fault::Reset));
        let last = Answer::text("b").counting(Count::Missing).stopping(StopReason::MaxTokens);
        for _ in 0..3 {
            assert_eq!(play(&mut script, &request), Play { answer: last.clone(), fault: None });
        }
    }

    #[test]
    fn turns_are_told_by_the_history_and_the_end_refuses() {
        let text =
            r#"{"order": "turn", "steps": [{"text": "0"}, {"text": "1", "expect": ["ok"]}]}"#;
        let mut script = Script::from_json(text).unwrap();
        let mut request = Request { messages: vec![Message::user("go")], ..Request::default() };
        for _ in 0..2 {
            assert_eq!(play(&mut script, &request).answer, Answer::text("0"));
        }
        request.messages.push(Answer::call("x", json!({})).into_message());
        let result = |text: &str| Message {
            role: distiq_base::Role::User,
            content: vec![Content::tool_result("", text, false)],
        };
        request.messages.push(result("not yet"));
        assert!(matches!(script.play(&request), Err(ScriptError::Unexpected { .. })));
        request.messages.pop();
        request.messages.push(result("all ok"));
        assert_eq!(play(&mut script, &request).answer.content, [Content::text("1")]);
        request.messages.push(Message::assistant("1"));
        assert!(matches!(script.play(&request), Err(ScriptError::Over { steps: 2 })));
    }

    #[test]
    fn what_is_no_script_is_refused() {
        for (text, said) in [
            (r#"{"steps": [{}]}"#, "step 0 of the script has neither"),
            (r#"{"steps": [{"txt": "a"}]}"#, "unknown field `txt`"),
            (r#"{"steps": [{"fault": {"kind": "flood"}}]}"#, "unknown variant `flood`"),
            (r#"{"step": []}"#, "unknown field `step`"),
            ("", "EOF"),
        ] {
            let error = Script::from_json(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
