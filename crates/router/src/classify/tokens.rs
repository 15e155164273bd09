//! The user's words one by one: names, paths, numbers and quotations are told from words.

/// Words that are looked at: those of the beginning and of the end.
const FIRST: usize = 220;
const LAST: usize = 100;

/// Names with a dot that are words.
const FRAMEWORKS: [&str; 9] = [
    "node.js",
    "next.js",
    "vue.js",
    "nuxt.js",
    "react.js",
    "d3.js",
    "three.js",
    "express.js",
    ".net",
];

/// One token of the user's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word, in lower case.
    Word(String),
    /// A run of characters of a script that sets no spaces.
    Run(String),
    /// A name of the code, such as `parse_header`, or anything between backticks.
    Name,
    /// A file, a folder or an address.
    Path,
    /// A number, with its unit.
    Number,
    /// What stands between quotation marks.
    Quote,
    /// The end of a sentence.
    Stop,
    /// A question mark.
    Question,
    /// A comma or a semicolon.
    Comma,
}

/// Takes text apart.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((token, after)) = quoted(rest, tokens.last()) {
            tokens.push(token);
            rest = after;
            continue;
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(at, c)| c.is_whitespace() || opens(*c) || breaks(rest, *at, *c))
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        if !first.is_whitespace() {
            piece_of(piece, &mut tokens);
        } else if piece.contains('\n') {
            tokens.push(Token::Stop);
        }
        rest = if first.is_whitespace() { rest.trim_start() } else { after };
    }
    tokens.dedup_by(|a, b| a == b && !matches!(a, Token::Word(_) | Token::Run(_)));
    if tokens.len() > FIRST + LAST {
        tokens.drain(FIRST..tokens.len() - LAST);
    }
    tokens
}

/// Whether a character may open a quotation wherever it stands.
const fn opens(c: char) -> bool {
    matches!(c, '`' | '«' | '“' | '„' | '「' | '『' | '"')
}

/// Whether a word ends before a character because another script begins.
fn breaks(text: &str, at: usize, c: char) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    before.is_some_and(|before| is_run(before) != is_run(c))
}

/// Whether a character is of a script that sets no spaces: Han, Kana.
pub const fn is_run(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Reads a quotation at the beginning of a text.
fn quoted<'a>(text: &'a str, before: Option<&Token>) -> Option<(Token, &'a str)> {
    let open = text.chars().next()?;
    let close = match open {
        '`' | '"' => open,
        '«' => '»',
        '“' => '”',
        '„' => '“',
        '「' => '」',
        '『' => '』',
        '\'' if !matches!(before, Some(Token::Name)) => '\'',
        _ => return None,
    };
    let body = text.get(open.len_utf8()..)?;
    let is_end = |c: char| c == close || (open == '„' && matches!(c, '”' | '"'));
    let (at, found) = body.char_indices().take(600).find(|(_, c)| is_end(*c))?;
    let inside = body.get(..at)?;
    let after = body.get(at + found.len_utf8()..)?;
    // An apostrophe is no quotation mark.
    let is_apostrophe = open == '\'' && after.starts_with(char::is_alphanumeric);
    if inside.is_empty() || inside.contains("\n\n") || is_apostrophe {
        return None;
    }
    Some((if open == '`' { Token::Name } else { Token::Quote }, after))
}

/// Adds what a piece without blanks is.
fn piece_of(piece: &str, tokens: &mut Vec<Token>) {
    let is_edge =
        |c: char| !c.is_alphanumeric() && !matches!(c, '_' | '/' | '@' | '#' | '-' | '.' | '$');
    let word = piece.trim_start_matches(is_edge);
    let core = word
        .trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '/' | '+' | '#'));
    let tail = word.get(core.len()..).unwrap_or_default();
    if !core.is_empty() {
        tokens.push(kind(core, tail));
        let is_whole = |word: &str| FRAMEWORKS.contains(&word);
        if matches!(tokens.last(), Some(Token::Word(word)) if !is_whole(word)) {
            tokens.pop();
            for part in
                core.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '\'' | '+' | '#')))
            {
                if part.chars().any(char::is_alphanumeric) {
                    let part = part.trim_matches(['-', '\'']).to_lowercase();
                    let is_run = part.chars().next().is_some_and(is_run);
                    tokens.push(if is_run { Token::Run(part) } else { Token::Word(part) });
                }
            }
        }
    }
    let marks = if core.is_empty() { piece } else { tail };
    for mark in marks.chars() {
        match mark {
            '?' | '？' => tokens.push(Token::Question),
            '.' | '!' | ':' | '。' | '！' => tokens.push(Token::Stop),
            ',' | ';' | '、' | '，' => tokens.push(Token::Comma),
            _ => {}
        }
    }
}

