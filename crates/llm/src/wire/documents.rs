//! Documents, in the forms that dialects share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use distiq_base::{Content, DocumentSource};
use serde_json::Map;

/// Returns a text document as the text that stands in for it where a dialect has no documents.
pub(crate) fn as_text(text: &str, title: Option<&str>) -> String {
    match title {
        Some(title) => format!("<document title=\"{title}\">\n{text}\n</document>"),
        None => format!("<document>\n{text}\n</document>"),
    }
}

/// Returns bytes as a document; those of a text as the text, which every dialect can carry.
pub(crate) fn of_bytes(media_type: &str, data: &str, title: Option<String>) -> Content {
    let is_text = media_type.starts_with("text/");
    let text = is_text.then(|| STANDARD.decode(data).ok().and_then(|b| String::from_utf8(b).ok()));
    let source = match text.flatten() {
        Some(text) => DocumentSource::Text { text },
        None => DocumentSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() },
    };
    Content::Document { source, title, extra: Map::new() }
}
