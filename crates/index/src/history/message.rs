//! A commit's message without what is not about the change.

use crate::words::without_keys;

/// Most characters of a message that are read.
const MOST_CHARS: usize = 2_000;
/// Shortest abbreviation of a commit's id.
const SHORT_ID: usize = 7;

/// Returns the message without trailers, links, addresses, numbers of requests, ids of commits and what looks like a key.
pub(super) fn clean(message: &str) -> String {
    let message = message.get(..message.floor_char_boundary(4 * MOST_CHARS)).unwrap_or_default();
    let mut lines = Vec::new();
    for line in message.trim().lines() {
        if is_trailer(line) {
            continue;
        }
        let words = line.split_whitespace().filter(|word| !is_reference(word));
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    let text: String = lines.join("\n").trim().chars().take(MOST_CHARS).collect();
    without_keys(&text).into_owned()
}

/// Tells whether a line is one as `Signed-off-by: A` or `Change-Id: I1`.
fn is_trailer(line: &str) -> bool {
    let Some((key, _)) = line.split_once(": ") else { return false };
    let is_word = |part: &str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    let begins = line.chars().next().is_some_and(char::is_alphabetic);
    begins && key.contains('-') && key.split('-').all(is_word)
}

fn is_reference(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '#');
    let is_number = bare.strip_prefix('#').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let is_commit = bare.len() >= SHORT_ID
        && bare.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && bare.bytes().any(|byte| byte.is_ascii_digit());
    word.contains("://") || word.contains('@') || is_number || is_commit
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn what_is_not_about_the_change_is_left_out() {
        let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
        let message = format!(
            "parser: take empty lines (#12)\n\nSee https://a.b/c and 3f2c9ab, fixes #9.\nThe token was {key}\n\n\
             Signed-off-by: A <a@b.c>\nCo-authored-by: B <b@b.c>\nNote: this stays\n"
        );
        assert_eq!(
            clean(&message),
            "parser: take empty lines\n\nSee and fixes\nThe token was …\n\nNote: this stays"
        );
        assert_eq!(clean(""), "");
        assert!(clean(&"long words ".repeat(10_000)).chars().count() <= 2_000);
    }
}
