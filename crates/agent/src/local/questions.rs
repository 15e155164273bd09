//! The questions that are known, as patterns of words.
//!
//! A word of a pattern stands for itself, `a|b` for either, `?a|b` for one of them or none, `{}` for what the
//! question is about. Case does not count, nor do commas.

use super::Asked;

/// A question in its forms.
pub struct Question {
    /// Its patterns.
    pub pattern: &'static [&'static str],
    /// Makes it of what it is about, where that fits.
    pub make: fn(&str) -> Option<Asked>,
}

const KINDS: &str =
    "?function|method|class|struct|type|enum|trait|interface|variable|constant|macro|module|field";
const KINDS_RU: &str = "?функция|функцию|функции|метод|метода|класс|класса|структура|структуру|структуры|тип|типа|\
                        константа|константу|константы|переменная|переменную|переменной|модуль|модуля|макрос|макроса";

/// All of them; `KIND` and `ВИД` stand for kinds of definitions.
pub const QUESTIONS: &[Question] = &[
    Question {
        pattern: &[
            "where is|are|'s ?the KIND {} ?being defined|declared",
            "where's ?the KIND {} defined|declared",
            "find|show|give|print ?me ?the definition|declaration of ?the KIND {}",
            "definition|declaration of ?the KIND {}",
            "go to ?the definition of {}",
            "what|which file|module defines|declares ?the KIND {}",
            "in what|which file|module is ?the KIND {} defined|declared",
            "где определён|определен|определена|определено|объявлен|объявлена|объявлено ВИД {}",
            "где ВИД {} определён|определен|определена|определено|объявлен|объявлена|объявлено",
            "найди|покажи|дай ?мне ?пожалуйста определение|объявление ВИД {}",
            "в каком файле|модуле определён|определен|определена|определено|объявлен|объявлена|объявлено ВИД {}",
        ],
        make: |slot| name(slot).map(Asked::Definition),
    },
    Question {
        pattern: &[
            "where is ?the KIND {} ?implemented|located",
            "where's ?the KIND {}",
            "где находится|лежит|реализован|реализована|реализовано ВИД {}",
            "где ВИД {}",
        ],
        // Plain words may mean anything.
        make: |slot| name(slot).filter(|_| is_telling(slot)).map(Asked::Definition),
    },
    Question {
        pattern: &[
            "who|what calls|uses|references ?the KIND {}",
            "where is ?the KIND {} called|used|referenced",
            "find|show|list ?me ?all ?the callers|usages|uses|references|calls of|to ?the KIND {}",
            "callers|usages|uses|references of|to {}",
            "what|which functions|methods|files|code call|use|calls|uses {}",
            "кто|что вызывает|использует ВИД {}",
            "где вызывается|используется|вызывают|используют ВИД {}",
            "где ВИД {} вызывается|используется",
            "найди|покажи ?мне ?все вызовы|использования|ссылки ?на ВИД {}",
        ],
        make: |slot| name(slot).map(Asked::Uses),
    },
    Question {
        pattern: &[
            "what does ?the ?file|module {} export|define|contain",
            "what is|are defined|exported|declared in|by|from {}",
            "list|show ?me ?all ?the functions|classes|methods|exports|symbols|definitions|types of|in|from ?file {}",
            "outline of {}",
            "show ?me ?the outline of {}",
            "что экспортирует|определяет|содержит ?файл|модуль {}",
            "что определено|объявлено|экспортируется в|из ?файле|модуле|файла|модуля {}",
            "перечисли|покажи ?мне ?все функции|классы|методы|экспорты|определения ?в|из ?файле|модуле|файла|модуля {}",
        ],
        make: |slot| path(slot).map(Asked::Outline),
    },
    Question {
        pattern: &[
            "find|list|show ?me ?all ?the files|file named|called|matching|like {}",
            "find|list|show ?me ?all ?the {} files",
            "where is ?the file {}",
            "найди|покажи|перечисли ?мне ?все файлы|файл ?с ?именем|названием|вида|типа|маской {}",
            "где ?лежит|находится файл {}",
        ],
        make: |slot| path(slot).map(Asked::Files),
    },
    Question {
        pattern: &[
            "show|list|find|print ?me ?all ?the|my|our todos|todo|todo's|fixmes|todos/fixmes ?comments ?in ?the|this|my \
             ?project|code|repo|repository|codebase",
            "what todos|fixmes are ?there|left ?in ?the|this ?project|code|repo",
            "what are the todos|fixmes ?in ?the|this ?project|code|repo",
            "покажи|найди|перечисли ?мне ?все todo|todos|тудушки|fixme ?комментарии ?в ?этом ?проекте|коде|репозитории",
            "какие ?есть todo|тудушки ?есть|остались ?в ?проекте|коде",
        ],
        make: |_| Some(Asked::Todos),
    },
    Question {
        pattern: &[
            "what changed|'s|is ?changed ?now|locally",
            "what has|have|was ?i ?we changed|modified",
            "what did i change",
            "what files did i change|modify",
            "show|list ?me ?the|my ?all ?uncommitted|local|unstaged changes",
            "git status",
            "что изменилось|изменено|поменялось",
            "что я изменил|изменила|поменял|поменяла",
            "покажи ?мне ?мои ?все ?незакоммиченные|локальные изменения",
        ],
        make: |_| Some(Asked::Changes),
    },
    Question {
        pattern: &[
            "run ?all ?the|my|our ?project's ?unit tests ?please",
            "run ?the test suite",
            "do ?all ?the tests pass",
            "запусти|прогони|выполни ?все ?юнит тесты|тест",
            "проходят ?ли ?все тесты",
        ],
        make: |_| Some(Asked::Tests),
    },
];

