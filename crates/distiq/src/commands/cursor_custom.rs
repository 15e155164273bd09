//! `distiq cursor-custom`

use std::net::IpAddr;

use distiq_base::ErrorKind;
use distiq_gateway::{Keys, NewKey};
use serde_json::json;

use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::{World, home};
use crate::{output, providers, terminal};

/// Where Cursor finds the gateway, below its address.
const DOOR: &str = "/cursor/v1";

/// Arguments of `cursor-custom`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address under which Cursor's servers reach the gateway: public, with `https`
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4000")]
    url: String,
    /// A model to name in Cursor (repeat it) [default: the tiers of `auto`, and your aliases]
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Make a key for Cursor, held to these models; it is shown this once
    #[arg(long)]
    create_key: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// Where a gateway stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What goes into Cursor's field.
    pub base_url: String,
    /// Why Cursor's servers cannot reach it, as far as the address itself tells.
    pub unreachable: Option<&'static str>,
}

impl Address {
    /// Reads an address as a user writes it, with or without what comes below.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let text = text.trim().trim_end_matches('/');
        let text = ["/chat/completions", DOOR, "/cursor", "/v1"]
            .iter()
            .fold(text, |text, end| text.strip_suffix(end).unwrap_or(text));
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !matches!(scheme, "http" | "https") || host.is_empty() || host.contains('@') {
            let message = format!("`--url`: `{text}` is no address of a gateway");
            return Err(Failure::new(ErrorKind::Usage, message)
                .with_hint("Write it as `https://gateway.example.com`"));
        }
        let unreachable = match (is_private(host), scheme) {
            (true, _) => Some("it is an address of this machine or network alone"),
            (false, "http") => Some("Cursor asks by `https` alone"),
            (false, _) => None,
        };
        Ok(Self { base_url: format!("{text}{DOOR}"), unreachable })
    }
}

/// Tells whether a host cannot be reached from elsewhere, by its name alone.
fn is_private(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || matches!(ip.segments()[0] >> 8, 0xfc..=0xfe)
        }
        Err(_) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            !name.contains('.')
                || [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end))
        }
    }
}

/// Prints what goes into Cursor's settings.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let address = Address::read(&args.url)?;
    let models = match args.models.is_empty() {
        true => usual(global)?,
        false => args.models.clone(),
    };
    let key = args.create_key.then(|| make_key(&args.models)).transpose()?;
    let steps = steps(&address, key.as_deref(), &models);
    if args.json.json {
        output::json_line(&json!({
            "base_url": address.base_url,
            "key": key,
            "models": models,
            "reachable": address.unreachable.is_none(),
            "steps": steps,
        }));
        return Ok(());
    }
    for (number, step) in steps.iter().enumerate() {
        output::text(&format!("{}. {step}", number + 1));
    }
    if key.is_some() {
        terminal::say("note: the key is shown this once; only its hash is kept");
    }
    Ok(())
}

/// Returns names that Cursor does not know itself: it has a model `Auto` of its own.
fn usual(global: &Global) -> Result<Vec<String>, Failure> {
    let world = World::open(global, &[])?;
    let table = providers::table(&world, &providers::registry(&world)?)?;
    Ok(table.names().into_keys().filter(|name| name != "auto").collect())
}

fn make_key(models: &[String]) -> Result<String, Failure> {
    let keys = Keys::open(&home()?.gateway())?;
    let new = NewKey { owner: "cursor".into(), models: models.to_vec(), ..NewKey::default() };
    Ok(keys.create(&new)?.secret.expose().to_owned())
}

fn steps(address: &Address, key: Option<&str>, models: &[String]) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(reason) = address.unreachable {
        steps.push(format!(
            "Cursor's own servers call the gateway, not the editor, and cannot reach this address: {reason}. \
             Put a public `https` address before it (a tunnel such as `cloudflared tunnel --url \
             http://127.0.0.1:4000`, or a reverse proxy with a certificate), add its name with `distiq config \
             set gateway.hosts '[\"NAME\"]'`, and run this again with `--url`"
        ));
    }
    steps.push(
        "Cursor Settings > Models > API Keys: switch `Override OpenAI Base URL` on".to_owned(),
    );
    steps.push(format!("Base URL: {}", address.base_url));
    steps.push(match key {
        Some(key) => format!("OpenAI API Key: {key}"),
        None => {
            "OpenAI API Key: a key of `distiq keys create --owner cursor --day 5`, or of `distiq \
                 cursor-custom --create-key`"
                .to_owned()
        }
    });
    steps.push(format!("Add Custom Model, one by one: {}", models.join(", ")));
    steps.push("Check it from here: `distiq cursor-test --url URL --key-file FILE`".to_owned());
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_however_it_is_written() {
        for text in ["https://g.example.com", "https://g.example.com/", "https://g.example.com/v1"]
        {
            let found = Address::read(text).unwrap();
            assert_eq!(found.base_url, "https://g.example.com/cursor/v1", "{text}");
            assert_eq!(found.unreachable, None, "{text}");
        }
        let again = Address::read("https://g.example.com/cursor/v1").unwrap();
        assert_eq!(again.base_url, "https://g.example.com/cursor/v1");
        for text in ["", "g.example.com", "ftp://g.example.com", "https://", "https://me@x.org"] {
            assert!(Address::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_only_this_network_reaches_is_told() {
        let reaches = |url: &str| Address::read(url).unwrap().unreachable.is_none();
        for url in [
            "http://127.0.0.1:4000",
            "https://localhost:4000",
            "https://[::1]:4000",
            "https://10.0.0.7",
            "https://192.168.1.2",
            "https://box.local",
            "https://box",
            "https://[fd00::1]",
            "http://g.example.com",
            "https://169.254.1.1",
            "https://0.0.0.0:4000",
        ] {
            assert!(!reaches(url), "{url}");
        }
        for url in ["https://g.example.com", "https://g.example.com:8443", "https://8.8.8.8"] {
            assert!(reaches(url), "{url}");
        }
    }
}
