//! Values that stand behind names of secrets: `db_password: …`, `AWS_SECRET_ACCESS_KEY = "…"`.

use distiq_base::paths::file_name;

use super::random::{self, Kind};
use super::{is_slug, run};

/// What names of secrets hold, in any case.
pub(super) const NAMES: &[(&str, Kind)] = &[
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("secret", Kind::Token),
    ("token", Kind::Token),
    ("credential", Kind::Token),
    ("apikey", Kind::Token),
    ("api_key", Kind::Token),
    ("api-key", Kind::Token),
    ("accesskey", Kind::Token),
    ("access_key", Kind::Token),
    ("access-key", Kind::Token),
    ("accountkey", Kind::Token),
    ("account_key", Kind::Token),
    ("privatekey", Kind::Token),
    ("private_key", Kind::Token),
    ("private-key", Kind::Token),
];

/// What follows in names of things that belong to a secret but are none.
const NOT_ITSELF: &[&str] = &[
    "name",
    "type",
    "kind",
    "class",
    "url",
    "uri",
    "path",
    "file",
    "dir",
    "folder",
    "field",
    "input",
    "header",
    "param",
    "parameter",
    "regex",
    "regexp",
    "pattern",
    "format",
    "count",
    "length",
    "size",
    "len",
    "ref",
    "label",
    "message",
    "error",
    "hint",
    "prompt",
    "placeholder",
    "prefix",
    "suffix",
    "provider",
    "endpoint",
    "policy",
    "scope",
    "scopes",
    "ttl",
    "expiry",
    "title",
    "description",
    "text",
    "id",
    "algorithm",
    "alg",
    "method",
    "version",
    "arn",
    "selector",
    "column",
    "attribute",
    "color",
    "icon",
    "owner",
    "issuer",
    "audience",
    "location",
    "env",
    "var",
    "resource",
];

/// Most bytes of a name behind the word that marks it, and of a type between it and its value.
const MOST_NAME: usize = 64;
const MOST_TYPE: usize = 40;
/// Most blanks between a name and its value.
const MOST_BLANK: usize = 80;
/// From how many bytes on a value is followed only as far as a machine may have drawn it.
const LONG: usize = 512;

/// How files of settings and documents end, in which values stand without quotes.
const BARE: &[&str] = &[
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "config",
    "cnf",
    "properties",
    "env",
    "sh",
    "bash",
    "zsh",
    "fish",
    "service",
    "dockerfile",
    "makefile",
    "mk",
    "md",
    "txt",
    "rst",
    "adoc",
    "pdf",
    "containerfile",
    "example",
    "sample",
    "dist",
    "template",
];

/// Tells by its path whether a file's values may stand without quotes.
pub(super) fn has_bare_values(path: &str) -> bool {
    let name = file_name(path);
    let ending = name.rsplit('.').next().unwrap_or_default();
    BARE.iter().any(|known| ending.eq_ignore_ascii_case(known)) || name.starts_with(".env")
}

/// Returns where the secret value stands whose name holds the word that ends at `from`.
pub(super) fn value(
    bytes: &[u8],
    start: usize,
    from: usize,
    kind: Kind,
    is_bare: bool,
) -> Option<(usize, usize)> {
    let named = name_end(bytes, start, from)?;
    let mut at = Cursor { bytes, at: named };
    at.closing_quote();
    let shapes = || at.clone().element(kind).or_else(|| at.clone().pair(kind));
    if let Some(found) = shapes().or_else(|| at.clone().argument(kind)) {
        return Some(found);
    }
    let before = at.at;
    at.blank(false);
    let is_colon = at.separator()?;
    let sign = at.at;
    let is_close = before + 1 == sign;
    at.blank(true);
    if let Some(found) = at.quoted(kind) {
        return Some(found);
    }
    if is_colon {
        let mut typed = Cursor { bytes, at: sign };
        if typed.type_name() {
            typed.blank(true);
            if let Some(found) = typed.quoted(kind) {
                return Some(found);
            }
        }
    }
    let mut bare = Cursor { bytes, at: sign };
    // Within a quoted text: `password=…;host=…`.
    if let Some(found) = bare.clone().within_text(kind).filter(|_| is_close) {
        return Some(found);
    }
    // `export TOKEN=…` stands in documents, too.
    let is_assigned = is_close && !is_colon && kind == Kind::Token;
    bare.blank(false);
    if is_bare || is_assigned { bare.line(kind) } else { None }
}

