//! The table of settings: what each is called, what fits it, who may set it.

use super::kind::{Kind, MODES};

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its dotted name; `NAME` stands for any name.
    pub name: &'static str,
    /// What fits it.
    pub kind: Kind,
    /// Who may set it.
    pub layering: Layering,
    /// Its default, as text.
    pub default: Option<&'static str>,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// Whether a project's own file may set a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layering {
    /// It may not.
    User,
    /// Only to something tighter than the user's.
    Tighten,
    /// It may.
    Project,
}

const TIMEOUT: Kind = Kind::Integer(1, 3_600_000);

const fn user(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, layering: Layering::User, default: None, doc }
}

impl Key {
    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn tightened(self) -> Self {
        Self { layering: Layering::Tighten, ..self }
    }
}

/// All settings.
pub const KEYS: &[Key] = &[
    user("provider", Kind::Text, "The provider to use; default the first one with a key"),
    Key {
        layering: Layering::Project,
        ..user("model", Kind::Text, "The model to use; default the provider's")
    },
    user("mode", MODES, "What may be done without asking").or("ask").tightened(),
    user("max_cost", Kind::Money, "Most dollars that one run may cost").tightened(),
    user("max_turns", Kind::Integer(1, 100_000), "Most requests that one turn may take")
        .or("200")
        .tightened(),
    user("max_time_s", Kind::Integer(1, 604_800), "Most seconds that one turn may take")
        .tightened(),
    user("limits.session", Kind::Money, "Most dollars a session").tightened(),
    user("limits.day", Kind::Money, "Most dollars a day, over all projects").tightened(),
    user("limits.month", Kind::Money, "Most dollars a month, over all projects").tightened(),
    user("limits.project_day", Kind::Money, "Most dollars a day in one project").tightened(),
    user("limits.project_month", Kind::Money, "Most dollars a month in one project").tightened(),
    user("limits.alert_share", Kind::Share, "The part of a limit at which a notice comes")
        .or("0.8")
        .tightened(),
    user(
        "policy",
        Kind::OneOf(&["fixed", "cheapest", "balanced", "best"]),
        "How models are chosen: `fixed` is the model that you name; the others choose a tier by how \
         hard each request is (`cheapest`, `balanced`, `best`)",
    )
    .or("fixed"),
    user(
        "providers.NAME.dialect",
        Kind::OneOf(&["anthropic", "openai", "responses", "gemini", "ollama"]),
        "How the provider is spoken to",
    ),
    user(
        "providers.NAME.base_url",
        Kind::Url,
        "Its address; for `openai` and `responses` with `/v1`",
    ),
    user("providers.NAME.key_env", Kind::Text, "The environment variable that holds its key"),
    user("providers.NAME.model", Kind::Text, "Its model, where none is named"),
    user(
        "providers.NAME.models",
        Kind::Models,
        "Models that it offers, beside those of the price list; a request for one goes there",
    ),
    user(
        "providers.NAME.takes_unknown",
        Kind::Bool,
        "Whether models that nobody knows are asked of it, by their names as they are",
    ),
    user(
        "providers.NAME.nodes",
        Kind::Nodes,
        "Several addresses that serve the same models, each a table of `url` and `weight`",
    ),
    user(
        "providers.NAME.balance",
        Kind::OneOf(&["round-robin", "weighted", "least-loaded", "prefix"]),
        "How requests are spread over the nodes: `prefix` goes to the one whose cache holds the \
         prompt's beginning; default `round-robin`, `weighted` where a weight is set",
    ),
    user(
        "providers.NAME.health_path",
        Kind::Text,
        "A path that answers 200 while a node is well, such as `/health`",
    ),
    user("providers.NAME.headers.HEADER", Kind::Text, "A further header of every request"),
    user(
        "tiers.local",
        Kind::Models,
        "Models of `auto:local`, as `PROVIDER/MODEL`, the first choice first",
    )
    .or("ollama/qwen2.5-coder:7b"),
    user("tiers.free", Kind::Models, "Models of `auto:free`, which cost nothing"),
    user("tiers.budget", Kind::Models, "Models of `auto:budget`, cheap and quick")
        .or("anthropic/claude-haiku-5-5, openai/gpt-6-luna, gemini/gemini-3.5-flash-lite, \
             deepseek/deepseek-flash, groq/openai/gpt-oss-120b, mistral/devstral-small-latest"),
    user("tiers.balanced", Kind::Models, "Models of `auto:balanced`, good at most work").or(
        "anthropic/claude-sonnet-5-5, openai/gpt-6.1-sol, gemini/gemini-3.8-flash, \
             deepseek/deepseek-v4-pro, xai/grok-4.7, moonshot/kimi-k3.1-pro, zai/glm-5.3, \
             openrouter/anthropic/claude-sonnet-5.5",
    ),
    user("tiers.premium", Kind::Models, "Models of `auto:premium`, for hard work")
        .or("anthropic/claude-opus-5-5, openai/gpt-6-astra, gemini/gemini-4-argon, xai/grok-4.7, \
             openrouter/anthropic/claude-opus-5.5"),
    user("tiers.reasoning", Kind::Models, "Models of `auto:reasoning`, which think longest")
        .or("anthropic/claude-fable-5-1, openai/gpt-6-astra, gemini/gemini-4-argon"),
    user("tiers.cheap", Kind::Models, "The former name of `tiers.budget`, which it replaces"),
    user("tiers.standard", Kind::Models, "The former name of `tiers.balanced`, which it replaces"),
    user("tiers.best", Kind::Models, "The former name of `tiers.premium`, which it replaces"),
    user(
        "aliases.MODEL",
        Kind::Text,
        "Another name of a model, of `PROVIDER/MODEL`, or of `auto` with or without a tier",
    ),
    user(
        "routes.NAME.to",
        Kind::Text,
        "Where requests like the route's utterances go instead of the tier that `auto` would choose: a \
         model, `PROVIDER/MODEL`, an alias, or `auto:` with a tier",
    ),
    user(
        "routes.NAME.utterances",
        Kind::Texts,
        "Requests as people write them; whatever is said much alike takes the route",
    ),
    user(
        "fallbacks.MODEL",
        Kind::Models,
        "What is asked where all attempts at a model, `PROVIDER/MODEL`, a provider or `*` (any) fail",
    ),
    user("tasks.plan", Kind::Text, "The model that plans, where another than the usual one"),
    user("tasks.execute", Kind::Text, "The model that does the work"),
    user("tasks.summarize", Kind::Text, "The model that summarizes"),
    user("tasks.embed", Kind::Text, "The model that embeds"),
    user("tasks.vision", Kind::Text, "The model that is asked about pictures"),
    user("timeouts.head_ms", TIMEOUT, "Longest wait for a response's head").or("60000"),
    user("timeouts.first_byte_ms", TIMEOUT, "Longest wait for an answer's first byte").or("60000"),
    user("timeouts.idle_ms", TIMEOUT, "Longest silence within an answer").or("120000"),
    user("retry.attempts", Kind::Integer(1, 10), "Most attempts of a request, the first included")
        .or("4"),
    user("retry.base_ms", Kind::Integer(1, 60_000), "The first pause before a retry").or("500"),
    user(
        "retry.max_delay_ms",
        TIMEOUT,
        "The longest pause before a retry, unless the vendor asks for more",
    )
    .or("8000"),
    user("prices", Kind::File, "Your own price file, read over the built-in one"),
    user("tz", Kind::Zone, "The time zone in which days and months are counted"),
    user(
        "index.embedder",
        Kind::Text,
        "Whose vectors `search` compares: the folder of a model of the BERT family, or \
         `PROVIDER/MODEL`; default the project's own words",
    ),
    user(
        "index.reranker",
        Kind::Text,
        "The folder of a cross-encoder of the BERT family that reads the best ten places of a search \
         together with the request; default none",
    ),
    user(
        "index.history",
        Kind::Bool,
        "Whether `search` and `context` look at what past commits of the project changed",
    )
    .or("true"),
    user(
        "compression.model",
        Kind::Text,
        "The folder of a token classifier (LLMLingua-2, BERT) that chooses the words that \
         `distiq compress` leaves out; default the rules",
    ),
    user("ca_file", Kind::File, "A PEM file of further certificate authorities"),
    user(
        "sandbox",
        Kind::Ladder(&["require", "auto", "off"]),
        "Whether commands run in a sandbox: `auto` asks for each command where none can be had, \
         `require` refuses it; also `sandbox.mode`",
    )
    .or("auto")
    .tightened(),
    user(
        "sandbox.backend",
        Kind::OneOf(&["native", "bubblewrap", "docker", "podman"]),
        "What holds commands in",
    )
    .or("native"),
    user("sandbox.image", Kind::Text, "The image that `docker` and `podman` run commands in"),
    user(
        "sandbox.network",
        Kind::Ladder(&["off", "hosts", "on"]),
        "What commands reach beyond loopback: nothing, `sandbox.hosts`, or everything",
    )
    .or("off")
    .tightened(),
    user(
        "sandbox.hosts",
        Kind::Hosts,
        "Hosts that commands reach with `sandbox.network = \"hosts\"`, such as `crates.io`, \
         `*.npmjs.org`, `localhost:8080` or `10.0.0.0/8`",
    )
    .or("")
    .tightened(),
    user("sandbox.read", Kind::Paths, "Further files and folders that commands may read").or(""),
    user("sandbox.write", Kind::Paths, "Further folders that commands may write").or(""),
    user("checkpoints.enabled", Kind::Bool, "Whether what a session changes is kept for `undo`")
        .or("true"),
    user(
        "checkpoints.max_mb",
        Kind::Integer(1, 1_000_000),
        "Most megabytes of checkpoints a project",
    )
    .or("1000"),
    user(
        "checkpoints.max_days",
        Kind::Integer(1, 3650),
        "How many days a session's checkpoints are kept",
    )
    .or("30"),
    user(
        "economy.compaction",
        Kind::Bool,
        "Whether a long conversation is made shorter where that saves money or the window is full",
    )
    .or("true"),
    user(
        "economy.pruning",
        Kind::Bool,
        "Whether old results of tools that later ones replace, or that are long ago, are left out where that saves money",
    )
    .or("true"),
    user(
        "economy.local_answers",
        Kind::Bool,
        "Whether plain questions, such as where a name is defined, are answered without a model",
    )
    .or("true"),
    user(
        "economy.kept_answers",
        Kind::Bool,
        "Whether a question that begins a run is answered by the answer of an earlier one, where all that it was based on is \
         unchanged",
    )
    .or("true"),
    user(
        "economy.prompt_cache",
        Kind::Bool,
        "Whether vendors are told what to keep in their prompt caches; some keep it anyway",
    )
    .or("true"),
    user(
        "economy.long_cache",
        Kind::Bool,
        "Whether a vendor is asked to keep a prompt for an hour where the session's waits make that cheaper",
    )
    .or("true"),
    user(
        "economy.keep_alive",
        Kind::Bool,
        "Whether a vendor's prompt cache is read once more before it ends while a tool, a question or the next turn is waited for, where \
         that is likely to cost less than to write it anew",
    )
    .or("true"),
    user(
        "economy.window_tokens",
        Kind::Integer(2_000, 100_000_000),
        "The longest prompt and answer together, where that is less than the model takes",
    ),
    user(
        "economy.escalation",
        Kind::Bool,
        "Whether a stronger model goes on from an answer that one cannot be sure of, where a policy \
         chose the model",
    )
    .or("true"),
    user(
        "economy.corrections",
        Kind::Bool,
        "Whether the stronger model may only say what is wrong and leave the rest to the cheaper one, where that is \
         likely to cost less",
    )
    .or("true"),
    user(
        "economy.confidence",
        Kind::Share,
        "How likely an answer must do what was asked, from 0 to 1; below, a stronger model goes on",
    )
    .or("0.85"),
    user(
        "economy.plan",
        Kind::OneOf(&["asked", "auto"]),
        "When a run is planned before it is carried out: with `--plan`, or also where a policy chose the model \
         and the whole is likely to cost less",
    )
    .or("auto"),
    user(
        "economy.race_ms",
        Kind::Integer(0, 600_000),
        "After how many milliseconds a question without tools goes to a premium model, too, where a policy \
         chose a cheaper one; 0 asks both at once; default never",
    ),
    user(
        "economy.race_cap",
        Kind::Money,
        "Most dollars that the second model of such a race may cost",
    )
    .or("0.05"),
    user(
        "economy.self_check",
        Kind::Bool,
        "Whether a cheap model is asked whether the answer does what was asked, too",
    )
    .or("false"),
    user(
        "cache.answers",
        Kind::OneOf(&["off", "asked", "on"]),
        "Whom the gateway gives an answer of before: nobody, who asks for it (by `auto`, the key's \
         setting or `x-distiq-optimize: on`), or everybody",
    )
    .or("asked"),
    user(
        "cache.semantic",
        Kind::Bool,
        "Whether a question in other words may be answered by an answer of before",
    )
    .or("true"),
    user("cache.ttl_s", Kind::Integer(1, 31_536_000), "How many seconds an answer is given again")
        .or("86400"),
    user("cache.max_mb", Kind::Integer(1, 100_000), "Most megabytes of answers").or("256"),
    user("cache.max_entries", Kind::Integer(1, 10_000_000), "Most answers").or("100000"),
    user(
        "gateway.hosts",
        Kind::Hosts,
        "Names by which browsers may reach the gateway, beside those of this machine",
    )
    .or(""),
    user(
        "gateway.max_body_mb",
        Kind::Integer(1, 1_000),
        "Most megabytes of a request to the gateway",
    )
    .or("64"),
    user("gateway.drain_s", Kind::Integer(0, 3_600), "Seconds for streams to end once it stops")
        .or("30"),
    user(
        "gateway.access_log",
        Kind::Text,
        "Where a line of JSON goes for each request: a file, or `stderr`; never contents or keys",
    ),
    user(
        "gateway.access_log_mb",
        Kind::Integer(1, 100_000),
        "Megabytes after which the access log's file is moved to `.1`, in the place of the last",
    )
    .or("100"),
    user("gateway.tls_certificate", Kind::File, "The gateway's certificate, in PEM"),
    user("gateway.tls_key", Kind::File, "The certificate's key, in PEM"),
    user("plain", Kind::Bool, "No colour and no moving parts, for screen readers").or("false"),
];

