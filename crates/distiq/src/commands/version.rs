//! `distiq version`

use serde_json::json;

use crate::cli::JsonFlag;
use crate::failure::Failure;
use crate::output;

/// Every package in the binary with its licence; written by `cargo xtask docs`.
const LICENSES: &str = include_str!("../../licenses.txt");

/// Arguments of `version`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List every package in the binary with its licence
    #[arg(long)]
    pub licenses: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// Prints the version.
pub fn run(args: &Args) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let licenses = LICENSES.lines().filter(|line| !line.starts_with('#'));
    if args.json.json {
        let mut object = json!({
            "name": "distiq",
            "version": version,
            "license": env!("CARGO_PKG_LICENSE"),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
        });
        if args.licenses {
            let rows = licenses.filter_map(|line| {
                let mut words = line.splitn(3, ' ');
                let (name, version, license) = (words.next()?, words.next()?, words.next()?);
                Some(json!({ "name": name, "version": version, "license": license }))
            });
            if let Some(object) = object.as_object_mut() {
                object.insert("packages".to_owned(), rows.collect());
            }
        }
        output::json_line(&object);
        return Ok(());
    }
    output::text(&format!("distiq {version}"));
    if args.licenses {
        output::text(&format!("\nDistiq is licensed under {}.", env!("CARGO_PKG_LICENSE")));
        output::text("It contains, each under its own licence:\n");
        for line in licenses {
            output::text(line);
        }
    }
    Ok(())
}
