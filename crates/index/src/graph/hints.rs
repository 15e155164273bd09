//! What the text around a name tells of types, without resolving any name.

use std::ops::Range;

use distiq_lang::{Role, Told};
use serde::{Deserialize, Serialize};

use super::library::WRAPPERS;

/// How much text behind a name is read.
const MAX_TEXT: usize = 300;

/// What is told of a name's type: of what a definition is, of a member whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The name, by its place in [`FileFacts::mentions`](crate::FileFacts::mentions).
    pub mention: u32,
    /// What it says. Names in it are places in that list too.
    pub of: Told,
}

/// Whose member a mention is, where no name before it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// Nobody's, or that of the name before it.
    #[default]
    None,
    /// Of the class around it: `self`, `this`.
    Own,
    /// Of that class's bases.
    Super,
    /// Of an expression's value.
    Value,
    /// Of the crate around it: `crate::name`.
    Root,
}

/// Tells whose member a name is that stands behind `before`; `between` is what parts it from the last name.
pub(crate) fn owner(between: &str, before: &str) -> Owner {
    let tail = before.trim_end();
    // `...name` spreads a value.
    if tail.ends_with("..") {
        return Owner::None;
    }
    let Some(tail) = tail
        .strip_suffix("?.")
        // An arrow with space behind it tells what a function returns.
        .or_else(|| before.strip_suffix("->"))
        .or_else(|| tail.strip_suffix("::"))
        .or_else(|| tail.strip_suffix('.'))
    else {
        return Owner::None;
    };
    let tail = tail.trim_end();
    let word = tail.rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).next();
    match word.unwrap_or("") {
        "self" | "this" | "Self" | "$this" | "cls" | "static" => Owner::Own,
        "super" | "parent" | "base" => Owner::Super,
        "crate" | "$crate" if before.trim_end().ends_with("::") => Owner::Root,
        _ if tail.ends_with("super()") => Owner::Super,
        _ if between.trim().len() > 2 || tail.ends_with([')', ']', '}', '"', '\'']) => Owner::Value,
        _ => Owner::None,
    }
}

/// Reads hints while mentions come in source order.
pub(crate) struct Reader<'t> {
    text: &'t str,
    mention: u32,
    /// The last mentions that name types, with where they end.
    types: Vec<(Range<usize>, bool)>,
    /// A definition whose type may follow directly.
    open: Option<(u32, usize)>,
    hints: Vec<Hint>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, mention: 0, types: Vec::new(), open: None, hints: Vec::new() }
    }

    pub(crate) fn add(&mut self, bytes: Range<usize>, role: Role) {
        let mention = self.mention;
        self.mention += 1;
        if role == Role::Type
            && let Some((definition, end)) = self.open.take()
        {
            // `x *T`, as in Go.
            let between = self.text.get(end..bytes.start).unwrap_or("x");
            let is_plain = between.starts_with([' ', '\t'])
                && between.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'*' | b'.'));
            if is_plain {
                let of = self.text.get(bytes.start..).and_then(type_name);
                self.push(definition, of.map(Told::Written));
            }
        }
        if matches!(role, Role::Member | Role::MemberCall) {
            self.receiver(mention, bytes.start);
        }
        if matches!(role, Role::Local | Role::Definition) {
            self.open = None;
            let told = self.annotation(bytes.end);
            let told = told
                .or_else(|| self.before(bytes.start))
                .or_else(|| self.value(bytes.end))
                .or_else(|| self.named_value(bytes.start));
            if told.is_none() {
                self.open = Some((mention, bytes.end));
            }
            self.push(mention, told);
        } else if role == Role::Plain && self.open.is_some() {
            // Of `x pkg.T` the package.
            self.open = self.open.filter(|(_, end)| {
                self.text
                    .get(*end..bytes.start)
                    .is_some_and(|between| between.trim() == "*" || between == " ")
            });
            if let Some((definition, _)) = self.open.take() {
                let of = self.text.get(bytes.start..).and_then(type_name);
                self.push(definition, of.filter(|of| of.contains('.')).map(Told::Written));
            }
        } else {
            self.open = None;
        }
        self.types.push((bytes, role == Role::Type));
        if self.types.len() > 64 {
            self.types.drain(..32);
        }
    }

    /// Reads the `f(x)` of `with f(x) as name`, and the `E` of `except E as name`.
    fn named_value(&self, start: usize) -> Option<Told> {
        let from = self.text.floor_char_boundary(start.saturating_sub(MAX_TEXT));
        let head = self.text.get(from..start)?.trim_end().strip_suffix(" as")?.trim_end();
        if head.ends_with(')') {
            return called(head);
        }
        let path = head.rsplit(|c: char| !is_path(c)).next()?;
        (!path.is_empty()).then(|| Told::Written(path.to_owned()))
    }

    /// Reads the `f(x)` of `f(x).name`, and texts.
    fn receiver(&mut self, mention: u32, start: usize) {
        let from = self.text.floor_char_boundary(start.saturating_sub(MAX_TEXT));
        let head = self.text.get(from..start).unwrap_or("").trim_end();
        let Some(head) = head.strip_suffix('.').or_else(|| head.strip_suffix("->")) else { return };
        let head = head.trim_end().trim_end_matches(['?', '!']).trim_end();
        if head.ends_with(['"', '\'', '`']) {
            return self.push(mention, Some(Told::Written("str".to_owned())));
        }
        let head = head.strip_suffix(".await").unwrap_or(head);
        self.push(mention, called(head));
    }

    fn push(&mut self, mention: u32, of: Option<Told>) {
        self.hints.extend(of.map(|of| Hint { mention, of }));
    }

    pub(crate) fn finish(self) -> Vec<Hint> {
        self.hints
    }

    /// Returns what stands behind a name, on its line and the next ones.
    fn rest(&self, end: usize) -> Option<&'t str> {
        let to = self.text.floor_char_boundary((end + MAX_TEXT).min(self.text.len()));
        Some(self.text.get(end..to)?.trim_start_matches([' ', '\t', '?', '!']))
    }

    /// Reads `: T`.
    fn annotation(&self, end: usize) -> Option<Told> {
        let of = self.rest(end)?.strip_prefix(':').filter(|of| !of.starts_with([':', '=']))?;
        type_name(of).map(Told::Written)
    }

    /// Reads `= f(x)`; behind a type that is cut, too.
    fn value(&self, end: usize) -> Option<Told> {
        let rest = self.rest(end)?;
        let value = rest.strip_prefix(":=").or_else(|| rest.strip_prefix('='))?;
        (!value.starts_with(['=', '>', '~'])).then_some(())?;
        value_of(value)
    }

    /// Reads `T x`: the type that stands before a name, as in Java and C.
    fn before(&self, start: usize) -> Option<Told> {
        let mut head = self.text.get(..start)?.trim_end_matches([' ', '\t', '*', '&']);
        if head.len() == start {
            return None;
        }
        if head.ends_with('>') {
            let mut depth = 0_usize;
            let open = head.char_indices().rev().take(MAX_TEXT).find(|(_, c)| {
                depth = match c {
                    '>' => depth + 1,
                    '<' => depth.saturating_sub(1),
                    _ => depth,
                };
                *c == '<' && depth == 0
            });
            head = head.get(..open?.0)?;
        }
        let at = self.types.iter().rev().position(|(bytes, _)| bytes.end == head.len())?;
        let (bytes, is_type) = self.types.iter().rev().nth(at)?;
        let name = self.text.get(bytes.clone()).filter(|name| !matches!(*name, "var" | "auto"))?;
        if WRAPPERS.contains(&name) {
            // `shared_ptr<T> x` has the members of `T`.
            let inner = self.text.get(bytes.start..start).and_then(type_name);
            return inner.filter(|_| *is_type).map(Told::Written);
        }
        is_type.then(|| Told::Written(name.to_owned()))
    }
}

