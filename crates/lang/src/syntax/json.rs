//! JSON as RFC 8259 has it, stricter than the grammar; optionally with comments and trailing
//! commas.

use distiq_base::SyntaxError;

/// How deep values may nest; beyond, nothing is said.
const MAX_DEPTH: usize = 512;

/// Returns the first error of a JSON text.
pub(super) fn check(text: &str, comments: bool) -> Option<SyntaxError> {
    let mut reader = Reader { text, at: 0, comments };
    let fault = match reader.document() {
        Ok(()) | Err(Fault::TooDeep) => return None,
        Err(Fault::Message(message)) => message,
    };
    let before = text.get(..reader.at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Some(SyntaxError {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        message: fault,
    })
}

enum Fault {
    Message(String),
    TooDeep,
}

type Checked = Result<(), Fault>;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    comments: bool,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn fail(&self, expected: &str) -> Checked {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some('\n' | '\r') => "the end of the line".to_owned(),
            Some(c) => format!("`{c}`"),
        };
        Err(Fault::Message(format!("Expected {expected}, found {found}")))
    }

    fn document(&mut self) -> Checked {
        self.eat("\u{feff}");
        self.blanks()?;
        self.value(0)?;
        self.blanks()?;
        if self.peek().is_none() { Ok(()) } else { self.fail("the end of the file") }
    }

    fn blanks(&mut self) -> Checked {
        loop {
            while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
                self.bump();
            }
            if self.peek() != Some('/') {
                return Ok(());
            }
            if !self.comments {
                return Err(Fault::Message("Comments are not allowed in JSON".to_owned()));
            }
            let length = if self.rest().starts_with("//") {
                self.rest().find('\n').unwrap_or(self.rest().len())
            } else if self.rest().starts_with("/*") {
                match self.rest().find("*/") {
                    Some(end) => end + 2,
                    None => return Err(Fault::Message("Unclosed `/*`".to_owned())),
                }
            } else {
                return self.fail("a comment");
            };
            self.at += length;
        }
    }

    fn value(&mut self, depth: usize) -> Checked {
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        match self.peek() {
            Some('{') => self.members("}", depth),
            Some('[') => self.members("]", depth),
            Some('"') => self.string(),
            Some('-' | '0'..='9') => self.number(),
            _ if ["true", "false", "null"].iter().any(|word| self.eat(word)) => Ok(()),
            _ => self.fail("a value"),
        }
    }

    /// Reads an object or an array.
    fn members(&mut self, close: &str, depth: usize) -> Checked {
        self.bump();
        let mut first = true;
        loop {
            self.blanks()?;
            if (first || self.comments) && self.eat(close) {
                return Ok(());
            }
            if close == "}" {
                if self.peek() != Some('"') {
                    return self.fail("a name in double quotes");
                }
                self.string()?;
                self.blanks()?;
                if !self.eat(":") {
                    return self.fail("`:`");
                }
                self.blanks()?;
            }
            self.value(depth + 1)?;
            first = false;
            self.blanks()?;
            if self.eat(close) {
                return Ok(());
            }
            if !self.eat(",") {
                return self.fail(&format!("`,` or `{close}`"));
            }
        }
    }

    fn string(&mut self) -> Checked {
        self.bump();
        loop {
            match self.peek() {
                Some('"') => {
                    self.bump();
                    return Ok(());
                }
                Some('\\') => {
                    self.bump();
                    let escape = self.peek();
                    self.bump();
                    match escape {
                        Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {}
                        Some('u') => {
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|c| c.is_ascii_hexdigit()) {
                                    return self.fail("a hexadecimal digit");
                                }
                                self.bump();
                            }
                        }
                        _ => {
                            return Err(Fault::Message("Unknown escape in a string".to_owned()));
                        }
                    }
                }
                Some(c) if c >= ' ' => self.bump(),
                _ => return self.fail("`\"`"),
            }
        }
    }

    fn number(&mut self) -> Checked {
        self.eat("-");
        if self.eat("0") {
            if self.peek().is_some_and(|c| c.is_ascii_digit()) {
                return Err(Fault::Message("A number must not begin with 0".to_owned()));
            }
        } else {
            self.digits()?;
        }
        if self.eat(".") {
            self.digits()?;
        }
        if self.eat("e") || self.eat("E") {
            let _ = self.eat("+") || self.eat("-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Checked {
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return self.fail("a digit");
        }
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.bump();
        }
        Ok(())
    }
}
