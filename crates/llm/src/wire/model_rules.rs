//! What single models refuse of what their dialect can say, by their names.
//!
//! A client that knows another vendor's models sends a temperature or a fixed budget for thinking
//! as a matter of course; the newest models answer that with a 400 (vendors' documents, 2026-11). Only
//! requests that are translated come here: one that is passed through stays as its sender wrote it.

use std::borrow::Cow;

use distiq_base::{Dialect, Effort, Request, ThinkingMode, ToolChoice};

use super::notes::{Fate, Note};
use super::shared;

/// Something that a model does not take.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    NoTemperature,
    /// Claude's scale ends at 1, others' at 2.
    MostTemperature,
    NoTopP,
    NoStop,
    NoField(&'static str),
    FreeChoice,
    Think(Option<ThinkingMode>),
    Effort(Option<Effort>),
}

const NOT_TAKEN: Fate = Fate::Dropped("this model takes none");

/// Returns the request as its model takes it.
pub fn fit(request: &Request, target: Dialect) -> Cow<'_, Request> {
    let changes = changes(request, target);
    if changes.is_empty() {
        return Cow::Borrowed(request);
    }
    let mut fitted = request.clone();
    for change in changes {
        change.apply(&mut fitted, target);
    }
    Cow::Owned(fitted)
}

/// Returns what [`fit`] changes.
pub(super) fn notes(request: &Request, target: Dialect) -> Vec<Note> {
    changes(request, target).iter().map(|change| change.note(request)).collect()
}

fn changes(request: &Request, target: Dialect) -> Vec<Change> {
    match target {
        Dialect::Anthropic => match Claude::parse(&request.model) {
            Some(claude) => claude.changes(request),
            None => Vec::new(),
        },
        Dialect::Openai | Dialect::Responses => match Gpt::parse(&request.model) {
            Some(gpt) => gpt.changes(request, target),
            None => Vec::new(),
        },
        Dialect::Gemini | Dialect::Ollama => Vec::new(),
    }
}

impl Change {
    fn apply(self, request: &mut Request, target: Dialect) {
        match self {
            Change::NoTemperature => request.temperature = None,
            Change::MostTemperature => request.temperature = Some(1.0),
            Change::NoTopP => request.top_p = None,
            Change::NoStop => request.stop.clear(),
            Change::NoField(name) => {
                if let Some((from, extra)) = &mut request.extra {
                    shared::take(*from, extra, target, name);
                }
            }
            Change::FreeChoice => request.tool_choice = Some(ToolChoice::Auto),
            Change::Think(mode) => request.thinking = mode,
            Change::Effort(effort) => request.effort = effort,
        }
    }

    fn note(&self, request: &Request) -> Note {
        let (what, fate) = match self {
            Change::NoTemperature => ("temperature", NOT_TAKEN),
            Change::MostTemperature => ("temperature", Fate::Emulated("as 1, the most there is")),
            Change::NoTopP => ("top_p", NOT_TAKEN),
            Change::NoStop => ("stop", NOT_TAKEN),
            Change::NoField(name) => (*name, NOT_TAKEN),
            Change::FreeChoice => {
                let named = matches!(request.tool_choice, Some(ToolChoice::Tool(_)));
                let what = if named { "tool_choice:tool" } else { "tool_choice:any" };
                (what, Fate::Dropped("this model calls as it likes"))
            }
            Change::Think(Some(_)) => ("thinking_mode", Fate::Emulated("as the model sees fit")),
            Change::Think(None) => ("thinking_mode", NOT_TAKEN),
            Change::Effort(Some(_)) => ("effort", Fate::Emulated("as the nearest there is")),
            Change::Effort(None) => ("effort", NOT_TAKEN),
        };
        Note { what: what.to_owned(), fate }
    }
}

fn has_field(request: &Request, target: Dialect, name: &str) -> bool {
    let extra = request.extra.as_ref();
    extra.is_some_and(|(from, extra)| shared::has(*from, extra, target, name))
}

/// A Claude model by its name, such as `claude-opus-5-5` or `claude-3-7-sonnet-20250219`.
struct Claude<'a> {
    line: &'a str,
    version: (u32, u32),
}

impl<'a> Claude<'a> {
    fn parse(model: &'a str) -> Option<Self> {
        let mut parts = model.strip_prefix("claude-")?.split('-').peekable();
        let line = parts.next_if(|part| part.parse::<u32>().is_err()).unwrap_or_default();
        let major = parts.next()?.parse().ok()?;
        // A date such as 20250929 stands where a minor version could.
        let minor = parts.next().and_then(|part| part.parse().ok()).filter(|minor| *minor < 100);
        Some(Self { line, version: (major, minor.unwrap_or_default()) })
    }

