//! Reasoning items, both ways.
//!
//! What a reasoning item is beside its texts is kept as a signature `responses:ID:SHAPE:DATA`: the
//! item's id, the lengths of its texts (`s` for a summary, `c` for content), its encrypted content.
//! A client of this dialect is handed another vendor's signature as encrypted content of its own.

use distiq_base::Content;
use serde_json::{Map, Value, json};

use crate::wire::{field, signature};

/// Stands between an item's texts where they are shown as one.
pub(super) const GAP: &str = "\n\n";

/// Stands before encrypted reasoning of another vendor that has no text at all.
const REDACTED: &str = "redacted>";

/// Who sends an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sender {
    /// A client, which may have been handed another vendor's reasoning.
    #[default]
    Client,
    /// The vendor, whose encrypted content is its own business.
    Vendor,
}

/// Reads a reasoning item.
pub(super) fn decode(item: &Value, sender: Sender) -> Content {
    let encrypted = field::text(item, "encrypted_content").unwrap_or_default();
    let mut text = String::new();
    let mut shape = Shape::default();
    for (kind, piece) in texts(item) {
        if !shape.0.is_empty() {
            text.push_str(GAP);
        }
        text.push_str(piece);
        shape.0.push((kind, piece.len()));
    }
    let foreign = match sender {
        Sender::Client => signature::unwrap(encrypted),
        Sender::Vendor => None,
    };
    let kept = match foreign {
        Some(foreign) => match foreign.strip_prefix(REDACTED) {
            Some(data) => return Content::RedactedThinking { data: data.to_owned() },
            None => Some(foreign),
        },
        None => {
            let id = field::text(item, "id").unwrap_or_default();
            let known = !(id.is_empty() && encrypted.is_empty());
            known.then(|| format!("{}{}", head(id), tail(&shape, encrypted)))
        }
    };
    Content::Thinking { text, signature: kept }
}

/// Returns an item's texts with their kind, in order.
pub(super) fn texts(item: &Value) -> impl Iterator<Item = (Kind, &str)> {
    let summary = field::items(item, "summary").iter().map(|part| (Kind::Summary, part));
    let content = field::items(item, "content").iter().map(|part| (Kind::Content, part));
    summary.chain(content).map(|(kind, part)| (kind, field::text(part, "text").unwrap_or_default()))
}

/// Tells whether an item is no more than a name for what the vendor stores.
pub(super) fn is_reference(item: &Value) -> bool {
    field::text(item, "id").is_some()
        && field::text(item, "encrypted_content").is_none_or(str::is_empty)
}

/// Which list of an item a text stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `summary`.
    Summary,
    /// `content`: the reasoning itself, of open models.
    Content,
}

/// The texts of an item by kind and length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape(pub Vec<(Kind, usize)>);

impl Shape {
    fn write(&self) -> String {
        // One summary is the rule.
        if let [(Kind::Summary, _)] | [] = self.0.as_slice() {
            return String::new();
        }
        let one = |(kind, length): &(Kind, usize)| match kind {
            Kind::Summary => format!("s{length}"),
            Kind::Content => format!("c{length}"),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(".")
    }

    /// Cuts a text as the item had it; one summary where that does not fit.
    fn cut<'t>(written: &str, text: &'t str) -> Vec<(Kind, &'t str)> {
        let whole = || match text {
            "" => Vec::new(),
            text => vec![(Kind::Summary, text)],
        };
        if written.is_empty() {
            return whole();
        }
        let mut rest = text;
        let mut pieces = Vec::new();
        for (index, one) in written.split('.').enumerate() {
            let kind = if one.starts_with('c') { Kind::Content } else { Kind::Summary };
            let length = one.get(1..).and_then(|length| length.parse().ok());
            let piece = if index == 0 { Some(rest) } else { rest.strip_prefix(GAP) };
            let cut = piece.zip(length).and_then(|(text, length)| text.split_at_checked(length));
            let Some((piece, left)) = cut else { return whole() };
            pieces.push((kind, piece));
            rest = left;
        }
        if rest.is_empty() { pieces } else { whole() }
    }
}

/// Returns the signature's beginning, as far as a stream tells it when the item begins.
pub(super) fn head(id: &str) -> String {
    let id = if id.contains(':') { "" } else { id };
    signature::tag_responses(&format!("{id}:"))
}

/// Returns the rest of the signature.
pub(super) fn tail(shape: &Shape, encrypted: &str) -> String {
    format!("{}:{encrypted}", shape.write())
}

/// Returns the signature under which the vocabulary keeps a reasoning item of one summary; where the
/// encrypted content is empty, the vendor stores it.
pub fn reasoning_signature(id: &str, encrypted_content: &str) -> String {
    format!("{}{}", head(id), tail(&Shape::default(), encrypted_content))
}

/// Returns the id in the beginning of a signature.
pub(super) fn id_of(signature: &str) -> Option<&str> {
    signature::responses(signature)?.split(':').next().filter(|id| !id.is_empty())
}

/// A signature of this dialect, taken apart.
struct Own<'a> {
    id: &'a str,
    shape: &'a str,
    encrypted: &'a str,
}

