//! Reads a call's arguments, and says exactly what is wrong with them.

use serde_json::{Map, Value};

use crate::outcome::Refusal;

/// The arguments of one call; each is taken out once, and what is left over is unknown.
pub(crate) struct Fields {
    tool: &'static str,
    map: Map<String, Value>,
    known: Vec<&'static str>,
}

/// A parameter: the name that the definition tells, and names that models use out of habit.
pub(crate) type Names = (&'static str, &'static [&'static str]);

impl Fields {
    /// Takes the arguments of `tool`; an object as JSON text is read too.
    pub(crate) fn new(tool: &'static str, input: &Value) -> Result<Self, Refusal> {
        let parsed;
        let value = match input {
            Value::String(text) => {
                parsed = serde_json::from_str(text).unwrap_or(Value::Null);
                &parsed
            }
            other => other,
        };
        match value {
            Value::Object(map) => Ok(Self { tool, map: map.clone(), known: Vec::new() }),
            _ => Err(Refusal::invalid(format!(
                "{tool}: the arguments must be a JSON object, got {}",
                kind_of(input)
            ))),
        }
    }

    fn take(&mut self, (name, aliases): Names) -> Option<Value> {
        self.known.push(name);
        let mut found = self.map.shift_remove(name).filter(|v| !v.is_null());
        for alias in aliases {
            let other = self.map.shift_remove(*alias).filter(|v| !v.is_null());
            found = found.or(other);
        }
        found
    }

    fn wrong(&self, name: &str, expected: &str, got: &Value) -> Refusal {
        Refusal::invalid(format!(
            "{}: `{name}` must be {expected}, got {}",
            self.tool,
            kind_of(got)
        ))
    }

    /// Takes a text that may be missing.
    pub(crate) fn text(&mut self, names: Names) -> Result<Option<String>, Refusal> {
        match self.take(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(names.0, "a string", &other)),
        }
    }

    /// Takes a text that may be missing, and may be a number.
    pub(crate) fn text_or_number(&mut self, names: Names) -> Result<Option<String>, Refusal> {
        match self.take(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(names.0, "a string", &other)),
        }
    }

    /// Takes a text that must be there.
    pub(crate) fn need_text(&mut self, names: Names) -> Result<String, Refusal> {
        self.text(names)?.ok_or_else(|| self.missing(names.0, "a string"))
    }

    /// Says that a parameter is missing.
    pub(crate) fn missing(&self, name: &str, expected: &str) -> Refusal {
        Refusal::invalid(format!("{}: `{name}` is missing; it must be {expected}", self.tool))
    }

    /// Takes a switch; `"true"` and `"false"` count.
    pub(crate) fn switch(&mut self, names: Names) -> Result<bool, Refusal> {
        match self.take(names) {
            None => Ok(false),
            Some(Value::Bool(on)) => Ok(on),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(other) => Err(self.wrong(names.0, "true or false", &other)),
        }
    }

    /// Takes a number from 0 up; digits in quotes count.
    pub(crate) fn number(&mut self, names: Names) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.take(names) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => {
                number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
            }
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(names.0, "a number from 0 up", &value))
    }

    /// Takes a list of texts; a single text counts as a list of one.
    pub(crate) fn texts(&mut self, names: Names) -> Result<Option<Vec<String>>, Refusal> {
        let value = match self.take(names) {
            None => return Ok(None),
            Some(Value::String(text)) => match serde_json::from_str(&text) {
                Ok(Value::Array(items)) => Value::Array(items),
                _ => return Ok(Some(vec![text])),
            },
            Some(other) => other,
        };
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        texts.map(Some).ok_or_else(|| self.wrong(names.0, "a list of strings", &value))
    }

    /// Takes whatever is there.
    pub(crate) fn any(&mut self, names: Names) -> Option<Value> {
        self.take(names)
    }

    /// Takes a list of objects; JSON text of one, or a single object, counts.
    pub(crate) fn objects(&mut self, names: Names) -> Result<Option<Vec<Value>>, Refusal> {
        let value = match self.take(names) {
            None => return Ok(None),
            Some(Value::String(text)) => {
                serde_json::from_str(&text).unwrap_or(Value::String(String::new()))
            }
            Some(other) => other,
        };
        match value {
            Value::Array(items) => Ok(Some(items)),
            Value::Object(_) => Ok(Some(vec![value])),
            other => Err(self.wrong(names.0, "a list of objects", &other)),
        }
    }

    /// Ends the reading: whatever is left is unknown.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => {
                let message = format!(
                    "{}: unknown parameter `{}`; it takes {}",
                    self.tool,
                    name.chars().take(60).collect::<String>(),
                    self.known.join(", ")
                );
                Err(Refusal { unknown_field: true, ..Refusal::invalid(message) })
            }
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_is_wrong_and_what_is_known() {
        let mut fields = Fields::new("read", &json!({"file_path": "a", "x": 1})).unwrap();
        assert_eq!(fields.need_text(("path", &["file_path"])).unwrap(), "a");
        assert!(!fields.switch(("numbers", &[])).unwrap());
        let refusal = fields.finish().unwrap_err();
        assert_eq!(refusal.message, "read: unknown parameter `x`; it takes path, numbers");

        let mut fields =
            Fields::new("read", &json!({"path": 3, "n": "12", "l": "[\"a\"]"})).unwrap();
        let refusal = fields.need_text(("path", &[])).unwrap_err();
        assert_eq!(refusal.message, "read: `path` must be a string, got a number");
        assert_eq!(fields.number(("n", &[])).unwrap(), Some(12));
        assert_eq!(fields.texts(("l", &[])).unwrap(), Some(vec!["a".to_owned()]));
        assert_eq!(
            fields.need_text(("q", &[])).unwrap_err().message,
            "read: `q` is missing; it must be a string"
        );
        assert!(Fields::new("read", &json!([1])).is_err());
        assert!(Fields::new("read", &json!("{\"path\": \"a\"}")).is_ok());
    }
}
