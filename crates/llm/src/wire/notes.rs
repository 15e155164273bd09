//! What a target's dialect cannot say of a request: refused, said otherwise, or left out.
//!
//! One table ([`ROWS`]) holds what each dialect does; [`notes`] finds the rows that a request
//! touches. Nothing of a request is lost without a note.

mod finding;

use distiq_base::{Dialect, Request};

use super::model_rules;

/// What becomes of a part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes as it is.
    Native,
    /// It goes in other words, which say the same or nearly so.
    Emulated(&'static str),
    /// It is left out; the text says what that means.
    Dropped(&'static str),
    /// The request is not sent; the text says what to do.
    Refused(&'static str),
}

/// What is told of a part of a request that its target cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The part: a field of the request, or what the table calls it.
    pub what: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// What a request may hold that not every dialect can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Feature {
    SystemMessage,
    ImageUrl,
    ImageInResult,
    DocumentBytes,
    DocumentText,
    DocumentUrl,
    DocumentSettings,
    FailedResult,
    Thinking,
    RedactedThinking,
    ForcedCall,
    NamedTool,
    NoTools,
    OneCallOnly,
    HostedTool,
    JsonMode,
    StopTexts,
    ThinkingMode,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which feature.
    pub feature: Feature,
    /// Its name in headers.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// At Anthropic.
    pub anthropic: Fate,
    /// At OpenAI Chat Completions.
    pub openai: Fate,
    /// At OpenAI Responses.
    pub responses: Fate,
    /// At Gemini.
    pub gemini: Fate,
    /// At Ollama.
    pub ollama: Fate,
}

impl Row {
    /// Returns what becomes of the feature at a target.
    pub const fn at(&self, target: Dialect) -> Fate {
        match target {
            Dialect::Anthropic => self.anthropic,
            Dialect::Openai => self.openai,
            Dialect::Responses => self.responses,
            Dialect::Gemini => self.gemini,
            Dialect::Ollama => self.ollama,
        }
    }
}

const AS_TEXT: Fate = Fate::Emulated("as text between `<document>` marks");
const BEHIND: Fate = Fate::Emulated("in a user message behind the results");
const FETCHED: Fate = Fate::Emulated("as `fileData`; not every model fetches foreign addresses");
const BY_TEXT: Fate = Fate::Dropped("the text of the result tells it");
const NOT_THEIRS: Fate = Fate::Dropped("vendors refuse each other's thinking");
const THEIR_TOOL: Fate = Fate::Dropped("only its own vendor runs that tool");
const CITATIONS: Fate = Fate::Dropped("the document goes, without citations and context");

use Fate::{Dropped, Emulated, Native, Refused};

/// The table.
pub const ROWS: &[Row] = &[
    Row {
        feature: Feature::SystemMessage,
        name: "system_message",
        what: "a system message in the middle of a conversation",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: Emulated("as a user message between `<system>` marks"),
        ollama: Native,
    },
    Row {
        feature: Feature::ImageUrl,
        name: "image_url",
        what: "an image by its address",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: FETCHED,
        ollama: Refused("Ollama takes no addresses of pictures; send the picture itself"),
    },
    Row {
        feature: Feature::ImageInResult,
        name: "image_in_result",
        what: "an image or a document in a tool's result",
        anthropic: Native,
        openai: BEHIND,
        responses: Native,
        gemini: Native,
        ollama: BEHIND,
    },
    Row {
        feature: Feature::DocumentBytes,
        name: "document",
        what: "a document as bytes, such as a PDF",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: Native,
        ollama: Refused("Ollama takes no documents; send their text"),
    },
    Row {
        feature: Feature::DocumentText,
        name: "text_document",
        what: "a document of plain text",
        anthropic: Native,
        openai: AS_TEXT,
        responses: AS_TEXT,
        gemini: Native,
        ollama: AS_TEXT,
    },
    Row {
        feature: Feature::DocumentUrl,
        name: "document_url",
        what: "a document by its address",
        anthropic: Native,
        openai: Refused(
            "Chat Completions takes no addresses of documents; send the document itself",
        ),
        responses: Native,
        gemini: FETCHED,
        ollama: Refused("Ollama takes no documents; send their text"),
    },
    Row {
        feature: Feature::DocumentSettings,
        name: "document_settings",
        what: "a document's citations or context",
        anthropic: Native,
        openai: CITATIONS,
        responses: CITATIONS,
        gemini: CITATIONS,
        ollama: CITATIONS,
    },
    Row {
        feature: Feature::FailedResult,
        name: "is_error",
        what: "the mark that a tool failed",
        anthropic: Native,
        openai: BY_TEXT,
        responses: BY_TEXT,
        gemini: Native,
        ollama: BY_TEXT,
    },
    Row {
        feature: Feature::Thinking,
        name: "thinking",
        what: "thinking that another vendor signed, or nobody",
        anthropic: NOT_THEIRS,
        openai: NOT_THEIRS,
        responses: NOT_THEIRS,
        gemini: NOT_THEIRS,
        ollama: NOT_THEIRS,
    },
    Row {
        feature: Feature::RedactedThinking,
        name: "redacted_thinking",
        what: "encrypted thinking",
        anthropic: Native,
        openai: NOT_THEIRS,
        responses: NOT_THEIRS,
        gemini: NOT_THEIRS,
        ollama: NOT_THEIRS,
    },
    Row {
        feature: Feature::ForcedCall,
        name: "tool_choice:any",
        what: "the model must call a tool",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: Native,
        ollama: Dropped("the model calls as it likes"),
    },
    Row {
        feature: Feature::NamedTool,
        name: "tool_choice:tool",
        what: "the model must call this tool",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: Native,
        ollama: Emulated("only that tool is offered"),
    },
    Row {
        feature: Feature::NoTools,
        name: "tool_choice:none",
        what: "the model must call no tool",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: Native,
        ollama: Emulated("no tools are offered"),
    },
    Row {
        feature: Feature::OneCallOnly,
        name: "parallel_tool_calls",
        what: "one call an answer at most",
        anthropic: Native,
        openai: Native,
        responses: Native,
        gemini: Dropped("the model may call several tools at once"),
        ollama: Dropped("the model may call several tools at once"),
    },
    Row {
        feature: Feature::HostedTool,
        name: "hosted_tool",
        what: "a tool that another vendor runs",
        anthropic: THEIR_TOOL,
        openai: THEIR_TOOL,
        responses: THEIR_TOOL,
        gemini: THEIR_TOOL,
        ollama: THEIR_TOOL,
    },
    Row {
        feature: Feature::JsonMode,
        name: "json_mode",
        what: "JSON without a schema",
        anthropic: Dropped("the model answers as it is told in words"),
        openai: Native,
        responses: Native,
        gemini: Native,
        ollama: Native,
    },
    Row {
        feature: Feature::StopTexts,
        name: "stop",
        what: "texts that end the answer",
        anthropic: Native,
        openai: Native,
        responses: Dropped("the answer goes on"),
        gemini: Native,
        ollama: Native,
    },
    Row {
        feature: Feature::ThinkingMode,
        name: "thinking_mode",
        what: "thinking on, off or with a budget, without an effort",
        anthropic: Native,
        openai: Dropped("only an effort is understood, where the server has a field for it"),
        responses: Emulated("as the effort that comes nearest"),
        gemini: Emulated("as a budget or a level, by model"),
        ollama: Emulated("on, off, or a level"),
    },
];

/// Returns what a target cannot say of a request, in the order of the table, then of the fields.
///
/// A request of the target's own dialect has notes too where the vocabulary holds more than one
/// dialect says; servers that differ from their dialect may still leave out what their quirks say.
pub fn notes(request: &Request, target: Dialect) -> Vec<Note> {
    let mut out: Vec<Note> = Vec::new();
    let found = finding::features(request, target);
    for row in ROWS.iter().filter(|row| found.contains(&row.feature)) {
        let fate = row.at(target);
        if fate != Fate::Native {
            out.push(Note { what: row.name.to_owned(), fate });
        }
    }
    finding::others(request, target, &mut out);
    for note in model_rules::notes(request, target) {
        if !out.iter().any(|known| known.what == note.what) {
            out.push(note);
        }
    }
    out
}

/// Returns why a request cannot be sent to a target, where it cannot.
pub fn refusal(request: &Request, target: Dialect) -> Option<String> {
    notes(request, target).into_iter().find_map(|note| match note.fate {
        Fate::Refused(reason) => Some(format!("{}: {reason}", note.what)),
        _ => None,
    })
}

/// Returns the table as Markdown, for the documents.
pub fn table() -> String {
    let mut out = String::from(
        "| Part of a request | Anthropic | OpenAI Chat | OpenAI Responses | Gemini | Ollama |\n\
         |---|---|---|---|---|---|\n",
    );
    let cell = |fate: Fate| match fate {
        Native => "yes".to_owned(),
        Emulated(how) => format!("emulated: {how}"),
        Dropped(what) => format!("dropped: {what}"),
        Refused(why) => format!("refused: {why}"),
    };
    for row in ROWS {
        let cells: Vec<String> =
            [row.anthropic, row.openai, row.responses, row.gemini, row.ollama].map(cell).to_vec();
        out.push_str(&format!("| `{}`: {} | {} |\n", row.name, row.what, cells.join(" | ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use distiq_base::{
        Content, DocumentSource, ImageSource, Message, OutputFormat, Role, ToolChoice, ToolDef,
    };
    use serde_json::{Map, Value, json};

    use super::*;

    fn check(request: &Request, target: Dialect, expected: &[(&str, char)]) {
        let found = notes(request, target);
        let found: Vec<(&str, char)> = found
            .iter()
            .map(|note| {
                let kind = match note.fate {
                    Fate::Native => 'n',
                    Fate::Emulated(_) => 'e',
                    Fate::Dropped(_) => 'd',
                    Fate::Refused(_) => 'r',
                };
                (note.what.as_str(), kind)
            })
            .collect();
        assert_eq!(found, expected, "{target:?}");
    }

    fn full() -> Request {
        let url = || "https://x/a.png".to_owned();
        let document = |source, extra: Value| Content::Document {
            source,
            title: None,
            extra: extra.as_object().cloned().unwrap_or_default(),
        };
        Request {
            tools: vec![ToolDef {
                name: "web_search".into(),
                description: String::new(),
                schema: Value::Null,
                extra: json!({"type": "web_search_20250305"}).as_object().cloned().unwrap(),
            }],
            tool_choice: Some(ToolChoice::Required),
            parallel_tool_calls: Some(false),
            messages: vec![
                Message {
                    role: Role::User,
                    content: vec![
                        Content::Image { source: ImageSource::Url { url: url() } },
                        document(
                            DocumentSource::Text { text: "t".into() },
                            json!({"citations": {}}),
                        ),
                        Content::tool_result("c", "no", true),
                    ],
                },
                Message {
                    role: Role::Assistant,
                    content: vec![Content::Thinking {
                        text: "t".into(),
                        signature: Some("c2ln".into()),
                    }],
                },
                Message { role: Role::System, content: vec![Content::text("s")] },
            ],
            output: Some(OutputFormat::JsonObject),
            stop: vec!["x".into()],
            extra: Some((
                Dialect::Anthropic,
                json!({"top_k": 1, "metadata": {"user_id": "u"}, "mcp_servers": []})
                    .as_object()
                    .cloned()
                    .unwrap(),
            )),
            ..Request::default()
        }
    }

    #[test]
    fn the_documents_hold_the_table() {
        let documents = include_str!("../../../../docs/dialects.md");
        let table = table();
        assert!(documents.contains(&table), "docs/dialects.md must hold:\n{table}");
    }

    #[test]
    fn each_target_says_what_it_cannot() {
        let request = full();
        check(&request, Dialect::Anthropic, &[("json_mode", 'd')]);
        check(
            &request,
            Dialect::Openai,
            &[
                ("text_document", 'e'),
                ("document_settings", 'd'),
                ("is_error", 'd'),
                ("thinking", 'd'),
                ("hosted_tool", 'd'),
                ("top_k", 'd'),
                ("mcp_servers", 'd'),
            ],
        );
        check(
            &request,
            Dialect::Gemini,
            &[
                ("system_message", 'e'),
                ("image_url", 'e'),
                ("document_settings", 'd'),
                ("thinking", 'd'),
                ("parallel_tool_calls", 'd'),
                ("hosted_tool", 'd'),
                ("mcp_servers", 'd'),
            ],
        );
        let reason = refusal(&request, Dialect::Ollama).unwrap();
        assert!(reason.starts_with("image_url: Ollama takes no addresses"), "{reason}");
        assert_eq!(refusal(&request, Dialect::Gemini), None);
    }

    #[test]
    fn what_only_one_dialect_has_is_refused_where_it_matters() {
        let with = |dialect, extra: Value| Request {
            extra: Some((dialect, extra.as_object().cloned().unwrap_or_default())),
            ..Request::default()
        };
        check(&with(Dialect::Openai, json!({"n": 1})), Dialect::Gemini, &[]);
        check(&with(Dialect::Openai, json!({"n": 2})), Dialect::Gemini, &[("n", 'r')]);
        check(&with(Dialect::Openai, json!({"n": 2})), Dialect::Openai, &[]);
        let cached = with(Dialect::Gemini, json!({"cachedContent": "c", "safetySettings": []}));
        check(&cached, Dialect::Openai, &[("cachedContent", 'r'), ("safetySettings", 'd')]);
        let raw = with(Dialect::Ollama, json!({"raw": true, "suffix": "", "keep_alive": "5m"}));
        check(&raw, Dialect::Gemini, &[("raw", 'r')]);
        let audio = Request {
            messages: vec![Message {
                role: Role::User,
                content: vec![Content::Other {
                    dialect: Dialect::Openai,
                    json: json!({"type": "input_audio"}),
                }],
            }],
            ..Request::default()
        };
        check(&audio, Dialect::Anthropic, &[("content:input_audio", 'r')]);
        check(&audio, Dialect::Openai, &[]);
        let dotted = Request {
            tools: vec![ToolDef {
                name: "a.b".into(),
                description: String::new(),
                schema: json!({}),
                extra: Map::new(),
            }],
            stop: (0..6).map(|n| n.to_string()).collect(),
            ..Request::default()
        };
        check(&dotted, Dialect::Gemini, &[("stop", 'r')]);
        check(&dotted, Dialect::Openai, &[("stop", 'r'), ("tool name a.b", 'r')]);
    }
}
