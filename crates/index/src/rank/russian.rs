//! A request in Russian in the words that code is written in: `вершина` is `node` or `vertex`.
//!
//! The table is general vocabulary of programming, written by hand: a line is Russian words that mean the same,
//! joined by commas, then English ones, the likeliest first. Words that it has not are looked for by what they are formed from: nouns of
//! actions and verbs by each other, nouns with a fleeting vowel with and without it.

use std::collections::HashMap;
use std::sync::LazyLock;

use distiq_ml::words::is_stop;

use super::shelf::Shelf;
use crate::segment::Damaged;
use crate::words::{Analyzer, tokens};

static TABLE: LazyLock<HashMap<String, Vec<&'static str>>> =
    LazyLock::new(|| read(include_str!("russian.txt")));

/// Fewest letters of a stem that another is formed from.
const FEWEST_LETTERS: usize = 4;
/// What nouns of actions end with, in all cases, then verbs of the kind `-овать` in the present, and other forms of verbs.
const NOUNS: [&str; 21] = [
    "ание",
    "ания",
    "анию",
    "анием",
    "аний",
    "ании",
    "аниям",
    "ениям",
    "ение",
    "ения",
    "ению",
    "ением",
    "ений",
    "ении",
    "ация",
    "ации",
    "ацию",
    "ацией",
    "аций",
    "ациям",
    "ациями",
];
const PRESENT: [&str; 8] = ["ует", "уют", "уем", "ующий", "ующая", "ующие", "уя", "уйте"];

const VERBS: [&str; 12] =
    ["ать", "ить", "ять", "ет", "ют", "ит", "ят", "ал", "ала", "али", "анный", "анные"];

/// A request in English, as far as the table goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    pub text: String,
    /// Terms that may be meant as well as the words that were chosen.
    pub others: Vec<String>,
}

/// Returns a request with its Russian words put into English; `None` where it has none that are known. Of
/// several words for one the first that the project uses is chosen.
pub(super) fn translate(
    text: &str,
    shelf: &Shelf<'_>,
    analyzer: &Analyzer,
) -> Result<Option<Translated>, Damaged> {
    if !text.chars().any(is_cyrillic) {
        return Ok(None);
    }
    let mut translated = Translated::default();
    let mut is_known = false;
    let mut end = 0;
    for token in tokens(text) {
        let at = token.as_ptr() as usize - text.as_ptr() as usize;
        translated.text.push_str(text.get(end..at).unwrap_or_default());
        end = at + token.len();
        let lower = token.to_lowercase();
        let stem = analyzer.stem(&lower);
        let words = if lower.chars().all(is_cyrillic) && !is_stop(&lower) {
            meant(&lower, &stem)
        } else {
            &[]
        };
        let mut used = Vec::new();
        for word in words {
            if shelf.documents(&analyzer.stem(word))? > 0 {
                used.push(*word);
            }
        }
        let Some((first, others)) = used.split_first() else {
            translated.text.push_str(token);
            continue;
        };
        is_known = true;
        translated.text.push_str(first);
        translated.others.extend(others.iter().map(|word| analyzer.stem(word)));
        // Comments may be in Russian too.
        if shelf.documents(&stem)? > 0 {
            translated.others.push(stem);
        }
    }
    translated.text.push_str(text.get(end..).unwrap_or_default());
    Ok(is_known.then_some(translated))
}

/// Returns the English words for a Russian one in lower case: those of its stem or, where the table has none, of the stem of a word that it is
/// formed from or that is formed from it.
fn meant(word: &str, stem: &str) -> &'static [&'static str] {
    let own = TABLE.get(stem).map(Vec::as_slice);
    own.or_else(|| formed(word, stem).find_map(|stem| TABLE.get(&stem).map(Vec::as_slice)))
        .unwrap_or_default()
}

/// Returns the stems of the noun of an action for a form of its verb, and the other way round: `игнорирован` and `игнориру` belong to
/// `игнорирова`. A stem is that of Snowball's stemmer.
fn formed(word: &str, stem: &str) -> impl Iterator<Item = String> {
    let word = word.strip_suffix("ся").or_else(|| word.strip_suffix("сь")).unwrap_or(word);
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    let is_noun = ends(&NOUNS);
    let is_present = ends(&PRESENT);
    let is_verb = ends(&VERBS);
    let part = |ending: &str| stem.strip_suffix(ending).map(str::to_owned);
    let with = |ending: &str| Some(format!("{stem}{ending}"));
    let of_noun = [
        part("н"),
        part("ен"),
        part("ан"),
        part("ени"),
        part("ани"),
        part("аци").map(|it| it + "ирова"),
    ];
    let of_present = [with("ова"), part("у").map(|it| it + "ова"), with("а")];
    let of_verb = [with("н"), part("ова").map(|it| it + "аци"), part("ирова").map(|it| it + "аци")];
    let stems = of_noun.into_iter().filter(move |_| is_noun);
    let stems = stems.chain(of_present.into_iter().filter(move |_| is_present));
    let stems = stems.chain(with_vowel(stem));
    let stems = stems.chain(of_verb.into_iter().filter(move |_| is_verb));
    stems.flatten().filter(|stem| stem.chars().count() >= FEWEST_LETTERS)
}

