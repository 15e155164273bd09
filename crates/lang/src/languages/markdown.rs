//! Markdown. Its headings make sections.

use crate::language::{Reader, Spec};
use crate::source::rules::NO_RULES;
use crate::source::text::Reading;
use crate::source::{PieceKind, Source};

pub(crate) static SPEC: Spec = Spec {
    name: "Markdown",
    extensions: &["md", "markdown", "mdx", "mdown", "mkd"],
    file_names: &[],
    reader: Reader::Text(read),
    items: &[],
    through: &[],
    rules: &NO_RULES,
};

fn read(text: &str) -> Source {
    let mut reading = Reading::new(text);
    let mut fence: Option<(char, usize)> = None;
    let mut at = front_matter(text);
    // The line before, if a line of `===` can make a heading of it.
    let mut paragraph: Option<std::ops::Range<usize>> = None;
    for line in text.get(at..).unwrap_or("").split_inclusive('\n') {
        let bytes = at..at + line.len();
        at = bytes.end;
        let content = line.trim();
        let indent = line.len() - line.trim_start_matches(' ').len();
        if let Some((mark, length)) = fence {
            let closes = content.len() >= length && content.chars().all(|c| c == mark);
            if closes {
                fence = None;
            } else {
                reading.piece(bytes, PieceKind::Text);
            }
            continue;
        }
        if let Some(opened) = fence_of(content).filter(|_| indent < 4) {
            fence = Some(opened);
            paragraph = None;
            continue;
        }
        let underline = paragraph.take().filter(|_| indent < 4).zip(underline_of(content));
        if let Some((above, level)) = underline {
            let name = text.get(above.clone()).unwrap_or("").trim();
            reading.heading(level, name, above.start..bytes.end);
        } else if let Some((level, name)) = heading_of(content).filter(|_| indent < 4) {
            reading.piece(bytes.clone(), PieceKind::Text);
            reading.heading(level, name, bytes);
        } else {
            paragraph = (!content.is_empty() && indent < 4).then_some(bytes.clone());
            reading.piece(bytes, PieceKind::Text);
        }
    }
    reading.finish()
}

/// Returns where the text behind the front matter begins.
fn front_matter(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("---\n") else {
        return 0;
    };
    rest.find("\n---\n").map_or(0, |end| "---\n".len() + end + "\n---\n".len())
}

fn fence_of(content: &str) -> Option<(char, usize)> {
    let mark = content.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = content.chars().take_while(|c| *c == mark).count();
    let info = content.get(length..).unwrap_or("");
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length))
}

/// `## Name ##`
fn heading_of(content: &str) -> Option<(u8, &str)> {
    let level = content.bytes().take_while(|byte| *byte == b'#').count();
    let rest = content.get(level..)?;
    let is_heading = (1..=6).contains(&level) && rest.starts_with([' ', '\t']);
    let name = rest.trim().trim_end_matches('#').trim();
    (is_heading && !name.is_empty()).then(|| (u8::try_from(level).unwrap_or(6), name))
}

/// `===` and `---` below a line.
fn underline_of(content: &str) -> Option<u8> {
    let all = |mark: u8| content.len() >= 2 && content.bytes().all(|byte| byte == mark);
    if all(b'=') { Some(1) } else { all(b'-').then_some(2) }
}
