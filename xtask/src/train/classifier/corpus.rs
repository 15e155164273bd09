//! Templates to prompts: slots filled in, some with blunders, pleasantries and pasted text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use distiq_router::classify::Label;
use serde_json::json;

/// Most prompts of a family that only fill in slots.
const MOST_PLAIN: usize = 3;
const FILES: [&str; 14] = [
    "en-simple.txt",
    "en-medium.txt",
    "en-complex.txt",
    "ru-simple.txt",
    "ru-medium.txt",
    "ru-complex.txt",
    "other-latin.txt",
    "other-asian.txt",
    "mixed.txt",
    "en-more.txt",
    "ru-more.txt",
    "other-more.txt",
    "ru-everyday.txt",
    "other-everyday.txt",
];

/// One labelled prompt.
#[derive(Clone)]
pub struct Row {
    /// The file of its template.
    pub file: &'static str,
    pub family: String,
    pub language: String,
    pub label: Label,
    pub text: String,
}

impl Row {
    fn hash(&self) -> u64 {
        hash(&self.family)
    }

    /// Whether it is of the third that is held out.
    pub fn is_held(&self) -> bool {
        self.hash().is_multiple_of(3)
    }

    /// Returns which of some folds it is of.
    pub fn fold(&self, folds: u64) -> u64 {
        self.hash() / 3 % folds
    }
}

pub fn hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^ (hash >> 31)
}

/// Returns the rows as lines of JSON.
pub fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<String> {
    let mut text = String::new();
    for row in rows {
        let split = if row.is_held() { "held" } else { "train" };
        let line = json!({
            "family": row.family, "language": row.language, "label": row.label.as_str(),
            "split": split, "text": row.text,
        });
        writeln!(text, "{line}")?;
    }
    Ok(text)
}

/// Makes the prompts of all templates.
pub fn make(folder: &Path) -> Result<Vec<Row>> {
    let pastes = Pastes::read(&fs::read_to_string(folder.join("pastes.txt"))?);
    let mut rows = Vec::new();
    for file in FILES {
        let text = fs::read_to_string(folder.join(file)).with_context(|| file.to_owned())?;
        let (mut language, mut label) = (file.get(..2).unwrap_or_default().to_owned(), None);
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            if let Some(name) = line.strip_prefix("lang ") {
                name.clone_into(&mut language);
            } else if let Some(name) = line.strip_prefix("label ") {
                label = Some(Label::parse(name).with_context(|| name.to_owned())?);
            } else {
                let label = label.with_context(|| format!("{file} begins without a label"))?;
                family((file, line), &language, label, &pastes, &mut rows);
            }
        }
    }
    let mut labels: BTreeMap<&str, Label> = BTreeMap::new();
    for row in &rows {
        if labels.insert(&row.text, row.label).is_some_and(|other| other != row.label) {
            bail!("Two labels: {}", row.text);
        }
    }
    Ok(rows)
}

