//! Keys by the forms that their vendors give them, hidden in texts before anybody sees these.
//!
//! What looks like a key by its letters alone ([`super::key_like`]) is left out of the index; here is what is one beyond
//! doubt, or has a name that says so, so that source is shown as it is but for it.

mod named;
mod random;

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// A form of keys: what they begin with, which bytes follow, and how many at least.
struct Form {
    opening: &'static str,
    body: fn(u8) -> bool,
    least: usize,
    /// Whether both letters and digits must follow, since words of code begin so, too.
    is_mixed: bool,
}

const fn form(opening: &'static str, body: fn(u8) -> bool, least: usize) -> Form {
    Form { opening, body, least, is_mixed: false }
}

const fn mixed(opening: &'static str, body: fn(u8) -> bool, least: usize) -> Form {
    Form { opening, body, least, is_mixed: true }
}

const FORMS: &[Form] = &[
    form("AKIA", is_upper, 16),
    form("ASIA", is_upper, 16),
    form("ghp_", is_plain, 30),
    form("gho_", is_plain, 30),
    form("ghu_", is_plain, 30),
    form("ghs_", is_plain, 30),
    form("ghr_", is_plain, 30),
    form("github_pat_", is_word, 30),
    mixed("glpat-", is_slug, 20),
    mixed("xoxb-", is_slug, 20),
    mixed("xoxp-", is_slug, 20),
    mixed("xoxa-", is_slug, 20),
    mixed("xoxr-", is_slug, 20),
    mixed("xoxs-", is_slug, 20),
    mixed("xapp-", is_slug, 20),
    form("hooks.slack.com/services/", is_path, 20),
    form("AIza", is_slug, 35),
    mixed("GOCSPX-", is_slug, 20),
    form("sk_live_", is_plain, 16),
    form("rk_live_", is_plain, 16),
    mixed("sk-", is_slug, 32),
    form("hf_", is_plain, 30),
    form("api_org_", is_plain, 30),
    mixed("npm_", is_plain, 36),
    mixed("pypi-", is_slug, 50),
    mixed("SG.", is_dotted, 60),
    mixed("hvs.", is_slug, 24),
    form("AGE-SECRET-KEY-1", is_upper, 40),
    mixed("gsk_", is_plain, 40),
    mixed("xai-", is_slug, 40),
    mixed("dop_v1_", is_plain, 40),
    mixed("lin_api_", is_plain, 30),
    mixed("dp.pt.", is_plain, 30),
    mixed("shpat_", is_plain, 32),
    mixed("shpca_", is_plain, 32),
    mixed("shppa_", is_plain, 32),
    mixed("shpss_", is_plain, 32),
    mixed("shpua_", is_plain, 32),
    mixed("ya29.", is_dotted, 30),
    mixed("whsec_", is_plain, 32),
    mixed("dckr_pat_", is_slug, 27),
    mixed("glrt-", is_slug, 20),
    mixed("nvapi-", is_slug, 40),
    mixed("pplx-", is_plain, 40),
    mixed("ntn_", is_plain, 40),
    mixed("sq0atp-", is_slug, 22),
    mixed("sq0csp-", is_slug, 43),
];
/// Forms that are looked at by steps of their own.
const PRIVATE_KEY: &str = "-----BEGIN ";
const WEB_TOKEN: &str = "eyJ";
const BOT_TOKEN: &str = ":AA";
const ADDRESS: &str = "://";
const OF_THEIR_OWN: [&str; 4] = [PRIVATE_KEY, WEB_TOKEN, BOT_TOKEN, ADDRESS];
/// Most bytes of a private key, and of the name and password of an address.
const MOST_PRIVATE: usize = 16 << 10;
const MOST_ADDRESS: usize = 256;

static OPENINGS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let all = FORMS.iter().map(|form| form.opening).chain(OF_THEIR_OWN);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(all).ok()
});

static NAMES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let names = named::NAMES.iter().map(|(name, _)| name);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(names)
        .ok()
});

fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_word(byte: u8) -> bool {
    is_plain(byte) || byte == b'_'
}