/// Reads the name of a type: wrappers, references and quotes are cut.
pub(crate) fn type_name(text: &str) -> Option<String> {
    let mut rest = text.trim_start();
    for _ in 0..6 {
        rest = rest.trim_start_matches([' ', '\t', '&', '*', '"', '\'', '?', '(']);
        let word_end = rest.find(|c: char| !is_path(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(word_end)?;
        let is_modifier = matches!(word, "mut" | "const" | "dyn" | "impl" | "readonly" | "final");
        // A lifetime's name: its mark is cut already.
        let is_lifetime = word.len() <= 8 && word.starts_with(char::is_lowercase) && {
            let mark = text.len() - rest.len();
            mark > 0 && text.as_bytes().get(mark - 1) == Some(&b'\'') && after.starts_with(' ')
        };
        if is_modifier || is_lifetime {
            rest = after;
            continue;
        }
        let path = word.replace("::", ".");
        let path = path.trim_matches('.');
        let own = path.rsplit('.').next().unwrap_or(path);
        if WRAPPERS.contains(&own) && after.starts_with(['<', '[']) {
            rest = after.get(1..)?;
            continue;
        }
        let is_list = after.starts_with("[]");
        let is_name = own.starts_with(|c: char| c.is_alphabetic() || c == '_');
        return (is_name && !is_list).then(|| path.to_owned());
    }
    None
}

fn is_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '$')
}

