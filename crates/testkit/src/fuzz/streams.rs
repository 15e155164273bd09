//! Streams of every dialect, cut at any place, into every other.

use distiq_base::StreamEvent;
use distiq_llm::wire::frames::JsonDecoder;
use distiq_llm::wire::sse::{SseDecoder, SseEvent};
use distiq_llm::wire::{WireError, anthropic, gemini, ollama, openai, responses};

use super::answers::check_size;

/// Writes a stream's events in every dialect.
struct Encoders {
    anthropic: anthropic::StreamEncoder,
    openai: openai::StreamEncoder,
    responses: responses::StreamEncoder,
    gemini: gemini::StreamEncoder,
    array: gemini::StreamEncoder,
    ollama: ollama::StreamEncoder,
    written: usize,
}

impl Encoders {
    fn new() -> Self {
        Self {
            anthropic: anthropic::StreamEncoder::new(),
            openai: openai::StreamEncoder::new(openai::StreamOptions::default()),
            responses: responses::StreamEncoder::new(responses::Asked::default()),
            gemini: gemini::StreamEncoder::new(gemini::StreamForm::Sse),
            array: gemini::StreamEncoder::new(gemini::StreamForm::Array),
            ollama: ollama::StreamEncoder::new(ollama::AnswerOptions::default()),
            written: 0,
        }
    }

    fn write(&mut self, event: &StreamEvent) {
        for bytes in [
            self.anthropic.encode(event),
            self.openai.encode(event),
            self.responses.encode(event),
            self.gemini.encode(event),
            self.array.encode(event),
            self.ollama.encode(event),
        ] {
            self.written += bytes.len();
        }
    }
}

/// Feeds every event to a decoder and what comes out to every encoder.
fn all_ways(
    events: &[SseEvent],
    bytes: &[u8],
    mut feed: impl FnMut(Option<&SseEvent>) -> Result<Vec<StreamEvent>, WireError>,
) {
    let mut encoders = Encoders::new();
    for event in events.iter().map(Some).chain([None]) {
        let Ok(found) = feed(event) else { break };
        found.iter().for_each(|event| encoders.write(event));
    }
    // The whole answer stands once more at the end of OpenAI's responses.
    check_size(encoders.written, bytes);
}

fn events(bytes: &[u8]) -> Vec<SseEvent> {
    SseDecoder::new().push(bytes).unwrap_or_default()
}

/// Anthropic's.
pub(super) fn anthropic(bytes: &[u8]) {
    let mut decoder = anthropic::StreamDecoder::new();
    all_ways(&events(bytes), bytes, |event| match event {
        Some(event) => decoder.feed(event),
        None => decoder.finish(),
    });
}

/// OpenAI's chat.
pub(super) fn openai(bytes: &[u8]) {
    let mut decoder = openai::StreamDecoder::new();
    all_ways(&events(bytes), bytes, |event| match event {
        Some(event) => decoder.feed(event),
        None => decoder.finish(),
    });
}

/// OpenAI's responses.
pub(super) fn responses(bytes: &[u8]) {
    let mut decoder = responses::StreamDecoder::new();
    all_ways(&events(bytes), bytes, |event| match event {
        Some(event) => decoder.feed(event),
        None => decoder.finish(),
    });
}

/// Gemini's, as events and as an array.
pub(super) fn gemini(bytes: &[u8]) {
    for events in [events(bytes), JsonDecoder::new().push(bytes).unwrap_or_default()] {
        let mut decoder = gemini::StreamDecoder::new();
        all_ways(&events, bytes, |event| match event {
            Some(event) => decoder.feed(event),
            None => decoder.finish(),
        });
    }
}

/// Ollama's.
pub(super) fn ollama(bytes: &[u8]) {
    let events = JsonDecoder::new().push(bytes).unwrap_or_default();
    let mut decoder = ollama::StreamDecoder::new();
    all_ways(&events, bytes, |event| match event {
        Some(event) => decoder.feed(event),
        None => decoder.finish(),
    });
}

/// Server-sent events and JSON values: found alike however the bytes are cut. The first byte says how.
pub(super) fn frames(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let size = usize::from(*first % 32) + 1;
    let whole = SseDecoder::new().push(rest);
    let mut decoder = SseDecoder::new();
    let pieces: Result<Vec<_>, _> = rest.chunks(size).map(|piece| decoder.push(piece)).collect();
    assert_eq!(whole, pieces.map(|all| all.concat()), "events by {size}");
    let mut decoder = JsonDecoder::new();
    let whole = decoder.push(rest);
    let mut split = JsonDecoder::new();
    let pieces: Result<Vec<_>, _> = rest.chunks(size).map(|piece| split.push(piece)).collect();
    assert_eq!(whole, pieces.map(|all| all.concat()), "values by {size}");
    assert_eq!(decoder.finish(), split.finish(), "ends by {size}");
}