fn is_slug(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn is_dotted(byte: u8) -> bool {
    is_slug(byte) || byte == b'.'
}

fn is_path(byte: u8) -> bool {
    is_plain(byte) || byte == b'/'
}

/// Returns a text of a file with `*` for each byte of a key behind what it begins with, and of a secret behind its name; lines
/// and places stay what they are.
pub fn without_secrets<'t>(path: &str, text: &'t str) -> Cow<'t, str> {
    let mut hidden = Hidden { text, bytes: None, done: 0 };
    let bytes = text.as_bytes();
    // By form the place before which nothing more begins a key.
    let mut barren = [0; FORMS.len() + OF_THEIR_OWN.len()];
    for found in OPENINGS.iter().flat_map(|openings| openings.find_iter(text)) {
        let Some(barren) = barren.get_mut(found.pattern().as_usize()) else { continue };
        if found.start() >= hidden.done.max(*barren) {
            match key_at(bytes, &found) {
                Ok(part) => hidden.hide(part),
                Err(end) => *barren = end,
            }
        }
    }
    hidden.done = 0;
    let is_bare = named::has_bare_values(path);
    for found in NAMES.iter().flat_map(|names| names.find_iter(text)) {
        let Some((_, kind)) = named::NAMES.get(found.pattern().as_usize()) else { continue };
        if found.start() >= hidden.done {
            let part = named::value(bytes, found.start(), found.end(), *kind, is_bare);
            part.into_iter().for_each(|part| hidden.hide(part));
        }
    }
    hidden.finish()
}

/// Tells whether a name holds a key of a known form.
pub(crate) fn holds_key(name: &str) -> bool {
    let Some(openings) = OPENINGS.as_ref() else { return false };
    openings.find_iter(name).any(|found| key_at(name.as_bytes(), &found).is_ok())
}

/// Returns what is to be hidden where the opening of a form was found; where that is no key, the place before which no further
/// opening of the form begins one, so that what repeats an opening a million times is not read as often.
fn key_at(bytes: &[u8], found: &aho_corasick::Match) -> Result<Part, usize> {
    match FORMS.get(found.pattern().as_usize()) {
        Some(form) => of_form(bytes, found.start(), form),
        None => of_its_own(bytes, found.start(), found.end()),
    }
}

/// A text of which parts are hidden, in order.
struct Hidden<'t> {
    text: &'t str,
    bytes: Option<Vec<u8>>,
    done: usize,
}

impl<'t> Hidden<'t> {
    fn hide(&mut self, (start, end): Part) {
        self.done = end;
        let bytes = self.bytes.get_or_insert_with(|| self.text.as_bytes().to_vec());
        for byte in bytes.get_mut(start..end).into_iter().flatten() {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    }

    fn finish(self) -> Cow<'t, str> {
        // All that was changed were letters of one byte, or all letters of a private key.
        match self.bytes.map(String::from_utf8) {
            Some(Ok(text)) => Cow::Owned(text),
            _ => Cow::Borrowed(self.text),
        }
    }
}

/// The first byte of what is hidden, and the first one behind it.
type Part = (usize, usize);

fn of_form(bytes: &[u8], start: usize, form: &Form) -> Result<Part, usize> {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let from = start + form.opening.len();
    if before.is_some_and(|byte| is_word(*byte)) {
        return Err(from);
    }
    let end = run(bytes, from, form.body);
    let body = bytes.get(from..end).unwrap_or_default();
    let has = |kind: fn(&u8) -> bool| body.iter().any(kind);
    let is_key = body.len() >= form.least
        && (!form.is_mixed || has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic));
    // A further opening within the body has the end of it for its own body.
    let is_within = || form.opening.bytes().all(form.body);
    if is_key { Ok((from, end)) } else { Err(if is_within() { end } else { from }) }
}

fn of_its_own(bytes: &[u8], start: usize, from: usize) -> Result<Part, usize> {
    let opening = bytes.get(start..from).unwrap_or_default();
    let part = if opening == PRIVATE_KEY.as_bytes() {
        private_key(bytes, from)
    } else if opening == WEB_TOKEN.as_bytes() {
        return web_token(bytes, from);
    } else if opening == BOT_TOKEN.as_bytes() {
        bot_token(bytes, start, from)
    } else {
        password(bytes, from)
    };
    part.ok_or(from)
}