    fn changes(&self, request: &Request) -> Vec<Change> {
        let mut out = Vec::new();
        let thinking = self.thinking(request);
        if thinking != request.thinking {
            out.push(Change::Think(thinking.clone()));
        }
        let effort = self.effort(request.effort);
        if effort != request.effort {
            out.push(Change::Effort(effort));
        }
        let thinks = matches!(thinking, Some(ThinkingMode::Adaptive | ThinkingMode::Budget(_)));
        self.sampling(request, thinks, &mut out);
        let forced =
            matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Tool(_)));
        if forced && !request.tools.is_empty() && (thinks || !self.can_be_forced()) {
            out.push(Change::FreeChoice);
        }
        out
    }

    fn thinking(&self, request: &Request) -> Option<ThinkingMode> {
        let asked = request.thinking.clone()?;
        match asked {
            ThinkingMode::Budget(_) if self.version >= (4, 7) => Some(ThinkingMode::Adaptive),
            ThinkingMode::Adaptive if self.version < (4, 6) => None,
            ThinkingMode::Disabled if !self.can_be_quiet() => None,
            _ => Some(asked),
        }
    }

    fn effort(&self, asked: Option<Effort>) -> Option<Effort> {
        let asked = asked?;
        match (self.line, self.version) {
            (_, version) if version >= (4, 7) => Some(asked),
            (_, (4, 6)) if asked == Effort::Xhigh => Some(Effort::High),
            (_, (4, 6)) => Some(asked),
            ("opus", (4, 5)) => Some(asked.min(Effort::High)),
            _ => None,
        }
    }

    fn sampling(&self, request: &Request, thinks: bool, out: &mut Vec<Change>) {
        let none = self.version >= (4, 7);
        match request.temperature {
            Some(temperature) if none || (thinks && temperature != 1.0) => {
                out.push(Change::NoTemperature);
            }
            Some(temperature) if temperature > 1.0 => out.push(Change::MostTemperature),
            _ => {}
        }
        // From 4.1 on one of the two is refused beside the other.
        let beside = request.temperature.is_some() && self.version >= (4, 1);
        if request.top_p.is_some_and(|top_p| none || beside || (thinks && top_p < 0.95)) {
            out.push(Change::NoTopP);
        }
        if (none || thinks) && has_field(request, Dialect::Anthropic, "top_k") {
            out.push(Change::NoField("top_k"));
        }
    }

    fn can_be_forced(&self) -> bool {
        match self.line {
            "opus" | "sonnet" => self.version < (5, 5),
            "fable" | "mythos" => self.version < (5, 1),
            _ => true,
        }
    }

    fn can_be_quiet(&self) -> bool {
        match self.line {
            "opus" | "sonnet" => self.version < (5, 5),
            "fable" | "mythos" => false,
            _ => true,
        }
    }
}

/// A model of OpenAI that reasons: GPT-5 and later, or of the o-series.
struct Gpt<'a> {
    model: &'a str,
    /// `None` for the o-series.
    version: Option<(u32, u32)>,
}

impl<'a> Gpt<'a> {
    fn parse(model: &'a str) -> Option<Self> {
        if let Some(rest) = model.strip_prefix('o') {
            let is_o = rest.starts_with(|c: char| c.is_ascii_digit());
            return is_o.then_some(Self { model, version: None });
        }
        let version = model.strip_prefix("gpt-")?.split('-').next()?;
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        let version = (major.parse().ok()?, minor.parse().ok()?);
        (version >= (5, 0)).then_some(Self { model, version: Some(version) })
    }

    fn changes(&self, request: &Request, target: Dialect) -> Vec<Change> {
        let mut out = Vec::new();
        let effort = request.effort.map(|asked| asked.max(self.least_effort()));
        if effort != request.effort {
            out.push(Change::Effort(effort));
        }
        if self.version.is_none() && !request.stop.is_empty() && target == Dialect::Openai {
            out.push(Change::NoStop);
        }
        // It samples as it is told only where it is told not to reason.
        if effort == Some(Effort::None) {
            return out;
        }
        if request.temperature.is_some() {
            out.push(Change::NoTemperature);
        }
        if request.top_p.is_some() {
            out.push(Change::NoTopP);
        }
        let fields =
            ["presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"];
        let set = fields.into_iter().filter(|name| has_field(request, target, name));
        out.extend(set.map(Change::NoField));
        out
    }