/// Returns the name under which a setting is kept: a table's `mode` stands for what was a setting
/// of the table's own name.
pub fn canonical(name: &str) -> &str {
    if name == "sandbox.mode" { "sandbox" } else { name }
}

/// Returns the key of a dotted name.
pub fn find(name: &str) -> Option<&'static Key> {
    let name = canonical(name);
    KEYS.iter().find(|key| matches(key.name, name))
}

/// Tells whether keys lie below a dotted name.
pub fn is_table(name: &str) -> bool {
    let depth = name.split('.').count();
    KEYS.iter().any(|key| {
        let above: Vec<&str> = key.name.split('.').take(depth).collect();
        above.len() < key.name.split('.').count() && matches(&above.join("."), name)
    })
}

/// Returns the parts of a dotted name; a model's name, dots and all, is one.
pub fn parts(name: &str) -> Vec<&str> {
    let table = KEYS.iter().filter_map(|key| key.name.strip_suffix("MODEL"));
    let model = |table: &str| Some((name.get(..table.len() - 1)?, name.strip_prefix(table)?));
    match table.into_iter().find_map(model) {
        Some((table, model)) => vec![table, model],
        None => name.split('.').collect(),
    }
}

/// Tells whether a dotted name fits a key's, where `NAME` and `HEADER` stand for any name, and a
/// last `MODEL` for any model's, dots and all.
fn matches(pattern: &str, name: &str) -> bool {
    if let Some(table) = pattern.strip_suffix("MODEL") {
        let is_model = |name: &str| {
            !name.is_empty()
                && name.len() <= 200
                && !name.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        return name.strip_prefix(table).is_some_and(is_model);
    }
    let (mut pattern, mut name) = (pattern.split('.'), name.split('.'));
    loop {
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some("NAME" | "HEADER"), Some(name)) if is_name(name) => {}
            (Some(pattern), Some(name)) if pattern == name => {}
            _ => return false,
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
