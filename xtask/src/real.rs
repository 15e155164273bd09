//! `cargo xtask real llama`: the gateway before a real server, llama.cpp's, with a tiny model of random weights.
//!
//! Run by hand: the server takes a quarter of an hour to build. Tools and schemas are left out: a model of
//! random weights cannot follow them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::bench::process::Tree;

const HELP: &str = "Usage: cargo xtask real llama [--binary PATH]\n";
const SDIST: &str = "llama-cpp-python==0.3.36";
const KEY: &str = "sk-real-parts-of-distiq-0123456789";

/// Builds what is missing, asks in every dialect, prints what held.
pub fn run(arguments: &[&str]) -> Result<()> {
    let binary = match arguments {
        ["llama"] => {
            crate::step("cargo", &["build", "-q", "-p", "distiq"])?;
            crate::target_dir()?.join("debug/distiq")
        }
        ["llama", "--binary", path] => PathBuf::from(path).canonicalize()?,
        _ => bail!("{HELP}"),
    };
    let folder = crate::root().join(".cache/llama");
    fs::create_dir_all(&folder)?;
    let (server, model) = build(&folder)?;
    let (talks, embeds) = (free_port()?, free_port()?);
    let _talking = llama(&server, &model, talks, &[])?;
    let _embedding = llama(&server, &model, embeds, &["--embeddings", "--pooling", "mean"])?;
    let home = folder.join("home");
    let _ = fs::remove_dir_all(&home);
    let gateway = Gateway::start(&binary, &home, talks, embeds)?;
    let mut failed = 0;
    for case in cases() {
        let told = gateway.ask(&case);
        match &told {
            Ok(text) => println!("held    {:<38} {text}", case.name),
            Err(error) => println!("FAILED  {:<38} {error:#}", case.name),
        }
        failed += u32::from(told.is_err());
    }
    match gateway.agent() {
        Ok(text) => println!("held    {:<38} {text}", "distiq run over the gateway"),
        Err(error) => {
            println!("FAILED  {:<38} {error:#}", "distiq run over the gateway");
            failed += 1;
        }
    }
    ensure!(failed == 0, "{failed} failed");
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Returns the server and the model; each is made once.
fn build(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let step = |program: &str, arguments: &str| {
        eprintln!("$ {program} {arguments}");
        let words = arguments.split(' ');
        let status = Command::new(program).args(words).current_dir(folder).status()?;
        ensure!(status.success(), "`{program}` failed");
        anyhow::Ok(())
    };
    let pip = "venv/bin/pip";
    if !folder.join("venv/bin/cmake").exists() {
        step("python3", "-m venv venv")?;
        step(&folder.join(pip).to_string_lossy(), "install -q cmake gguf")?;
    }
    let server = folder.join("build/bin/llama-server");
    if !server.exists() {
        let download = format!("download -q --no-deps --no-binary llama-cpp-python {SDIST}");
        step(&folder.join(pip).to_string_lossy(), &download)?;
        let source = SDIST.replace('-', "_").replace("==", "-");
        step("tar", &format!("xzf {source}.tar.gz"))?;
        let cmake = folder.join("venv/bin/cmake");
        let cmake = cmake.to_string_lossy();
        step(
            &cmake,
            &format!(
                "-S {source}/vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release \
                 -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF \
                 -DLLAMA_BUILD_TESTS=OFF -DGGML_NATIVE=OFF"
            ),
        )?;
        step(&cmake, "--build build --target llama-server -j2")?;
    }
    let model = folder.join("random.gguf");
    let script = crate::root().join("tests/real/llama_model.py");
    let arguments = format!("{} random.gguf", script.display());
    step(&folder.join("venv/bin/python").to_string_lossy(), &arguments)?;
    Ok((server, model))
}

/// Starts a server of llama.cpp and waits until it is well.
fn llama(server: &Path, model: &Path, port: u16, more: &[&str]) -> Result<Tree> {
    let mut command = Command::new(server);
    command.arg("-m").arg(model).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["-c", "65536", "-np", "2", "-t", "1"]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let tree = Tree::start(command)?;
    wait_for(&format!("http://127.0.0.1:{port}/health"))?;
    Ok(tree)
}

fn wait_for(url: &str) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        let asked = Command::new("curl").args(["-sf", "-m", "5", "-o", "/dev/null", url]).status();
        if asked.context("Cannot run `curl`")?.success() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{url} does not answer")
}

/// A request and how its answer is known to be whole.
struct Case {
    name: String,
    path: &'static str,
    body: Value,
    /// What a whole answer holds, beside words of the model.
    ends: &'static str,
}

