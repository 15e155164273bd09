//! JSON Schema, and the OpenAPI subset that the dialect began with.

use serde_json::{Map, Value, json};

/// How often references may be followed within each other.
const MOST_DEPTH: usize = 24;
/// Most schemas that one is reduced to; references may multiply them.
const MOST_SCHEMAS: usize = 4_000;

/// Keywords of the subset that are copied.
const COPIED: [&str; 16] = [
    "title",
    "description",
    "default",
    "example",
    "pattern",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "required",
    "nullable",
    "propertyOrdering",
];

/// Formats that the subset knows.
const FORMATS: [&str; 7] = ["enum", "date-time", "float", "double", "int32", "int64", "byte"];

/// Returns a JSON Schema as the fields for it take it.
pub(super) fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) if fields.contains_key("$schema") => {
            let mut fields = fields.clone();
            fields.shift_remove("$schema");
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

/// Returns a JSON Schema in the subset; see the dialect's documentation for the rules.
pub(super) fn reduce(schema: &Value) -> Value {
    let mut reducer = Reducer { root: schema, left: MOST_SCHEMAS };
    reducer.reduce(schema, 0)
}

struct Reducer<'a> {
    root: &'a Value,
    left: usize,
}

impl Reducer<'_> {
    fn reduce(&mut self, schema: &Value, depth: usize) -> Value {
        let Some(fields) = schema.as_object() else { return json!({}) };
        if depth > MOST_DEPTH || self.left == 0 {
            return json!({ "type": "OBJECT" });
        }
        self.left -= 1;
        if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|path| self.root.pointer(path)).cloned();
            let mut reduced = target.map_or_else(|| json!({}), |t| self.reduce(&t, depth + 1));
            if let (Some(text), Some(out)) = (fields.get("description"), reduced.as_object_mut()) {
                out.insert("description".into(), text.clone());
            }
            return reduced;
        }
        let mut out = Map::new();
        for key in COPIED {
            if let Some(value) = fields.get(key) {
                out.insert(key.into(), value.clone());
            }
        }
        put_type(fields, &mut out);
        put_values(fields, &mut out);
        self.put_inner(fields, &mut out, depth);
        for part in fields.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            join(&mut out, self.reduce(part, depth + 1));
        }
        Value::Object(out)
    }

    fn put_inner(
        &mut self,
        fields: &Map<String, Value>,
        out: &mut Map<String, Value>,
        depth: usize,
    ) {
        if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
            let reduced: Map<String, Value> = properties
                .iter()
                .map(|(name, schema)| (name.clone(), self.reduce(schema, depth + 1)))
                .collect();
            out.insert("properties".into(), reduced.into());
        }
        if let Some(items) = fields.get("items") {
            out.insert("items".into(), self.reduce(items, depth + 1));
        } else if out.get("type") == Some(&json!("ARRAY")) {
            // An array without them is refused.
            out.insert("items".into(), json!({}));
        }
        let choices = fields.get("anyOf").or_else(|| fields.get("oneOf")).and_then(Value::as_array);
        if let Some(choices) = choices {
            let is_null = |choice: &Value| choice.get("type") == Some(&json!("null"));
            if choices.iter().any(is_null) {
                out.insert("nullable".into(), true.into());
            }
            let rest: Vec<Value> = choices
                .iter()
                .filter(|choice| !is_null(choice))
                .map(|choice| self.reduce(choice, depth + 1))
                .collect();
            match <[Value; 1]>::try_from(rest) {
                Ok([only]) => join(out, only),
                Err(rest) if rest.is_empty() => {}
                Err(rest) => {
                    out.insert("anyOf".into(), rest.into());
                }
            }
        }
    }
}

/// Adds what a joined schema says and the other does not.
fn join(out: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        match (out.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
            (Some(Value::Array(known)), Value::Array(more)) if key == "required" => {
                for name in more {
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
            }
            (None, value) => {
                out.insert(key, value);
            }
            _ => {}
        }
    }
}

fn put_type(fields: &Map<String, Value>, out: &mut Map<String, Value>) {
    let upper = |name: &str| Value::from(name.to_ascii_uppercase());
    match fields.get("type") {
        Some(Value::String(name)) => {
            out.insert("type".into(), upper(name));
        }
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            if names.contains(&"null") {
                out.insert("nullable".into(), true.into());
            }
            let rest: Vec<&str> = names.into_iter().filter(|name| *name != "null").collect();
            match rest.as_slice() {
                [] => {}
                [only] => {
                    out.insert("type".into(), upper(only));
                }
                several => {
                    let choices: Vec<Value> =
                        several.iter().map(|name| json!({ "type": upper(name) })).collect();
                    out.insert("anyOf".into(), choices.into());
                }
            }
        }
        _ if fields.contains_key("properties") => {
            out.insert("type".into(), "OBJECT".into());
        }
        _ => {}
    }
    if let Some(format) = fields.get("format").and_then(Value::as_str)
        && FORMATS.contains(&format)
    {
        out.insert("format".into(), format.into());
    }
}

