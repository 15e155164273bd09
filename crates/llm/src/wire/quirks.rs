//! What differs between servers that speak one dialect.

use serde_json::Value;

/// How a server differs from a plain compatible one, which is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// OpenAI dialect: the field for the answer's token limit, `max_tokens` or
    /// `max_completion_tokens`.
    pub max_tokens_field: &'static str,
    /// OpenAI dialect: system prompts go out as role `developer` instead of `system`.
    pub developer_role: bool,
    /// OpenAI dialect: the server knows `prompt_cache_key`.
    pub prompt_cache_key: bool,
    /// OpenAI dialect: the server knows `stream_options`, so that streams report usage.
    pub stream_options: bool,
    /// OpenAI dialect: the server knows `strict` on tools.
    pub strict_tools: bool,
    /// OpenAI dialect: several texts of one message go out as parts; otherwise joined by an empty
    /// line, for servers that know only strings.
    pub text_parts: bool,
    /// OpenAI dialect: cache marks on parts.
    pub part_marks: PartMarks,
    /// OpenAI dialect: `reasoning_effort` is known; Responses dialect: `reasoning` and its encrypted
    /// content.
    pub reasoning_effort: bool,
    /// Responses dialect: a summary of the reasoning may be asked for; organizations that OpenAI has
    /// not verified may not.
    pub reasoning_summary: bool,
    /// OpenAI dialect: thinking is switched by `thinking: {type: enabled|disabled}` (DeepSeek,
    /// Z.ai).
    pub thinking_field: bool,
    /// The server wants its reasoning back. OpenAI dialect: as `reasoning_content` on answers that
    /// called tools (DeepSeek, Moonshot). Anthropic dialect: thinking goes back though unsigned.
    pub replay_reasoning: bool,
    /// OpenAI dialect: the server wants its `reasoning_details` back (OpenRouter).
    pub reasoning_details: bool,
    /// Which ids of tool calls the server takes; others are replaced by a hash of them.
    pub tool_call_ids: ToolCallIds,
    /// OpenAI dialect: a stream that closes after its `finish_reason` without `[DONE]` is whole.
    /// Every server known to us sends `[DONE]`, and without it a cut cannot be told from an end.
    pub lenient_end: bool,
    /// Gemini dialect: the server knows the OpenAPI subset of schemas alone.
    pub schema_subset: bool,
    /// Ollama dialect: the model knows `think`.
    pub think: bool,
    /// Ollama dialect: the window to ask for, in tokens.
    pub num_ctx: Option<u64>,
    /// The server tells what an answer cost, and its word is taken (OpenRouter).
    pub reports_cost: bool,
    /// Fields set on every body, such as `{"store": false}`; they replace what the codec wrote.
    pub body: Vec<(String, Value)>,
}

/// How cache marks go out in the OpenAI dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartMarks {
    /// Not at all.
    #[default]
    Off,
    /// As `cache_control`, which OpenRouter and LiteLLM pass on to Anthropic.
    CacheControl,
    /// As `prompt_cache_breakpoint` (OpenAI from GPT-5.6; a 400 on older models).
    Breakpoint,
}

/// Which ids of tool calls a server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolCallIds {
    /// Any; the Anthropic dialect always restricts them to `[a-zA-Z0-9_-]+`.
    #[default]
    Any,
    /// Exactly nine letters or digits (Mistral).
    NineAlphanumeric,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            max_tokens_field: "max_tokens",
            developer_role: false,
            prompt_cache_key: false,
            stream_options: true,
            strict_tools: false,
            text_parts: false,
            part_marks: PartMarks::Off,
            reasoning_effort: true,
            reasoning_summary: true,
            thinking_field: false,
            replay_reasoning: false,
            reasoning_details: false,
            tool_call_ids: ToolCallIds::Any,
            lenient_end: false,
            reports_cost: false,
            schema_subset: false,
            think: true,
            num_ctx: None,
            body: Vec::new(),
        }
    }
}

impl Quirks {
    /// Returns those of OpenAI's own API.
    pub fn openai() -> Self {
        Self {
            max_tokens_field: "max_completion_tokens",
            developer_role: true,
            prompt_cache_key: true,
            strict_tools: true,
            text_parts: true,
            ..Self::default()
        }
    }
}