/// Returns where a name ends; `None` where it names something else.
fn name_end(bytes: &[u8], start: usize, from: usize) -> Option<usize> {
    let limit = bytes.len().min(from + MOST_NAME);
    let end = run(bytes.get(..limit)?, from, is_slug);
    let mut rest = bytes.get(from..end)?;
    let last = *bytes.get(from.checked_sub(1)?)?;
    if let [b's' | b'S', more @ ..] = rest {
        rest = more;
    }
    // `tokenize`, `SECRETARY`: another word.
    let goes_on = |next: &u8| match last.is_ascii_uppercase()
        && bytes.get(start).is_some_and(u8::is_ascii_uppercase)
    {
        true => next.is_ascii_alphabetic(),
        false => next.is_ascii_lowercase(),
    };
    if rest.first().is_some_and(goes_on) {
        return None;
    }
    let rest = std::str::from_utf8(rest).ok()?;
    let words = rest.split(|c: char| !c.is_ascii_alphanumeric());
    let is_other = words
        .flat_map(distiq_ml::words::parts)
        .any(|part| NOT_ITSELF.iter().any(|other| part.eq_ignore_ascii_case(other)));
    (!is_other).then_some(end)
}

/// Returns how long a value is that goes up to a byte of a kind, or to the end of the text; `None` where it is too long, or of a
/// long one where it holds what stands between names and values. So what is read of a text stays a few hundred times its length,
/// however many names are in it.
fn end_of(rest: &[u8], is_end: impl Fn(u8) -> bool) -> Option<usize> {
    for (at, byte) in rest.iter().enumerate().take(random::MOST) {
        if is_end(*byte) {
            return Some(at);
        }
        // Base64 is filled up with `=` at its end.
        let is_filling =
            || *byte == b'=' && rest.get(at + 1).is_none_or(|next| *next == b'=' || is_end(*next));
        if at >= LONG && !is_slug(*byte) && !b"+/.~".contains(byte) && !is_filling() {
            return None;
        }
    }
    (rest.len() <= random::MOST).then_some(rest.len())
}