/// Returns the first place from `from` on whose byte is not of a kind.
fn run(bytes: &[u8], from: usize, kind: fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !kind(*byte)).unwrap_or(rest.len())
}

/// `-----BEGIN RSA PRIVATE KEY-----`, up to its end.
fn private_key(bytes: &[u8], from: usize) -> Option<Part> {
    let rest = bytes.get(from..bytes.len().min(from + MOST_PRIVATE))?;
    let head = rest.iter().take(40).position(|byte| *byte == b'-')?;
    rest.get(..head)?.ends_with(b"PRIVATE KEY").then_some(())?;
    let body = from + run(rest, head, |byte| byte == b'-');
    let end = memchr::memmem::find(bytes.get(body..from + rest.len())?, b"-----END ")?;
    // Code that writes or reads keys has both lines, too.
    let is_code = bytes.get(body..body + end)?.contains(&b'(');
    (!is_code).then_some((body, body + end))
}

/// `eyJhbGciOi….eyJzdWIiOi….SflKxwRJ…`. What begins within the first part of what is none is none, either.
fn web_token(bytes: &[u8], from: usize) -> Result<Part, usize> {
    let first = run(bytes, from, is_slug);
    let end = || {
        let claims = first + bytes.get(first..)?.strip_prefix(b".eyJ").map(|_| 4)?;
        let second = run(bytes, claims, is_slug);
        let last = second + bytes.get(second..)?.strip_prefix(b".").map(|_| 1)?;
        Some(run(bytes, last, is_slug)).filter(|end| first - from >= 10 && end - second > 16)
    };
    end().map(|end| (from, end)).ok_or(first)
}

/// `345278323:AAbkLzGkObih…`: eight to ten digits, then 33 letters.
fn bot_token(bytes: &[u8], start: usize, from: usize) -> Option<Part> {
    let before = bytes.get(..start)?.iter().rev().take(11);
    let digits = before.take_while(|byte| byte.is_ascii_digit()).count();
    let end = run(bytes, from, is_slug);
    ((8..=10).contains(&digits) && (33..=34).contains(&(end - from))).then_some((from, end))
}

/// `postgres://admin:hunter2secret@host`: a password that is none of the words and marks that stand for one.
fn password(bytes: &[u8], from: usize) -> Option<Part> {
    let rest = bytes.get(from..bytes.len().min(from + MOST_ADDRESS))?;
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b"/@\"'`<>{}$\\".contains(&byte);
    let colon = rest.iter().position(|byte| *byte == b':' || !is_part(*byte))?;
    let end = colon + 1 + rest.get(colon + 1..)?.iter().position(|byte| !is_part(*byte))?;
    let word = rest.get(colon + 1..end)?;
    let has = |kind: fn(&u8) -> bool| word.iter().any(kind);
    let is_password = rest.get(colon) == Some(&b':')
        && rest.get(end) == Some(&b'@')
        && word.len() >= 8
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && word.split(|byte| *byte == b'%').skip(1).all(is_escaped);
    is_password.then_some((from + colon + 1, from + end))
}

