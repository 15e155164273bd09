//! Whose proof of thinking is whose: vendors refuse each other's.
//!
//! In the vocabulary Anthropic's signature stands as it is and another vendor's behind a tag, so
//! that it survives a client of any dialect and goes back to its own vendor alone.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use distiq_base::Dialect;

/// Which part of Gemini's answer a `thoughtSignature` stood on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the thought itself; an empty signature marks a thought that had none.
    Own,
    /// On the text or the call that follows.
    Next,
    /// On a part of empty text.
    Alone,
}

/// No other vendor's signature has these marks, as they are no base64.
const TAGS: [(Place, &str); 3] =
    [(Place::Own, "gemini:"), (Place::Next, "gemini>"), (Place::Alone, "gemini.")];

/// Stands before what the Responses dialect keeps of a reasoning item.
const RESPONSES: &str = "responses:";

/// What stands before a foreign signature that a Gemini client is handed as bytes.
const WRAPPED: &str = "distiq:";

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Returns the dialect whose vendor made a signature of the vocabulary.
pub(crate) fn origin(signature: &str) -> Dialect {
    if gemini(signature).is_some() {
        Dialect::Gemini
    } else if responses(signature).is_some() {
        Dialect::Responses
    } else {
        Dialect::Anthropic
    }
}

/// Returns what a reasoning item of OpenAI's is kept as, as the vocabulary has it.
pub(crate) fn tag_responses(kept: &str) -> String {
    format!("{RESPONSES}{kept}")
}

/// Returns what is kept of a reasoning item of OpenAI's; `None` for another vendor's signature.
pub(crate) fn responses(signature: &str) -> Option<&str> {
    signature.strip_prefix(RESPONSES)
}

/// Returns Gemini's signature as the vocabulary has it.
pub(crate) fn tag(place: Place, signature: &str) -> String {
    let tag = TAGS.iter().find(|(of, _)| *of == place).map_or("", |(_, tag)| tag);
    format!("{tag}{signature}")
}

/// Returns Gemini's signature and where it stood; `None` for another vendor's.
pub(crate) fn gemini(signature: &str) -> Option<(Place, &str)> {
    TAGS.iter().find_map(|(place, tag)| Some((*place, signature.strip_prefix(tag)?)))
}

/// Returns another vendor's signature as a Gemini client can hold it: as base64.
pub(crate) fn wrap(signature: &str) -> String {
    BASE64.encode(format!("{WRAPPED}{signature}"))
}

/// Undoes [`wrap`]; `None` for a signature of Gemini's own.
pub(crate) fn unwrap(wire: &str) -> Option<String> {
    let bytes = BASE64.decode(wire).or_else(|_| BASE64_URL.decode(wire)).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix(WRAPPED).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_know_their_vendor_and_survive_a_gemini_client() {
        for (place, _) in TAGS {
            let tagged = tag(place, "AbC+/=");
            assert_eq!(gemini(&tagged), Some((place, "AbC+/=")));
            assert_eq!(origin(&tagged), Dialect::Gemini);
        }
        assert_eq!(origin("EqQBCkgIYxgCIkA="), Dialect::Anthropic);
        let ours = "responses:rs_1::gAAA:=";
        assert_eq!((origin(ours), responses(ours)), (Dialect::Responses, Some("rs_1::gAAA:=")));
        for signature in ["EqQBCkgIYxgCIkA=", "", "?>ÿ~~~"] {
            let wire = wrap(signature);
            assert_eq!(unwrap(&wire).as_deref(), Some(signature));
            let by_sdk = wire.replace('+', "-").replace('/', "_");
            assert_eq!(unwrap(by_sdk.trim_end_matches('=')).as_deref(), Some(signature));
        }
        assert_eq!(unwrap("skip_thought_signature_validator"), None);
    }
}
