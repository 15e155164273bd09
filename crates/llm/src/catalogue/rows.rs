//! Reads price files: the built-in one and the user's.
//!
//! Numbers are taken as they are written, so that no price passes through a float.

use distiq_base::{Money, Price};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::hours::PeakHours;
use super::model::{
    Capabilities, Factor, Factors, ModelInfo, ModelKind, OffPeak, PriceRow, Prices, Tier,
};

const MODEL_KEYS: [&str; 28] = [
    "provider",
    "id",
    "aliases",
    "kind",
    "in",
    "out",
    "read",
    "write",
    "write_long",
    "tiers",
    "off_peak",
    "peak",
    "from",
    "to",
    "context",
    "max_output",
    "caps",
    "cache_min",
    "dims",
    "batch",
    "us",
    "fast",
    "flex",
    "priority",
    "ultrafast",
    "retires",
    "unverified",
    "note",
];
const PRICE_KEYS: [&str; 5] = ["in", "out", "read", "write", "write_long"];
const TIER_KEYS: [&str; 6] = ["over", "in", "out", "read", "write", "write_long"];

/// A price file's contents.
#[derive(Debug, Default)]
pub(super) struct PriceFile {
    /// The day of the prices, as written.
    pub as_of: String,
    /// The models, in the order of their first rows.
    pub models: Vec<ModelInfo>,
}

/// What is wrong with a price file, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RowError {
    /// The line, from 1.
    pub line: usize,
    /// What was found and what was expected.
    pub message: String,
}

/// Reads a price file.
pub(super) fn parse(text: &str) -> Result<PriceFile, RowError> {
    let line_at = |offset: usize| {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        1 + memchr::memchr_iter(b'\n', before).count()
    };
    let document = DeTable::parse(text).map_err(|error| RowError {
        line: line_at(error.span().map_or(0, |span| span.start)),
        message: format!("Not valid TOML: {}", error.message()),
    })?;
    read(document.get_ref())
        .map_err(|fault| RowError { line: line_at(fault.offset), message: fault.message })
}

/// What is wrong, and at which byte.
struct Fault {
    offset: usize,
    message: String,
}

type Found<T> = Result<T, Fault>;

fn read(document: &DeTable<'_>) -> Found<PriceFile> {
    let mut file = PriceFile::default();
    for (key, value) in document {
        match key.get_ref().as_ref() {
            "as_of" => file.as_of = date(value)?.to_string(),
            "models" => {
                let expected = "`models` must be rows, each under its own `[[models]]`";
                for row in value.get_ref().as_array().ok_or_else(|| fault(value, expected))? {
                    add(&mut file.models, &Table::new(row, expected)?)?;
                }
            }
            other => {
                let message = format!("Unknown key `{other}`: expected `[[models]]` rows");
                return Err(Fault { offset: key.span().start, message });
            }
        }
    }
    Ok(file)
}

/// Adds one row: to its model if there is one already, else as a new model.
fn add(models: &mut Vec<ModelInfo>, row: &Table<'_, '_>) -> Found<()> {
    row.only(&MODEL_KEYS)?;
    let (provider, id) = (row.required_text("provider")?, row.required_text("id")?);
    let prices = price_row(row)?;
    if let Some(model) = models.iter_mut().find(|m| m.provider == provider && m.id == id) {
        model.rows.push(prices);
        return Ok(());
    }
    models.push(ModelInfo {
        aliases: row.texts("aliases")?,
        kind: match row.text("kind")?.as_deref() {
            None | Some("chat") => ModelKind::Chat,
            Some("embedding") => ModelKind::Embedding,
            Some(_) => return Err(row.wrong("kind", "must be `chat` or `embedding`")),
        },
        context_tokens: row.count("context")?,
        max_output_tokens: row.count("max_output")?,
        cache_min_tokens: row.count("cache_min")?,
        caps: caps(row)?,
        dims: row.count("dims")?.and_then(|dims| u32::try_from(dims).ok()),
        retires: row.get("retires").map(date).transpose()?,
        unverified: row.flag("unverified")?,
        factors: Factors {
            batch: row.factor("batch")?,
            us: row.factor("us")?,
            fast: row.factor("fast")?,
            flex: row.factor("flex")?,
            priority: row.factor("priority")?,
            ultrafast: row.factor("ultrafast")?,
        },
        rows: vec![prices],
        ..ModelInfo::unknown(&provider, &id)
    });
    Ok(())
}

