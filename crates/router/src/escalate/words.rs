//! What an answer says about itself: that it hedges, or that it could not do what was asked. In English and Russian.

/// A phrase by which an answer takes something back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubt {
    /// Its kind: `gave_up`, `unsure` or `hedges`.
    pub code: &'static str,
    /// The phrase, as the table has it.
    pub phrase: &'static str,
    /// What the likelihood is multiplied with.
    pub factor: f64,
}

/// Most phrases that count.
const MOST: usize = 4;
/// The end of an answer that is looked through; what it comes to stands there.
const MOST_BYTES: usize = 16 << 10;

/// It says that it did not do it.
const GAVE_UP: &[&str] = &[
    "i could not",
    "i couldn't",
    "i was unable",
    "i am unable",
    "i'm unable",
    "i was not able",
    "i wasn't able",
    "i am not able",
    "i'm not able",
    "i cannot",
    "i can't",
    "i did not manage",
    "i didn't manage",
    "i failed to",
    "i give up",
    "still failing",
    "still fails",
    "still fail",
    "не удалось",
    "не смог",
    "не смогла",
    "не могу",
    "не получилось",
    "не получается",
    "не вышло",
    "не справился",
    "не справилась",
    "всё ещё падает",
    "все еще падает",
    "по прежнему падает",
];

/// It says that it does not know.
const UNSURE: &[&str] = &[
    "i'm not sure",
    "i am not sure",
    "not entirely sure",
    "not completely sure",
    "not certain",
    "i'm unsure",
    "i am unsure",
    "i don't know",
    "i do not know",
    "hard to tell",
    "hard to say",
    "i guess",
    "i'm guessing",
    "just a guess",
    "haven't tested",
    "have not tested",
    "haven't run",
    "have not run",
    "haven't verified",
    "have not verified",
    "could not verify",
    "couldn't verify",
    "не уверен",
    "не уверена",
    "точно не знаю",
    "не знаю точно",
    "трудно сказать",
    "сложно сказать",
    "не проверял",
    "не проверяла",
    "не тестировал",
    "не тестировала",
    "не запускал",
    "не запускала",
    "предполагаю",
];

/// It leaves a door open.
const HEDGES: &[&str] = &[
    "i think",
    "i believe",
    "i assume",
    "probably",
    "perhaps",
    "maybe",
    "possibly",
    "presumably",
    "hopefully",
    "should work",
    "should now work",
    "should now pass",
    "might work",
    "might be because",
    "seems to work",
    "appears to work",
    "наверное",
    "наверно",
    "возможно",
    "вероятно",
    "скорее всего",
    "может быть",
    "кажется",
    "похоже",
    "по идее",
    "видимо",
    "надеюсь",
    "я думаю",
    "должно работать",
    "должно заработать",
];

/// Verbs that ask for a change, as requests begin with them.
const CHANGES: &[&str] = &[
    "add",
    "apply",
    "bump",
    "change",
    "clean",
    "complete",
    "convert",
    "correct",
    "create",
    "debug",
    "delete",
    "drop",
    "edit",
    "enable",
    "extend",
    "extract",
    "finish",
    "fix",
    "get",
    "handle",
    "implement",
    "improve",
    "inline",
    "introduce",
    "make",
    "mend",
    "migrate",
    "modify",
    "move",
    "optimize",
    "patch",
    "port",
    "refactor",
    "remove",
    "rename",
    "repair",
    "replace",
    "resolve",
    "rewrite",
    "set",
    "simplify",
    "solve",
    "split",
    "support",
    "switch",
    "turn",
    "update",
    "upgrade",
    "use",
    "write",
    "добавь",
    "добавьте",
    "доделай",
    "допиши",
    "замени",
    "замените",
    "извлеки",
    "измени",
    "измените",
    "исправь",
    "исправьте",
    "напиши",
    "напишите",
    "обнови",
    "обновите",
    "отрефактори",
    "перенеси",
    "перенесите",
    "перепиши",
    "перепишите",
    "переименуй",
    "переименуйте",
    "поддержи",
    "поменяй",
    "почини",
    "почините",
    "поправь",
    "поправьте",
    "раздели",
    "реализуй",
    "реализуйте",
    "сделай",
    "сделайте",
    "создай",
    "создайте",
    "убери",
    "уберите",
    "удали",
    "удалите",
    "упрости",
    "устрани",
    "ускорь",
];

/// Words that may stand before the verb of a request.
const BEFORE: &[&str] = &[
    "please",
    "now",
    "can",
    "could",
    "you",
    "would",
    "just",
    "and",
    "then",
    "пожалуйста",
    "теперь",
    "и",
];

/// Returns what an answer says against itself, the heaviest first; what stands in code, in quotation marks or
/// in quoted lines is not its own word.
pub fn doubts(answer: &str) -> Vec<Doubt> {
    let words = own_words(answer);
    let mut found = Vec::new();
    for (code, phrases, factor) in
        [("gave_up", GAVE_UP, 0.6), ("unsure", UNSURE, 0.85), ("hedges", HEDGES, 0.93)]
    {
        let said = phrases.iter().filter(|phrase| has(&words, phrase));
        found.extend(said.map(|phrase| Doubt { code, phrase, factor }));
    }
    found.truncate(MOST);
    found
}

/// Tells whether a request asks for a change, by the verb that it begins with.
pub fn wants_change(request: &str) -> bool {
    let head: String = request.chars().take(400).collect();
    let words = split(&head);
    let verb = words.iter().find(|word| !BEFORE.contains(&word.as_str()));
    verb.is_some_and(|verb| CHANGES.contains(&verb.as_str()))
}

fn has(words: &[String], phrase: &str) -> bool {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).any(|window| window.iter().zip(&phrase).all(|(a, b)| a == b))
}

/// Returns the words of the prose of an answer; a full stop is a word that no phrase has.
fn own_words(answer: &str) -> Vec<String> {
    let mut start = answer.len().saturating_sub(MOST_BYTES);
    while !answer.is_char_boundary(start) {
        start += 1;
    }
    let mut prose = String::new();
    let mut is_code = false;
    for line in answer.get(start..).unwrap_or_default().lines() {
        let line = line.trim_start();
        if line.starts_with("```") || line.starts_with("~~~") {
            is_code = !is_code;
        } else if !is_code && !line.starts_with('>') {
            prose.push_str(&without_quoted(line));
            prose.push('\n');
        }
    }
    split(&prose)
}

/// Leaves out what stands in one line between marks of code or of quotation.
fn without_quoted(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['`', '"', '“', '«']) {
        let (before, quoted) = rest.split_at(at);
        let mut letters = quoted.chars();
        let close = match letters.next() {
            Some('“') => '”',
            Some('«') => '»',
            Some(mark) => mark,
            None => break,
        };
        let inner = letters.as_str();
        let Some(end) = inner.find(close) else { break };
        text.push_str(before);
        text.push_str(" . ");
        rest = inner.get(end + close.len_utf8()..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for letter in text.chars() {
        match letter {
            '\'' | '’' if !word.is_empty() => word.push('\''),
            _ if letter.is_alphanumeric() => word.extend(letter.to_lowercase()),
            _ => end(&mut word),
        }
        if matches!(letter, '.' | '!' | '?' | ';' | '\n') {
            end(&mut ".".to_owned());
        }
    }
    end(&mut word);
    words
}
