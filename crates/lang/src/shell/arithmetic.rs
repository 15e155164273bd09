//! Arithmetic: what is evaluated where a text is read as an expression.

use super::compound::is_name;
use super::grammar::Parser;
use super::judge::Elements;
use super::terms::{self, Term, Use, is_number, is_part};
use super::word::{Building, Inside};
use super::{ShellError, Word};

/// What the reading of an expression stands behind.
#[derive(Default)]
pub(super) struct Behind {
    /// Where the last expansion ended.
    expansion: Option<usize>,
    /// Where the last name ended.
    name: Option<usize>,
}

impl Parser<'_> {
    /// Reads `… ))`, the cursor behind the opening parentheses.
    pub(super) fn arithmetic(&mut self) -> Result<(), ShellError> {
        self.deeper(|parser| {
            let mut open = 0_u32;
            let mut behind = Behind::default();
            let start = parser.cursor.pos();
            loop {
                match parser.cursor.peek() {
                    Some('(') => open += 1,
                    Some(')') if open > 0 => open -= 1,
                    Some(')') => {
                        if parser.cursor.eat("))") {
                            return Ok(());
                        }
                        return Err(parser.cursor.fail(
                            "`((` that is not arithmetic; put a space between the parentheses",
                        ));
                    }
                    Some(c) if c == '$' || c == '`' || is_part(c) => {
                        parser.evaluated(start, &mut behind, None)?;
                        continue;
                    }
                    Some('<' | '>') if parser.cursor.second() == Some('(') => {
                        return Err(parser.cursor.unexpected());
                    }
                    Some(c) if " \t\n+-*/%^&|!~<>=?:,.[];".contains(c) => {}
                    _ => return Err(parser.cursor.unexpected()),
                }
                parser.cursor.bump_raw();
            }
        })
    }

    /// Reads a name, a number or an expansion of the expression that began at `start`, in the brackets of `array`
    /// where it stands in some.
    pub(super) fn evaluated(
        &mut self,
        start: usize,
        behind: &mut Behind,
        array: Option<&str>,
    ) -> Result<(), ShellError> {
        let here = Some(self.cursor.pos());
        // `z$x` and `$x$y` are other names.
        let touches = here == behind.expansion || here == behind.name;
        let c = self.cursor.peek();
        if !matches!(c, Some('$' | '`')) {
            if here == behind.expansion {
                self.evaluated.terms.push(Term::Other);
            }
            self.evaluated_part(array);
            behind.name = Some(self.cursor.pos());
            return Ok(());
        }
        let taken = match self.cursor.since(start) {
            read if terms::ends_in_base(read) => Use::Digits,
            _ => Use::Expression,
        };
        if touches && taken == Use::Expression && !self.ends_in_number(start) {
            self.evaluated.terms.push(Term::Other);
        }
        let mut word = Building::default();
        if c == Some('$') {
            self.dollar(Inside::Quotes, &mut word)?;
        } else {
            self.backticks(Inside::Quotes, &mut word)?;
        }
        if word.spans.is_empty() {
            // A `$` alone, or a text in quotes.
            self.evaluated.terms.push(Term::Other);
        }
        for span in word.spans.drain(..) {
            let raw = word.text.get(span.start..span.end).unwrap_or_default();
            self.evaluates(Term::of(taken, &span.expands, raw), array);
        }
        behind.expansion = Some(self.cursor.pos());
        Ok(())
    }

    fn ends_in_number(&self, start: usize) -> bool {
        let read = self.cursor.since(start);
        let part = read.trim_end_matches(is_part);
        let part = read.get(part.len()..).unwrap_or_default();
        !part.is_empty() && is_number(part)
    }

    /// Passes a name or a number; a name is evaluated.
    fn evaluated_part(&mut self, array: Option<&str>) {
        let part = self.cursor.eat_while(is_part);
        if is_name(&part) {
            self.evaluates(Some(Term::name(Use::Expression, &part)), array);
        } else if part.contains(['#', '@']) && !part.starts_with(|c: char| c.is_ascii_digit()) {
            self.evaluated.terms.push(Term::Other);
        }
    }

    fn evaluates(&mut self, term: Option<Term>, array: Option<&str>) {
        let within = |key| match array {
            Some(array) => terms::in_brackets(array, key),
            None => key,
        };
        self.evaluated.terms.extend(term.map(within));
    }

    /// Tells whether what follows in the `${ }` that began at `start` is evaluated: a subscript or an offset.
    pub(super) fn begins_evaluation(&self, start: usize, c: char) -> bool {
        let next = self.cursor.second();
        let evaluated = match c {
            '[' => !matches!(next, Some('@' | '*')),
            ':' => !matches!(next, Some('-' | '=' | '?' | '+')),
            _ => return false,
        };
        let read = self.cursor.since(start).replace("\\\n", "");
        let read = read.trim_start_matches(['!', '#']);
        let parameter =
            read.len() <= 1 || is_name(read) || read.bytes().all(|b| b.is_ascii_digit());
        let element = read.split_once('[').is_some_and(|(name, _)| is_name(name));
        evaluated && (parameter || element && read.ends_with(']'))
    }

    /// Reads a quoted piece of a subscript, or a character behind a backslash.
    pub(super) fn quoted_subscript(
        &mut self,
        inside: Inside,
        array: Option<&str>,
    ) -> Result<(), ShellError> {
        let mut piece = Building::default();
        match self.cursor.peek() {
            Some('\'') if inside == Inside::Word => {
                self.cursor.bump_raw();
                self.single_quoted(&mut piece)?;
            }
            Some('"') if inside == Inside::Word => {
                self.cursor.bump_raw();
                self.double_quoted(&mut piece)?;
            }
            Some('\\') => {
                self.cursor.bump_raw();
                self.cursor.bump_raw();
                piece.text.push('\\');
            }
            _ => return Err(self.cursor.unexpected()),
        }
        let word = piece.finish("");
        for term in terms::expression(&word, 0, word.text.len()) {
            self.evaluates(Some(term), array);
        }
        Ok(())
    }

    /// Notes what `${ }` does with its variable beyond its value: `${!x}` takes it for a name, `${x@P}` expands it
    /// once more, `${x:=text}` sets it. The cursor stands behind the opening brace.
    pub(super) fn evaluated_parameter(&mut self) {
        let rest = self.cursor.rest();
        let inner = rest.split('}').next().unwrap_or(rest).replace("\\\n", "");
        let inner = inner.as_str();
        let (indirect, inner) = match inner.strip_prefix('!') {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, operator) =
            inner.split_at_checked(end.unwrap_or(inner.len())).unwrap_or_default();
        if indirect && !matches!(operator, "[@]" | "[*]" | "@" | "*") {
            let plain = !name.is_empty() && !operator.starts_with('[');
            // `${!#}` is the last argument.
            let number = name.is_empty() && operator.starts_with('#');
            let term = if plain { Term::name(Use::Name, name) } else { Term::Other };
            self.evaluated.terms.extend(Some(term).filter(|_| !number));
        }
        let element = match operator.split_once(']') {
            Some((_, rest)) if operator.starts_with('[') => rest,
            _ => operator,
        };
        if element.starts_with("@P") {
            let plain = element == operator && !name.is_empty();
            let term = if plain { Term::name(Use::Text, name) } else { Term::Other };
            self.evaluated.terms.push(term);
        }
        let set = element.strip_prefix(":=").or_else(|| element.strip_prefix('='));
        if let Some(value) = set {
            let literal = value.chars().all(terms::is_plain);
            let text = value.to_owned();
            let word = Word { raw: text.clone(), text, literal, ..Word::default() };
            let array = name.to_owned();
            self.evaluated.elements.push(Elements { array, words: vec![word] });
        }
    }
}
