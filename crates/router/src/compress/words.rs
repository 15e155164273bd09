//! Words: which say nothing, which must stay, and how much the others tell.

use std::borrow::Cow;
use std::collections::HashSet;

/// What a sentence's words tell.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Hashes of the plain forms of the words that say something.
    pub stems: Vec<u64>,
    /// How much those words tell by themselves, together.
    pub told: f32,
    /// Whether a word is a number, a name of code, a path or a denial.
    pub is_held: bool,
    /// Whether a word binds: must, only, always.
    pub binds: bool,
}

/// Words that a paragraph of language has.
const FUNCTION: &[&str] = &[
    "the",
    "a",
    "an",
    "is",
    "are",
    "was",
    "were",
    "that",
    "this",
    "it",
    "of",
    "to",
    "and",
    "in",
    "for",
    "with",
    "as",
    "be",
    "by",
    "on",
    "which",
    "or",
    "its",
    "from",
    "at",
    "have",
    "has",
    "can",
    "will",
    "not",
    "but",
    "their",
    "they",
    "we",
    "you",
    "и",
    "в",
    "на",
    "с",
    "что",
    "это",
    "не",
    "по",
    "для",
    "из",
    "к",
    "у",
    "за",
    "как",
    "от",
    "о",
    "а",
    "но",
    "он",
    "она",
    "они",
    "его",
    "был",
    "была",
    "были",
    "при",
    "также",
    "или",
    "же",
    "так",
    "все",
    "мы",
    "вы",
    "чтобы",
    "если",
    "которые",
    "который",
];

/// Words that say nothing to a model; a comma behind them goes with them.
const FILLERS: &[&str] = &[
    "very",
    "really",
    "quite",
    "rather",
    "basically",
    "actually",
    "essentially",
    "simply",
    "literally",
    "obviously",
    "clearly",
    "certainly",
    "definitely",
    "furthermore",
    "moreover",
    "additionally",
    "indeed",
    "however",
    "therefore",
    "consequently",
    "nevertheless",
    "accordingly",
    "thus",
    "hence",
    "naturally",
    "fortunately",
    "unfortunately",
    "interestingly",
    "notably",
    "importantly",
    "overall",
    "arguably",
    "undoubtedly",
    "truly",
    "extremely",
    "highly",
    "incredibly",
    "absolutely",
    "totally",
    "completely",
    "entirely",
    "particularly",
    "somewhat",
    "merely",
    "очень",
    "весьма",
    "довольно",
    "просто",
    "также",
    "однако",
    "конечно",
    "разумеется",
    "собственно",
    "действительно",
    "безусловно",
    "несомненно",
    "пожалуй",
    "кстати",
    "вообще",
    "буквально",
    "фактически",
    "практически",
    "крайне",
    "чрезвычайно",
    "особенно",
    "достаточно",
    "впрочем",
    "следовательно",
    "соответственно",
    "естественно",
    "очевидно",
    "абсолютно",
    "совершенно",
    "поэтому",
    "итак",
    "таки",
    "ведь",
];

