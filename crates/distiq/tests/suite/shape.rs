//! A check of JSON against our published schemas, by a validator that is not ours.

use serde_json::Value;

/// Returns what does not fit; nothing where all does.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.iter_errors(value).map(|error| error.to_string()).collect()
}