/// Each caller's dialect, whole and streamed, over each dialect that llama.cpp's server speaks.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let words = json!([{"role": "user", "content": "Say something"}]);
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "Say something"}]}],
        "generationConfig": {"temperature": 0, "maxOutputTokens": 8}});
    for over in ["chat", "anthropic", "responses"] {
        // Its Responses end as whole whatever the limit was (2026-11).
        let at_limit = over != "responses";
        let either = |cut, whole| if at_limit { cut } else { whole };
        let model = format!("{over}/random");
        let mut add = |name: &str, path, body: Value, ends| {
            cases.push(Case { name: format!("{name} over {over}"), path, body, ends });
        };
        for stream in [false, true] {
            let how = if stream { ", streamed" } else { "" };
            let end = |whole, streamed| if stream { streamed } else { whole };
            add(
                &format!("chat{how}"),
                "/v1/chat/completions",
                json!({"model": model, "messages": words, "stream": stream, "temperature": 0, "max_tokens": 8}),
                end(
                    either("\"finish_reason\":\"length\"", "\"finish_reason\":\"stop\""),
                    "data: [DONE]",
                ),
            );
            add(
                &format!("messages{how}"),
                "/v1/messages",
                json!({"model": model, "messages": words, "stream": stream, "temperature": 0, "max_tokens": 8}),
                end(
                    either("\"stop_reason\":\"max_tokens\"", "\"stop_reason\":\"end_turn\""),
                    "event: message_stop",
                ),
            );
            add(
                &format!("responses{how}"),
                "/v1/responses",
                json!({"model": model, "input": "Say something", "stream": stream, "temperature": 0, "max_output_tokens": 8}),
                end("\"output_text\"", "response.output_text.done"),
            );
            add(
                &format!("ollama{how}"),
                "/api/chat",
                json!({"model": model, "messages": words, "stream": stream,
                    "options": {"temperature": 0, "num_predict": 8}}),
                "\"done\":true",
            );
        }
        if over == "chat" {
            add(
                "gemini",
                "/v1beta/models/chat/random:generateContent",
                gemini.clone(),
                "\"MAX_TOKENS\"",
            );
            add(
                "gemini, streamed",
                "/v1beta/models/chat/random:streamGenerateContent?alt=sse",
                gemini.clone(),
                "\"MAX_TOKENS\"",
            );
        }
    }
    let body = json!({"model": "vectors/random", "input": ["one", "two"]});
    let embeddings =
        Case { name: "embeddings".into(), path: "/v1/embeddings", body, ends: "\"embedding\"" };
    cases.push(embeddings);
    cases
}

struct Gateway {
    _tree: Tree,
    binary: PathBuf,
    home: PathBuf,
    url: String,
}

impl Gateway {
    fn start(binary: &Path, home: &Path, talks: u16, embeds: u16) -> Result<Self> {
        fs::create_dir_all(home)?;
        let provider = |name: &str, dialect: &str, port: u16, path: &str| {
            format!(
                "[providers.{name}]\nbase_url = \"http://127.0.0.1:{port}{path}\"\n\
                 dialect = \"{dialect}\"\n"
            )
        };
        let config = home.join("gateway.toml");
        let text = [
            provider("chat", "openai", talks, "/v1"),
            provider("anthropic", "anthropic", talks, ""),
            provider("responses", "responses", talks, "/v1"),
            provider("vectors", "openai", embeds, "/v1"),
        ];
        fs::write(&config, text.concat())?;
        let port = free_port()?;
        let mut command = Self::command(binary, home);
        command.args(["start", "--listen", &format!("127.0.0.1:{port}"), "--config"]).arg(&config);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let tree = Tree::start(command)?;
        let url = format!("http://127.0.0.1:{port}");
        wait_for(&format!("{url}/ready"))?;
        Ok(Self { _tree: tree, binary: binary.into(), home: home.into(), url })
    }

    fn command(binary: &Path, home: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("DISTIQ_HOME", home)
            .env("DISTIQ_GATEWAY_KEY", KEY)
            .current_dir(home)
            .stdin(Stdio::null());
        command
    }

    fn ask(&self, case: &Case) -> Result<String> {
        let output = Command::new("curl")
            .args(["-sS", "-N", "-m", "120", "-d", &case.body.to_string()])
            .args(["-H", "content-type: application/json", "-H"])
            .arg(format!("authorization: Bearer {KEY}"))
            .arg(format!("{}{}", self.url, case.path))
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).replace("\": ", "\":");
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        ensure!(text.contains(case.ends), "no `{}` in {}", case.ends, cut(&text));
        Ok(format!("{} bytes", text.len()))
    }

    /// The agent asks a question of the same model over the gateway.
    fn agent(&self) -> Result<String> {
        let output = Self::command(&self.binary, &self.home)
            .env("OPENAI_BASE_URL", format!("{}/v1", self.url))
            .env("OPENAI_API_KEY", KEY)
            .args(["run", "--no-local", "--mode", "read-only", "--provider", "openai"])
            .args(["--model", "chat/random", "--max-turns", "3", "--max-time", "60"])
            .args(["--", "Say something"])
            .output()?;
        let told = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} {}", output.status, cut(&error));
        Ok(cut(told.trim()))
    }
}

/// Returns at most the first letters of a text, on one line.
fn cut(text: &str) -> String {
    text.chars().take(300).map(|letter| if letter == '\n' { ' ' } else { letter }).collect()
}