/// Phrases and what they come to; longest first where one begins another.
const PHRASES: &[(&str, &str)] = &[
    ("it is important to note that", ""),
    ("it is very important to note that", ""),
    ("it is worth noting that", ""),
    ("it should be noted that", ""),
    ("it is worth mentioning that", ""),
    ("it goes without saying that", ""),
    ("please note that", ""),
    ("note that", ""),
    ("as a matter of fact", ""),
    ("in fact", ""),
    ("of course", ""),
    ("in general", ""),
    ("generally speaking", ""),
    ("in other words", ""),
    ("as mentioned above", ""),
    ("as mentioned earlier", ""),
    ("as we have seen", ""),
    ("needless to say", ""),
    ("at the end of the day", ""),
    ("for the most part", ""),
    ("in order to", "to"),
    ("so as to", "to"),
    ("due to the fact that", "because"),
    ("because of the fact that", "because"),
    ("in spite of the fact that", "although"),
    ("despite the fact that", "although"),
    ("at this point in time", "now"),
    ("at the present time", "now"),
    ("in the event that", "if"),
    ("for the purpose of", "for"),
    ("with regard to", "about"),
    ("with respect to", "about"),
    ("a large number of", "many"),
    ("a great deal of", "much"),
    ("the majority of", "most"),
    ("as well as", "and"),
    ("is able to", "can"),
    ("are able to", "can"),
    ("has the ability to", "can"),
    ("in addition to", "besides"),
    ("prior to", "before"),
    ("subsequent to", "after"),
    ("in the process of", ""),
    ("on the other hand", ""),
    ("as a result", ""),
    ("in addition", ""),
    ("for example", "e.g."),
    ("for instance", "e.g."),
    ("следует отметить что", ""),
    ("важно отметить что", ""),
    ("необходимо отметить что", ""),
    ("стоит отметить что", ""),
    ("нужно отметить что", ""),
    ("как известно", ""),
    ("как правило", ""),
    ("таким образом", ""),
    ("кроме того", ""),
    ("более того", ""),
    ("на самом деле", ""),
    ("в общем", ""),
    ("в целом", ""),
    ("само собой разумеется", ""),
    ("в первую очередь", ""),
    ("прежде всего", ""),
    ("тем самым", ""),
    ("другими словами", ""),
    ("иными словами", ""),
    ("для того чтобы", "чтобы"),
    ("в связи с тем что", "потому что"),
    ("ввиду того что", "потому что"),
    ("в случае если", "если"),
    ("в настоящее время", "сейчас"),
    ("на сегодняшний день", "сейчас"),
    ("в данный момент", "сейчас"),
    ("большое количество", "много"),
    ("в том числе", "включая"),
    ("с целью", "чтобы"),
    ("в рамках", "в"),
    ("в соответствии с", "по"),
    ("по сравнению с", "против"),
    ("например", "напр."),
];

/// Denials: a sentence that has one stays.
const DENIALS: &[&str] = &[
    "not",
    "no",
    "never",
    "without",
    "none",
    "nothing",
    "nobody",
    "neither",
    "nor",
    "nowhere",
    "cannot",
    "unless",
    "except",
    "hardly",
    "barely",
    "не",
    "ни",
    "нет",
    "без",
    "никогда",
    "ничего",
    "ничто",
    "никто",
    "никак",
    "никакой",
    "никакие",
    "нельзя",
    "кроме",
    "нигде",
    "никуда",
    "отнюдь",
    "никого",
    "никому",
];

/// Numbers in words.
const NUMBERS: &[&str] = &[
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "hundred",
    "thousand",
    "million",
    "billion",
    "dozen",
    "twice",
    "percent",
    "два",
    "две",
    "двух",
    "три",
    "трёх",
    "трех",
    "четыре",
    "пять",
    "пяти",
    "шесть",
    "семь",
    "восемь",
    "девять",
    "десять",
    "двенадцать",
    "двадцать",
    "тридцать",
    "сорок",
    "пятьдесят",
    "сто",
    "тысяча",
    "тысячи",
    "тысяч",
    "миллион",
    "миллиона",
    "миллионов",
    "миллиард",
    "процентов",
];

/// Words that bind.
const BINDING: &[&str] = &[
    "must",
    "only",
    "always",
    "should",
    "required",
    "requires",
    "important",
    "warning",
    "error",
    "forbidden",
    "mandatory",
    "shall",
    "критично",
    "должен",
    "должна",
    "должны",
    "обязательно",
    "только",
    "всегда",
    "запрещено",
    "необходимо",
    "важно",
    "ошибка",
];