fn price_row(row: &Table<'_, '_>) -> Found<PriceRow> {
    let midnight = |key| match row.get(key) {
        Some(value) => {
            let day = date(value)?.to_zoned(TimeZone::UTC);
            day.map(|day| Some(day.timestamp())).map_err(|_| fault(value, "No such day"))
        }
        None => Ok(None),
    };
    let mut tiers = Vec::new();
    if let Some(value) = row.get("tiers") {
        let expected = "`tiers` must be a list such as `[{ over = 200_000, in = 4, out = 18 }]`";
        for tier in value.get_ref().as_array().ok_or_else(|| fault(value, expected))? {
            let tier = Table::new(tier, expected)?;
            tier.only(&TIER_KEYS)?;
            let over = tier.count("over")?.ok_or_else(|| tier.missing("over", "tokens"))?;
            tiers.push(Tier { over, prices: prices(&tier)? });
        }
        if !tiers.is_sorted_by(|a, b| a.over < b.over) {
            return Err(fault(value, "`tiers` must rise by `over`"));
        }
    }
    Ok(PriceRow {
        from: midnight("from")?,
        to: midnight("to")?,
        base: prices(row)?,
        tiers,
        off_peak: off_peak(row)?,
    })
}

fn off_peak(row: &Table<'_, '_>) -> Found<Option<OffPeak>> {
    let example = "such as `Mon-Fri 01:00-04:00 06:00-10:00` (UTC)";
    let Some(value) = row.get("off_peak") else { return Ok(None) };
    let table = Table::new(value, "`off_peak` must hold prices, such as `{ in = 1, out = 2 }`")?;
    table.only(&PRICE_KEYS)?;
    let hours = row.text("peak")?.ok_or_else(|| row.missing("peak", example))?;
    let peak = PeakHours::parse(&hours)
        .ok_or_else(|| row.wrong("peak", &format!("must be hours {example}")))?;
    Ok(Some(OffPeak { peak, prices: prices(&table)? }))
}

fn prices(table: &Table<'_, '_>) -> Found<Prices> {
    let example = "dollars per million tokens, such as `3` or `0.25`";
    let need = |key| table.price(key)?.ok_or_else(|| table.missing(key, example));
    Ok(Prices {
        input: need("in")?,
        output: need("out")?,
        cache_read: table.price("read")?,
        cache_write: table.price("write")?,
        cache_write_long: table.price("write_long")?,
    })
}

fn caps(row: &Table<'_, '_>) -> Found<Capabilities> {
    let text = row.text("caps")?.unwrap_or_default();
    if !text.chars().all(|c| "TVCR".contains(c)) {
        let expected = "must be letters of `TVCR`: tools, vision, caching, reasoning";
        return Err(row.wrong("caps", expected));
    }
    Ok(Capabilities {
        tools: text.contains('T'),
        vision: text.contains('V'),
        cache: text.contains('C'),
        reasoning: text.contains('R'),
    })
}

fn date(value: &Spanned<DeValue<'_>>) -> Found<Date> {
    let text = match value.get_ref() {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => String::new(),
    };
    text.parse().map_err(|_| fault(value, "Expected a day such as `2026-12-01`"))
}

fn fault(value: &Spanned<DeValue<'_>>, message: &str) -> Fault {
    Fault { offset: value.span().start, message: message.to_owned() }
}

/// A table and where it stands.
struct Table<'a, 'i> {
    table: &'a DeTable<'i>,
    offset: usize,
}

impl<'a, 'i> Table<'a, 'i> {
    fn new(value: &'a Spanned<DeValue<'i>>, expected: &str) -> Found<Self> {
        let table = value.get_ref().as_table().ok_or_else(|| fault(value, expected))?;
        Ok(Self { table, offset: value.span().start })
    }