fn family(
    (file, line): (&'static str, &str),
    language: &str,
    label: Label,
    pastes: &Pastes,
    rows: &mut Vec<Row>,
) {
    let seed = hash(line);
    let name = format!("{language}-{label}-{:06x}", seed & 0xff_ffff);
    let template = line.replace("\\n", "\n");
    let count = slots(&template).clamp(1, MOST_PLAIN);
    let mut add = |text: String| {
        rows.push(Row { file, family: name.clone(), language: language.to_owned(), label, text });
    };
    for variant in 0..count {
        add(pastes.fill(&filled(&template, variant), seed.wrapping_add(variant as u64)));
    }
    let text = filled(&template, count);
    add(dressed(&text, language, pastes, seed));
}

/// Returns the most alternatives of a slot.
fn slots(template: &str) -> usize {
    let parts = template.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    parts.map(|(slot, _)| slot.split('|').count()).max().unwrap_or(1)
}

/// Takes of each slot the alternative of a variant; slots of other sizes shift against each other.
fn filled(template: &str, variant: usize) -> String {
    let mut text = String::new();
    let mut rest = template;
    let mut turn = variant;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        // A brace that opens no slot stays.
        let Some((slot, after)) = after.split_once('}').filter(|(slot, _)| slot.contains('|'))
        else {
            text.push('{');
            rest = after;
            continue;
        };
        let choices: Vec<&str> = slot.split('|').collect();
        text.push_str(choices.get(turn % choices.len()).copied().unwrap_or_default());
        turn += variant / choices.len();
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Texts that people paste, by kind.
struct Pastes(BTreeMap<String, Vec<String>>);

impl Pastes {
    fn read(text: &str) -> Self {
        let mut pastes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for part in text.split("== ").skip(1) {
            let Some((kind, body)) = part.split_once('\n') else { continue };
            pastes.entry(kind.to_owned()).or_default().push(body.trim_end().to_owned());
        }
        Self(pastes)
    }

    fn of(&self, kind: &str, seed: u64) -> &str {
        let list = self.0.get(kind).map(Vec::as_slice).unwrap_or_default();
        let at = usize::try_from(seed % list.len().max(1) as u64).unwrap_or_default();
        list.get(at).map(String::as_str).unwrap_or_default()
    }

    fn fill(&self, text: &str, seed: u64) -> String {
        let Some((before, rest)) = text.split_once("<<") else { return text.to_owned() };
        let Some((kind, after)) = rest.split_once(">>") else { return text.to_owned() };
        let paste = self.of(kind, seed);
        match seed % 3 {
            0 => format!("{paste}\n\n{}{after}", before.trim_end()),
            _ => format!("{}\n{paste}\n{after}", before.trim_end()),
        }
    }
}

const EN: ([&str; 9], [&str; 6]) = (
    [
        "Hey, could you please ",
        "Hi! I'm new here. ",
        "ok so ",
        "can you ",
        "I'd like you to ",
        "We have a mid-sized app at work and this has been on my list. ",
        "urgent: ",
        "Next: ",
        "Sorry to bother you again, one more: ",
    ],
    [
        " Thanks!",
        " asap pls",
        " Let me know if something is unclear.",
        " (I have ten minutes)",
        " thx",
        " Don't break anything.",
    ],
);
const RU: ([&str; 9], [&str; 6]) = (
    [
        "Привет! Можешь ",
        "Слушай, ",
        "так, ",
        "пожалуйста, ",
        "Хочу, чтобы ты сделал вот что: ",
        "У нас на работе среднее приложение, давно собирался. ",
        "срочно: ",
        "Дальше: ",
        "Извини, ещё одно: ",
    ],
    [
        " Спасибо!",
        " нужно быстро",
        " Если что непонятно — спроси.",
        " (есть десять минут)",
        " спс",
        " Ничего не сломай.",
    ],
);

/// Changes how a prompt is said, not what it wants.
fn dressed(text: &str, language: &str, pastes: &Pastes, seed: u64) -> String {
    let has_paste = text.contains("<<");
    let choice = seed / 7 % if has_paste { 6 } else { 9 };
    let pick = |list: &[&'static str]| {
        let at = usize::try_from(seed / 61 % list.len() as u64).unwrap_or_default();
        list.get(at).copied().unwrap_or_default()
    };
    let (before, after) = match language {
        "en" => (pick(&EN.0), pick(&EN.1)),
        "ru" => (pick(&RU.0), pick(&RU.1)),
        _ => ("", ""),
    };
    let said = match choice {
        0 | 1 => format!("{before}{}", lower_first(text)),
        2 => format!("{text}{after}"),
        3 => format!("{before}{}{after}", lower_first(text)),
        4 => text.to_lowercase().replace(['?', '!', ','], ""),
        5 => blundered(text, seed),
        _ => text.to_owned(),
    };
    let said = pastes.fill(&said, seed);
    match choice {
        6 => {
            let kinds = ["log", "trace", "code", "json", "yaml", "diff", "sql"];
            let kind = kinds.get(usize::try_from(seed / 13 % 7).unwrap_or_default());
            format!("{said}\n\n{}", pastes.of(kind.unwrap_or(&"log"), seed / 3))
        }
        7 | 8 => format!("{said}\n\n{}", pastes.of("steer", seed / 3)),
        _ => said,
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Swaps two letters of a long word, as people do.
fn blundered(text: &str, seed: u64) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.chars().count() > 5 && word.chars().all(char::is_alphabetic))
        .map(|(at, _)| at)
        .collect();
    let at = usize::try_from(seed / 5 % long.len().max(1) as u64).unwrap_or_default();
    if let Some(word) = long.get(at).and_then(|at| words.get_mut(*at)) {
        let mut letters: Vec<char> = word.chars().collect();
        let place = letters.len() / 2;
        letters.swap(place, place - 1);
        *word = letters.into_iter().collect();
    }
    words.join(" ")
}
