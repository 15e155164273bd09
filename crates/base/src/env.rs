//! Every environment variable that Distiq reads, as data: help and docs are made from it, and
//! `cargo xtask env` holds that code reads no other.

/// An environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvVar {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub group: EnvGroup,
    /// What it does, in one line.
    pub doc: &'static str,
    /// The config key that it sets, where it sets one.
    pub key: Option<&'static str>,
}

/// What an environment variable is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvGroup {
    /// Distiq's own settings.
    Distiq,
    /// Keys and addresses of the models' vendors.
    Vendors,
    /// Conventions of the system and the terminal.
    System,
}

impl EnvGroup {
    /// Returns the heading used in docs.
    pub const fn title(self) -> &'static str {
        match self {
            EnvGroup::Distiq => "Distiq's own",
            EnvGroup::Vendors => "Vendors: keys and addresses",
            EnvGroup::System => "System and terminal",
        }
    }
}

const fn own(name: &'static str, key: Option<&'static str>, doc: &'static str) -> EnvVar {
    EnvVar { name, group: EnvGroup::Distiq, doc, key }
}

const fn vendor(name: &'static str, doc: &'static str) -> EnvVar {
    EnvVar { name, group: EnvGroup::Vendors, doc, key: None }
}

const fn system(name: &'static str, doc: &'static str) -> EnvVar {
    EnvVar { name, group: EnvGroup::System, doc, key: None }
}