/// Common words that say little by themselves, beside those of [`FUNCTION`].
const COMMON: &[&str] = &[
    "also",
    "been",
    "being",
    "do",
    "does",
    "did",
    "had",
    "he",
    "her",
    "his",
    "him",
    "how",
    "i",
    "if",
    "into",
    "me",
    "more",
    "most",
    "my",
    "our",
    "out",
    "over",
    "she",
    "so",
    "some",
    "such",
    "than",
    "then",
    "there",
    "these",
    "those",
    "them",
    "through",
    "up",
    "us",
    "when",
    "where",
    "while",
    "who",
    "why",
    "would",
    "could",
    "may",
    "might",
    "about",
    "after",
    "all",
    "any",
    "because",
    "before",
    "between",
    "both",
    "each",
    "every",
    "many",
    "much",
    "other",
    "others",
    "own",
    "same",
    "since",
    "still",
    "under",
    "until",
    "what",
    "whether",
    "well",
    "way",
    "ways",
    "thing",
    "things",
    "make",
    "makes",
    "made",
    "get",
    "take",
    "time",
    "times",
    "one",
    "first",
    "new",
    "good",
    "great",
    "people",
    "person",
    "place",
    "part",
    "different",
    "various",
    "several",
    "often",
    "usually",
    "even",
    "just",
    "like",
    "use",
    "used",
    "using",
    "work",
    "works",
    "day",
    "days",
    "year",
    "years",
    "come",
    "comes",
    "go",
    "goes",
    "see",
    "know",
    "think",
    "want",
    "need",
    "give",
    "find",
    "tell",
    "become",
    "seem",
    "feel",
    "try",
    "leave",
    "call",
    "long",
    "little",
    "old",
    "right",
    "big",
    "high",
    "small",
    "large",
    "next",
    "early",
    "young",
    "few",
    "public",
    "able",
    "kind",
    "sort",
    "lot",
    "lots",
    "point",
    "case",
    "fact",
    "idea",
    "world",
    "life",
    "hand",
    "eye",
    "woman",
    "man",
    "child",
    "example",
    "important",
    "бы",
    "ли",
    "да",
    "то",
    "уже",
    "ещё",
    "еще",
    "быть",
    "есть",
    "нас",
    "вас",
    "ему",
    "ей",
    "им",
    "их",
    "ее",
    "её",
    "мне",
    "меня",
    "тебя",
    "себя",
    "тот",
    "та",
    "те",
    "того",
    "этом",
    "этого",
    "этот",
    "эта",
    "эти",
    "этой",
    "этих",
    "там",
    "тут",
    "здесь",
    "где",
    "когда",
    "кто",
    "чем",
    "под",
    "над",
    "про",
    "до",
    "во",
    "со",
    "об",
    "без",
    "или",
    "очень",
    "можно",
    "нужно",
    "может",
    "могут",
    "будет",
    "будут",
    "весь",
    "всё",
    "всех",
    "всего",
    "каждый",
    "каждая",
    "другой",
    "другие",
    "такой",
    "такие",
    "свой",
    "свои",
    "своей",
    "своих",
    "наш",
    "ваш",
    "самый",
    "более",
    "менее",
    "много",
    "мало",
    "раз",
    "день",
    "дни",
    "год",
    "года",
    "лет",
    "время",
    "человек",
    "люди",
    "дело",
    "жизнь",
    "рука",
    "часть",
    "место",
    "случай",
    "вопрос",
    "слово",
    "новый",
    "большой",
    "разный",
    "разные",
    "различные",
    "хороший",
    "первый",
    "последний",
    "делать",
    "сделать",
    "говорить",
    "знать",
    "стать",
    "мочь",
    "хотеть",
    "иметь",
    "является",
    "являются",
    "после",
    "перед",
    "между",
    "через",
    "потом",
    "тоже",
    "лишь",
    "даже",
    "именно",
];

/// Short forms whose full stop ends no sentence.
const SHORT: &[&str] = &[
    "e.g", "i.e", "etc", "mr", "mrs", "ms", "dr", "prof", "vs", "no", "fig", "approx", "dept",
    "inc", "ltd", "jr", "sr", "st", "cf", "т.е", "т.д", "т.п", "г", "гг", "рис", "стр", "им", "ул",
    "см", "напр", "др", "пр", "руб", "тыс", "млн",
];

