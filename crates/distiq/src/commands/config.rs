//! `distiq config`

use std::fs;

use clap::Subcommand;
use distiq_base::config::{self, KEYS, Value};
use distiq_base::{ErrorKind, atomic};
use serde_json::{Value as Json, json};
use toml_edit::{DocumentMut, Item, Table};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::output;
use crate::world::{World, home};

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Tell where each value comes from
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print one value
    Get {
        /// The setting, such as `limits.day`
        key: String,
    },
    /// Write one value into your own settings file
    Set {
        /// The setting, such as `limits.day`
        key: String,
        /// The value, such as `5`
        value: String,
    },
    /// Print where your own settings file is
    Path,
}

/// Shows or changes settings.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Some(Action::Path) => {
            let path = home()?.config_file();
            if args.json.json {
                output::json_line(&json!({ "path": path }));
            } else {
                output::text(&path.display().to_string());
            }
            Ok(())
        }
        Some(Action::Set { key, value }) => set(key, value),
        Some(Action::Get { key }) => get(&World::open(global, &[])?, key, args.json.json),
        None => {
            let world = World::open(global, &[])?;
            world.say_notices();
            list(&world, args);
            Ok(())
        }
    }
}

fn get(world: &World, key: &str, is_json: bool) -> Result<(), Failure> {
    let entry = world.config.get(key);
    if entry.is_none() && config::find(key).is_none() {
        // The same error as a wrong key in a file has, with the nearest name.
        config::check(key, "", "config get")?;
    }
    if is_json {
        output::json_line(&json!({
            "key": key,
            "value": entry.map(|entry| json_value(&entry.value)),
            "origin": entry.map(|entry| entry.origin.to_string()),
        }));
        return Ok(());
    }
    let Some(entry) = entry else {
        let message = format!("`{key}` is not set and has no default");
        return Err(Failure::new(ErrorKind::User, message)
            .with_hint(format!("`distiq config set {key} VALUE` sets it")));
    };
    output::text(&plain(&entry.value));
    Ok(())
}

fn list(world: &World, args: &Args) {
    if args.json.json {
        let rows: Vec<Json> = world
            .config
            .entries()
            .map(|(key, entry)| {
                json!({
                    "key": key,
                    "value": json_value(&entry.value),
                    "origin": entry.origin.to_string(),
                })
            })
            .collect();
        output::json_line(&json!({ "settings": rows, "notices": world.config.notices }));
        return;
    }
    let width = world.config.entries().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, entry) in world.config.entries() {
        let value = entry.value.to_string();
        if args.explain {
            output::text(&format!("{key:width$}  {value:<16}  {}", entry.origin));
        } else {
            output::text(&format!("{key:width$}  {value}"));
        }
    }
    if args.explain {
        let unset: Vec<&str> = KEYS
            .iter()
            .filter(|key| !key.name.contains("NAME") && !key.name.ends_with("MODEL"))
            .filter(|key| world.config.get(key.name).is_none())
            .map(|key| key.name)
            .collect();
        for rule in &world.config.rules {
            let said = format!("{} {} {}", rule.verdict.as_str(), rule.tool, rule.pattern);
            output::text(&format!("{:width$}  {said:<16}  {}", config::RULES_KEY, rule.origin));
        }
        output::text(&format!("\nNot set: {}", unset.join(", ")));
    }
}

/// Shows a value as it is written in a file.
fn plain(value: &Value) -> String {
    match value {
        Value::Money(_) => value.to_string().trim_start_matches('$').to_owned(),
        value => value.to_string(),
    }
}

fn json_value(value: &Value) -> Json {
    match value {
        Value::Money(money) => json!({ "nanousd": money.nanos() }),
        Value::Integer(number) => json!(number),
        Value::Share(share) => json!(share),
        Value::Bool(yes) => json!(yes),
        Value::List(texts) => json!(texts),
        Value::Text(_) | Value::Mode(_) | Value::Rung(..) => json!(value.to_string()),
    }
}