/// Takes words of courtesy off both ends.
pub fn without_courtesy<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    const FIRST: &[&str] = &[
        "please",
        "hey",
        "hi",
        "can",
        "could",
        "you",
        "would",
        "tell",
        "me",
        "just",
        "ok",
        "so",
        "distiq",
        "пожалуйста",
        "скажи",
        "подскажи",
        "мне",
        "привет",
        "можешь",
        "а",
    ];
    const LAST: &[&str] = &["please", "пожалуйста", "thanks", "спасибо", "now"];
    let mut words = words;
    while let [first, rest @ ..] = words {
        if rest.is_empty() || !FIRST.contains(&plain(first).as_str()) {
            break;
        }
        words = rest;
    }
    while let [rest @ .., last] = words {
        if rest.is_empty() || !LAST.contains(&plain(last).as_str()) {
            break;
        }
        words = rest;
    }
    words
}

/// Fits words to a pattern; returns what the question is about, which may be nothing.
pub fn fit<'a>(pattern: &str, words: &[&'a str]) -> Option<&'a str> {
    let pattern: Vec<&str> = pattern
        .split_whitespace()
        .map(|word| match word {
            "KIND" => KINDS,
            "ВИД" => KINDS_RU,
            word => word,
        })
        .collect();
    fit_from(&pattern, words).map(|slot| slot.unwrap_or_default())
}

fn fit_from<'a>(pattern: &[&str], words: &[&'a str]) -> Option<Option<&'a str>> {
    let Some((wanted, later)) = pattern.split_first() else {
        return words.is_empty().then_some(None);
    };
    let rest = words.split_first();
    if *wanted == "{}" {
        let (word, words) = rest?;
        return fit_from(later, words).map(|_| Some(*word));
    }
    let (choices, optional) = match wanted.strip_prefix('?') {
        Some(choices) => (choices, true),
        None => (*wanted, false),
    };
    if let Some((word, words)) = rest
        && choices.split('|').any(|choice| choice == plain(word))
        && let Some(slot) = fit_from(later, words)
    {
        return Some(slot);
    }
    if optional { fit_from(later, words) } else { None }
}

fn plain(word: &str) -> String {
    word.trim_matches([',', ':', ';']).to_lowercase()
}

/// Returns the name that a word is, such as `Foo::bar` of `` `Foo::bar()` ``.
fn name(word: &str) -> Option<String> {
    let bare = bare(word);
    let bare = bare.strip_suffix("()").unwrap_or(bare);
    let first = bare.chars().next()?;
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | ':' | '#');
    let ascii = bare.is_ascii();
    let known =
        ["it", "this", "that", "whom", "who", "what", "them", "everything", "anything", "the"];
    ((first.is_alphabetic() || first == '_' || first == '$')
        && ascii
        && bare.len() > 1
        && bare.chars().all(fits)
        && !known.contains(&bare.to_lowercase().as_str()))
    .then(|| bare.to_owned())
}

/// Tells whether a word is surely a name of code.
fn is_telling(word: &str) -> bool {
    let bare = bare(word);
    let inner_upper =
        bare.chars().skip(1).any(char::is_uppercase) && bare.chars().any(char::is_lowercase);
    word.starts_with('`')
        || bare.ends_with("()")
        || bare.contains('_')
        || bare.contains("::")
        || inner_upper
}

/// Returns the path or the pattern of names that a word is.
fn path(word: &str) -> Option<String> {
    let bare = bare(word).trim_start_matches("./");
    let telling = bare.contains(['.', '/', '*']) && bare.chars().any(char::is_alphanumeric);
    let fits = |c: char| c.is_alphanumeric() || "_-./*?[]{}@+~$".contains(c);
    (telling && bare.chars().all(fits) && !bare.contains("..")).then(|| bare.to_owned())
}

fn bare(word: &str) -> &str {
    word.trim_matches([',', ':', ';', '`', '"', '\'', '«', '»', '“', '”'])
}