/// Words that go on about what was said before.
const GOING_ON: &[&str] = &[
    "it",
    "this",
    "that",
    "these",
    "those",
    "they",
    "he",
    "she",
    "its",
    "their",
    "his",
    "her",
    "such",
    "here",
    "there",
    "then",
    "он",
    "она",
    "оно",
    "они",
    "это",
    "этот",
    "эта",
    "эти",
    "его",
    "её",
    "ее",
    "их",
    "там",
    "так",
    "такой",
    "такая",
    "такие",
    "тогда",
];

/// Tells whether a text is a natural language's.
pub(super) fn is_language(text: &str, fewest: usize) -> bool {
    let (mut all, mut plain, mut function) = (0_usize, 0_usize, 0_usize);
    for word in text.split_whitespace() {
        all += 1;
        let core = core(word);
        if !core.is_empty()
            && core.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’'))
        {
            plain += 1;
            function += usize::from(set(&FUNCTION_SET, FUNCTION).contains(&*lower(core)));
        }
    }
    all >= fewest && plain * 10 >= all * 6 && function * 14 >= all
}

/// Returns what is protected and has blanks in it: quotations and inline code, in order.
pub(super) fn protected(text: &str) -> Vec<(usize, usize)> {
    const LONGEST: usize = 4_000;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) =
        text.get(at..).and_then(|rest| rest.find(['`', '"', '«', '“', '„', '‘', '\'']))
    {
        let start = at + offset;
        let rest = text.get(start..).unwrap_or_default();
        let mark = rest.chars().next().unwrap_or('"');
        at = start + mark.len_utf8();
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let opens_word = before.is_none_or(|c| !c.is_alphanumeric());
        let close: &[char] = match mark {
            '`' => &['`'],
            '"' => &['"'],
            '«' => &['»'],
            '“' | '„' => &['”', '“'],
            '\'' | '‘' if opens_word => &['\'', '’'],
            _ => continue,
        };
        let inside = text.get(at..).unwrap_or_default();
        let end = inside.char_indices().take_while(|(at, _)| *at < LONGEST).find(|(place, c)| {
            let ends_word = || {
                let after = inside.get(place + c.len_utf8()..).and_then(|rest| rest.chars().next());
                after.is_none_or(|c| !c.is_alphanumeric())
            };
            close.contains(c) && (!matches!(mark, '\'' | '‘') || ends_word())
        });
        if let Some((place, c)) = end {
            at += place + c.len_utf8();
            found.push((start, at));
        }
    }
    found
}

