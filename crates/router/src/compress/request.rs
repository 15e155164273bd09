//! The documents of a request, compressed where they are large.

use distiq_base::{Content, DocumentSource, Request};

use super::{CompressOptions, compress};

/// A shorter document stays as it is, in bytes.
const LEAST: usize = 4_096;
/// Bytes of prose to a token.
const BYTES_PER_TOKEN: usize = 4;

/// Compresses the large text documents of a request, and returns about how many tokens that saves.
///
/// Only what its sender handed over as a document is touched: what a tool returned may have to be found again word for word.
/// A document comes out the same in each request, so that what a vendor's cache knows of it stays.
pub fn documents(request: &mut Request) -> u64 {
    let mut saved = 0;
    for message in &mut request.messages {
        for content in &mut message.content {
            let Content::Document { source: DocumentSource::Text { text }, extra, .. } = content
            else {
                continue;
            };
            // Citations point to places in the text.
            if text.len() < LEAST || !extra.is_empty() {
                continue;
            }
            let short = compress(text, &CompressOptions::default()).text;
            saved += text.len().saturating_sub(short.len()) / BYTES_PER_TOKEN;
            *text = short;
        }
    }
    saved as u64
}

#[cfg(test)]
mod tests {
    use distiq_base::{Message, Role};

    use super::*;

    #[test]
    fn a_large_document_is_compressed_alike_each_time_and_all_else_stays() {
        let prose = "The harbour is very old. People really like to walk there in the evening. "
            .repeat(100);
        let document = |text: &str, extra: bool| Content::Document {
            source: DocumentSource::Text { text: text.to_owned() },
            title: None,
            extra: match extra {
                true => [("citations".to_owned(), serde_json::json!({"enabled": true}))]
                    .into_iter()
                    .collect(),
                false => serde_json::Map::new(),
            },
        };
        let result = Content::tool_result("1", prose.clone(), false);
        let content = vec![
            document(&prose, false),
            document("The short one is very short.", false),
            document(&prose, true),
            result,
            Content::text(prose.clone()),
        ];
        let message = Message { role: Role::User, content };
        let before = Request { messages: vec![message], ..Request::default() };
        let mut request = before.clone();
        let saved = documents(&mut request);
        assert!(saved > 900, "{saved}");
        let (old, new) = (&before.messages[0].content, &request.messages[0].content);
        assert_ne!(new[0], old[0]);
        assert_eq!(new[1..], old[1..]);
        let again = request.clone();
        documents(&mut request);
        assert_eq!(request, again, "a second time");
    }
}