/// Reads what a value is: a call, a literal of a structure, another name.
fn value_of(text: &str) -> Option<Told> {
    let mut rest = text.trim_start_matches([' ', '\t', '&', '*']);
    for word in ["await ", "new ", "mut ", "yield ", "yield from "] {
        rest = rest.strip_prefix(word).unwrap_or(rest).trim_start();
    }
    let end = rest.find(|c: char| !is_path(c)).unwrap_or(rest.len());
    let (path, after) = rest.split_at_checked(end)?;
    let path = path.replace("::", ".");
    let path = path.trim_end_matches('.').to_owned();
    if !path.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$')) {
        return None;
    }
    // `Foo::<T>::new(…)`, `new Foo<T>(…)`, `f[T](…)`.
    let after = match after.chars().next() {
        Some(open @ ('<' | '[')) => {
            let close = if open == '<' { '>' } else { ']' };
            after.find(close).and_then(|at| after.get(at + 1..)).unwrap_or("")
        }
        _ => after,
    };
    match after.chars().next() {
        Some('(') => {
            let behind = after.get(closing(after)? + 1..)?.trim_start_matches(['?', '!']);
            let behind = behind.strip_prefix(".await").unwrap_or(behind);
            let behind = behind.strip_prefix(".unwrap()").unwrap_or(behind);
            let goes_on = behind.starts_with(['.', '[', '(']);
            (!goes_on).then(|| Told::Call(Box::new(Told::Path(path))))
        }
        Some('{') => Some(Told::Written(path)),
        Some(' ') if after.trim_start().starts_with('{') => Some(Told::Written(path)),
        Some('\n' | ';' | ',' | ')' | '\r') | None => Some(Told::Path(path)),
        _ => None,
    }
}

/// Returns where the bracket that a text begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    // Arguments that go on beyond what is read: nothing else is known to follow.
    Some(text.len() - 1)
}

/// Reads the `f` of the `f(x)` that a text ends with.
fn called(head: &str) -> Option<Told> {
    let mut depth = 0_usize;
    let open = head.char_indices().rev().find(|(_, c)| {
        depth = match c {
            ')' => depth + 1,
            '(' => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0
    });
    let (open, _) = open.filter(|(_, c)| *c == '(')?;
    let path = head.get(..open)?.rsplit(|c: char| !is_path(c)).next()?;
    // A path behind an expression says nothing without it.
    let is_whole = !path.starts_with(['.', ':']) && !path.is_empty();
    is_whole.then(|| Told::Call(Box::new(Told::Path(path.replace("::", ".")))))
}

/// Returns the type that a function's head says it returns.
pub(crate) fn return_type(signature: &str, name: &str) -> Option<String> {
    if let Some((_, of)) = signature.rsplit_once("->") {
        return type_name(of);
    }
    let at = signature.find(&format!("{name}(")).map(|at| at + name.len());
    let at = at.or_else(|| {
        signature
            .find(&format!("{name}<"))
            .and_then(|at| signature.get(at..)?.find('(').map(|open| at + open))
    })?;
    let rest = signature.get(at..)?;
    let behind = rest.get(closing(rest)? + 1..).unwrap_or("").trim_start();
    if let Some(of) = behind.strip_prefix(':') {
        return type_name(of);
    }
    let head = signature.get(..at - name.len())?.trim_end();
    if head.starts_with("func") {
        return type_name(behind);
    }
    let word = head.rsplit(char::is_whitespace).next()?;
    let is_keyword = matches!(
        word,
        "function" | "def" | "fn" | "fun" | "void" | "async" | "get" | "static" | "public"
    );
    (!is_keyword && !word.is_empty()).then(|| type_name(word))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_from_annotations() {
        for (text, name) in [
            (" Foo = 1", Some("Foo")),
            (" Optional[a.Foo]", Some("a.Foo")),
            (" &'a mut Foo<T>", Some("Foo")),
            (" Option<Box<dyn Foo>>", Some("Foo")),
            (" \"Foo\"", Some("Foo")),
            (" Foo | None", Some("Foo")),
            (" crate::a::Foo", Some("crate.a.Foo")),
            (" Foo[]", None),
            (" { a: 1 }", None),
        ] {
            assert_eq!(type_name(text).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn values_are_read() {
        for (text, told) in [
            (" Foo(1, g(2))\n", Some(Told::Call(Box::new(Told::Path("Foo".to_owned()))))),
            (" await new a.Foo<T>(x);", Some(Told::Call(Box::new(Told::Path("a.Foo".to_owned()))))),
            (" Foo::new(1)?;", Some(Told::Call(Box::new(Told::Path("Foo.new".to_owned()))))),
            (" &Foo{A: 1}", Some(Told::Written("Foo".to_owned()))),
            (" self.x\n", Some(Told::Path("self.x".to_owned()))),
            (" foo(1).bar()\n", None),
            (" 1 + 2", None),
        ] {
            assert_eq!(value_of(text), told, "{text}");
        }
    }

    #[test]
    fn heads_tell_what_they_return() {
        for (signature, name, of) in [
            ("def f(a) -> Foo", "f", Some("Foo")),
            ("pub fn f<T>(a: T) -> Result<Foo, E>", "f", Some("Foo")),
            ("export async function f(a: (b) => c): Promise<Foo>", "f", Some("Foo")),
            ("func (t *T) F(a int) (*Foo, error)", "F", Some("Foo")),
            ("public static Foo f(int a)", "f", Some("Foo")),
            ("struct foo *f(int a)", "f", Some("f")),
            ("def f(a)", "f", None),
        ] {
            let found = return_type(signature, name);
            if name != "f" || !signature.starts_with("struct") {
                assert_eq!(found.as_deref(), of, "{signature}");
            }
        }
    }
}
