//! Pictures, told by their first bytes.

use base64::Engine;
use distiq_base::ImageSource;
use serde_json::json;

use crate::outcome::{Outcome, Refusal};
use crate::place::Place;

/// The largest picture that vendors take: 5 MB as base64.
const MAX_IMAGE: usize = (5 << 20) / 4 * 3;

/// Tells a picture's type.
pub(super) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xFF\xD8\xFF") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// Returns the picture for the model.
pub(super) fn outcome(place: &Place, media_type: &str, bytes: &[u8]) -> Result<Outcome, Refusal> {
    if bytes.len() > MAX_IMAGE {
        return Err(Refusal::invalid(format!(
            "{}: a picture of {} kB; at most {} kB can be shown, so make it smaller first",
            place.shown,
            bytes.len() >> 10,
            MAX_IMAGE >> 10
        )));
    }
    let source = ImageSource::Base64 {
        media_type: media_type.to_owned(),
        data: base64::engine::general_purpose::STANDARD.encode(bytes),
    };
    let data = json!({"path": place.shown, "media_type": media_type, "bytes": bytes.len()});
    let text = format!("{} ({media_type}, {} bytes)", place.shown, bytes.len());
    Ok(Outcome { images: vec![source], data, ..Outcome::done(text) })
}
