//! `options`, `format` and `think`, both ways.

use distiq_base::{Effort, OutputFormat, Request, ThinkingMode};
use serde_json::{Map, Value, json};

use crate::wire::{Quirks, WireError};

/// Writes what the vocabulary holds of the controls.
pub(super) fn encode(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>) {
    match &request.output {
        None => {}
        Some(OutputFormat::JsonObject) => {
            body.insert("format".into(), "json".into());
        }
        Some(OutputFormat::JsonSchema { schema, .. }) => {
            body.insert("format".into(), schema.clone());
        }
    }
    if let (true, Some(think)) = (quirks.think, encode_think(request)) {
        body.insert("think".into(), think);
    }
    let mut options = Map::new();
    if let Some(tokens) = quirks.num_ctx {
        options.insert("num_ctx".into(), tokens.into());
    }
    if let Some(tokens) = request.max_tokens {
        options.insert("num_predict".into(), tokens.into());
    }
    if let Some(temperature) = request.temperature {
        options.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = request.top_p {
        options.insert("top_p".into(), top_p.into());
    }
    if !request.stop.is_empty() {
        options.insert("stop".into(), request.stop.clone().into());
    }
    if !options.is_empty() {
        body.insert("options".into(), options.into());
    }
}

fn encode_think(request: &Request) -> Option<Value> {
    let off = request.thinking == Some(ThinkingMode::Disabled);
    Some(match request.effort {
        _ if off => false.into(),
        Some(Effort::None) => false.into(),
        Some(Effort::Minimal | Effort::Low) => "low".into(),
        Some(Effort::Medium) => "medium".into(),
        Some(Effort::High | Effort::Xhigh) => "high".into(),
        Some(Effort::Max) => "max".into(),
        None => {
            request.thinking.as_ref()?;
            true.into()
        }
    })
}

/// Takes out of a body's fields what the vocabulary holds, into `request`.
pub(super) fn decode(
    fields: &mut Map<String, Value>,
    request: &mut Request,
) -> Result<(), WireError> {
    request.output = match fields.get("format") {
        Some(Value::String(name)) if name == "json" => Some(OutputFormat::JsonObject),
        Some(schema @ Value::Object(_)) => Some(OutputFormat::JsonSchema {
            name: "output".to_owned(),
            schema: schema.clone(),
            strict: None,
        }),
        _ => None,
    };
    if request.output.is_some() || fields.get("format") == Some(&json!("")) {
        fields.shift_remove("format");
    }
    decode_think(fields, request);
    let Some(options) = fields.get_mut("options") else { return Ok(()) };
    let options = options
        .as_object_mut()
        .ok_or_else(|| WireError::malformed("options", "expected an object"))?;
    options.retain(|_, value| !value.is_null());
    decode_options(options, request)?;
    if options.is_empty() {
        fields.shift_remove("options");
    }
    Ok(())
}

fn decode_options(
    options: &mut Map<String, Value>,
    request: &mut Request,
) -> Result<(), WireError> {
    let wrong = |key: &str, what: &str| {
        WireError::malformed(format!("options.{key}"), format!("expected {what}"))
    };
    // A negative number means no limit, and stays.
    if let Some(tokens) = options.get("num_predict").and_then(Value::as_u64) {
        request.max_tokens = Some(tokens);
        options.shift_remove("num_predict");
    }
    for (key, slot) in [("temperature", &mut request.temperature), ("top_p", &mut request.top_p)] {
        if let Some(value) = options.shift_remove(key) {
            *slot = Some(value.as_f64().ok_or_else(|| wrong(key, "a number"))?);
        }
    }
    match options.shift_remove("stop") {
        None => {}
        Some(Value::String(text)) => request.stop = vec![text],
        Some(Value::Array(texts)) => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            request.stop = texts.collect::<Option<_>>().ok_or_else(|| wrong("stop", "texts"))?;
        }
        Some(_) => return Err(wrong("stop", "texts")),
    }
    Ok(())
}

fn decode_think(fields: &mut Map<String, Value>, request: &mut Request) {
    match fields.get("think") {
        Some(Value::Bool(true)) => request.thinking = Some(ThinkingMode::Adaptive),
        Some(Value::Bool(false)) => request.thinking = Some(ThinkingMode::Disabled),
        Some(Value::String(level)) => {
            request.effort = Some(match level.as_str() {
                "low" => Effort::Low,
                "medium" => Effort::Medium,
                "high" => Effort::High,
                "max" => Effort::Max,
                _ => return,
            });
        }
        _ => return,
    }
    fields.shift_remove("think");
}