/// Returns a stem with a vowel before its last letter, as `заголовок` is in `заголовка`, and one without; `настройк` for `настроек`.
fn with_vowel(stem: &str) -> impl Iterator<Item = Option<String>> {
    let mut letters = stem.chars().rev();
    let (last, before) = (letters.next(), letters.next());
    let ending = last.filter(|last| matches!(last, 'к' | 'ц'));
    let is_vowel = before.is_some_and(|before| "аеёиоуыэюя".contains(before));
    let start = |letters: usize| {
        let end = stem.char_indices().rev().nth(letters - 1).map_or(0, |(at, _)| at);
        stem.get(..end).unwrap_or_default()
    };
    let with = |vowel: &str| ending.map(|ending| format!("{}{vowel}{ending}", start(1)));
    let long = stem.strip_suffix("ек").filter(|start| start.ends_with(['а', 'е', 'о', 'у']));
    let other = match before {
        _ if long.is_some() => [long.map(|start| format!("{start}йк")), None],
        Some('о' | 'е') => [ending.map(|ending| format!("{}{ending}", start(2))), None],
        _ if is_vowel => [None, None],
        _ => [with("о"), with("е")],
    };
    other.into_iter()
}

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}

fn read(text: &'static str) -> HashMap<String, Vec<&'static str>> {
    let analyzer = Analyzer::default();
    let mut table: HashMap<String, Vec<&'static str>> = HashMap::new();
    for line in text.lines() {
        let Some((russian, english)) = line.split_once(' ') else { continue };
        for word in russian.split(',') {
            let words = table.entry(analyzer.stem(word)).or_default();
            for other in english.split_whitespace() {
                if !words.contains(&other) {
                    words.push(other);
                }
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_words_of_both_languages() {
        for line in include_str!("russian.txt").lines() {
            let (russian, english) = line.split_once(' ').unwrap();
            assert!(russian.split(',').all(|word| word.chars().all(is_cyrillic)), "{line}");
            assert!(english.split(' ').all(|word| word.chars().all(|c| c.is_ascii_lowercase())));
        }
    }

    #[test]
    fn words_that_are_formed_from_each_other_are_found() {
        let analyzer = Analyzer::default();
        for (word, english) in [
            ("игнорирование", "ignore"),
            ("игнорируется", "ignore"),
            ("логирует", "log"),
            ("делегирование", "delegate"),
            ("журналировать", "log"),
            ("столбцы", "column"),
            ("ссылок", "link"),
            ("настроек", "config"),
            ("карточек", "card"),
            ("кортежей", "tuple"),
            ("горутины", "goroutine"),
            ("потокобезопасного", "thread"),
        ] {
            let words = meant(word, &analyzer.stem(word));
            assert!(words.contains(&english), "{word}: {words:?}");
        }
        for word in ["значит", "равен", "учётом", "почему", "мнение", "отец"]
        {
            assert_eq!(meant(word, &analyzer.stem(word)), [""; 0], "{word}");
        }
    }

    #[test]
    fn forms_of_a_word_are_found() {
        let analyzer = Analyzer::default();
        for (word, english) in [
            ("вершинами", "node"),
            ("файлов", "file"),
            ("разбирает", "parse"),
            ("строкой", "line"),
            ("куки", "cookie"),
            ("хендлеры", "handler"),
            ("роутера", "router"),
            ("цитату", "quote"),
            ("попытками", "attempt"),
            ("перезагружает", "reload"),
            ("отписываться", "unsubscribe"),
        ] {
            let words = TABLE.get(&analyzer.stem(word)).unwrap_or_else(|| panic!("{word}"));
            assert!(words.contains(&english), "{word}: {words:?}");
        }
        // "Almost" has the stem of mail, "or" that of the slang for a library.
        assert!(["почти", "либо"].iter().all(|word| !TABLE.contains_key(&analyzer.stem(word))));
    }
}
