//! How long a prompt is, without a tokenizer: by its bytes, corrected by what vendors count.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use distiq_base::{Content, ImageSource, Request};

/// Estimates prompts; what vendors report makes later estimates for the same model better.
#[derive(Debug, Default)]
pub(crate) struct Estimator {
    /// Per model, how many tokens were counted to 1,000 estimated.
    permille: Mutex<HashMap<String, u64>>,
}

/// Most vendors' largest picture.
const IMAGE_TOKENS: u64 = 1_600;
const TOOL_TOKENS: u64 = 12;
const BLOCK_TOKENS: u64 = 6;

impl Estimator {
    /// Returns how many tokens the prompt will probably have.
    pub fn estimate(&self, model: &str, request: &Request) -> u64 {
        let permille = self.permille().get(model).copied().unwrap_or(1_000);
        raw(request).saturating_mul(permille) / 1_000
    }

    /// Returns a length that the prompt will hardly pass, to set money aside by.
    pub fn estimate_most(&self, model: &str, request: &Request) -> u64 {
        let known = self.permille().contains_key(model);
        let estimate = self.estimate(model, request);
        // Unseen models may split text finer than usual, dense text twice as much.
        let margin = if known { estimate / 4 } else { estimate };
        estimate.saturating_add(margin).saturating_add(500)
    }

    /// Learns from what the vendor counted for a prompt that was estimated.
    pub fn correct(&self, model: &str, estimated: u64, counted: u64) {
        if estimated == 0 {
            return;
        }
        let mut permille = self.permille();
        let old = permille.get(model).copied().unwrap_or(1_000);
        let measured = u128::from(counted) * u128::from(old) / u128::from(estimated);
        let measured = u64::try_from(measured).unwrap_or(u64::MAX).clamp(200, 5_000);
        permille.insert(model.to_owned(), measured);
    }

    fn permille(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.permille.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn raw(request: &Request) -> u64 {
    let system: u64 = request.system.iter().map(|block| text(&block.text)).sum();
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| text(&tool.description) + text(&tool.schema.to_string()) + TOOL_TOKENS)
        .sum();
    let messages: u64 =
        request.messages.iter().flat_map(|message| &message.content).map(content).sum();
    system + tools + messages + BLOCK_TOKENS
}

fn content(content: &Content) -> u64 {
    BLOCK_TOKENS
        + match content {
            Content::Text { text: words } => text(words),
            Content::Thinking { text: words, signature } => {
                text(words) + signature.as_deref().map_or(0, text)
            }
            Content::RedactedThinking { data } => text(data),
            Content::Image { source: ImageSource::Base64 { .. } | ImageSource::Url { .. } } => {
                IMAGE_TOKENS
            }
            Content::ToolCall { name, arguments, .. } => text(name) + text(arguments),
            Content::ToolResult { content: parts, .. } => parts.iter().map(self::content).sum(),
            Content::Other { json, .. } => text(&json.to_string()),
        }
}

/// About four bytes of English or code to a token; other scripts have more bytes and more tokens.
fn text(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}
