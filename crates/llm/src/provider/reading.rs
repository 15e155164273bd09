//! An answer's bytes, read in its dialect however they are split.

use std::collections::VecDeque;

use distiq_base::{Dialect, StreamEvent};

use super::codec::{self, Decoder};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::wire::Quirks;
use crate::wire::frames::JsonDecoder;
use crate::wire::sse::SseDecoder;

/// Most bytes of one answer, unpacked.
pub const MAX_BODY_BYTES: usize = 64 << 20;
/// A byte order mark.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the body of a successful answer: a stream of events, or one JSON object.
#[derive(Debug)]
pub struct AnswerReader {
    dialect: Dialect,
    decoder: Decoder,
    shape: Shape,
    received: usize,
    frames: u64,
    over: bool,
    reports_cost: bool,
}

/// What the body turns out to be.
#[derive(Debug)]
enum Shape {
    /// Too little has come to tell.
    Unknown(Vec<u8>),
    /// Server-sent events.
    Events(SseDecoder),
    /// JSON values: Ollama's lines, or Gemini's array.
    Values(JsonDecoder),
    /// One JSON object, or something that is no answer at all.
    Whole(Vec<u8>),
}

impl AnswerReader {
    /// Starts at the beginning of a body.
    pub fn new(dialect: Dialect, quirks: &Quirks) -> Self {
        let decoder = Decoder::new(dialect, quirks);
        let shape = Shape::Unknown(Vec::new());
        let reports_cost = quirks.reports_cost;
        Self { dialect, decoder, shape, received: 0, frames: 0, over: false, reports_cost }
    }

    /// Takes the next bytes in and adds the events that they complete to `out`; what follows the
    /// end mark is passed over.
    ///
    /// # Errors
    /// Where the bytes are not of the dialect, tell of a failure, or are more than
    /// 64 MB; what came before is in `out`, and the rest is of no use.
    pub fn push(
        &mut self,
        bytes: &[u8],
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<(), ProviderError> {
        if self.over {
            return Ok(());
        }
        let begins = out.len();
        let taken = self.take(bytes, out);
        self.doubt(begins, out);
        taken
    }

    /// Leaves out what a server says that its answer cost, unless its word is taken.
    fn doubt(&self, begins: usize, out: &mut VecDeque<StreamEvent>) {
        if self.reports_cost {
            return;
        }
        for event in out.iter_mut().skip(begins) {
            if let StreamEvent::Usage { usage } = event {
                usage.cost = None;
            }
        }
    }

    fn take(&mut self, bytes: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<(), ProviderError> {
        self.received = self.received.saturating_add(bytes.len());
        if self.received > MAX_BODY_BYTES {
            let message = format!("The answer is over {MAX_BODY_BYTES} bytes long");
            return Err(ProviderError::new(Kind::Malformed, message));
        }
        match &mut self.shape {
            Shape::Whole(body) => body.extend_from_slice(bytes),
            Shape::Events(_) | Shape::Values(_) => self.decode(bytes, out)?,
            Shape::Unknown(begun) => {
                begun.extend_from_slice(bytes);
                let begun = std::mem::take(begun);
                self.shape = match shape_of(&begun, self.dialect) {
                    None => Shape::Unknown(begun),
                    Some(Shape::Whole(_)) => Shape::Whole(begun),
                    Some(stream) => {
                        self.shape = stream;
                        return self.decode(&begun, out);
                    }
                };
            }
        }
        Ok(())
    }

    /// Takes the end of the body.
    ///
    /// # Errors
    /// Where the answer is not whole, or no answer.
    pub fn end(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<(), ProviderError> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(());
        }
        let begins = out.len();
        let ended = self.conclude(out);
        self.doubt(begins, out);
        ended
    }

    fn conclude(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<(), ProviderError> {
        match &mut self.shape {
            Shape::Events(events) => {
                // Its empty line is missing, and nothing else.
                if let Some(last) = events.finish() {
                    self.frames += 1;
                    out.extend(self.decoder.feed(&last)?);
                }
                out.extend(self.decoder.finish()?);
            }
            Shape::Values(values) => {
                values.finish()?;
                out.extend(self.decoder.finish()?);
            }
            Shape::Unknown(body) | Shape::Whole(body) => {
                let body = body.strip_prefix(MARK).unwrap_or(body);
                out.extend(codec::decode_whole(self.dialect, body)?);
            }
        }
        Ok(())
    }

    /// Tells whether nothing more is owed, though the end of the body has not come: Gemini says why an
    /// answer is over, and has no mark of its end.
    pub const fn may_end(&self) -> bool {
        matches!(&self.decoder, Decoder::Gemini(decoder) if decoder.is_finished())
    }

    /// Tells whether the end has come, by its mark or by the end of the body.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Returns how many bytes have come.
    pub const fn received(&self) -> usize {
        self.received
    }

    /// Returns how many frames have come, such as events that hold no step of the answer.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    fn decode(
        &mut self,
        bytes: &[u8],
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<(), ProviderError> {
        let frames = match &mut self.shape {
            Shape::Events(events) => events.push(bytes)?,
            Shape::Values(values) => values.push(bytes)?,
            Shape::Unknown(_) | Shape::Whole(_) => return Ok(()),
        };
        for frame in frames {
            self.frames += 1;
            for event in self.decoder.feed(&frame)? {
                let is_end = event == StreamEvent::End;
                out.push_back(event);
                if is_end {
                    self.over = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Tells what a body is by how it begins, whatever its content type says; `None` where nothing has
/// come yet that tells.
fn shape_of(begun: &[u8], dialect: Dialect) -> Option<Shape> {
    let begun = begun.strip_prefix(MARK).unwrap_or(begun);
    let first = begun.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some(match (first, dialect) {
        (b'{', Dialect::Ollama) | (b'[', Dialect::Gemini) => Shape::Values(JsonDecoder::new()),
        (b':' | b'd' | b'e' | b'i' | b'r', _) => Shape::Events(SseDecoder::new()),
        _ => Shape::Whole(Vec::new()),
    })
}
