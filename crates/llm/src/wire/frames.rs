//! JSON values that follow each other in a stream of bytes: objects one a line (NDJSON), or the
//! elements of one array.

use crate::wire::WireError;
use crate::wire::sse::{MAX_EVENT_BYTES, SseEvent};

/// Finds the values in a stream of bytes, however it is split, and hands each over as an event
/// without a name, so that decoders of streams are fed alike.
///
/// Values need no line ends between them, and may have some within. A value that breaks the rules of
/// JSON is handed over as far as it goes, for the decoder to refuse.
#[derive(Clone, Debug, Default)]
pub struct JsonDecoder {
    /// The value that has begun.
    held: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The values are the elements of an array.
    is_array: bool,
    begun: bool,
    closed: bool,
}

impl JsonDecoder {
    /// Starts at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes in and returns the values that they complete.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] once a value passes [`MAX_EVENT_BYTES`]; the stream is of no use
    /// then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, WireError> {
        let mut events = Vec::new();
        for byte in bytes {
            if self.take(*byte) {
                events.push(self.value());
            } else if *byte == b'{' && self.begins_anew() {
                self.held.pop();
                events.push(self.value());
                (self.depth, self.held) = (1, vec![b'{']);
            }
        }
        if self.held.len() > MAX_EVENT_BYTES {
            return Err(WireError::TooLarge { what: "an event", limit: MAX_EVENT_BYTES });
        }
        Ok(events)
    }

    /// Tells whether the stream may end here.
    ///
    /// # Errors
    /// [`WireError::Truncated`] within a value, or within the array.
    pub fn finish(&self) -> Result<(), WireError> {
        if self.held.is_empty() && (!self.is_array || self.closed) {
            Ok(())
        } else {
            Err(WireError::Truncated)
        }
    }

    /// Returns the value that is held.
    fn value(&mut self) -> SseEvent {
        let value = std::mem::take(&mut self.held);
        SseEvent { event: None, data: String::from_utf8_lossy(&value).into_owned() }
    }

    /// Tells whether the brace that has come opens a line of its own, so that the value before it was
    /// cut: within a value, lines begin with a space at least.
    fn begins_anew(&self) -> bool {
        !self.is_array && self.depth > 1 && self.held.ends_with(b"\n{")
    }

    /// Takes a byte in and tells whether it completes a value.
    fn take(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.held.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                // No string goes on past a line's end: the line was cut.
                b'\n' => return self.give_up(),
                _ => {}
            }
            return false;
        }
        if self.held.is_empty() {
            match byte {
                b'[' if !self.begun => {
                    (self.begun, self.is_array) = (true, true);
                    return false;
                }
                b']' if self.is_array => {
                    self.closed = true;
                    return false;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' => return false,
                // A byte order mark.
                0xEF | 0xBB | 0xBF if !self.begun => return false,
                _ => self.begun = true,
            }
        }
        self.held.push(byte);
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            // A value that is no object ends with its line.
            b'\n' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }

    fn give_up(&mut self) -> bool {
        (self.depth, self.in_string, self.escaped) = (0, false, false);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, expected: &[&str], ends: bool) {
        for size in [1, 2, 3, bytes.len().max(1)] {
            let mut decoder = JsonDecoder::new();
            let mut found = Vec::new();
            for piece in bytes.as_bytes().chunks(size) {
                found.extend(decoder.push(piece).unwrap().into_iter().map(|event| event.data));
            }
            assert_eq!(found, expected, "{bytes} by {size}");
            assert_eq!(decoder.finish().is_ok(), ends, "{bytes}");
        }
    }

    #[test]
    fn values_are_found_in_lines_and_in_arrays() {
        check(
            "{\"a\":\"}\\\"\"}\n{\"b\":[{}]}\r\n\n",
            &["{\"a\":\"}\\\"\"}", "{\"b\":[{}]}"],
            true,
        );
        check("[{\"a\":1}\n,\r\n{\"b\":2}]\n", &["{\"a\":1}", "{\"b\":2}"], true);
        check("\u{feff}{\n \"a\": 1\n}{}", &["{\n \"a\": 1\n}", "{}"], true);
        check("{\"a\":{\"b\"\n\n{\"c\":1}\n", &["{\"a\":{\"b\"\n\n", "{\"c\":1}"], true);
        check("", &[], true);
        check("[]", &[], true);
        check("[{\"a\":1}", &["{\"a\":1}"], false);
        check("{\"a\":1}\n{\"b\"", &["{\"a\":1}"], false);
        check("{\"a\":\"x\n{\"b\":1}\n", &["{\"a\":\"x\n", "{\"b\":1}"], true);
        check("oops\n{}", &["oops\n", "{}"], true);
    }

    #[test]
    fn a_value_without_end_is_refused() {
        let mut decoder = JsonDecoder::new();
        let piece = vec![b'['; 1 << 20];
        let error = (0..40).find_map(|_| decoder.push(&piece).err());
        assert!(matches!(error, Some(WireError::TooLarge { .. })));
    }
}
