//! Whether a value looks as if nobody but a machine, or somebody who makes up a password, would write it.

/// What a value is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made up by a person.
    Password,
    /// Drawn by a machine.
    Token,
}

/// Most bytes of a value.
pub(super) const MOST: usize = 8 << 10;
/// Fewest bytes of a value.
const LEAST_PASSWORD: usize = 8;
const LEAST_TOKEN: usize = 10;
/// Below how many bytes a token must change its kinds of letters all the time.
const SHORT_TOKEN: usize = 16;
/// From how many bytes on a value without digits may be random.
const LEAST_LETTERS: usize = 20;

/// What a value holds that is filled in later, or is no value.
const MARKS: &[&str] = &[
    "${",
    "{{",
    "}}",
    "#{",
    "%(",
    "%s",
    "%v",
    "%d",
    "$(",
    "<%",
    "...",
    "***",
    "xxx",
    "://",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "redacted",
    "replace",
    "dummy",
    "your-",
    "your_",
    "yourpass",
    "insert",
    "not-a-real",
];
/// What no machine puts into a key.
const CODE: &[char] = &['<', '>', '[', ']', '{', '}', '|', ','];
const VOWELS: &[char] = &['a', 'e', 'i', 'o', 'u', 'y', 'A', 'E', 'I', 'O', 'U', 'Y'];
/// Words of which passwords are made that protect nothing.
const WEAK: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "key",
    "api",
    "admin",
    "administrator",
    "root",
    "user",
    "username",
    "guest",
    "test",
    "testing",
    "foo",
    "bar",
    "baz",
    "abc",
    "abcd",
    "qwerty",
    "demo",
    "example",
    "sample",
    "my",
    "new",
    "old",
    "the",
    "wrong",
    "invalid",
    "bad",
    "good",
    "some",
    "this",
    "is",
    "a",
    "default",
    "changed",
    "fake",
    "mock",
    "valid",
    "super",
    "letmein",
    "welcome",
    "hello",
    "world",
    "hash",
    "hashed",
    "encoded",
    "b",
    "c",
];

/// Tells whether the value of a name that says so is a secret.
pub(super) fn is_secret(value: &[u8], kind: Kind) -> bool {
    let least = if kind == Kind::Password { LEAST_PASSWORD } else { LEAST_TOKEN };
    if !(least..=MOST).contains(&value.len()) || !value.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    if letters < 2 || digits == 0 && value.len() < LEAST_LETTERS || is_in_a_row(value) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if MARKS.iter().any(|mark| lower.contains(mark)) || is_filled_in(text) {
        return false;
    }
    let is_one_word = || value.iter().all(u8::is_ascii_lowercase);
    match kind {
        Kind::Password if digits == 0 => is_one_word() || is_mixed(text, 3),
        Kind::Password => !is_weak(text) && !is_path(text),
        Kind::Token if text.contains(CODE) || is_path(text) => false,
        Kind::Token if value.len() < SHORT_TOKEN => is_mixed(text, 2),
        Kind::Token => is_mixed(text, if digits == 0 { 3 } else { 4 }),
    }
}

/// `<token>`, `%TOKEN%`, `$TOKEN`, `@token`, `{token}`, `[token]`.
fn is_filled_in(text: &str) -> bool {
    let between = |open: char, close: char| text.starts_with(open) && text.ends_with(close);
    text.starts_with('{')
        || text.contains('{') && text.ends_with('}')
        || text.starts_with(['$', '@']) && !text.contains(|c: char| c.is_ascii_digit())
        || [('<', '>'), ('%', '%'), ('$', '$'), ('[', ']'), ('(', ')')]
            .iter()
            .any(|(open, close)| between(*open, *close))
}

/// `aaaa1111`, `1234567890abcdef`: each byte follows the one before.
fn is_in_a_row(value: &[u8]) -> bool {
    let follows =
        value.windows(2).filter(|pair| matches!(pair, [a, b] if a.abs_diff(*b) <= 1)).count();
    let seen = value.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 127));
    follows * 2 >= value.len() || seen.count_ones() < 5
}

/// Words that protect nothing, with some digits.
fn is_weak(text: &str) -> bool {
    distiq_ml::words::parts(text)
        .flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()))
        .all(|part| {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            is_number || WEAK.iter().any(|word| part.eq_ignore_ascii_case(word))
        })
}

/// Names, one behind the other: `errors.password.v2`, `auth/token-1`.
fn is_path(text: &str) -> bool {
    let mut segments = text.split(['.', '-', '_', '/', ':']);
    text.contains(['.', '-', '_', '/', ':'])
        && segments.all(|segment| {
            let letters = segment.bytes().take_while(u8::is_ascii_alphabetic).count();
            segment.len() <= letters + 6
                && segment.bytes().skip(letters).all(|byte| byte.is_ascii_digit())
        })
}

/// Tells whether kinds of letters change far more often than in names: after at most `every` of them, and few stand in words.
fn is_mixed(text: &str, every: usize) -> bool {
    let (mut runs, mut letters, mut in_words) = (0, 0, 0);
    for part in text.split(|c: char| !c.is_ascii_alphanumeric()).flat_map(distiq_ml::words::parts) {
        runs += 1;
        letters += part.len();
        let is_word = part.len() >= 4 && part.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
        in_words += if is_word && part.contains(VOWELS) { part.len() } else { 0 };
    }
    runs * every >= letters && in_words * 5 < letters * 3
}
