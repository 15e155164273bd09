//! Serves a script file to any client, for tries by hand and for tests in other languages.
//!
//! `distiq-scripted-model SCRIPT.json [--port N] [--key KEY] [--with-parent]` prints one line of
//! JSON with its addresses and serves until it is killed; `--with-parent` also ends it when its
//! stdin closes. `GET /scripted` tells the requests so far and the rules they broke; `POST /scripted`
//! with another script begins anew.

#![expect(clippy::print_stdout, reason = "the line on stdout is its interface")]

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use distiq_testkit::{Options, Script, ScriptedModel, Sessions};
use serde_json::json;

const USAGE: &str =
    "usage: distiq-scripted-model SCRIPT.json [--port N] [--key KEY] [--with-parent]";

fn main() -> Result<()> {
    // Requests of unrelated clients are normal here.
    let mut options = Options { sessions: Sessions::Unrelated, ..Options::default() };
    let mut script = None;
    let mut with_parent = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => {
                let port = arguments.next().context(USAGE)?;
                options.port = port.parse().with_context(|| format!("not a port: {port}"))?;
            }
            "--key" => options.required_key = Some(arguments.next().context(USAGE)?),
            "--with-parent" => with_parent = true,
            file if script.is_none() && !file.starts_with('-') => {
                script = Some(file.to_owned());
            }
            _ => bail!("{USAGE}"),
        }
    }
    let file = script.context(USAGE)?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let script = Script::from_json(&text).with_context(|| file)?;
    let model = ScriptedModel::start_with(script, options)?;
    let addresses = json!({
        "anthropic": model.base_url_anthropic(),
        "openai": model.base_url_openai(),
        "gemini": model.base_url_gemini(),
        "ollama": model.base_url_ollama(),
    });
    println!("{addresses}");
    std::io::stdout().flush()?;
    if with_parent {
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}