fn own(signature: Option<&str>) -> Option<Own<'_>> {
    let mut fields = signature::responses(signature?)?.splitn(3, ':');
    Some(Own { id: fields.next()?, shape: fields.next()?, encrypted: fields.next()? })
}

/// Returns thinking as the item that the vendor is sent; `None` where it would refuse it: another
/// vendor's, or one whose encrypted content is missing unless the vendor stores it.
pub(super) fn encode_for_vendor(
    text: &str,
    signature: Option<&str>,
    stored: bool,
) -> Option<Value> {
    let own = own(signature)?;
    let named = stored && !own.id.is_empty();
    if own.encrypted.is_empty() && !named {
        return None;
    }
    Some(Value::Object(build(own.id, &Shape::cut(own.shape, text), own.encrypted)))
}

/// Returns thinking as the item that a client gets; `id` is used where it has none of its own.
pub(super) fn encode_for_client(text: &str, signature: Option<&str>, id: &str) -> Value {
    if let Some(own) = own(signature) {
        let id = if own.id.is_empty() { id } else { own.id };
        return Value::Object(build(id, &Shape::cut(own.shape, text), own.encrypted));
    }
    let foreign = signature.filter(|signature| !signature.is_empty()).map(signature::wrap);
    Value::Object(build(id, &Shape::cut("", text), &foreign.unwrap_or_default()))
}

/// Returns another vendor's encrypted reasoning as the item that a client gets.
pub(super) fn encode_redacted(data: &str, id: &str) -> Value {
    Value::Object(build(id, &[], &signature::wrap(&format!("{REDACTED}{data}"))))
}

fn build(id: &str, pieces: &[(Kind, &str)], encrypted: &str) -> Map<String, Value> {
    let of = |wanted: Kind, name: &str| -> Vec<Value> {
        let pieces = pieces.iter().filter(|(kind, _)| *kind == wanted);
        pieces.map(|(_, text)| json!({ "type": name, "text": text })).collect()
    };
    let mut item = Map::new();
    if !id.is_empty() {
        item.insert("id".into(), id.into());
    }
    item.insert("type".into(), "reasoning".into());
    item.insert("summary".into(), of(Kind::Summary, "summary_text").into());
    let content = of(Kind::Content, "reasoning_text");
    if !content.is_empty() {
        item.insert("content".into(), content.into());
    }
    if !encrypted.is_empty() {
        item.insert("encrypted_content".into(), encrypted.into());
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_survives_whole() {
        for item in [
            json!({"id": "rs_1", "type": "reasoning", "summary": [],
                "encrypted_content": "gAAA:="}),
            json!({"id": "rs_1", "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "g"}),
            json!({"id": "rs_1", "type": "reasoning", "summary": [
                {"type": "summary_text", "text": "é"}, {"type": "summary_text", "text": ""}],
                "content": [{"type": "reasoning_text", "text": "x\n\ny"}],
                "encrypted_content": "g"}),
            json!({"type": "reasoning", "summary": [], "encrypted_content": "g"}),
        ] {
            let Content::Thinking { text, signature } = decode(&item, Sender::Vendor) else {
                panic!("{item}")
            };
            let again = encode_for_vendor(&text, signature.as_deref(), false);
            assert_eq!(again, Some(item.clone()));
            assert_eq!(encode_for_client(&text, signature.as_deref(), "rs_0")["type"], "reasoning");
        }
    }

    #[test]
    fn what_only_the_vendor_stores_goes_to_it_alone() {
        let item = json!({"id": "rs_1", "type": "reasoning", "summary": []});
        let Content::Thinking { text, signature } = decode(&item, Sender::Vendor) else { panic!() };
        assert_eq!(encode_for_vendor(&text, signature.as_deref(), false), None);
        assert_eq!(encode_for_vendor(&text, signature.as_deref(), true), Some(item));
        for foreign in [None, Some("Eq8="), Some("gemini:AbC=")] {
            assert_eq!(encode_for_vendor("t", foreign, true), None);
        }
    }

    #[test]
    fn another_vendors_proof_survives_a_client_of_this_dialect() {
        for kept in [
            Content::Thinking { text: "t".into(), signature: Some("Eq8=".into()) },
            Content::Thinking { text: String::new(), signature: Some("gemini>AbC=".into()) },
        ] {
            let Content::Thinking { text, signature } = &kept else { panic!() };
            assert_eq!(
                decode(&encode_for_client(text, signature.as_deref(), "rs_1"), Sender::Client),
                kept
            );
        }
        let redacted = Content::RedactedThinking { data: "x>y".into() };
        assert_eq!(decode(&encode_redacted("x>y", "rs_1"), Sender::Client), redacted);
    }

    #[test]
    fn a_text_that_was_changed_goes_as_one() {
        let pieces = Shape::cut("s2.s2", "abcdef");
        assert_eq!(pieces, [(Kind::Summary, "abcdef")]);
        assert_eq!(Shape::cut("s1.x", "é"), [(Kind::Summary, "é")]);
        assert_eq!(Shape::cut("s1.c1", "a\n\nb"), [(Kind::Summary, "a"), (Kind::Content, "b")]);
    }
}