#[derive(Clone)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn take_text(&mut self, text: &[u8]) -> bool {
        let is_it = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        self.at += if is_it { text.len() } else { 0 };
        is_it
    }

    /// Skips blanks, and one end of a line where `or_line`.
    fn blank(&mut self, or_line: bool) {
        let mut lines = 0;
        let limit = self.at + MOST_BLANK;
        while let Some(byte) = self.peek().filter(|_| self.at < limit) {
            lines += usize::from(byte == b'\n');
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') || lines > usize::from(or_line) {
                break;
            }
            self.at += 1;
        }
    }

    /// Skips what ends a name in quotes or brackets: `"]`, `\"`, `[]`.
    fn closing_quote(&mut self) {
        self.take(b'\\');
        let _ = self.take(b'"') || self.take(b'\'') || self.take(b'`');
        let _ = self.take_text(b"[]") || self.take(b']');
    }

    /// Skips `=`, `:`, `=>`, `:=`, `==`, `===` or `?=`; tells whether it was a colon alone.
    fn separator(&mut self) -> Option<bool> {
        for sign in [b"===".as_slice(), b"==", b"=>", b":=", b"?=", b"="] {
            if self.take_text(sign) {
                return Some(false);
            }
        }
        (self.take(b':') && self.peek() != Some(b':')).then_some(true)
    }

    /// Skips what languages put before a quote: `b"`, `@"`, `r#"`, `&"`.
    fn prefix(&mut self) {
        let from = self.at;
        while self.at < from + 2 && self.peek().is_some_and(|byte| b"bBrRuUfFL@&".contains(&byte)) {
            self.at += 1;
        }
        self.take(b'#');
        if !matches!(self.peek(), Some(b'"' | b'\'' | b'`' | b'\\')) {
            self.at = from;
        }
    }

    /// Skips a type and the `=` behind it: ` &'static str =`.
    fn type_name(&mut self) -> bool {
        let limit = self.at + MOST_TYPE;
        while let Some(byte) = self.peek().filter(|_| self.at < limit) {
            if byte == b'=' {
                self.at += 1;
                return !matches!(self.peek(), Some(b'=' | b'>'));
            }
            if !(byte.is_ascii_alphanumeric() || b" &'<>[]?._|:*".contains(&byte)) {
                return false;
            }
            self.at += 1;
        }
        false
    }

    fn opening_quote(&mut self) -> Option<u8> {
        self.take(b'\\');
        let quote = self.peek().filter(|byte| b"\"'`".contains(byte))?;
        self.at += 1;
        Some(quote)
    }

    fn checked(&self, end: usize, kind: Kind) -> Option<(usize, usize)> {
        let value = self.bytes.get(self.at..end)?;
        random::is_secret(value, kind).then_some((self.at, end))
    }

    /// `"…"`, with what languages put before it.
    fn quoted(&self, kind: Kind) -> Option<(usize, usize)> {
        let mut at = self.clone();
        at.prefix();
        let quote = at.opening_quote()?;
        at.until_quote(quote, kind)
    }

    fn until_quote(&self, quote: u8, kind: Kind) -> Option<(usize, usize)> {
        let rest = self.bytes.get(self.at..)?;
        let length = end_of(rest, |byte| byte == quote || matches!(byte, b'\\' | b'\n' | b' '))?;
        let is_end = rest.get(length) == Some(&quote)
            || rest.get(length) == Some(&b'\\') && rest.get(length + 1) == Some(&quote);
        if is_end { self.checked(self.at + length, kind) } else { None }
    }

    /// `<password>…</password>`.
    fn element(&mut self, kind: Kind) -> Option<(usize, usize)> {
        if !self.take(b'>') {
            return None;
        }
        let rest = self.bytes.get(self.at..)?;
        let length = end_of(rest, |byte| matches!(byte, b'<' | b'\n' | b' '))?;
        if rest.get(length..)?.starts_with(b"</") {
            self.checked(self.at + length, kind)
        } else {
            None
        }
    }

    /// `withPassword("…")`.
    fn argument(&mut self, kind: Kind) -> Option<(usize, usize)> {
        let found = if self.take(b'(') { self.quoted(kind)? } else { return None };
        let behind = self.bytes.get(found.1..)?;
        matches!(behind, [_, b')', ..]).then_some(found)
    }

    /// `name: PASSWORD` with `value: …` behind it, as settings of containers and XML have it.
    fn pair(&mut self, kind: Kind) -> Option<(usize, usize)> {
        self.take(b',');
        let from = self.at;
        self.blank(true);
        if self.at == from && !matches!(self.bytes.get(from.checked_sub(1)?), Some(b',')) {
            return None;
        }
        let quoted = self.take(b'"') || self.take(b'\'');
        if !(self.take_text(b"value") || self.take_text(b"Value")) {
            return None;
        }
        if quoted {
            let _ = self.take(b'"') || self.take(b'\'');
        }
        self.separator()?;
        self.blank(false);
        match self.opening_quote() {
            Some(quote) => self.until_quote(quote, kind),
            None => self.line(kind),
        }
    }

    /// A value up to the end of its line, or a comment.
    fn line(&mut self, kind: Kind) -> Option<(usize, usize)> {
        let rest = self.bytes.get(self.at..)?;
        // Behind `&` the next field of an address stands, unless a person made the value up.
        let is_next = |byte: u8| kind == Kind::Token && byte == b'&';
        let length = end_of(rest, |byte| byte.is_ascii_whitespace() || is_next(byte))?;
        let behind = rest.get(length..)?;
        let blank = run(behind, 0, |byte| byte.is_ascii_whitespace() && byte != b'\n');
        let is_alone = matches!(
            behind.get(blank..)?,
            [] | [b'\n' | b'#' | b';' | b'\\' | b'&', ..] | [b'/', b'/', ..]
        );
        let is_code = rest.get(..length)?.iter().any(|byte| b"()[]{}\"'`<>,".contains(byte));
        if is_alone && !is_code { self.checked(self.at + length, kind) } else { None }
    }

    /// A value up to `;` or `&` and a further name, or up to the quote around all.
    fn within_text(&mut self, kind: Kind) -> Option<(usize, usize)> {
        let rest = self.bytes.get(self.at..)?;
        let is_end = |byte: u8| !byte.is_ascii_graphic() || b";&\"'`\\,()<>{}[]".contains(&byte);
        let length = end_of(rest, is_end)?;
        let behind = rest.get(length + 1);
        let is_end = match rest.get(length)? {
            b'"' | b'\'' | b'`' => length > 0,
            b';' | b'&' => {
                behind.is_some_and(|byte| byte.is_ascii_alphabetic() || b"\"'`".contains(byte))
            }
            _ => false,
        };
        if is_end { self.checked(self.at + length, kind) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::end_of;
    use crate::words::without_secrets;

    fn check(path: &str, hidden: &[(&str, &str)], plain: &[&str]) {
        for (text, value) in hidden {
            let expected = text.replace(value, &"*".repeat(value.len()));
            assert_ne!(&expected, text);
            assert_eq!(without_secrets(path, text), expected);
        }
        for text in plain {
            assert_eq!(without_secrets(path, text), *text);
        }
    }

    #[test]
    fn a_long_value_is_followed_as_far_as_a_machine_may_have_drawn_it() {
        let drawn = "a1B2".repeat(400);
        let value = format!("{drawn}==");
        check("a.yaml", &[(&format!("token: {value}\nnext: 1\n"), &value)], &[]);
        let length = |text: &str| end_of(text.as_bytes(), |byte| byte == b'\n');
        assert_eq!(length(&value), Some(value.len()));
        assert_eq!(length("token=a:b"), Some(9));
        for separator in ["=", ":", ">"] {
            assert_eq!(length(&format!("{drawn}{separator}{drawn}\n")), None);
        }
    }

    #[test]
    fn values_behind_names_of_secrets_are_hidden() {
        const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let texts = [
            "AWS_SECRET_ACCESS_KEY = \"@\"",
            "export AWS_SECRET_ACCESS_KEY=@\nnext",
            "{\"secretAccessKey\":\"@\"}",
            "'api-key' => '@',",
            "const PRIVATE_KEY: &'static str =\n    \"@\";",
            "os.environ[\"API_TOKEN\"] = b'@'",
            "<AccountKey>@</AccountKey>",
            "Endpoint=x;AccountKey=@;Suffix=y",
            "<add name=\"ClientSecret\" value=\"@\" />",
            "say \"{\\\"access_token\\\": \\\"@\\\"}\"",
            "if credentials == `@` {",
            "client.withSecretKey(\"@\")",
        ];
        for text in texts {
            check("a.rs", &[(&text.replace('@', KEY), KEY)], &[]);
        }
        check(
            "config/app.yaml",
            &[
                ("db_password: x9!kdlw2  # not for you", "x9!kdlw2"),
                ("- name: DB_PASSWORD\n  value: x9kdlw2a\n", "x9kdlw2a"),
                ("passphrase = tr0ub4dor&3", "tr0ub4dor&3"),
                ("/x?token=a1B2c3D4e5F6g7H8&next=1", "a1B2c3D4e5F6g7H8"),
            ],
            &[
                "password: x9!kdlw2 and more",
                "password: ${DB_PASSWORD_2}",
                "password: {{ .Values.password1 }}",
                "token: !Ref ApiToken2",
            ],
        );
    }

    #[test]
    fn what_only_reads_like_a_secret_is_shown() {
        check(
            "a.py",
            &[("connect(password=\"hunter2xyz\", n=1)", "hunter2xyz")],
            &[
                "password: hunter2xyz",
                "connect(password=hunter2xyz, n=1)",
                "password = \"changeme1\"; token = \"xxxxxxxx12345678\"",
                "password = \"Password123\"; passwd = 'test-user1'",
                "api_key = \"<your-api-key-1234>\"; token = f\"{prefix}a1B2c3D4e5F6g7\"",
                "token = \"errors.token.expired.v2\"; secret: 'CreateDelegationToken'",
                "token_url = \"https://example.com/oauth2/v4/a1B2c3D4\"",
                "token = \"https://example.com/a1B2c3D4e5F6g7H8\"",
                "password-field = \"a1B2c3D4e5\"; connect(password, \"a1B2c3D4e5\")",
                "password_field = \"a1B2c3D4e5\"; tokenize = \"gpt2a1B2c3D4e5F6\"",
                "TOKENIZERS = \"a1B2c3D4e5F6g7H8\"; secretary = \"a1B2c3D4e5F6g7H8\"",
                "api_key = OPENAI_API_KEY_2",
                "token = \"AES256-GCM-SHA384\"; secret = \"1234567890abcdef\"",
                "token = \"Access-Control-Allow-Credentials\"",
                "password::a1B2c3D4e5 token a1B2c3D4e5F6g7H8",
            ],
        );
    }
}
