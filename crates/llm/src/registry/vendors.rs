//! The vendors that are known by name. Adding one is adding a row.

use distiq_base::Dialect;
use url::Url;

use crate::wire::{PartMarks, Quirks, ToolCallIds};

/// What is known of a vendor.
pub(super) struct Vendor {
    pub name: &'static str,
    pub dialect: Dialect,
    pub base_url: &'static str,
    /// The address of its OpenAI-compatible door, where its own dialect is another.
    pub compatible_url: Option<&'static str>,
    /// The variables that may hold the key, the usual one first.
    pub key_env: &'static [&'static str],
    /// How it differs from a plain server, at a base URL.
    pub quirks: fn(&str) -> Quirks,
    /// The model where none is named: the best price for coding in the catalogue.
    pub model: Option<&'static str>,
    /// A server on the user's own machine: no key, and only taken where it is named.
    pub local: bool,
}

const COMPATIBLE: Vendor = Vendor {
    name: "",
    dialect: Dialect::Openai,
    base_url: "",
    compatible_url: None,
    key_env: &[],
    quirks: plain,
    model: None,
    local: false,
};

/// The vendors, in the order in which one with a key is chosen.
pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        name: "anthropic",
        dialect: Dialect::Anthropic,
        base_url: "https://api.anthropic.com",
        key_env: &["ANTHROPIC_API_KEY"],
        model: Some("claude-sonnet-5-5"),
        ..COMPATIBLE
    },
    Vendor {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        key_env: &["OPENAI_API_KEY"],
        quirks: openai,
        model: Some("gpt-6.1-sol"),
        ..COMPATIBLE
    },
    Vendor {
        name: "deepseek",
        base_url: "https://api.deepseek.com",
        key_env: &["DEEPSEEK_API_KEY"],
        quirks: |_| Quirks { replay_reasoning: true, thinking_field: true, ..Quirks::default() },
        model: Some("deepseek-flash"),
        ..COMPATIBLE
    },
    Vendor {
        name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        key_env: &["OPENROUTER_API_KEY"],
        quirks: |_| Quirks {
            reasoning_details: true,
            reports_cost: true,
            text_parts: true,
            part_marks: PartMarks::CacheControl,
            ..Quirks::default()
        },
        model: Some("anthropic/claude-sonnet-5.5"),
        ..COMPATIBLE
    },
    Vendor {
        name: "gemini",
        dialect: Dialect::Gemini,
        base_url: "https://generativelanguage.googleapis.com",
        compatible_url: Some("https://generativelanguage.googleapis.com/v1beta/openai"),
        key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        model: Some("gemini-3.8-flash"),
        ..COMPATIBLE
    },
    Vendor {
        name: "xai",
        base_url: "https://api.x.ai/v1",
        key_env: &["XAI_API_KEY"],
        model: Some("grok-4.7"),
        ..COMPATIBLE
    },
    Vendor {
        name: "mistral",
        base_url: "https://api.mistral.ai/v1",
        key_env: &["MISTRAL_API_KEY"],
        quirks: |_| Quirks {
            tool_call_ids: ToolCallIds::NineAlphanumeric,
            prompt_cache_key: true,
            // It knows `none` and `high` alone.
            reasoning_effort: false,
            ..Quirks::default()
        },
        model: Some("devstral-latest"),
        ..COMPATIBLE
    },
    Vendor {
        name: "groq",
        base_url: "https://api.groq.com/openai/v1",
        key_env: &["GROQ_API_KEY"],
        model: Some("openai/gpt-oss-120b"),
        ..COMPATIBLE
    },
    Vendor {
        name: "together",
        base_url: "https://api.together.xyz/v1",
        key_env: &["TOGETHER_API_KEY"],
        ..COMPATIBLE
    },
    Vendor {
        name: "zai",
        base_url: "https://api.z.ai/api/paas/v4",
        key_env: &["ZAI_API_KEY"],
        quirks: |_| Quirks { thinking_field: true, ..Quirks::default() },
        model: Some("glm-5.3"),
        ..COMPATIBLE
    },
    Vendor {
        name: "moonshot",
        base_url: "https://api.moonshot.ai/v1",
        key_env: &["MOONSHOT_API_KEY"],
        quirks: |_| Quirks { replay_reasoning: true, ..Quirks::default() },
        model: Some("kimi-k3.1-pro"),
        ..COMPATIBLE
    },
    Vendor {
        dialect: Dialect::Ollama,
        compatible_url: Some("http://localhost:11434/v1"),
        ..local("ollama", "http://localhost:11434")
    },
    local("lm_studio", "http://localhost:1234/v1"),
    local("llamacpp", "http://127.0.0.1:8080/v1"),
    local("vllm", "http://localhost:8000/v1"),
];

const fn local(name: &'static str, base_url: &'static str) -> Vendor {
    Vendor { name, base_url, local: true, ..COMPATIBLE }
}

impl Vendor {
    /// Returns how the vendor is spoken to at an address: a base URL that ends as its compatible
    /// door does is meant for that.
    pub(super) fn dialect_at(&self, base_url: &str) -> Dialect {
        let ends = ["/openai", "/v1"];
        let base_url = base_url.trim_end_matches('/');
        match self.compatible_url {
            Some(_) if ends.iter().any(|end| base_url.ends_with(end)) => Dialect::Openai,
            _ => self.dialect,
        }
    }
}

/// Returns an address from `OLLAMA_HOST`, which may be a host, a host with a port, or a URL. The
/// server's own words for "everywhere" are reached at this machine.
pub(super) fn ollama_host(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let rest = rest.trim_end_matches('/').replacen("0.0.0.0", "127.0.0.1", 1);
    let rest = if rest.starts_with(':') { format!("127.0.0.1{rest}") } else { rest };
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match has_port || text.contains("://") {
        true => format!("{scheme}://{rest}"),
        false => format!("{scheme}://{rest}:11434"),
    }
}

/// Returns the name that the table uses for a vendor.
pub(super) fn canonical(name: &str) -> &str {
    match name {
        "google" => "gemini",
        "lmstudio" => "lm_studio",
        "llama.cpp" => "llamacpp",
        other => other,
    }
}

/// Returns what paying a vendor costs on top of what it bills, in thousandths: OpenRouter's credit is
/// bought at 5.5 % (2026-11).
pub(super) fn fee_permille(name: &str) -> u16 {
    if name == "openrouter" { 55 } else { 0 }
}

/// Returns where a local server answers while it is well, at no cost.
pub(super) fn health_path(name: &str) -> Option<&'static str> {
    match name {
        "llamacpp" | "vllm" => Some("/health"),
        "ollama" => Some("/api/version"),
        "lm_studio" => Some("/v1/models"),
        _ => None,
    }
}

/// Returns the quirks of a server of which nothing is known.
pub(super) fn plain(_base_url: &str) -> Quirks {
    Quirks::default()
}

/// Returns OpenAI's quirks for its own address, and careful ones for what stands in for it: a proxy
/// of OpenAI takes these too, a local server does not know role `developer` or the newer field for
/// the limit.
fn openai(base_url: &str) -> Quirks {
    let own = Url::parse(base_url).is_ok_and(|url| {
        url.host_str().is_some_and(|host| host == "openai.com" || host.ends_with(".openai.com"))
    });
    let openai = Quirks::openai();
    if own {
        return openai;
    }
    Quirks { max_tokens_field: "max_tokens", developer_role: false, strict_tools: false, ..openai }
}