/// Tells whether what follows a `%` is a byte's number, as in addresses; `%s` is filled in later.
fn is_escaped(behind: &[u8]) -> bool {
    behind.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_found_behind_openings_of_its_form() {
        let key = "a1B2".repeat(20);
        for opening in ["sk-", "dp.pt.", "glpat-", "SG."] {
            let text = format!("{opening}{opening}x {}{key}", opening.repeat(3));
            assert!(without_secrets("a.rs", &text).ends_with("****"), "{text}");
        }
        let token = format!("eyJx.eyJ.x eyJeyJ.eyJ{key}.{key} eyJ{key}.eyJ{key}.{key}");
        assert!(without_secrets("a.rs", &token).ends_with("****"), "{token}");
    }

    #[test]
    fn what_only_repeats_how_keys_begin_is_read_once() {
        for opening in ["sk-", "glpat-", "eyJ"] {
            let text = opening.repeat(1_000);
            let found = OPENINGS.as_ref().and_then(|all| all.find(&text)).unwrap();
            assert_eq!(key_at(text.as_bytes(), &found), Err(text.len()));
            assert_eq!(without_secrets("a.rs", &text), text);
        }
    }

    #[test]
    fn keys_of_known_forms_are_hidden_and_nothing_else() {
        let long = "a1B2".repeat(20);
        for (text, opening) in [
            ("AKIAPIX6EA6QOM66ZJOJ".to_owned(), "AKIA"),
            (format!("ghp_{}", "a1B2".repeat(9)), "ghp_"),
            (format!("github_pat_{}", "a1B2".repeat(10)), "github_pat_"),
            (format!("sk-proj-{long}"), "sk-"),
            (format!("sk-ant-api03-{long}"), "sk-"),
            ("sk_live_yPyLtxqmvBhiJaTUyYfKlcxD".to_owned(), "sk_live_"),
            (format!("hf_{}Xy", "aBcD".repeat(8)), "hf_"),
            (format!("shpat_{}", "1f2e".repeat(8)), "shpat_"),
            (format!("ya29.a0{}", "aB-1".repeat(12)), "ya29."),
            (format!("345278323:AA{}z", "a1B2".repeat(8)), "345278323:AA"),
            (format!("eyJhbGciOiJIUzI1NiJ9.eyJ{long}.{long}"), "eyJ"),
        ] {
            let text = format!("let key = \"{text}\"; // é\nnext()");
            let shown = without_secrets("a.rs", &text);
            assert!(shown.starts_with(&format!("let key = \"{opening}**")), "{shown}");
            assert!(shown.ends_with("**\"; // é\nnext()"), "{shown}");
            assert_eq!(shown.len(), text.len());
        }
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEP0i3j\n AbC\n-----END RSA PRIVATE KEY-----";
        let hidden =
            "-----BEGIN RSA PRIVATE KEY-----\n*********\n ***\n-----END RSA PRIVATE KEY-----";
        assert_eq!(without_secrets("a.rs", key), hidden);
        assert_eq!(
            without_secrets("a.rs", "postgres://admin:hunter2secret@db redis://:p%40ssw0rd1@db"),
            "postgres://admin:*************@db redis://:***********@db"
        );
        for plain in [
            "sk-chase-dot-animation-delay-container-wrapper {}",
            "https://user:password@host https://{user}:{pass1word}@host https://u:pass1%sword@host http://a.b:8080/@x",
            "task-0123456789abcdefghijklmnopqrstuvwxyz",
            "-----BEGIN CERTIFICATE-----\nMIIEP0\n-----END CERTIFICATE-----",
            "npm_config_registry_of_the_company_that_is_long",
            "MAKIAPIX6EA6QOM66ZJOJ eyJ a:AA",
            "hf_hub_download_of_the_whole_repository() shpat_tokens ya29.example.of.a.token.in.a.document",
            "w(\"-----BEGIN PRIVATE KEY-----\"); w(body); w(\"-----END PRIVATE KEY-----\");",
        ] {
            assert_eq!(without_secrets("a.rs", plain), plain);
        }
    }

    /// Hides the keys of known forms of a text, looking at each opening.
    fn without_keys_of_forms(text: &str) -> String {
        let mut hidden = Hidden { text, bytes: None, done: 0 };
        for found in OPENINGS.iter().flat_map(|openings| openings.find_iter(text)) {
            if found.start() >= hidden.done {
                key_at(text.as_bytes(), &found).into_iter().for_each(|part| hidden.hide(part));
            }
        }
        hidden.finish().into_owned()
    }

    proptest! {
        #[test]
        fn no_opening_that_is_passed_over_begins_a_key(
            text in "(sk-|glpat-|dp\\.pt\\.|eyJ|ghp_|SG\\.|ya29\\.|npm_|hvs\\.|[ ._/-]|x|(a1B2){3,16}){0,40}",
        ) {
            prop_assert_eq!(without_secrets("a.rs", &text), without_keys_of_forms(&text));
        }

        #[test]
        fn lines_and_places_stay(text in "(\\PC|\n|sk-|://|eyJ|-----BEGIN |PRIVATE KEY-----|:AA|AKIA|password|api_key|[:=\"]|value){0,60}") {
            let shown = without_secrets("a.yaml", &text);
            prop_assert_eq!(shown.len(), text.len());
            prop_assert_eq!(shown.lines().count(), text.lines().count());
        }
    }
}
