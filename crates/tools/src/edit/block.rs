//! An old or new text as lines that say something and the blank ones between them.

/// A text by lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Blank lines before the first line that says something.
    pub(super) lead: usize,
    /// The lines that say something.
    pub(super) solid: Vec<Solid<'a>>,
    /// Line ends from the last of them on.
    pub(super) tail: usize,
}

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Solid<'a> {
    /// Blank lines between it and the one before.
    pub(super) gap: usize,
    /// The blanks it begins with.
    pub(super) indent: &'a str,
    /// What it says.
    pub(super) body: &'a str,
    /// The blanks it ends with.
    pub(super) trail: &'a str,
}

impl<'a> Solid<'a> {
    /// Takes a line apart.
    pub(super) fn new(line: &'a str, gap: usize) -> Self {
        let rest = line.trim_start();
        let indent = line.get(..line.len() - rest.len()).unwrap_or_default();
        let body = rest.trim_end();
        Self { gap, indent, body, trail: rest.get(body.len()..).unwrap_or_default() }
    }
}

impl<'a> Block<'a> {
    /// Splits a text; `\r\n` ends a line as `\n` does.
    pub(super) fn new(text: &'a str) -> Self {
        let mut block = Self::default();
        let mut blanks = 0;
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.trim().is_empty() {
                blanks += 1;
                continue;
            }
            if block.solid.is_empty() {
                block.lead = blanks;
            }
            let gap = if block.solid.is_empty() { 0 } else { blanks };
            block.solid.push(Solid::new(line, gap));
            blanks = 0;
        }
        block.tail = if block.solid.is_empty() { blanks - 1 } else { blanks };
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        let block = Block::new("\n\n  a \r\n\n\tb\n\n");
        assert_eq!((block.lead, block.tail), (2, 2));
        let solid = |gap, indent, body, trail| Solid { gap, indent, body, trail };
        assert_eq!(block.solid, [solid(0, "  ", "a", " "), solid(1, "\t", "b", "")]);
        assert_eq!(Block::new("").tail, 0);
        assert_eq!(Block::new("\n").tail, 1);
        assert_eq!(Block::new("a").tail, 0);
    }
}
