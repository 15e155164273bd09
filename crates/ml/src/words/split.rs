//! Tokens of a text and parts of a token.

/// Returns the runs of letters, digits and `_` of a text.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|token| !token.is_empty())
}

/// Returns the parts of a token: split at `_`, where a capital begins a word, and between letters
/// and digits.
///
/// ```
/// let parts: Vec<_> = distiq_ml::words::parts("parseHTTPHeaders_v2").collect();
/// assert_eq!(parts, ["parse", "HTTP", "Headers", "v", "2"]);
/// ```
pub fn parts(token: &str) -> impl Iterator<Item = &str> {
    token.split('_').filter(|part| !part.is_empty()).flat_map(|part| Parts { rest: part })
}

struct Parts<'t> {
    rest: &'t str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Digit,
}

fn class(c: char) -> Class {
    match c {
        _ if c.is_numeric() => Class::Digit,
        _ if c.is_uppercase() => Class::Upper,
        _ => Class::Lower,
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let mut chars = self.rest.char_indices().peekable();
        let (_, first) = chars.next()?;
        let mut last = class(first);
        // Where the last capital stands, in a run of them: `HTTPServer` splits before its `S`.
        let mut capital = None;
        let mut end = self.rest.len();
        for (at, c) in chars {
            let class = class(c);
            match (last, class) {
                (Class::Upper, Class::Upper) => capital = Some(at),
                (Class::Upper, Class::Lower) => {
                    if let Some(at) = capital {
                        end = at;
                        break;
                    }
                }
                (before, now) if before == now => {}
                _ => {
                    end = at;
                    break;
                }
            }
            last = class;
        }
        let (part, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_split_where_their_writers_split_them() {
        let check = |token: &str, expected: &[&str]| {
            assert_eq!(parts(token).collect::<Vec<_>>(), expected, "{token}");
        };
        check("parseConfig", &["parse", "Config"]);
        check("HTTPServer", &["HTTP", "Server"]);
        check("getURLs", &["get", "UR", "Ls"]);
        check("XMLHttpRequest", &["XML", "Http", "Request"]);
        check("__init__", &["init"]);
        check("MAX_FILE_SIZE", &["MAX", "FILE", "SIZE"]);
        check("utf8Decoder", &["utf", "8", "Decoder"]);
        check("sha256", &["sha", "256"]);
        check("ЧитатьФайл", &["Читать", "Файл"]);
        check("_", &[]);
        check("A", &["A"]);
    }

    proptest! {
        #[test]
        fn parts_hold_every_letter_of_the_token(token in "[\\PC]{0,40}") {
            for token in tokens(&token) {
                prop_assert_eq!(parts(token).collect::<String>(), token.replace('_', ""));
            }
        }
    }
}