    fn least_effort(&self) -> Effort {
        match self.version {
            None => Effort::Low,
            Some((5, 0)) => Effort::Minimal,
            Some(version) if version >= (6, 2) || self.model.starts_with("gpt-6.1-sol") => {
                Effort::Low
            }
            Some(_) => Effort::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use distiq_base::ToolDef;
    use serde_json::{Value, json};

    use super::*;

    fn asked(model: &str, extra: Value) -> Request {
        Request {
            model: model.into(),
            temperature: Some(1.0),
            top_p: Some(0.95),
            extra: extra.as_object().map(|fields| (Dialect::Gemini, fields.clone())),
            ..Request::default()
        }
    }

    fn changed(request: &Request, target: Dialect) -> Vec<String> {
        notes(request, target).into_iter().map(|note| note.what).collect()
    }

    #[test]
    fn a_temperature_goes_only_where_it_is_taken() {
        let check = |model: &str, target: Dialect, expected: &[&str]| {
            let config = json!({"generationConfig": {"topK": 64, "presencePenalty": 0.5}});
            let request = asked(model, config);
            assert_eq!(changed(&request, target), expected, "{model}");
            let fitted = fit(&request, target);
            assert_eq!(changed(&fitted, target), [""; 0], "{model}: it is fit now");
        };
        let all = &["temperature", "top_p", "top_k"];
        check("claude-opus-5-5", Dialect::Anthropic, all);
        check("claude-opus-4-7", Dialect::Anthropic, all);
        check("claude-haiku-4-5-20251001", Dialect::Anthropic, &["top_p"]);
        check("claude-3-5-sonnet-20241022", Dialect::Anthropic, &[]);
        check("a-claude-of-mine", Dialect::Anthropic, &[]);
        check("claude-opus-5-5", Dialect::Openai, &[]);
        check("gpt-6-luna", Dialect::Openai, &["temperature", "top_p", "presence_penalty"]);
        check("gpt-6-luna", Dialect::Responses, &["temperature", "top_p"]);
        check("o3", Dialect::Responses, &["temperature", "top_p"]);
        check("gpt-4.1", Dialect::Openai, &[]);
        check("gpt-oss-120b", Dialect::Openai, &[]);
        check("gpt-4o", Dialect::Openai, &[]);
        check("openai/gpt-6-luna", Dialect::Openai, &[]);
        check("gemini-3.8-flash", Dialect::Gemini, &[]);
    }

    #[test]
    fn a_model_that_is_told_not_to_reason_samples() {
        let mut request = asked("gpt-6-luna", Value::Null);
        request.effort = Some(Effort::None);
        assert!(matches!(fit(&request, Dialect::Openai), Cow::Borrowed(_)));
        request.model = "gpt-6.2-sol".into();
        assert_eq!(changed(&request, Dialect::Openai), ["effort", "temperature", "top_p"]);
        assert_eq!(fit(&request, Dialect::Openai).effort, Some(Effort::Low));
    }

    #[test]
    fn thinking_goes_as_the_model_knows_it() {
        let check =
            |model: &str, thinking, effort, expected: (Option<ThinkingMode>, Option<Effort>)| {
                let request = Request {
                    model: model.into(),
                    thinking: Some(thinking),
                    effort: Some(effort),
                    ..Request::default()
                };
                let fitted = fit(&request, Dialect::Anthropic);
                assert_eq!((fitted.thinking.clone(), fitted.effort), expected, "{model}");
            };
        let adaptive = Some(ThinkingMode::Adaptive);
        let high = Some(Effort::High);
        check(
            "claude-opus-5-5",
            ThinkingMode::Budget(2000),
            Effort::High,
            (adaptive.clone(), high),
        );
        check("claude-opus-5-5", ThinkingMode::Disabled, Effort::High, (None, high));
        check("claude-opus-4-5", ThinkingMode::Adaptive, Effort::Max, (None, high));
        check("claude-sonnet-4-6", ThinkingMode::Adaptive, Effort::Xhigh, (adaptive, high));
        let budget = ThinkingMode::Budget(2000);
        check("claude-haiku-4-5", budget.clone(), Effort::High, (Some(budget), None));
    }

    #[test]
    fn a_call_is_forced_only_where_the_model_lets_itself_be_forced() {
        let tool = ToolDef {
            name: "weather".into(),
            description: String::new(),
            schema: json!({"type": "object"}),
            extra: serde_json::Map::new(),
        };
        let mut request = Request {
            model: "claude-sonnet-5-5".into(),
            tools: vec![tool],
            tool_choice: Some(ToolChoice::Tool("weather".into())),
            ..Request::default()
        };
        assert_eq!(changed(&request, Dialect::Anthropic), ["tool_choice:tool"]);
        assert_eq!(fit(&request, Dialect::Anthropic).tool_choice, Some(ToolChoice::Auto));
        request.model = "claude-haiku-5-5".into();
        assert_eq!(changed(&request, Dialect::Anthropic), [""; 0]);
        request.thinking = Some(ThinkingMode::Adaptive);
        assert_eq!(changed(&request, Dialect::Anthropic), ["tool_choice:tool"]);
    }
}
