//! Takes the one chunk out of an OpenAI stream that the caller did not ask for.

use bytes::Bytes;
use serde_json::Value;

/// Finds the chunk that holds usage and no choice, and leaves it out; all other bytes pass as they
/// are, frame by frame.
#[derive(Debug, Default)]
pub(super) struct StripUsage {
    held: Vec<u8>,
    /// Where the line begins that is still coming.
    line: usize,
    /// How far `held` was looked through.
    seen: usize,
    done: bool,
}

impl StripUsage {
    /// Takes bytes in and returns the frames that they complete.
    pub fn push(&mut self, bytes: &Bytes) -> Bytes {
        if self.done && self.held.is_empty() {
            return bytes.clone();
        }
        self.held.extend_from_slice(bytes);
        let mut out = Vec::new();
        let mut from = 0;
        while let Some(feed) = memchr::memchr(b'\n', self.held.get(self.seen..).unwrap_or(&[])) {
            let end = self.seen + feed + 1;
            let line = self.held.get(self.line..end - 1).unwrap_or(&[]);
            let is_empty = line.is_empty() || line == b"\r";
            (self.line, self.seen) = (end, end);
            if is_empty {
                let frame = self.held.get(from..end).unwrap_or(&[]);
                if !self.done && is_usage(frame) {
                    self.done = true;
                } else {
                    out.extend_from_slice(frame);
                }
                from = end;
            }
        }
        self.held.drain(..from);
        self.line -= from;
        self.seen = self.held.len();
        out.into()
    }

    /// Returns what is left of a stream that ended within a frame.
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

/// Tells whether a frame is a chunk of usage alone.
fn is_usage(frame: &[u8]) -> bool {
    if memchr::memmem::find(frame, b"\"usage\"").is_none() {
        return false;
    }
    let Some(data) =
        frame.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data:"))
    else {
        return false;
    };
    let Ok(chunk) = serde_json::from_slice::<Value>(data.trim_ascii()) else { return false };
    let is_empty = chunk.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    is_empty && chunk.get("usage").is_some_and(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n\
        data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n\
        data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\r\n\r\n\
        data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n\
        data: [DONE]\n\n";

    #[test]
    fn takes_exactly_one_chunk_out_at_any_split() {
        let chunk = "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
        let expected = STREAM.replace(chunk, "");
        for size in 1..STREAM.len() {
            let mut strip = StripUsage::default();
            let mut out = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                out.extend_from_slice(&strip.push(&Bytes::copy_from_slice(piece)));
            }
            out.extend_from_slice(&strip.rest());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{size}");
        }
    }

    #[test]
    fn a_cut_stream_loses_nothing_and_a_second_chunk_stays() {
        let mut strip = StripUsage::default();
        assert_eq!(strip.push(&Bytes::from_static(b"data: {\"cho")), "");
        assert_eq!(strip.rest(), "data: {\"cho");
        let mut strip = StripUsage::default();
        let twice = Bytes::from_static(
            b"data: {\"choices\":[],\"usage\":{}}\n\ndata: {\"choices\":[],\"usage\":{}}\n\n",
        );
        assert_eq!(strip.push(&twice), "data: {\"choices\":[],\"usage\":{}}\n\n");
    }
}