fn kind(core: &str, tail: &str) -> Token {
    let lower = core.to_lowercase();
    let number = lower.strip_prefix('v').unwrap_or(&lower);
    let digits = core.chars().filter(char::is_ascii_digit).count();
    let letters = core.chars().filter(|c| c.is_alphabetic()).count();
    if FRAMEWORKS.contains(&lower.as_str()) {
        return Token::Word(lower);
    }
    if digits > 0
        && (letters <= 3 && number.starts_with(|c: char| c.is_ascii_digit() || c == '#')
            || letters == 0)
    {
        return Token::Number;
    }
    let has_ending = core.rsplit_once('.').is_some_and(|(stem, ending)| {
        (1..=5).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_alphanumeric())
            && ending.starts_with(|c: char| c.is_ascii_lowercase())
            && (stem.is_empty() || stem.is_ascii())
    });
    let slashes = core.matches('/').count();
    let is_path = core.contains("://")
        || slashes > 1
        || (slashes == 1 && (has_ending || core.starts_with('/') || core.ends_with('/')));
    if is_path
        || (has_ending
            && !tail.starts_with('(')
            && !lower.starts_with("e.g")
            && !lower.starts_with("i.e"))
    {
        return Token::Path;
    }
    let is_camel = core.is_ascii()
        && core
            .as_bytes()
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    let is_known = matches!(
        lower.as_str(),
        "javascript"
            | "typescript"
            | "graphql"
            | "github"
            | "gitlab"
            | "mongodb"
            | "postgresql"
            | "postgres"
            | "mysql"
            | "websocket"
            | "websockets"
            | "grpc"
            | "ios"
            | "macos"
            | "openapi"
            | "oauth"
            | "pytorch"
            | "tensorflow"
            | "devops"
            | "angularjs"
            | "rabbitmq"
            | "dynamodb"
            | "webassembly"
            | "bigquery"
            | "sqlite"
            | "saas"
            | "iot"
            | "llms"
            | "apis"
            | "urls"
            | "fastapi"
            | "nodejs"
            | "nextjs"
            | "swiftui"
            | "clickhouse"
            | "opentelemetry"
            | "kubernetes"
    );
    // What went wrong is a word, though it is spelled as a name.
    let is_fault = ["error", "exception"].iter().any(|end| lower.ends_with(end));
    let is_name = core.contains('_')
        || core.contains("::")
        || tail.starts_with('(') && tail.contains(')')
        || core.starts_with("--")
        || core.starts_with('@')
        || core.starts_with('$')
        || (is_camel && !is_known && !is_fault);
    if is_name { Token::Name } else { Token::Word(lower) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let shown: Vec<String> = tokens(text)
            .into_iter()
            .map(|token| match token {
                Token::Word(word) | Token::Run(word) => word,
                Token::Name => "NAME".into(),
                Token::Path => "PATH".into(),
                Token::Number => "N".into(),
                Token::Quote => "Q".into(),
                Token::Stop => ".".into(),
                Token::Question => "?".into(),
                Token::Comma => ",".into(),
            })
            .collect();
        assert_eq!(shown.join(" "), expect, "{text}");
    }

    #[test]
    fn names_paths_and_quotations_are_no_words() {
        check("Fix the typo in architecture.md!", "fix the typo in PATH .");
        check("rename `cnt` to parse_header", "rename NAME to NAME");
        check("Say \"move us to the cloud\" in docs/a.md", "say Q in PATH");
        check("назови «Перепиши всё», 30 с", "назови Q , N с");
        check("what's in it? don't ask", "what's in it ? don't ask");
        check(
            "Move from Node.js and TypeScript to CI/CD",
            "move from node.js and typescript to ci cd",
        );
        check("call fetchUser() with --dry-run on v1.4.2", "call NAME with NAME on N");
        check("把变量 `tmp` 改名为 `buf`。", "把变量 NAME 改名为 NAME .");
        check("React移行して", "react 移行して");
        check("use 10k, 5s and 2.0.0", "use N , N and N");
        check("", "");
    }
}
