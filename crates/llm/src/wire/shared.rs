//! Fields that the vocabulary lacks and several dialects have, each in its own place.

use distiq_base::Dialect;
use serde_json::{Map, Value};

/// One field and where each dialect keeps it: a key, or a key within an object.
struct Row {
    anthropic: &'static [&'static str],
    openai: &'static [&'static str],
    responses: &'static [&'static str],
    gemini: &'static [&'static str],
    ollama: &'static [&'static str],
}

const ROWS: [Row; 9] = [
    Row {
        anthropic: &["top_k"],
        openai: &[],
        responses: &[],
        gemini: &["generationConfig", "topK"],
        ollama: &["options", "top_k"],
    },
    Row {
        anthropic: &[],
        openai: &["seed"],
        responses: &[],
        gemini: &["generationConfig", "seed"],
        ollama: &["options", "seed"],
    },
    Row {
        anthropic: &[],
        openai: &["presence_penalty"],
        responses: &[],
        gemini: &["generationConfig", "presencePenalty"],
        ollama: &["options", "presence_penalty"],
    },
    Row {
        anthropic: &[],
        openai: &["frequency_penalty"],
        responses: &[],
        gemini: &["generationConfig", "frequencyPenalty"],
        ollama: &["options", "frequency_penalty"],
    },
    Row {
        anthropic: &[],
        openai: &["verbosity"],
        responses: &["text", "verbosity"],
        gemini: &[],
        ollama: &[],
    },
    Row {
        anthropic: &[],
        openai: &["service_tier"],
        responses: &["service_tier"],
        gemini: &[],
        ollama: &[],
    },
    Row {
        anthropic: &[],
        openai: &["prompt_cache_options"],
        responses: &["prompt_cache_options"],
        gemini: &[],
        ollama: &[],
    },
    Row {
        anthropic: &[],
        openai: &["safety_identifier"],
        responses: &["safety_identifier"],
        gemini: &[],
        ollama: &[],
    },
    Row {
        anthropic: &["metadata", "user_id"],
        openai: &["user"],
        responses: &["user"],
        gemini: &[],
        ollama: &[],
    },
];

impl Row {
    const fn place(&self, dialect: Dialect) -> &'static [&'static str] {
        match dialect {
            Dialect::Anthropic => self.anthropic,
            Dialect::Openai => self.openai,
            Dialect::Responses => self.responses,
            Dialect::Gemini => self.gemini,
            Dialect::Ollama => self.ollama,
        }
    }
}

/// Puts the fields of a foreign request that `to` has too where it keeps them.
pub(crate) fn carry(
    (from, extra): (Dialect, &Map<String, Value>),
    to: Dialect,
    body: &mut Map<String, Value>,
) {
    for row in &ROWS {
        let found = match row.place(from) {
            [key] => extra.get(*key),
            [outer, key] => extra.get(*outer).and_then(|fields| fields.get(*key)),
            _ => None,
        };
        let Some(value) = found.filter(|value| !value.is_null()) else { continue };
        let fields = match row.place(to) {
            [_] => &mut *body,
            [outer, _] => {
                let inner = body.entry(*outer).or_insert_with(|| Value::Object(Map::new()));
                let Some(inner) = inner.as_object_mut() else { continue };
                inner
            }
            _ => continue,
        };
        if let Some(key) = row.place(to).last() {
            fields.entry(*key).or_insert_with(|| value.clone());
        }
    }
}

/// Tells whether a request that came in `from` sets a field, called as `to` calls it.
pub(crate) fn has(from: Dialect, extra: &Map<String, Value>, to: Dialect, name: &str) -> bool {
    let found = match origin(from, to, name) {
        Some([key]) => extra.get(*key),
        Some([outer, key]) => extra.get(*outer).and_then(|fields| fields.get(*key)),
        Some(_) => None,
        None => extra.get(name).filter(|_| from == to),
    };
    found.is_some_and(|value| !value.is_null())
}

/// Takes that field out.
pub(crate) fn take(from: Dialect, extra: &mut Map<String, Value>, to: Dialect, name: &str) {
    match origin(from, to, name) {
        Some([key]) => extra.shift_remove(*key),
        Some([outer, key]) => {
            let inner = extra.get_mut(*outer).and_then(Value::as_object_mut);
            inner.and_then(|inner| inner.shift_remove(*key))
        }
        Some(_) => None,
        None if from == to => extra.shift_remove(name),
        None => None,
    };
}

/// Returns where `from` keeps what `to` calls `name`; `None` where no row has it.
fn origin(from: Dialect, to: Dialect, name: &str) -> Option<&'static [&'static str]> {
    let row = ROWS.iter().find(|row| row.place(to).last() == Some(&name))?;
    Some(row.place(from))
}

/// Returns the fields of a foreign request that `to` does not have, as paths.
pub(crate) fn left_out(from: Dialect, extra: &Map<String, Value>, to: Dialect) -> Vec<String> {
    let carried =
        |path: &[&str]| ROWS.iter().any(|row| row.place(from) == path && !row.place(to).is_empty());
    let mut out = Vec::new();
    for (key, value) in extra.iter().filter(|(_, value)| !value.is_null()) {
        let nested = ROWS.iter().any(|row| matches!(row.place(from), [outer, _] if outer == key));
        match value {
            Value::Object(fields) if nested => {
                let rest = fields.keys().filter(|inner| !carried(&[key, inner]));
                out.extend(rest.map(|inner| format!("{key}.{inner}")));
            }
            _ if carried(&[key]) => {}
            _ => out.push(key.clone()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_both_have_is_carried_and_the_rest_is_named() {
        let extra =
            json!({"top_k": 5, "metadata": {"user_id": "u", "x": 1}, "service_tier": "auto"});
        let extra = extra.as_object().unwrap();
        let mut body = json!({"generationConfig": {"topP": 1}}).as_object().cloned().unwrap();
        carry((Dialect::Anthropic, extra), Dialect::Gemini, &mut body);
        assert_eq!(Value::Object(body), json!({"generationConfig": {"topP": 1, "topK": 5}}));
        let left = left_out(Dialect::Anthropic, extra, Dialect::Gemini);
        assert_eq!(left, ["metadata.user_id", "metadata.x", "service_tier"]);
        let mut body = Map::new();
        carry((Dialect::Anthropic, extra), Dialect::Openai, &mut body);
        assert_eq!(Value::Object(body), json!({"user": "u"}));
    }
}