/// Cuts a text at blanks that stand in nothing protected.
fn tokens<'t>(text: &'t str, protected: &[(usize, usize)]) -> Vec<(usize, &'t str)> {
    let mut out = Vec::new();
    let mut start: Option<usize> = None;
    let mut guard = protected.iter().peekable();
    for (at, c) in text.char_indices() {
        while guard.peek().is_some_and(|(_, to)| *to <= at) {
            guard.next();
        }
        let inside = guard.peek().is_some_and(|(from, _)| *from <= at);
        if c.is_whitespace() && !inside {
            if let Some(start) = start.take() {
                out.push((start, text.get(start..at).unwrap_or_default()));
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(start) = start {
        out.push((start, text.get(start..).unwrap_or_default()));
    }
    out
}

/// Leaves out the words of a sentence that say nothing.
pub(super) fn shorten(text: &str, protected: &[(usize, usize)]) -> String {
    let tokens = tokens(text, protected);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    // Where the last blanks begin.
    let mut end = 0;
    while let Some((start, token)) = tokens.get(at).copied() {
        let blanks = text.get(end..start).unwrap_or_default();
        let is_last = at + 1 >= tokens.len();
        end = start + token.len();
        let mut put = |word: &str| {
            if !out.is_empty() {
                out.push_str(if blanks.is_empty() { " " } else { blanks });
            }
            out.push_str(word);
        };
        if let Some((count, instead)) =
            phrase(&tokens, at).filter(|(count, _)| at + count < tokens.len())
        {
            if let Some((start, token)) = tokens.get(at + count - 1) {
                end = start + token.len();
            }
            if !instead.is_empty() {
                put(instead);
            }
            at += count;
            continue;
        }
        if is_last || !says_nothing(token, at == 0) {
            put(token);
        }
        at += 1;
    }
    out
}

fn says_nothing(token: &str, is_first: bool) -> bool {
    match token {
        "a" | "an" | "the" => return true,
        "A" | "An" | "The" => return is_first,
        _ => {}
    }
    let core = token.strip_suffix(',').unwrap_or(token);
    if core.len() < 4 || !core.chars().all(char::is_alphabetic) {
        return false;
    }
    // A name in the middle of a sentence is none.
    let is_big = core.chars().next().is_some_and(char::is_uppercase);
    (!is_big || is_first) && set(&FILLER_SET, FILLERS).contains(&*lower(core))
}

/// Finds a phrase at a place: how many words it takes, and what it comes to.
fn phrase(tokens: &[(usize, &str)], at: usize) -> Option<(usize, &'static str)> {
    let first = lower(core_comma(tokens.get(at)?.1));
    let phrases = phrases().get(&*first)?;
    phrases.iter().find_map(|(words, instead)| {
        let fits = words.iter().enumerate().all(|(more, word)| {
            let Some((_, token)) = tokens.get(at + more) else { return false };
            let is_last = more + 1 == words.len();
            // A comma may stand behind the phrase, and before Russian `что` and `чтобы`.
            let has_comma = token.ends_with(',');
            let next_is_that =
                words.get(more + 1).is_some_and(|next| matches!(*next, "что" | "чтобы" | "если"));
            let comma_fits = !has_comma || next_is_that || (is_last && instead.is_empty());
            comma_fits && *lower(core_comma(token)) == **word
        });
        fits.then_some((words.len(), *instead))
    })
}

type Phrases = std::collections::HashMap<&'static str, Vec<(Vec<&'static str>, &'static str)>>;

fn phrases() -> &'static Phrases {
    static TABLE: std::sync::OnceLock<Phrases> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Phrases::new();
        for (phrase, instead) in PHRASES {
            let words: Vec<&str> = phrase.split(' ').collect();
            if let Some(first) = words.first() {
                table.entry(first).or_default().push((words, instead));
            }
        }
        for phrases in table.values_mut() {
            phrases.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        table
    })
}

/// Reads a sentence's words.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    for token in text.split_whitespace() {
        let core = core(token);
        if core.is_empty() {
            read.is_held |= token
                .chars()
                .any(|c| !matches!(c, '-' | '–' | '—' | '.' | ',' | '…' | '*' | ':' | ';'));
            continue;
        }
        if holds(token, core) {
            read.is_held = true;
        }
        let low = lower(core);
        if set(&DENIAL_SET, DENIALS).contains(&*low) || low.ends_with("n't") || low.ends_with("n’t")
        {
            read.is_held = true;
            continue;
        }
        if set(&NUMBER_SET, NUMBERS).contains(&*low) {
            read.is_held = true;
        }
        read.binds |= set(&BINDING_SET, BINDING).contains(&*low);
        if set(&FUNCTION_SET, FUNCTION).contains(&*low) {
            continue;
        }
        let is_common = set(&COMMON_SET, COMMON).contains(&*low);
        let letters = low.chars().count();
        read.told += if is_common { 0.2 } else { (1.0 + letters as f32 / 4.0).min(3.0) };
        if !is_common {
            read.stems.push(stem(&low));
        }
    }
    read
}

