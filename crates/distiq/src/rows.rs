//! Rows of JSON on standard input, each answered by one on standard output.

use std::io::{self, BufRead};

use distiq_base::ErrorKind;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;

/// The longest row that is read, where no command says otherwise.
const MAX_ROW_BYTES: usize = 1 << 20;

/// A row that was read.
#[derive(Debug)]
pub struct Row {
    /// What names it.
    pub id: Value,
    value: Value,
}

impl Row {
    /// Returns a field, where the row has it.
    pub fn field(&self, field: &str) -> Option<&Value> {
        self.value.get(field)
    }

    /// Returns a field that must be a text.
    pub fn text(&self, field: &str) -> Result<&str, String> {
        let text = self.value.get(field).and_then(Value::as_str);
        text.ok_or_else(|| format!("no `{field}` that is a text"))
    }
}

/// Why a row has no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// It is not as rows are.
    Row(String),
    /// What it asks for failed.
    Failed(Box<Failure>),
}

impl From<String> for Unanswered {
    fn from(what: String) -> Self {
        Unanswered::Row(what)
    }
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Unanswered::Failed(failure.into())
    }
}

/// Answers row by row, as they come; a bad row, or one that `answer` cannot answer, gets a row that says so. `shape` is
/// what a row looks like.
pub fn answer(
    shape: &str,
    answer: impl FnMut(&Row) -> Result<Value, Unanswered>,
) -> Result<(), Failure> {
    answer_long(MAX_ROW_BYTES, shape, answer)
}

/// Does as [`answer`], with rows of up to `most` bytes.
pub fn answer_long(
    most: usize,
    shape: &str,
    mut answer: impl FnMut(&Row) -> Result<Value, Unanswered>,
) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut bytes = Vec::new();
    let mut number = 0_u64;
    loop {
        bytes.clear();
        let whole = read_row(&mut input, &mut bytes, most)
            .map_err(|error| Failure::io("Cannot read standard input", &error))?;
        let Some(whole) = whole else { return Ok(()) };
        number += 1;
        if bytes.iter().all(u8::is_ascii_whitespace) && whole {
            continue;
        }
        let row = match whole {
            true => parse(&bytes),
            false => Err((Value::Null, format!("longer than {} MiB", most >> 20))),
        };
        let row = row.map_err(|(id, what)| (id, Unanswered::Row(what)));
        let answered = row.and_then(|row| answer(&row).map_err(|why| (row.id, why)));
        output::json_line(&answered.unwrap_or_else(|(id, why)| {
            let failure = match why {
                Unanswered::Failed(failure) => *failure,
                Unanswered::Row(what) => {
                    Failure::new(ErrorKind::Usage, what).with_hint(format!("A row is {shape}"))
                }
            };
            let error = json!({
                "kind": failure.kind.as_str(),
                "message": format!("Row {number}: {}", failure.message),
                "hint": failure.hint,
            });
            json!({ "id": id, "error": error })
        }));
    }
}

fn parse(bytes: &[u8]) -> Result<Row, (Value, String)> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| (id_of(bytes), format!("not JSON: {error}")))?;
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    match is_id(&id) {
        true => Ok(Row { id, value }),
        false => Err((Value::Null, "no `id` that is a text or a number".to_owned())),
    }
}

fn is_id(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

/// Returns the `id` of a row whose other fields cannot be read: half a character (`\\ud83d`), or bytes that are no text. Null where it
/// cannot be read either.
fn id_of(bytes: &[u8]) -> Value {
    #[derive(serde::Deserialize)]
    struct Named {
        id: Value,
    }
    let named = serde_json::from_slice::<Named>(bytes).map(|named| named.id);
    named.ok().filter(is_id).unwrap_or(Value::Null)
}

/// Reads a row without its line end; tells whether it is whole, or `None` at the end. What is
/// over the bound is passed over, so that the next row is found.
fn read_row(input: &mut impl BufRead, row: &mut Vec<u8>, most: usize) -> io::Result<Option<bool>> {
    let mut begun = false;
    let mut whole = true;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(begun.then_some(whole));
        }
        begun = true;
        let (piece, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (buffer.get(..at).unwrap_or_default(), 1),
            None => (buffer, 0),
        };
        whole &= row.len() + piece.len() <= most;
        if whole {
            row.extend_from_slice(piece);
        }
        let read = piece.len() + ended;
        input.consume(read);
        if ended == 1 {
            return Ok(Some(whole));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_keeps_its_id_where_that_can_be() {
        let id = |row: &[u8]| parse(row).err().map(|(id, _)| id);
        assert_eq!(id(br#"{"query": "\ud83d", "id": 7}"#), Some(json!(7)));
        assert_eq!(id(b"{\"id\": \"a\", \"query\": \"\xff\"}"), Some(json!("a")));
        for row in [&br#"{"id": "\ud83d", "query": ""}"#[..], b"{\"id\": 7", b"{\"id\": [7]}", b"7"]
        {
            assert_eq!(id(row), Some(Value::Null), "{}", String::from_utf8_lossy(row));
        }
    }

    #[test]
    fn a_row_over_the_bound_does_not_hide_the_next() {
        let long = "x".repeat(MAX_ROW_BYTES + 1);
        let text = format!("a\n{long}\nb");
        let mut input = io::BufReader::with_capacity(64, text.as_bytes());
        let mut rows = Vec::new();
        let mut row = Vec::new();
        while let Some(whole) = read_row(&mut input, &mut row, MAX_ROW_BYTES).unwrap() {
            rows.push((whole, row.len()));
            row.clear();
        }
        assert_eq!(rows.first(), Some(&(true, 1)));
        assert!(rows.get(1).is_some_and(|(whole, kept)| !whole && *kept <= MAX_ROW_BYTES));
        assert_eq!(rows.get(2), Some(&(true, 1)));
    }
}