/// The table.
pub const ALL: &[EnvVar] = &[
    own("DISTIQ_HOME", None, "One folder for config, data and cache, instead of the XDG folders"),
    own("DISTIQ_ROOT", None, "The project's root, instead of the nearest `.git` above"),
    own("DISTIQ_PROVIDER", Some("provider"), "The provider to use"),
    own("DISTIQ_MODEL", Some("model"), "The model to use"),
    own("DISTIQ_MODE", Some("mode"), "What may be done without asking"),
    own("DISTIQ_MAX_COST", Some("max_cost"), "Most dollars that one run may cost"),
    own("DISTIQ_MAX_TURNS", Some("max_turns"), "Most requests that one turn may take"),
    own("DISTIQ_MAX_TIME_S", Some("max_time_s"), "Most seconds that one turn may take"),
    own("DISTIQ_POLICY", Some("policy"), "How models are chosen"),
    own("DISTIQ_HEAD_TIMEOUT_MS", Some("timeouts.head_ms"), "Longest wait for a response's head"),
    own(
        "DISTIQ_FIRST_BYTE_TIMEOUT_MS",
        Some("timeouts.first_byte_ms"),
        "Longest wait for an answer's first byte",
    ),
    own("DISTIQ_IDLE_TIMEOUT_MS", Some("timeouts.idle_ms"), "Longest silence within an answer"),
    own("DISTIQ_RETRY_BASE_MS", Some("retry.base_ms"), "The first pause before a retry"),
    own(
        "DISTIQ_SANDBOX",
        Some("sandbox"),
        "Whether commands run in a sandbox: `auto`, `require` or `off`",
    ),
    own(
        "DISTIQ_GATEWAY_KEY",
        None,
        "The operator's own key of the gateway, beside the stored ones",
    ),
    own("DISTIQ_TZ", Some("tz"), "The time zone in which days and months are counted"),
    own("DISTIQ_CA_FILE", Some("ca_file"), "A PEM file of further certificate authorities"),
    own(
        "DISTIQ_EMBEDDER",
        Some("index.embedder"),
        "The model whose vectors `search` compares: its folder, or `PROVIDER/MODEL`",
    ),
    own(
        "DISTIQ_RERANKER",
        Some("index.reranker"),
        "The folder of the cross-encoder that reads the best places of a search",
    ),
    own(
        "DISTIQ_COMPRESSION_MODEL",
        Some("compression.model"),
        "The folder of the model that chooses the words that `distiq compress` leaves out",
    ),
    own("DISTIQ_PRICES", Some("prices"), "Your own price file"),
    own("DISTIQ_PLAIN", Some("plain"), "No colour and no moving parts, for screen readers"),
    vendor("ANTHROPIC_API_KEY", "Anthropic's key"),
    vendor("ANTHROPIC_BASE_URL", "Anthropic's address, without `/v1`"),
    vendor("OPENAI_API_KEY", "OpenAI's key"),
    vendor("OPENAI_BASE_URL", "OpenAI's address, with `/v1`"),
    vendor("DEEPSEEK_API_KEY", "DeepSeek's key"),
    vendor("DEEPSEEK_BASE_URL", "DeepSeek's address"),
    vendor("OPENROUTER_API_KEY", "OpenRouter's key"),
    vendor("OPENROUTER_BASE_URL", "OpenRouter's address"),
    vendor("GEMINI_API_KEY", "Gemini's key"),
    vendor("GOOGLE_API_KEY", "Gemini's key, where `GEMINI_API_KEY` is not set"),
    vendor("GEMINI_BASE_URL", "Gemini's address; with `/v1beta/openai` for its OpenAI dialect"),
    vendor("XAI_API_KEY", "xAI's key"),
    vendor("XAI_BASE_URL", "xAI's address"),
    vendor("MISTRAL_API_KEY", "Mistral's key"),
    vendor("MISTRAL_BASE_URL", "Mistral's address"),
    vendor("GROQ_API_KEY", "Groq's key"),
    vendor("GROQ_BASE_URL", "Groq's address"),
    vendor("TOGETHER_API_KEY", "Together's key"),
    vendor("TOGETHER_BASE_URL", "Together's address"),
    vendor("ZAI_API_KEY", "Z.ai's key"),
    vendor("ZAI_BASE_URL", "Z.ai's address"),
    vendor("MOONSHOT_API_KEY", "Moonshot's key"),
    vendor("MOONSHOT_BASE_URL", "Moonshot's address"),
    vendor("OLLAMA_BASE_URL", "Address of the Ollama server; with `/v1` for its OpenAI dialect"),
    vendor(
        "OLLAMA_HOST",
        "Host, port or address of the Ollama server, as Ollama's own tools read it",
    ),
    vendor("LM_STUDIO_BASE_URL", "Address of the local LM Studio server, with `/v1`"),
    vendor("LLAMACPP_BASE_URL", "Address of the local llama.cpp server, with `/v1`"),
    vendor("VLLM_BASE_URL", "Address of the local vLLM server, with `/v1`"),
    system("HOME", "Where the XDG folders lie by default"),
    system("XDG_CONFIG_HOME", "Where `distiq/config.toml` and keys lie; default `~/.config`"),
    system("XDG_DATA_HOME", "Where the ledger and sessions lie; default `~/.local/share`"),
    system("XDG_CACHE_HOME", "Where what can be made again lies; default `~/.cache`"),
    system("PATH", "Where programs are found"),
    system("NO_COLOR", "Not empty: no colour"),
    system("CLICOLOR_FORCE", "Not `0`: colour even where the output is no terminal"),
    system("TERM", "`dumb`: no colour"),
    system("TZ", "The time zone, where none is set otherwise"),
    system("TMPDIR", "Where temporary folders are made; default `/tmp`"),
    system("HTTPS_PROXY", "Proxy for https addresses (also in lower case)"),
    system("HTTP_PROXY", "Proxy for http addresses (also in lower case)"),
    system("ALL_PROXY", "Proxy for all addresses (also in lower case)"),
    system("NO_PROXY", "Hosts reached without a proxy; loopback always is (also in lower case)"),
    system("SSL_CERT_FILE", "A PEM file of the certificate authorities to trust"),
    system(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where `start` posts spans by OTLP over HTTP, `/v1/traces` added; off where unset",
    ),
    system("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "The same for spans alone, as it is"),
    system("OTEL_EXPORTER_OTLP_HEADERS", "Headers that go with spans, `name=value,…`"),
    system("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "The same for spans alone"),
    system("OTEL_EXPORTER_OTLP_PROTOCOL", "`http/protobuf` (the default) or `http/json`"),
    system("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "The same for spans alone"),
    system("OTEL_EXPORTER_OTLP_TIMEOUT", "Milliseconds that a post may take"),
    system("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "The same for spans alone"),
    system("OTEL_SERVICE_NAME", "What spans are said to come from; `distiq-gateway` where unset"),
    system("OTEL_RESOURCE_ATTRIBUTES", "More about that, `name=value,…`"),
    system("OTEL_TRACES_SAMPLER", "Which requests are traced; `parentbased_always_on` where unset"),
    system("OTEL_TRACES_SAMPLER_ARG", "The share for `traceidratio`, 0 to 1"),
    system("OTEL_TRACES_EXPORTER", "`none` turns spans off"),
    system("OTEL_SDK_DISABLED", "`true` turns spans off"),
];

/// Returns the variable of that name.
pub fn find(name: &str) -> Option<&'static EnvVar> {
    ALL.iter().find(|variable| variable.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_docs_are_one_line() {
        for (index, variable) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(index + 1).all(|other| other.name != variable.name));
            assert!(!variable.doc.is_empty() && !variable.doc.contains('\n'), "{}", variable.name);
            assert!(!variable.doc.ends_with('.'), "{}", variable.name);
        }
        assert_eq!(find("DISTIQ_MODEL").unwrap().key, Some("model"));
    }
}
