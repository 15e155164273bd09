//! A third party's server of the OpenAI dialect: LiteLLM's proxy with mock responses.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use distiq_base::{Assembler, Content, Dialect, Message, Request, Secret, StopReason};
use distiq_llm::wire::Quirks;
use distiq_llm::{Provider, ProviderConfig, ProviderError, ProviderErrorKind, Timeouts};
use futures::StreamExt;
use serde_json::Value;

/// The proxy, which ends when its stdin closes.
struct Proxy {
    child: Child,
    base_url: String,
    key: String,
}

impl Proxy {
    /// Starts the proxy; `None`, and a line that says why, where it is not installed.
    fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        if !root.join(".cache/litellm/bin/litellm").exists() {
            // Not `eprintln!`: a passing test's words would be kept from the log.
            let _ = std::io::stderr()
                .write_all(b"SKIPPED suite litellm: run `tests/setup_python.sh litellm` for it\n");
            return None;
        }
        let mut child = Command::new("python3")
            .arg(root.join("tests/litellm_upstream.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the proxy did not start");
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Some(Self { child, base_url: text("base_url"), key: text("key") })
    }

    fn provider(&self, key: &str) -> Provider {
        let config = ProviderConfig {
            name: "litellm".into(),
            dialect: Dialect::Openai,
            base_url: self.base_url.clone(),
            key: Some(Secret::new(key)),
            headers: Vec::new(),
            quirks: Quirks::default(),
            timeouts: Timeouts::default(),
            ca_file: None,
        };
        Provider::new(config).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn request(model: &str, stream: bool) -> Request {
    let messages = vec![Message::user("hi")];
    Request { model: model.into(), messages, stream, ..Request::default() }
}

async fn ask(provider: &Provider, request: &Request) -> Result<Assembler, ProviderError> {
    let mut assembler = Assembler::default();
    let mut stream = provider.stream(request).await?;
    while let Some(event) = stream.next().await {
        assembler.push(&event?);
    }
    Ok(assembler)
}

#[tokio::test]
async fn our_client_understands_a_third_partys_server() {
    let Some(proxy) = Proxy::start() else { return };
    let provider = proxy.provider(&proxy.key);
    for stream in [true, false] {
        let answer = ask(&provider, &request("mock-text", stream)).await.unwrap();
        assert!(answer.is_complete());
        let answer = answer.into_response();
        let text = "A third party answers: naïve, 日本語, 🦀.";
        assert_eq!(answer.content, [Content::text(text)], "stream: {stream}");
        assert_eq!(answer.stop, StopReason::EndTurn);
        assert_eq!(answer.model, "mock-text");
        let usage = answer.usage.unwrap();
        assert!(usage.prompt() > 0 && usage.output > 0, "{usage:?}");
    }
    let mut models: Vec<String> =
        provider.list_models().await.unwrap().into_iter().map(|model| model.id).collect();
    models.sort();
    assert_eq!(models, ["mock-limited", "mock-text"]);

    let limited = ask(&provider, &request("mock-limited", true)).await.unwrap_err();
    assert_eq!(limited.kind, ProviderErrorKind::RateLimited);
    let unknown = ask(&provider, &request("no-such-model", true)).await.unwrap_err();
    assert!(
        matches!(unknown.kind, ProviderErrorKind::UnknownModel | ProviderErrorKind::InvalidRequest),
        "{unknown:?}"
    );
    let stranger = proxy.provider("sk-not-the-key");
    let refused = ask(&stranger, &request("mock-text", true)).await.unwrap_err();
    // Without a database the proxy says 400 of an unknown key, where a vendor says 401.
    assert!(matches!(refused.status, Some(400 | 401)), "{refused:?}");
}