fn set(key: &str, text: &str) -> Result<(), Failure> {
    let value = config::check(key, text, "config set")?;
    let home = home()?;
    let path = home.config_file();
    let old = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::io(format!("Cannot read {}", path.display()), &error)),
    };
    let new = with_value(&old, config::canonical(key), text, &value).ok_or_else(|| {
        let message = format!("Cannot change {}: it is not valid TOML", path.display());
        Failure::new(ErrorKind::Config, message)
            .with_hint("`distiq config` tells the line; mend it first")
    })?;
    atomic::create_private_dir(&home.config)
        .and_then(|()| atomic::write(&path, new.as_bytes(), None))
        .map_err(|error| Failure::io(format!("Cannot write {}", path.display()), &error))
}

/// Sets a value in a file's text; comments and order stay.
fn with_value(old: &str, key: &str, text: &str, value: &Value) -> Option<String> {
    let mut document: DocumentMut = old.parse().ok()?;
    // A setting and a table of one name: beside others, the setting is the table's `mode`.
    let is_table = document.get(key).is_some_and(Item::is_table_like);
    let mode = format!("{key}.mode");
    let mut parts = config::parts(if is_table { &mode } else { key });
    let name = parts.pop()?;
    let mut table: &mut Table = document.as_table_mut();
    for part in parts {
        if let Some(Item::Value(toml_edit::Value::String(mode))) = table.get(part) {
            let mut below = Table::new();
            below.insert("mode", toml_edit::value(mode.value()));
            // Its key goes too, for the blanks around it would be those of the table's name.
            table.remove(part);
            table.insert(part, Item::Table(below));
        }
        let below = table.entry(part).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        if let Item::Value(toml_edit::Value::InlineTable(inline)) = below {
            *below = Item::Table(std::mem::take(inline).into_table());
        }
        table = below.as_table_mut()?;
    }
    let value = match value {
        Value::Integer(number) => toml_edit::value(i64::try_from(*number).ok()?),
        Value::Share(share) => toml_edit::value(*share),
        Value::Bool(yes) => toml_edit::value(*yes),
        Value::Money(_) => Item::Value(text.trim().trim_start_matches('$').parse().ok()?),
        Value::List(texts) => toml_edit::value(texts.iter().collect::<toml_edit::Array>()),
        Value::Text(_) | Value::Mode(_) | Value::Rung(..) => toml_edit::value(text.trim()),
    };
    // A value's own comment stays where it is.
    match table.get_mut(name).and_then(Item::as_value_mut).zip(value.as_value()) {
        Some((old, new)) => {
            let decor = old.decor().clone();
            *old = new.clone();
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(name, value);
        }
    }
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_a_value_keeps_the_rest_of_the_file() {
        let old = "# mine\nmodel = \"a\" # why\n\n[limits]\nday = 1\n";
        let set = |key, text: &str| {
            with_value(old, key, text, &config::check(key, text, "test").unwrap()).unwrap()
        };
        assert_eq!(set("model", "b"), old.replace("\"a\"", "\"b\""));
        assert_eq!(set("limits.day", "2.5"), old.replace("day = 1", "day = 2.5"));
        assert_eq!(set("max_turns", "9"), old.replace("\n\n", "\nmax_turns = 9\n\n"));
        let new = set("providers.x.base_url", "http://h/v1");
        assert!(new.ends_with("[providers.x]\nbase_url = \"http://h/v1\"\n"), "{new}");
        let set = |old: &str, key, text: &str| {
            let value = config::check(key, text, "test").unwrap();
            with_value(old, config::canonical(key), text, &value).unwrap()
        };
        assert_eq!(set("", "sandbox.mode", "off"), "sandbox = \"off\"\n");
        let table = "[sandbox]\nmode = \"auto\"\n";
        assert_eq!(set(table, "sandbox", "off"), table.replace("auto", "off"));
        assert_eq!(
            set("sandbox = \"auto\"\n", "sandbox.hosts", "a.example, b.example"),
            format!("{table}hosts = [\"a.example\", \"b.example\"]\n")
        );
        assert_eq!(with_value("a = = 1", "model", "b", &Value::Bool(true)), None);
    }
}