/// Writes the values that are allowed; the subset knows texts alone.
fn put_values(fields: &Map<String, Value>, out: &mut Map<String, Value>) {
    let values = match (fields.get("enum"), fields.get("const")) {
        (Some(Value::Array(values)), _) => values.clone(),
        (_, Some(value)) => vec![value.clone()],
        _ => return,
    };
    let texts: Option<Vec<Value>> =
        values.iter().map(|value| value.as_str().map(Value::from)).collect();
    if let Some(texts) = texts.filter(|texts| !texts.is_empty()) {
        out.insert("type".into(), "STRING".into());
        out.insert("enum".into(), texts.into());
    }
}

/// Returns a schema of the subset as JSON Schema.
pub(super) fn expand(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                let key = known_name(key);
                let value = match (key, value) {
                    ("type", Value::String(name)) => name.to_ascii_lowercase().into(),
                    ("properties" | "defs" | "$defs", Value::Object(inner)) => inner
                        .iter()
                        .map(|(name, schema)| (name.clone(), expand(schema)))
                        .collect::<Map<_, _>>()
                        .into(),
                    ("items" | "anyOf" | "prefixItems" | "additionalProperties", _) => {
                        expand(value)
                    }
                    // The vendor writes 64-bit counts as texts.
                    (
                        "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                        | "maxProperties",
                        Value::String(text),
                    ) => text.parse::<u64>().map_or_else(|_| value.clone(), Value::from),
                    _ => value.clone(),
                };
                out.insert(key.to_owned(), value);
            }
            nullable(&mut out);
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(expand).collect(),
        other => other.clone(),
    }
}

/// Returns the keyword's name in camel case, where it came in snake case.
fn known_name(key: &str) -> &str {
    match key {
        "any_of" => "anyOf",
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "min_length" => "minLength",
        "max_length" => "maxLength",
        "min_properties" => "minProperties",
        "max_properties" => "maxProperties",
        "property_ordering" => "propertyOrdering",
        "prefix_items" => "prefixItems",
        "additional_properties" => "additionalProperties",
        other => other,
    }
}

fn nullable(out: &mut Map<String, Value>) {
    if out.shift_remove("nullable") != Some(Value::Bool(true)) {
        return;
    }
    if let Some(kind @ Value::String(_)) = out.get_mut("type") {
        *kind = json!([kind.clone(), "null"]);
    } else if let Some(Value::Array(choices)) = out.get_mut("anyOf") {
        choices.push(json!({ "type": "null" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_subset_refuses_is_said_otherwise_or_left_out() {
        let schema = json!({"$schema": "x", "type": "object", "additionalProperties": false,
            "$defs": {"item": {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}}},
            "properties": {
                "kind": {"const": "a"},
                "n": {"enum": [1, 2], "type": "integer", "exclusiveMinimum": 0},
                "when": {"type": "string", "format": "uri"},
                "at": {"type": "string", "format": "date-time"},
                "list": {"type": "array", "items": {"$ref": "#/$defs/item"}},
                "any": {"type": "array"},
                "either": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
                "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "both": {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}},
                    "required": ["a"]}, {"properties": {"b": {"type": "boolean"}},
                    "required": ["b"]}]}},
            "required": ["kind"]});
        let expected = json!({"required": ["kind"], "type": "OBJECT", "properties": {
            "kind": {"type": "STRING", "enum": ["a"]},
            "n": {"type": "INTEGER"},
            "when": {"type": "STRING"},
            "at": {"type": "STRING", "format": "date-time"},
            "list": {"type": "ARRAY", "items":
                {"type": "OBJECT", "properties": {"n": {"nullable": true, "type": "INTEGER"}}}},
            "any": {"type": "ARRAY", "items": {}},
            "either": {"nullable": true, "anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
            "maybe": {"nullable": true, "type": "STRING"},
            "both": {"type": "OBJECT", "required": ["a", "b"],
                "properties": {"a": {"type": "STRING"}, "b": {"type": "BOOLEAN"}}}}});
        assert_eq!(reduce(&schema), expected);
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let schema = json!({"type": "object", "properties": {
            "a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"$ref": "#"}}});
        assert!(reduce(&schema).to_string().len() < 1 << 20);
    }

    #[test]
    fn the_subset_reads_as_json_schema() {
        let subset = json!({"type": "OBJECT", "properties": {
            "TYPE": {"type": "STRING", "nullable": true},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "1"}},
            "propertyOrdering": ["list"]});
        let expected = json!({"type": "object", "properties": {
            "TYPE": {"type": ["string", "null"]},
            "list": {"type": "array", "items": {"type": "integer"}, "minItems": 1}},
            "propertyOrdering": ["list"]});
        assert_eq!(expand(&subset), expected);
    }
}
