//! `distiq trust`

use distiq_base::ErrorKind;
use distiq_base::config::PROJECT_FILE;
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::output;
use crate::trust::{Trust, settings};
use crate::world::{World, home};

/// Arguments of `trust`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trust the folder no more
    #[arg(long, conflicts_with = "list")]
    revoke: bool,
    /// List the folders that are trusted
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// Trusts the project's own settings as they are now, so that they may also loosen yours: rules that
/// allow something, a freer mode, higher limits.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let home = home()?;
    let mut trust = Trust::of(&home);
    if args.list {
        list(&trust, args.json.json);
        return Ok(());
    }
    let root = World::root_of(global)?;
    let failed = |error| Failure::io("Cannot keep whom you trust", &error);
    let (trusted, text) = if args.revoke {
        match trust.revoke(&root).map_err(failed)? {
            true => (false, format!("{} is not trusted any more", root.display())),
            false => (false, format!("{} was not trusted", root.display())),
        }
    } else {
        let file = root.join(PROJECT_FILE);
        let settings = settings(&file)
            .map_err(|error| Failure::io(format!("Cannot read {}", file.display()), &error))?;
        let Some(settings) = settings else {
            let message = format!("{} has no {PROJECT_FILE}", root.display());
            return Err(Failure::new(ErrorKind::User, message).with_hint(
                "There is nothing to trust; a folder without settings is asked about as usual",
            ));
        };
        trust.add(&root, &settings).map_err(failed)?;
        (true, format!("{} is trusted until it changes", file.display()))
    };
    if args.json.json {
        output::json_line(&json!({ "root": root, "trusted": trusted }));
    } else {
        output::text(&text);
    }
    Ok(())
}

fn list(trust: &Trust, is_json: bool) {
    let rows = trust.folders().iter().map(|folder| {
        let file = folder.root.join(PROJECT_FILE);
        let holds =
            settings(&file).ok().flatten().is_some_and(|text| trust.holds(&folder.root, &text));
        (folder, holds)
    });
    if is_json {
        let folders: Vec<_> =
            rows.map(|(folder, holds)| json!({ "root": folder.root, "trusted": holds })).collect();
        output::json_line(&json!({ "folders": folders }));
        return;
    }
    for (folder, holds) in rows {
        let note = if holds { "" } else { "  (changed since, so not trusted)" };
        output::text(&format!("{}{note}", folder.root.display()));
    }
}
