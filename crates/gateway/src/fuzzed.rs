//! What reads a client's bytes here, as one plain function for fuzzing; the dialects' codecs are `llm`'s.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Uri};

use crate::call::Call;
use crate::{endpoint, guard, head};

/// Takes a request as text: a line with the path, head lines, an empty line, the body. For tests; a
/// panic is a defect.
#[doc(hidden)]
pub fn fuzzed(bytes: &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let (top, body) = bytes.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let _ = head::Head::read(body);
    let mut lines = top.split(|byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let mut headers = HeaderMap::new();
    for line in lines.take(100) {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            headers.append(name, value);
        }
    }
    let call = Call { method: Method::POST, uri, headers, peer: [127, 0, 0, 1].into() };
    let _ = (call.key(), call.query("alt"), call.trace(), call.wants_optimizing());
    for is_local in [true, false] {
        let _ = guard::check_origin(&call, is_local, &["distiq.example".to_owned()]);
    }
    let found = endpoint::find(
        call.uri.path(),
        bytes.len().is_multiple_of(2),
        bytes.len().is_multiple_of(3),
    );
    if let endpoint::Endpoint::Chat(route) = &found.endpoint {
        let _ = found.codec.decode(route, body);
    }
}
