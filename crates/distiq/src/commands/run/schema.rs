//! The shape of the answer that `--output-schema` asks for.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use distiq_agent::CheckAnswer;
use distiq_base::{ErrorKind, OutputFormat};
use serde_json::Value;

use crate::failure::Failure;

/// The largest schema.
const MAX_SCHEMA_BYTES: u64 = 256 << 10;

/// Reads a JSON schema; answers are held against it here too, for vendors that do not enforce it.
pub fn read(path: &Path) -> Result<(OutputFormat, CheckAnswer), Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SCHEMA_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| Failure::io(format!("Cannot read {}", path.display()), &error))?;
    let wrong = |why: String| {
        Failure::new(ErrorKind::Usage, format!("{} is no JSON schema: {why}", path.display()))
            .with_hint("Give an object such as {\"type\": \"object\", \"properties\": {…}}")
    };
    if text.len() as u64 > MAX_SCHEMA_BYTES {
        return Err(wrong(format!("larger than {MAX_SCHEMA_BYTES} bytes")));
    }
    let schema: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if !schema.is_object() {
        return Err(wrong("it is not an object".to_owned()));
    }
    let validator = jsonschema::validator_for(&schema).map_err(|error| wrong(error.to_string()))?;
    let check: CheckAnswer = Box::new(move |text| {
        let answer: Value = serde_json::from_str(text.trim())
            .map_err(|error| format!("It is not JSON ({error})"))?;
        validator
            .validate(&answer)
            .map_err(|error| format!("At `{}`: {error}", error.instance_path()))
    });
    let name = schema.get("title").and_then(Value::as_str).unwrap_or_default();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    let name = if name.is_empty() { "answer".to_owned() } else { name };
    Ok((OutputFormat::JsonSchema { name, schema, strict: Some(true) }, check))
}
