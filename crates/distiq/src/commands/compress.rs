//! `distiq compress`

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use distiq_base::CountTokens;
use distiq_base::ErrorKind;
use distiq_ml::Tokenizer;
use distiq_router::compress::{CompressOptions, MAX_TEXT, compress};
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::{output, terminal};

/// Arguments of `compress`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many times shorter prose is to be
    #[arg(long, value_name = "TIMES", default_value_t = 2.3)]
    ratio: f32,
    /// What the text is needed for: sentences that this names stay as they are
    #[arg(long = "for", value_name = "REQUEST")]
    request: Option<String>,
    /// The text; `-` or nothing reads standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    json: JsonFlag,
}

/// Prints a text shorter: prose alone, all else byte for byte.
pub fn run(_: &Global, args: &Args) -> Result<(), Failure> {
    if !(1.0..=100.0).contains(&args.ratio) {
        return Err(Failure::new(ErrorKind::Usage, "`--ratio` is from 1 to 100")
            .with_hint("2 makes prose half as long"));
    }
    let text = read(args)?;
    let options = CompressOptions { ratio: args.ratio, request: args.request.as_deref() };
    let short = compress(&text, &options);
    let tokenizer = Tokenizer::o200k();
    let (before, after) = (tokenizer.count(&text), tokenizer.count(&short.text));
    if args.json.json {
        output::json_line(&json!({
            "text": short.text,
            "bytes_before": text.len(),
            "bytes_after": short.text.len(),
            "tokens_before": before,
            "tokens_after": after,
            "sentences": short.sentences,
            "dropped": short.dropped,
            "collapsed": short.collapsed,
            "refused": short.refused,
        }));
        return Ok(());
    }
    output::raw(&short.text);
    let refused =
        if short.refused { "; left as it is, since what is asked for would be gone" } else { "" };
    terminal::say(&format!(
        "{before} tokens, now {after}; {} of {} sentences left out, {} lines counted{refused}",
        short.dropped, short.sentences, short.collapsed
    ));
    Ok(())
}

fn read(args: &Args) -> Result<String, Failure> {
    let file = args.file.as_ref().filter(|file| file.as_os_str() != "-");
    let mut bytes = Vec::new();
    let (most, name) = (MAX_TEXT as u64 + 1, file.map(|file| file.display().to_string()));
    let name = name.unwrap_or_else(|| "standard input".into());
    let outcome = match file {
        Some(file) => fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes)),
        None => io::stdin().lock().take(most).read_to_end(&mut bytes),
    };
    outcome.map_err(|error| Failure::io(format!("Cannot read {name}"), &error))?;
    let bad = |message: String, hint: &str| Failure::new(ErrorKind::User, message).with_hint(hint);
    if bytes.len() > MAX_TEXT {
        return Err(bad(format!("{name} is over {} MB", MAX_TEXT >> 20), "Compress it in parts"));
    }
    String::from_utf8(bytes)
        .map_err(|_| bad(format!("{name} is no UTF-8 text"), "Convert it first"))
}