    /// Refuses unknown keys: a misspelt price would silently be another.
    fn only(&self, known: &[&str]) -> Found<()> {
        let unknown = self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref()));
        unknown.map_or(Ok(()), |key| {
            let message =
                format!("Unknown key `{}`: expected one of {}", key.get_ref(), known.join(", "));
            Err(Fault { offset: key.span().start, message })
        })
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    fn missing(&self, key: &str, example: &str) -> Fault {
        Fault { offset: self.offset, message: format!("`{key}` is missing: {example}") }
    }

    fn wrong(&self, key: &str, expected: &str) -> Fault {
        let offset = self.get(key).map_or(self.offset, |value| value.span().start);
        Fault { offset, message: format!("`{key}` {expected}") }
    }

    fn text(&self, key: &str) -> Found<Option<String>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong(key, "must be a text"))?;
        Ok(Some(text.to_owned()))
    }

    fn required_text(&self, key: &str) -> Found<String> {
        let text = self.text(key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| self.missing(key, "every row names its provider and its model's id"))
    }

    fn texts(&self, key: &str) -> Found<Vec<String>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let texts = |list: &DeArray<'_>| {
            list.iter().map(|v| v.get_ref().as_str().map(str::to_owned)).collect::<Option<_>>()
        };
        let list = value.get_ref().as_array().and_then(texts);
        list.ok_or_else(|| self.wrong(key, "must be a list of texts"))
    }

    fn flag(&self, key: &str) -> Found<bool> {
        let Some(value) = self.get(key) else { return Ok(false) };
        value.get_ref().as_bool().ok_or_else(|| self.wrong(key, "must be `true` or `false`"))
    }

    /// Returns a number as it is written, without underscores.
    fn number(&self, key: &str) -> Option<String> {
        match self.get(key)?.get_ref() {
            DeValue::Integer(n) if n.radix() == 10 => Some(n.as_str().to_owned()),
            DeValue::Float(n) => Some(n.as_str().to_owned()),
            DeValue::String(text) => Some(text.to_string()),
            _ => Some(String::new()),
        }
    }

    fn count(&self, key: &str) -> Found<Option<u64>> {
        let Some(number) = self.number(key) else { return Ok(None) };
        let count = number.parse().map_err(|_| self.wrong(key, "must be a whole number"))?;
        Ok(Some(count))
    }

    fn price(&self, key: &str) -> Found<Option<Price>> {
        let Some(number) = self.number(key) else { return Ok(None) };
        let expected = "must be dollars per million tokens, such as `3` or `0.25`";
        let money: Money = number.parse().map_err(|_| self.wrong(key, expected))?;
        Ok(Some(Price(money.nanos())))
    }

    fn factor(&self, key: &str) -> Found<Option<Factor>> {
        let Some(number) = self.number(key) else { return Ok(None) };
        let expected = "must be a factor with at most six decimals, such as `0.5` or `2`";
        let money: Money = number.parse().map_err(|_| self.wrong(key, expected))?;
        let millionths = u64::try_from(money.nanos()).ok().filter(|nanos| nanos % 1_000 == 0);
        Ok(Some(Factor(millionths.ok_or_else(|| self.wrong(key, expected))? / 1_000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_file_is_whole() {
        let file = parse(super::super::BUILTIN).unwrap();
        assert_eq!(file.as_of, "2026-11-21");
        assert_eq!(file.models.len(), 72);
        for model in &file.models {
            let id = &model.id;
            assert!(model.context_tokens.is_some(), "{id}");
            let chat = model.kind == ModelKind::Chat;
            assert_eq!(model.max_output_tokens.is_some(), chat, "{id}");
            assert_eq!(model.dims.is_none(), chat, "{id}");
            assert!(model.rows.iter().all(|row| row.base.input.0 > 0), "{id} is not free");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_row_and_where() {
        let check = |text: &str, line: usize, message: &str| {
            let error = parse(text).unwrap_err();
            assert_eq!((error.line, error.message.as_str()), (line, message), "{text}");
        };
        let row = |rest: &str| format!("[[models]]\nprovider = \"p\"\nid = \"m\"\nin = 1\n{rest}");
        let price = "must be dollars per million tokens, such as `3` or `0.25`";
        check("models = 1", 1, "`models` must be rows, each under its own `[[models]]`");
        check("\n[model]", 2, "Unknown key `model`: expected `[[models]]` rows");
        check(&row(""), 1, "`out` is missing: dollars per million tokens, such as `3` or `0.25`");
        check(&row("out = -2"), 5, &format!("`out` {price}"));
        check(&row("out = true"), 5, &format!("`out` {price}"));
        check(&row("out = 1e3"), 5, &format!("`out` {price}"));
        check(&row("out = 0.0000000001"), 5, &format!("`out` {price}"));
        check(&row("out = 1\ncontext = \"big\""), 6, "`context` must be a whole number");
        check(&row("out = 1\nfrom = \"soon\""), 6, "Expected a day such as `2026-12-01`");
        check(&row("out = 1\ntiers = [{ over = 1, in = 1 }]"), 6, &{
            "`out` is missing: dollars per million tokens, such as `3` or `0.25`".to_owned()
        });
        check(
            &row("out = 1\ntiers = [{ over = 2, in = 1, out = 1 }, { over = 2, in = 1, out = 1 }]"),
            6,
            "`tiers` must rise by `over`",
        );
        check(
            &row("out = 1\noff_peak = { in = 1, out = 1 }"),
            1,
            "`peak` is missing: such as `Mon-Fri 01:00-04:00 06:00-10:00` (UTC)",
        );
        check(
            &row("out = 1\nbatch = 0.0000001"),
            6,
            "`batch` must be a factor with at most six decimals, such as `0.5` or `2`",
        );
        let unknown = parse(&row("out = 1\nreed = 1")).unwrap_err();
        assert_eq!(unknown.line, 6);
        assert!(unknown.message.starts_with("Unknown key `reed`: expected one of provider, id"));
        let broken = parse("[[models]]\nin = = 1").unwrap_err();
        assert_eq!(broken.line, 2);
        assert!(broken.message.starts_with("Not valid TOML: "), "{}", broken.message);
    }

    #[test]
    fn takes_numbers_as_they_are_written() {
        let text = "[[models]]\nprovider = \"p\"\nid = \"m\"\nin = 0.1\nout = \"2.000000001\"\n\
                    context = 1_000\n";
        let file = parse(text).unwrap();
        let model = &file.models[0];
        assert_eq!(model.rows[0].base.input, Price(100_000_000));
        assert_eq!(model.rows[0].base.output, Price(2_000_000_001));
        assert_eq!(model.context_tokens, Some(1_000));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]{}=\",.\\-0-9a-z\\n ]{0,200}") {
            let _ = parse(&text);
        }
    }
}
