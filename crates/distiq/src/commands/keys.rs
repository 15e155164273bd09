//! `distiq keys`

use distiq_base::{ErrorKind, Money};
use distiq_gateway::{Key, KeyError, Keys, NewKey};
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::output;
use crate::world::home;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a key; it is shown this once
    Create(Create),
    /// List the keys
    List,
    /// Tell of one key
    Show {
        /// The key's id
        id: String,
    },
    /// Revoke a key, at once and for good
    Revoke {
        /// The key's id
        id: String,
    },
}

/// Arguments of `keys create`.
#[derive(Debug, clap::Args)]
struct Create {
    /// Whose it is
    #[arg(long, value_name = "NAME", default_value = "")]
    owner: String,
    /// Most dollars a day
    #[arg(long, value_name = "DOLLARS")]
    day: Option<Money>,
    /// Most dollars a month
    #[arg(long, value_name = "DOLLARS")]
    month: Option<Money>,
    /// Most requests a minute
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
    /// Most tokens a minute
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<u32>,
    /// A model that it may use (repeat it); `*` at the end stands for any ending [default: all]
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// When it ends: a time such as `2027-01-31T00:00:00Z`, or after `30d`, `12h`
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Let its requests be changed to save money
    #[arg(long)]
    optimize: bool,
    /// Let it make keys and see everybody's requests
    #[arg(long)]
    admin: bool,
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Failure::of(error.kind(), &error).with_hint(error.hint())
    }
}

/// Makes, lists and revokes keys.
pub fn run(_: &Global, args: &Args) -> Result<(), Failure> {
    let keys = Keys::open(&home()?.gateway())?;
    let is_json = args.json.json;
    match &args.what {
        What::Create(new) => create(&keys, new, is_json),
        What::List => {
            let all = keys.list()?;
            match is_json {
                true => output::json_line(&json!({ "keys": all })),
                false => all.iter().for_each(|key| output::text(&line(key))),
            }
            Ok(())
        }
        What::Show { id } => tell(&keys.get(id)?, is_json),
        What::Revoke { id } => tell(&keys.revoke(id)?, is_json),
    }
}

fn create(keys: &Keys, new: &Create, is_json: bool) -> Result<(), Failure> {
    let made = keys.create(&NewKey {
        owner: new.owner.clone(),
        day_nanousd: new.day,
        month_nanousd: new.month,
        requests_per_minute: new.requests_per_minute,
        tokens_per_minute: new.tokens_per_minute,
        models: new.models.clone(),
        admin: new.admin,
        optimize: new.optimize,
        expires: new.expires.as_deref().map(|text| end(text, Timestamp::now())).transpose()?,
    })?;
    if is_json {
        let mut value = json!(made.key);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("key".into(), Value::from(made.secret.expose()));
        }
        output::json_line(&value);
    } else {
        output::text(made.secret.expose());
        crate::terminal::say("note: this is shown once; only its hash is kept");
    }
    Ok(())
}

fn tell(key: &Key, is_json: bool) -> Result<(), Failure> {
    match is_json {
        true => output::json_line(key),
        false => output::text(&line(key)),
    }
    Ok(())
}

fn line(key: &Key) -> String {
    let state = match (key.revoked, key.expires) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "valid".to_owned(),
    };
    let money = |limit: Option<Money>, what: &str| {
        limit.map_or_else(String::new, |limit| format!("  {limit}/{what}"))
    };
    let models = if key.models.is_empty() { "all models".to_owned() } else { key.models.join(",") };
    let admin = if key.admin { "  admin" } else { "" };
    let (day, month) = (money(key.day_nanousd, "day"), money(key.month_nanousd, "month"));
    format!("{}  {:16}  {state}  {models}{day}{month}{admin}", key.id, key.owner)
}

/// Reads an end: a time, or a span from now.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let number = |unit: char| text.strip_suffix(unit)?.parse::<i64>().ok();
    let hours = number('d').and_then(|days| days.checked_mul(24)).or_else(|| number('h'));
    let end = match hours {
        Some(hours) => Span::new().try_hours(hours).and_then(|span| now.checked_add(span)).ok(),
        None => text.parse().ok(),
    };
    end.ok_or_else(|| {
        Failure::new(ErrorKind::Usage, format!("`--expires`: `{text}` is no time"))
            .with_hint("Write `2027-01-31T00:00:00Z`, `30d` or `12h`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_or_a_span() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let end = |text: &str| end(text, now).map(|end| end.to_string()).ok();
        assert_eq!(end("12h").unwrap(), "2026-11-21T22:00:00Z");
        assert_eq!(end("30d").unwrap(), "2026-12-21T10:00:00Z");
        assert_eq!(end("2027-01-01T00:00:00Z").unwrap(), "2027-01-01T00:00:00Z");
        assert_eq!(end("soon"), None);
        assert_eq!(end("99999999999999999d"), None);
    }
}
