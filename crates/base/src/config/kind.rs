//! What fits a setting: kinds, values, and how one is read from text.

use std::fmt;

use crate::event::Mode;
use crate::money::Money;

/// What may be done without asking.
pub(super) const MODES: Kind = Kind::OneOf(&["read-only", "ask", "auto-edit", "full"]);

/// Most entries of a list, and the longest one.
const MAX_ENTRIES: usize = 1000;
const MAX_ENTRY: usize = 4096;
/// Most nodes of a provider.
const MAX_NODES: usize = 100;

/// What fits a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// An address.
    Url,
    /// A file.
    File,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these, from the tightest to the loosest.
    Ladder(&'static [&'static str]),
    /// Hosts, in an array or between commas.
    Hosts,
    /// Files and folders, in an array or between commas.
    Paths,
    /// Names of models, in an array or between commas.
    Models,
    /// Sentences, in an array.
    Texts,
    /// Addresses with weights: an array of tables `{url, weight}`, or `URL WEIGHT` between commas.
    Nodes,
    /// Dollars.
    Money,
    /// A whole number from the first to the second.
    Integer(u64, u64),
    /// A part of one.
    Share,
    /// Yes or no.
    Bool,
    /// A time zone.
    Zone,
}

impl Kind {
    /// Reads a value; `None` where it does not fit.
    pub fn parse(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Kind::Text | Kind::File if text.is_empty() || text.contains(['\n', '\0']) => None,
            Kind::Text | Kind::File => Some(Value::Text(text.to_owned())),
            Kind::Url => {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                let fits = rest.is_some_and(|rest| {
                    !rest.is_empty() && !rest.contains(char::is_whitespace) && !rest.contains('@')
                });
                fits.then(|| Value::Text(text.trim_end_matches('/').to_owned()))
            }
            kind if kind == MODES => Mode::parse(text).map(Value::Mode),
            Kind::OneOf(names) => names.contains(&text).then(|| Value::Text(text.to_owned())),
            Kind::Ladder(names) => {
                let (rung, name) = names.iter().enumerate().find(|(_, name)| **name == text)?;
                Some(Value::Rung(rung, name))
            }
            Kind::Hosts | Kind::Paths | Kind::Models => {
                list(text, self == Kind::Hosts).map(Value::List)
            }
            // A sentence may hold commas.
            Kind::Texts => list(&format!("{text}\n"), false).map(Value::List),
            Kind::Nodes => {
                let nodes = list(text, false)?;
                let fits = |node: &String| Self::node(node).is_some();
                (!nodes.is_empty() && nodes.len() <= MAX_NODES && nodes.iter().all(fits))
                    .then_some(Value::List(nodes))
            }
            Kind::Money => text.parse().ok().map(Value::Money),
            Kind::Integer(least, most) => text
                .parse()
                .ok()
                .filter(|number| (least..=most).contains(number))
                .map(Value::Integer),
            Kind::Share => text.parse().ok().filter(|s| (0.0..=1.0).contains(s)).map(Value::Share),
            Kind::Bool => match text {
                "true" | "1" | "yes" => Some(Value::Bool(true)),
                "false" | "0" | "no" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::Zone => jiff::tz::TimeZone::get(text).ok().map(|_| Value::Text(text.to_owned())),
        }
    }

    /// Tells whether a value is a list.
    pub const fn is_list(self) -> bool {
        matches!(self, Kind::Hosts | Kind::Paths | Kind::Models | Kind::Texts | Kind::Nodes)
    }

    /// Reads a node: its address and its weight, 1 where none is given.
    pub fn node(text: &str) -> Option<(String, u32)> {
        let (url, weight) = text.split_once(' ').unwrap_or((text, "1"));
        let weight = weight.trim().parse().ok().filter(|weight| (1..=1_000).contains(weight))?;
        match Kind::Url.parse(url)? {
            Value::Text(url) => Some((url, weight)),
            _ => None,
        }
    }

