//! `distiq compress`

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use distiq_base::CountTokens;
use distiq_base::ErrorKind;
use distiq_ml::{TokenClassifier, Tokenizer};
use distiq_router::compress::{CompressOptions, MAX_TEXT, WordModel, compress};
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
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
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    if !(1.0..=100.0).contains(&args.ratio) {
        return Err(Failure::new(ErrorKind::Usage, "`--ratio` is from 1 to 100")
            .with_hint("2 makes prose half as long"));
    }
    let text = read(args)?;
    let model = model(global)?;
    let options = CompressOptions {
        ratio: args.ratio,
        request: args.request.as_deref(),
        model: model.as_ref().map(|model| model as &dyn WordModel),
    };
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
            "by_model": short.by_model,
        }));
        return Ok(());
    }
    output::raw(&short.text);
    if model.is_some() && !short.by_model {
        terminal::say(
            "note: the rules chose: the model takes no such text, or it was shortened before",
        );
    }
    let refused =
        if short.refused { "; left as it is, since what is asked for would be gone" } else { "" };
    terminal::say(&format!(
        "{before} tokens, now {after}; {} of {} sentences left out, {} lines counted{refused}",
        short.dropped, short.sentences, short.collapsed
    ));
    Ok(())
}

/// Returns the model of the settings; where it cannot be read, that is said and the rules do it.
fn model(global: &Global) -> Result<Option<TokenClassifier>, Failure> {
    let world = World::open(global, &[])?;
    let Some(folder) = &world.settings.compression_model else { return Ok(None) };
    Ok(match TokenClassifier::open(folder) {
        Ok(model) => Some(model),
        Err(error) => {
            let why = Failure::of(ErrorKind::Config, &error).message;
            terminal::say(&format!("note: the rules choose, not `compression.model`: {why}"));
            None
        }
    })
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