/// Tells whether a word must not be lost: a number, a path, an address, a name of code.
fn holds(token: &str, core: &str) -> bool {
    let bare = token.trim_matches('*');
    let signs = |c: char| {
        c.is_numeric()
            || matches!(
                c,
                '_' | '/'
                    | '\\'
                    | '@'
                    | '#'
                    | '$'
                    | '%'
                    | '&'
                    | '*'
                    | '+'
                    | '='
                    | '<'
                    | '>'
                    | '|'
                    | '~'
                    | '^'
                    | '{'
                    | '}'
                    | '['
                    | ']'
                    | '`'
            )
    };
    if bare.chars().any(signs) || core.contains("::") || core.contains('(') {
        return true;
    }
    if token.starts_with('-') && token.len() > 1 {
        return true;
    }
    let is_short = set(&SHORT_SET, SHORT).contains(&*lower(core));
    if core.contains(['.', ':']) && !is_short {
        return true;
    }
    let mut before_small = false;
    let mut big = 0;
    for c in core.chars() {
        if c.is_uppercase() {
            big += 1;
            if before_small {
                return true;
            }
        }
        before_small = c.is_lowercase();
    }
    big > 1
}

/// Returns the words that a request is about.
pub(super) fn terms(request: &str) -> HashSet<u64> {
    let mut terms = HashSet::new();
    for sentence in request.lines() {
        terms.extend(read(sentence).stems);
    }
    terms
}

/// Returns the plain forms of all words of a text.
pub(super) fn stems(text: &str) -> HashSet<u64> {
    text.split_whitespace().map(|token| stem(&lower(core(token)))).collect()
}

/// Tells whether a sentence begins by going on about the one before.
pub(super) fn goes_on(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    GOING_ON.contains(&&*lower(core(first)))
}

/// Tells whether what stands before a full stop is a short form.
pub(super) fn is_short(before: &str) -> bool {
    let last =
        before.split(|c: char| c.is_whitespace() || c == '(').next_back().unwrap_or_default();
    last.chars().count() == 1 && last.chars().all(char::is_alphabetic)
        || set(&SHORT_SET, SHORT).contains(&*lower(last))
}

/// Returns a hash of a word's plain form: its beginning, without endings.
fn stem(low: &str) -> u64 {
    const ENGLISH: usize = 6;
    const RUSSIAN: usize = 5;
    // What names one thing of many that begin alike has no endings.
    let low = low.trim_matches('`');
    if low.contains(|c: char| c == '_' || c.is_ascii_digit()) {
        return crate::cache::vector::hash(low);
    }
    let is_ascii = low.is_ascii();
    let base = match is_ascii {
        true if low.len() >= 4 && !low.ends_with("ss") => low.strip_suffix('s').unwrap_or(low),
        true => low,
        false => low.trim_end_matches([
            'а', 'е', 'и', 'о', 'у', 'ы', 'ь', 'э', 'ю', 'я', 'й', 'м', 'х', 'в',
        ]),
    };
    let base = if base.is_empty() { low } else { base };
    let most = if is_ascii { ENGLISH } else { RUSSIAN };
    let end = base.char_indices().nth(most).map_or(base.len(), |(at, _)| at);
    crate::cache::vector::hash(base.get(..end).unwrap_or(base))
}

/// Returns a word without the marks around it.
fn core(token: &str) -> &str {
    token.trim_matches(|c: char| {
        matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '('
                | ')'
                | '"'
                | '\''
                | '«'
                | '»'
                | '“'
                | '”'
                | '„'
                | '…'
                | '*'
                | '–'
                | '—'
                | '-'
        )
    })
}

fn core_comma(token: &str) -> &str {
    token.strip_suffix(',').unwrap_or(token)
}

fn lower(word: &str) -> Cow<'_, str> {
    match word.chars().any(char::is_uppercase) {
        true => Cow::Owned(word.to_lowercase()),
        false => Cow::Borrowed(word),
    }
}

type Words = std::sync::OnceLock<HashSet<&'static str>>;

static FUNCTION_SET: Words = Words::new();
static FILLER_SET: Words = Words::new();
static DENIAL_SET: Words = Words::new();
static NUMBER_SET: Words = Words::new();
static BINDING_SET: Words = Words::new();
static COMMON_SET: Words = Words::new();
static SHORT_SET: Words = Words::new();

fn set(once: &'static Words, words: &'static [&'static str]) -> &'static HashSet<&'static str> {
    once.get_or_init(|| words.iter().copied().collect())
}