    /// Says what fits, as in "expected …".
    pub fn expected(self) -> String {
        match self {
            Kind::Text => "a text".to_owned(),
            Kind::Url => "an address that begins with `https://` or `http://`, without a key in it"
                .to_owned(),
            Kind::File => "the path of a file".to_owned(),
            Kind::Hosts => "hosts such as `[\"crates.io\", \"*.npmjs.org\"]`".to_owned(),
            Kind::Paths => "files or folders such as `[\"/opt/tools\", \"~/data\"]`".to_owned(),
            Kind::Models => "names such as `[\"openai/gpt-6-luna\"]`".to_owned(),
            Kind::Texts => "sentences such as `[\"translate this into German\"]`".to_owned(),
            Kind::Nodes => "tables such as `[[providers.NAME.nodes]]` with `url` and, from 1 to \
                            1000, `weight`"
                .to_owned(),
            Kind::OneOf(names) | Kind::Ladder(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("one of {}", names.join(", "))
            }
            Kind::Money => "dollars such as `0.50`".to_owned(),
            Kind::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Kind::Share => "a number from 0 to 1".to_owned(),
            Kind::Bool => "`true` or `false`".to_owned(),
            Kind::Zone => "a time zone such as `Europe/Berlin` or `UTC`".to_owned(),
        }
    }
}

/// Reads a list: of texts, one a line, or between commas.
fn list(text: &str, is_hosts: bool) -> Option<Vec<String>> {
    let texts = text.split(if text.contains('\n') { '\n' } else { ',' }).map(str::trim);
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).map(str::to_owned).collect();
    let fits = |text: &String| {
        let is_word = !text.contains(|c: char| c.is_whitespace() || c == '/' && !is_network(text));
        text.len() <= MAX_ENTRY && !text.contains(char::is_control) && (!is_hosts || is_word)
    };
    (texts.len() <= MAX_ENTRIES && texts.iter().all(fits)).then_some(texts)
}

/// Tells whether a host is written as a network, such as `10.0.0.0/8`.
fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').unwrap_or_default();
    address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
        && bits.parse::<u8>().is_ok()
}

/// A setting's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, a name, an address, a file.
    Text(String),
    /// A permission mode.
    Mode(Mode),
    /// A rung of a ladder: its place from the tightest, its name.
    Rung(usize, &'static str),
    /// Several texts.
    List(Vec<String>),
    /// Dollars.
    Money(Money),
    /// A whole number.
    Integer(u64),
    /// A part of one.
    Share(f64),
    /// Yes or no.
    Bool(bool),
}

impl Value {
    /// Returns a list's texts; none of anything else.
    pub fn texts(&self) -> &[String] {
        match self {
            Value::List(texts) => texts,
            _ => &[],
        }
    }

    /// Tells whether this allows more than `other`.
    pub fn is_looser_than(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Mode(this), Value::Mode(other)) => looseness(*this) > looseness(*other),
            (Value::Rung(this, _), Value::Rung(other, _)) => this > other,
            (Value::List(this), Value::List(other)) => {
                this.iter().any(|text| !other.contains(text))
            }
            (Value::Money(this), Value::Money(other)) => this > other,
            (Value::Integer(this), Value::Integer(other)) => this > other,
            (Value::Share(this), Value::Share(other)) => this > other,
            _ => false,
        }
    }
}

const fn looseness(mode: Mode) -> u8 {
    match mode {
        Mode::ReadOnly => 0,
        Mode::Ask => 1,
        Mode::AutoEdit => 2,
        Mode::Full => 3,
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Mode(mode) => f.write_str(mode.as_str()),
            Value::Rung(_, name) => f.write_str(name),
            Value::List(texts) => f.write_str(&texts.join(", ")),
            Value::Money(money) => write!(f, "{money}"),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Share(share) => write!(f, "{share}"),
            Value::Bool(yes) => write!(f, "{yes}"),
        }
    }
}
