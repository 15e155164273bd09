//! Server-sent events against a decoder that sees everything at once.

use distiq_llm::wire::WireError;
use distiq_llm::wire::sse::{MAX_EVENT_BYTES, SseDecoder, SseEvent};
use proptest::prelude::*;

/// Decodes `bytes` cut into pieces of these sizes, the last repeated.
pub fn decode(bytes: &[u8], sizes: &[usize]) -> Result<Vec<SseEvent>, WireError> {
    let mut decoder = SseDecoder::new();
    let mut events = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(sizes[sizes.len() - 1]));
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
        events.extend(decoder.push(piece)?);
        rest = more;
    }
    Ok(events)
}

fn event(event: &str, data: &str) -> SseEvent {
    let event = Some(event.to_owned()).filter(|name| !name.is_empty());
    SseEvent { event, data: data.to_owned() }
}

#[test]
fn follows_the_standard() {
    for (bytes, expected) in [
        ("data: a\n\n", vec![event("", "a")]),
        ("data:a\r\rdata: b\r\n\r\n", vec![event("", "a"), event("", "b")]),
        ("event: x\ndata: 1\ndata: 2\n\n", vec![event("x", "1\n2")]),
        ("\u{FEFF}data: a\n\ndata: \u{FEFF}b\n\n", vec![event("", "a"), event("", "\u{FEFF}b")]),
        (": keep-alive\n\n: x\ndata:  a\n\n", vec![event("", " a")]),
        ("data\n\ndata:\ndata:\n\n", vec![event("", ""), event("", "\n")]),
        ("event: lost\n\ndata: a\n\n", vec![event("", "a")]),
        ("id: 7\nretry: 10\nnonsense\nfoo: bar\ndata: a\n\n", vec![event("", "a")]),
        ("event: a\nevent: b\ndata: a\n\n", vec![event("b", "a")]),
        ("data: never ended\n", vec![]),
        ("\r\n\r\n\n", vec![]),
    ] {
        for size in 1..=bytes.len() {
            assert_eq!(decode(bytes.as_bytes(), &[size]).unwrap(), expected, "{bytes:?} by {size}");
        }
    }
}

#[test]
fn broken_utf8_is_replaced_and_split_utf8_is_not_broken() {
    let bytes = "data: щ\u{1F980}\n\n".as_bytes();
    assert_eq!(decode(bytes, &[1]).unwrap(), [event("", "щ\u{1F980}")]);
    assert_eq!(decode(b"data: a\xFFb\n\n", &[3]).unwrap(), [event("", "a\u{FFFD}b")]);
}

#[test]
fn an_event_without_end_is_refused_and_memory_stays_bounded() {
    let mut decoder = SseDecoder::new();
    let piece = vec![b'x'; 1 << 20];
    let pushed = (0..20).take_while(|_| decoder.push(&piece).is_ok()).count();
    assert_eq!(pushed, MAX_EVENT_BYTES >> 20);

    let mut decoder = SseDecoder::new();
    let line = format!("data: {}\n", "x".repeat(1 << 20));
    let error = (0..20).find_map(|_| decoder.push(line.as_bytes()).err());
    assert!(matches!(error, Some(WireError::TooLarge { limit: MAX_EVENT_BYTES, .. })));
}

/// The standard's algorithm on the whole text: normalize line ends, split, interpret.
fn oracle(bytes: &[u8]) -> Vec<SseEvent> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let Some((whole, _)) = text.rsplit_once('\n') else { return Vec::new() };
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    for line in whole.split('\n') {
        if line.is_empty() {
            if !data.is_empty() {
                events.push(event(&name, &data.join("\n")));
            }
            name.clear();
            data.clear();
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        } else if line == "data" {
            data.push(String::new());
        } else if let Some(value) = line.strip_prefix("event:") {
            name = value.strip_prefix(' ').unwrap_or(value).to_owned();
        } else if line == "event" {
            name.clear();
        }
    }
    events
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"data: ".to_vec()),
        2 => Just(b"data".to_vec()),
        2 => Just(b"event: e".to_vec()),
        2 => Just(b"event".to_vec()),
        4 => Just(b"\n".to_vec()),
        3 => Just(b"\r".to_vec()),
        3 => Just(b"\r\n".to_vec()),
        1 => Just(b": c".to_vec()),
        1 => Just(b":".to_vec()),
        1 => Just(b" ".to_vec()),
        1 => Just("\u{FEFF}".as_bytes().to_vec()),
        2 => Just("ж\u{1F980}".as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn agrees_with_the_oracle_at_any_split(
        bytes in soup(),
        sizes in prop::collection::vec(1usize..9, 1..20),
    ) {
        prop_assert_eq!(decode(&bytes, &sizes).unwrap(), oracle(&bytes));
    }
}
