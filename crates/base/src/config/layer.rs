//! One layer: a TOML file, or a text for one key.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Key};
use super::kind::{Kind, Value};
use super::rules::{self, Rule};
use super::{ConfigError, MAX_FILE_BYTES, Origin};
use crate::nearest::nearest;

/// One value of a layer.
pub struct Leaf {
    /// Its dotted name.
    pub key: String,
    /// Its key.
    pub spec: &'static Key,
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub origin: Origin,
}

/// What a file holds.
#[derive(Default)]
pub struct Layer {
    /// Its values.
    pub leaves: Vec<Leaf>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// Its text; `None` where there is no file.
    pub text: Option<String>,
}

/// Reads a file; one that is not there holds nothing.
pub fn read(path: &Path) -> Result<Layer, ConfigError> {
    let failed = |cause| ConfigError::Read { path: path.to_path_buf(), cause };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Layer::default());
        }
        Err(cause) => return Err(failed(cause)),
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_path_buf() });
    }
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    let reader = Reader { path, text };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        origin: reader.origin(error.span().unwrap_or_default()),
        message: error.message().replace('\n', ", "),
    })?;
    let mut layer = Layer { text: Some(text.to_owned()), ..Layer::default() };
    reader.walk("", table.get_ref(), &mut layer)?;
    Ok(layer)
}

/// Reads a text as the value of a key.
pub fn text(key: &str, text: &str, origin: Origin) -> Result<Leaf, ConfigError> {
    let key = keys::canonical(key);
    let Some(spec) = keys::find(key) else {
        return Err(unknown(key, origin));
    };
    leaf(key.to_owned(), spec, text, origin)
}

fn leaf(key: String, spec: &'static Key, text: &str, origin: Origin) -> Result<Leaf, ConfigError> {
    match spec.kind.parse(text) {
        Some(value) => Ok(Leaf { key, spec, value, origin }),
        None => Err(ConfigError::WrongValue {
            origin,
            key,
            found: format!("`{text}`"),
            expected: spec.kind.expected(),
        }),
    }
}

fn unknown(key: &str, origin: Origin) -> ConfigError {
    // A provider's own name stands in for `NAME`, so that only the mistyped part counts.
    let name = key.split('.').nth(1).unwrap_or("NAME");
    let known: Vec<String> = KEYS.iter().map(|spec| spec.name.replace("NAME", name)).collect();
    let nearest = nearest(key, known.iter().map(String::as_str), 1);
    let nearest = nearest.first().map(|name| (*name).to_owned());
    ConfigError::UnknownKey { origin, key: key.to_owned(), nearest }
}

/// Writes a node's table as one line; `None` where it holds anything else than it may.
fn node_text(node: &DeTable<'_>) -> Option<String> {
    let (mut url, mut weight) = (None, "1".to_owned());
    for (name, value) in node {
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("url", DeValue::String(text)) => url = Some(text.trim().to_owned()),
            ("weight", DeValue::Integer(number)) => weight = number.as_str().to_owned(),
            _ => return None,
        }
    }
    Some(format!("{} {weight}", url?))
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    /// Tells line and column of a place in the text.
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File { path: self.path.to_path_buf(), line, column }
    }

    fn walk(&self, above: &str, table: &DeTable<'_>, layer: &mut Layer) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = match above {
                "" => name.get_ref().to_string(),
                above => format!("{above}.{}", name.get_ref()),
            };
            let origin = self.origin(name.span());
            match (value.get_ref(), keys::find(&key)) {
                (DeValue::Table(table), None) if key == "permissions" => {
                    self.walk(&key, table, layer)?;
                }
                (value, None) if key == rules::RULES_KEY => {
                    layer.rules = rules::read(value, origin, &|span| self.origin(span))?;
                }
                (DeValue::Table(table), _) if keys::is_table(&key) => {
                    self.walk(&key, table, layer)?;
                }
                (_, None) if keys::is_table(&key) => {
                    return Err(ConfigError::WrongValue {
                        found: value.get_ref().type_str().to_owned(),
                        expected: format!("a table `[{key}]`"),
                        origin,
                        key,
                    });
                }
                (_, None) => return Err(unknown(&key, origin)),
                (value, Some(spec)) => {
                    let key = keys::canonical(&key).to_owned();
                    layer.leaves.push(self.leaf(key, spec, value, origin)?);
                }
            }
        }
        Ok(())
    }

    fn leaf(
        &self,
        key: String,
        spec: &'static Key,
        value: &DeValue<'_>,
        origin: Origin,
    ) -> Result<Leaf, ConfigError> {
        let is_number = matches!(spec.kind, Kind::Money | Kind::Integer(..) | Kind::Share);
        let found = match value {
            DeValue::String(text) if spec.kind.is_list() => {
                text.split(',').map(|text| self.entry(spec, text.trim()) + "\n").collect()
            }
            DeValue::String(text) if !matches!(spec.kind, Kind::Integer(..) | Kind::Bool) => {
                text.to_string()
            }
            DeValue::Integer(number) if is_number && number.radix() == 10 => {
                number.as_str().to_owned()
            }
            DeValue::Float(number) if is_number => number.as_str().to_owned(),
            DeValue::Boolean(yes) if spec.kind == Kind::Bool => yes.to_string(),
            DeValue::Array(array) if spec.kind.is_list() => {
                let texts = array.iter().map(|item| match item.get_ref() {
                    DeValue::String(text) if !text.contains('\n') => Some(self.entry(spec, text)),
                    DeValue::Table(node) if spec.kind == Kind::Nodes => node_text(node),
                    _ => None,
                });
                // A line end makes it a list of lines, so that commas may be in a path.
                let texts: Option<String> = texts.map(|text| Some(text? + "\n")).collect();
                texts.unwrap_or_else(|| "\0".to_owned())
            }
            other => {
                let found = format!("a value of type {}", other.type_str());
                let expected = spec.kind.expected();
                return Err(ConfigError::WrongValue { origin, key, found, expected });
            }
        };
        // A file is named from the folder of the settings that name it.
        let found = match (spec.kind, self.path.parent()) {
            (Kind::File, Some(folder)) if !found.is_empty() => {
                folder.join(found).to_string_lossy().into_owned()
            }
            _ => found,
        };
        leaf(key, spec, &found, origin)
    }

    /// Names a path from the folder of the settings; `~` stays, for who knows the home.
    fn entry(&self, spec: &Key, text: &str) -> String {
        match self.path.parent() {
            Some(folder)
                if spec.kind == Kind::Paths && !text.is_empty() && !text.starts_with('~') =>
            {
                folder.join(text).to_string_lossy().into_owned()
            }
            _ => text.to_owned(),
        }
    }
}
