//! `generationConfig`, both ways.

use distiq_base::{Dialect, Effort, OutputFormat, Request, ThinkingMode};
use serde_json::{Map, Value, json};

use crate::wire::gemini::schema;
use crate::wire::{Quirks, WireError};

/// Writes what the vocabulary holds of it.
pub(super) fn encode(request: &Request, quirks: &Quirks) -> Map<String, Value> {
    let mut config = Map::new();
    if let Some(tokens) = request.max_tokens {
        config.insert("maxOutputTokens".into(), tokens.into());
    }
    if let Some(temperature) = request.temperature {
        config.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = request.top_p {
        config.insert("topP".into(), top_p.into());
    }
    if !request.stop.is_empty() {
        config.insert("stopSequences".into(), request.stop.clone().into());
    }
    match &request.output {
        None => {}
        Some(OutputFormat::JsonObject) => {
            config.insert("responseMimeType".into(), "application/json".into());
        }
        Some(OutputFormat::JsonSchema { schema, .. }) => {
            config.insert("responseMimeType".into(), "application/json".into());
            if quirks.schema_subset {
                config.insert("responseSchema".into(), schema::reduce(schema));
            } else {
                config.insert("responseJsonSchema".into(), schema::plain(schema));
            }
        }
    }
    let thinking = encode_thinking(request);
    if !thinking.is_empty() {
        config.insert("thinkingConfig".into(), thinking.into());
    }
    config
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dial {
    /// Not at all.
    None,
    /// In tokens.
    Budget,
    /// By level; whether it knows `minimal`.
    Level { minimal: bool },
}

fn dial(model: &str) -> Dial {
    let name = model.rsplit('/').next().unwrap_or(model);
    if name.starts_with("gemini-2.5") {
        Dial::Budget
    } else if name.starts_with("gemini-1")
        || name.starts_with("gemini-2")
        || name.starts_with("gemma")
    {
        Dial::None
    } else {
        Dial::Level { minimal: name.contains("flash") }
    }
}

/// Tells whether a model demands its signature on the calls of its history.
pub(super) fn wants_signatures(model: &str) -> bool {
    matches!(dial(model), Dial::Level { .. })
}

fn encode_thinking(request: &Request) -> Map<String, Value> {
    let mut config = Map::new();
    let (effort, thinking) = (request.effort, request.thinking.as_ref());
    if effort.is_none() && thinking.is_none() {
        return config;
    }
    let off = thinking == Some(&ThinkingMode::Disabled) || effort == Some(Effort::None);
    match dial(&request.model) {
        Dial::None => return config,
        Dial::Budget => {
            let budget = match (thinking, effort) {
                _ if off => 0.into(),
                (Some(ThinkingMode::Budget(tokens)), _) => (*tokens).into(),
                (_, Some(effort)) => budget_of(effort).into(),
                _ => json!(-1),
            };
            config.insert("thinkingBudget".into(), budget);
        }
        Dial::Level { minimal } => {
            let least = if minimal { "minimal" } else { "low" };
            let level = match (thinking, effort) {
                _ if off => Some(least),
                (_, Some(Effort::Minimal | Effort::None)) => Some(least),
                (_, Some(Effort::Low)) => Some("low"),
                (_, Some(Effort::Medium)) => Some("medium"),
                (_, Some(Effort::High | Effort::Xhigh | Effort::Max)) => Some("high"),
                (Some(ThinkingMode::Budget(tokens)), None) => Some(level_of(*tokens)),
                (_, None) => None,
            };
            if let Some(level) = level {
                config.insert("thinkingLevel".into(), level.into());
            }
        }
    }
    // A client of this dialect says itself whether it wants to see thoughts.
    let native = matches!(request.extra, Some((Dialect::Gemini, _)));
    if !native && !off && thinking.is_some() {
        config.insert("includeThoughts".into(), true.into());
    }
    config
}

/// The vendor's own table for its OpenAI-compatible door.
const fn budget_of(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::Xhigh | Effort::Max => 24_576,
    }
}

const fn level_of(tokens: u64) -> &'static str {
    match tokens {
        0..=2048 => "low",
        2049..=12_288 => "medium",
        _ => "high",
    }
}

/// What a `generationConfig` says in the vocabulary.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub stop: Vec<String>,
    pub effort: Option<Effort>,
    pub thinking: Option<ThinkingMode>,
    pub output: Option<OutputFormat>,
}

/// Takes out of a `generationConfig` what the vocabulary holds.
pub(super) fn decode(config: &mut Map<String, Value>) -> Result<Settings, WireError> {
    config.retain(|_, value| !value.is_null());
    let mut settings = Settings {
        max_tokens: take(config, "maxOutputTokens", "a count", whole)?,
        temperature: take(config, "temperature", "a number", Value::as_f64)?,
        top_p: take(config, "topP", "a number", Value::as_f64)?,
        stop: take(config, "stopSequences", "an array of texts", texts)?.unwrap_or_default(),
        ..Settings::default()
    };
    settings.output = decode_output(config);
    if let Some(Value::Object(thinking)) = config.get_mut("thinkingConfig") {
        decode_thinking(thinking, &mut settings);
        if thinking.is_empty() {
            config.shift_remove("thinkingConfig");
        }
    }
    Ok(settings)
}

fn take<T>(
    config: &mut Map<String, Value>,
    key: &str,
    expected: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, WireError> {
    let Some(value) = config.shift_remove(key) else { return Ok(None) };
    let problem =
        || WireError::malformed(format!("generationConfig.{key}"), format!("expected {expected}"));
    read(&value).map(Some).ok_or_else(problem)
}

fn whole(value: &Value) -> Option<u64> {
    let whole = |n: f64| (n >= 0.0 && n.fract() == 0.0).then_some(n as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(whole))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn decode_output(config: &mut Map<String, Value>) -> Option<OutputFormat> {
    if config.get("responseMimeType")?.as_str()? != "application/json" {
        return None;
    }
    config.shift_remove("responseMimeType");
    let schema = config
        .shift_remove("responseJsonSchema")
        .or_else(|| config.shift_remove("responseSchema").map(|schema| schema::expand(&schema)));
    Some(match schema {
        Some(schema) => {
            OutputFormat::JsonSchema { name: "output".to_owned(), schema, strict: None }
        }
        None => OutputFormat::JsonObject,
    })
}

fn decode_thinking(config: &mut Map<String, Value>, settings: &mut Settings) {
    if let Some(budget) = config.get("thinkingBudget").and_then(Value::as_f64) {
        settings.thinking = Some(match budget {
            0.0 => ThinkingMode::Disabled,
            tokens if tokens > 0.0 => ThinkingMode::Budget(tokens as u64),
            _ => ThinkingMode::Adaptive,
        });
        config.shift_remove("thinkingBudget");
    }
    let level = config.get("thinkingLevel").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let effort = match level.as_deref() {
        Some("minimal") => Effort::Minimal,
        Some("low") => Effort::Low,
        Some("medium") => Effort::Medium,
        Some("high") => Effort::High,
        Some("xhigh") => Effort::Xhigh,
        _ => {
            let shown = config.get("includeThoughts") == Some(&Value::Bool(true));
            if shown && settings.thinking.is_none() {
                settings.thinking = Some(ThinkingMode::Adaptive);
            }
            return;
        }
    };
    settings.effort = Some(effort);
    config.shift_remove("thinkingLevel");
    if config.get("includeThoughts") == Some(&Value::Bool(true)) && settings.thinking.is_none() {
        settings.thinking = Some(ThinkingMode::Adaptive);
    }
}
