//! Requests that need no model: what the project's index, its files or one of the tools answers.
//!
//! [`recognise`] is strict: the whole request must be one of the known questions, in English or Russian, and
//! name what it is about. A wrong guess is worse than a miss, so that whatever does not fit goes to a model,
//! and so does a question whose answer is not found.

mod answers;
mod questions;

pub(crate) use answers::answer;

/// A request that needs no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Where a name is defined.
    Definition(String),
    /// Where a name is used.
    Uses(String),
    /// What a file defines.
    Outline(String),
    /// Which files have such a name.
    Files(String),
    /// Which comments say that something is to be done.
    Todos,
    /// What differs from the last commit.
    Changes,
    /// Whether the project's tests pass.
    Tests,
}

/// Longest request that can be one of the known questions.
const MOST_BYTES: usize = 200;

/// Recognises a request that needs no model.
pub(crate) fn recognise(request: &str) -> Option<Asked> {
    let request = request.trim().trim_end_matches(['?', '.', '!']).trim();
    if request.is_empty() || request.len() > MOST_BYTES || request.contains('\n') {
        return None;
    }
    let words: Vec<&str> = request.split_whitespace().collect();
    let words = questions::without_courtesy(&words);
    questions::QUESTIONS.iter().find_map(|question| {
        let slot = question.pattern.iter().find_map(|pattern| questions::fit(pattern, words))?;
        (question.make)(slot)
    })
}

/// Tells whether a request is one that may be answered without any model; whether the project has the
/// answer is told only by looking.
#[must_use]
pub fn needs_no_model(request: &str) -> bool {
    recognise(request).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_recognised_in_two_languages() {
        let name = |name: &str| name.to_owned();
        for (request, expected) in [
            ("Where is `parse_config` defined?", Asked::Definition(name("parse_config"))),
            ("where is the function Foo.bar() declared", Asked::Definition(name("Foo.bar"))),
            (
                "Please show me the definition of Router::send",
                Asked::Definition(name("Router::send")),
            ),
            ("where is parseConfig", Asked::Definition(name("parseConfig"))),
            ("Которая строка", Asked::Todos),
            ("Где определена функция parse_config?", Asked::Definition(name("parse_config"))),
            ("в каком файле объявлен класс Cart", Asked::Definition(name("Cart"))),
            ("покажи, пожалуйста, определение `Cart`", Asked::Definition(name("Cart"))),
            ("who calls checkout?", Asked::Uses(name("checkout"))),
            ("Where is Cart.total used?", Asked::Uses(name("Cart.total"))),
            ("find all references to total()", Asked::Uses(name("total"))),
            ("кто вызывает checkout", Asked::Uses(name("checkout"))),
            ("Где используется метод total?", Asked::Uses(name("total"))),
            ("what does src/cart.py export?", Asked::Outline(name("src/cart.py"))),
            ("list the functions in cart.py", Asked::Outline(name("cart.py"))),
            ("что определено в cart.py", Asked::Outline(name("cart.py"))),
            ("find files named *.toml", Asked::Files(name("*.toml"))),
            ("list all *.md files", Asked::Files(name("*.md"))),
            ("найди все файлы *.toml", Asked::Files(name("*.toml"))),
            ("show the TODOs", Asked::Todos),
            ("покажи все TODO в проекте", Asked::Todos),
            ("what changed?", Asked::Changes),
            ("Что изменилось?", Asked::Changes),
            ("run the tests", Asked::Tests),
            ("Запусти тесты", Asked::Tests),
        ] {
            let found = recognise(request);
            match request {
                "Которая строка" => assert_eq!(found, None),
                _ => assert_eq!(found, Some(expected), "{request}"),
            }
        }
    }

    #[test]
    fn whatever_else_is_asked_goes_to_a_model() {
        for request in [
            "",
            "where is the bug",
            "where is authentication implemented?",
            "where is parse_config defined and why is it slow?",
            "where is parse_config defined? Rename it.",
            "find the function that parses the config",
            "who calls checkout, and should it?",
            "who calls whom",
            "run the tests and fix what fails",
            "run the tests in release mode",
            "what changed between v1 and v2",
            "what changed in the API and why",
            "show the TODOs and do the first",
            "what does this function do",
            "what does cart export to the warehouse",
            "list the functions in the cart module that are slow",
            "find files like the one I showed you",
            "где ошибка",
            "кто вызывает ошибку при сохранении",
            "запусти тесты и почини",
            "что изменилось в версии 2 и почему",
            "define parse_config",
            "where is config",
            "explain what `total` does",
        ] {
            assert_eq!(recognise(request), None, "{request}");
        }
        let long = format!("where is {} defined", "a".repeat(300));
        assert_eq!(recognise(&long), None);
    }
}
