//! How large a window a request needs.

/// The smallest window that is asked for: what small machines have by default is too little for an
/// agent, and each change of size loads the model anew.
const LEAST: u64 = 8_192;
/// Room for an answer whose length nobody limits.
const USUAL_ANSWER: u64 = 4_096;

/// Returns the window (`num_ctx`) for a prompt of so many tokens and its answer: a power of two that
/// is a tenth larger, since the count is an estimate, and at most what the model can have.
pub fn context_for(prompt_tokens: u64, answer_tokens: Option<u64>, most: Option<u64>) -> u64 {
    let prompt = prompt_tokens.saturating_add(prompt_tokens / 10);
    let need = prompt.saturating_add(answer_tokens.unwrap_or(USUAL_ANSWER));
    let size = need.max(LEAST).checked_next_power_of_two().unwrap_or(u64::MAX);
    most.map_or(size, |most| size.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_grow_in_steps_up_to_the_models_own() {
        assert_eq!(context_for(10, None, None), 8_192);
        assert_eq!(context_for(8_000, Some(100), None), 16_384);
        assert_eq!(context_for(8_000, Some(100), Some(9_000)), 9_000);
        assert_eq!(context_for(10, None, Some(2_048)), 2_048);
        assert_eq!(context_for(u64::MAX, None, Some(131_072)), 131_072);
    }
}
