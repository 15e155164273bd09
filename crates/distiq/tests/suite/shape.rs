//! A check of JSON against the part of JSON Schema that our schemas use.

use serde_json::Value;

/// Returns what does not fit; nothing where all does.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Checker { root: schema }.check(schema, value, "$", &mut found);
    found
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for (word, wanted) in schema.as_object().unwrap() {
            match word.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" | "format" => {}
                "$ref" => {
                    let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                    let target = self.root.pointer(pointer).unwrap();
                    self.check(target, value, at, found);
                }
                "type" => {
                    let names = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                    if !names.iter().any(|name| is_type(name.as_str().unwrap(), value)) {
                        found.push(format!("{at}: {value} is not of type {wanted}"));
                    }
                }
                "const" if wanted != value => found.push(format!("{at}: {value} is not {wanted}")),
                "enum" if !wanted.as_array().unwrap().contains(value) => {
                    found.push(format!("{at}: {value} is none of {wanted}"));
                }
                "const" | "enum" => {}
                "minimum" => {
                    if value.as_i64().is_some_and(|number| number < wanted.as_i64().unwrap()) {
                        found.push(format!("{at}: {value} is under {wanted}"));
                    }
                }
                "required" => {
                    for name in wanted.as_array().unwrap() {
                        if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                            found.push(format!("{at}: {name} is missing"));
                        }
                    }
                }
                "properties" => {
                    for (name, below) in wanted.as_object().unwrap() {
                        if let Some(value) = value.get(name) {
                            self.check(below, value, &format!("{at}.{name}"), found);
                        }
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{at}[{index}]"), found);
                    }
                }
                "oneOf" => self.one_of(wanted, value, at, found),
                other => panic!("the schema uses `{other}`, which this check does not know"),
            }
        }
    }

    fn one_of(&self, choices: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let mut nearest: Option<Vec<String>> = None;
        let mut fitting = 0;
        for choice in choices.as_array().unwrap() {
            let mut faults = Vec::new();
            self.check(choice, value, at, &mut faults);
            fitting += usize::from(faults.is_empty());
            if nearest.as_ref().is_none_or(|nearest| faults.len() < nearest.len()) {
                nearest = Some(faults);
            }
        }
        match fitting {
            1 => {}
            0 => found.extend(nearest.unwrap_or_default()),
            several => found.push(format!("{at}: {several} shapes fit, wanted one")),
        }
    }
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}
