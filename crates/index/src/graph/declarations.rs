//! Declarations of C and C++, and the functions that they declare.

use std::collections::HashMap;

use distiq_lang::Language;

use super::{Graph, Symbol, SymbolId, imports, is_class};

/// Most sources in which the definitions of what headers declare by one name are looked for: `main` is in thousands.
const MOST_SOURCES: usize = 200;

/// Words that a type may be written with or without.
const IDLE: [&str; 6] = ["struct", "class", "enum", "union", "typename", "register"];

/// Words that name no parameter.
const TYPES: [&str; 11] = [
    "auto", "bool", "char", "const", "double", "float", "int", "long", "short", "signed",
    "unsigned",
];

type Named<'g> = (SymbolId, &'g Symbol);

impl Graph {
    /// Returns the function that a declaration of C or C++ declares, or the symbol itself.
    pub fn defined(&self, id: SymbolId) -> SymbolId {
        self.definitions.get(&id).copied().unwrap_or(id)
    }

    /// Finds the functions that declarations declare: in C the last in the file, or the one in a file that includes it; in
    /// C++ that of the same namespace or class which takes the same.
    pub(super) fn found_definitions(&self) -> HashMap<SymbolId, SymbolId> {
        let mut found = HashMap::new();
        for named in
            self.by_name.keys().map(|name| self.called(name)).filter(|named| named.len() > 1)
        {
            let mut spaces: HashMap<String, Vec<Named<'_>>> = HashMap::new();
            for id in named {
                let Some(symbol) = self.symbol(*id).filter(|symbol| self.is_of_c(symbol)) else {
                    continue;
                };
                if let Some(space) = self.space_of(symbol) {
                    spaces.entry(space).or_default().push((*id, symbol));
                }
            }
            for functions in spaces.values().filter(|functions| functions.len() > 1) {
                self.match_functions(functions, &mut found);
            }
        }
        self.match_methods(&mut found);
        found
    }

    fn is_of_c(&self, symbol: &Symbol) -> bool {
        let language = self.files.get(symbol.file as usize).and_then(|file| file.language);
        matches!(symbol.kind.as_str(), "function" | "method")
            && matches!(language, Some(Language::C | Language::Cpp))
    }

    fn is_cpp(&self, symbol: &Symbol) -> bool {
        let file = self.files.get(symbol.file as usize);
        file.is_some_and(|file| file.language == Some(Language::Cpp))
    }

    /// Returns the path of the namespace that a function stands in or is written with; `None` of a member of a class.
    fn space_of(&self, symbol: &Symbol) -> Option<String> {
        let mut space = self.namespace_path(symbol.parent)?;
        if let Some(class) = self.written_class(symbol) {
            let last = class.rsplit('.').next().unwrap_or(class);
            let mut named = self.called(last).iter();
            let is_space = named.clone().any(|id| self.is_namespace(*id))
                && !named.any(|id| self.symbol(*id).is_some_and(|of| is_class(&of.kind)));
            is_space.then_some(())?;
            space = [&space, class].into_iter().filter(|part| !part.is_empty()).fold(
                String::new(),
                |path, part| {
                    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
                },
            );
        }
        Some(space)
    }

    /// Returns the names of the namespaces that something lies in, with dots; `None` where it lies in anything else.
    pub(super) fn namespace_path(&self, parent: Option<SymbolId>) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        let mut next = parent;
        while let Some(id) = next {
            let above = self.symbol(id).filter(|_| self.is_namespace(id) && parts.len() < 32)?;
            parts.push(&above.name);
            next = above.parent;
        }
        parts.reverse();
        Some(parts.join(".").replace("::", "."))
    }

    /// Matches functions of one name and namespace.
    fn match_functions(&self, functions: &[Named<'_>], found: &mut HashMap<SymbolId, SymbolId>) {
        let is_header = |symbol: &Symbol| imports::is_header(self.path_of(symbol));
        let mut by_file: HashMap<u32, Vec<Named<'_>>> = HashMap::new();
        for (id, symbol) in functions {
            by_file.entry(symbol.file).or_default().push((*id, symbol));
        }
        let mut sources: Vec<u32> = functions
            .iter()
            .filter(|(_, symbol)| symbol.is_exported && !is_header(symbol))
            .map(|(_, symbol)| symbol.file)
            .collect();
        sources.dedup();
        sources.truncate(MOST_SOURCES);
        for (id, symbol) in functions {
            let declared = Named::from((*id, symbol));
            let includes = |source: &&u32| {
                let file = self.files.get(**source as usize);
                file.is_some_and(|file| file.included.contains(symbol.file))
            };
            let may_be_elsewhere = symbol.is_exported && is_header(symbol);
            let elsewhere = sources.iter().filter(|source| may_be_elsewhere && includes(source));
            let of = elsewhere.chain([&symbol.file]).find_map(|file| {
                let there = by_file.get(file).map_or(&[][..], Vec::as_slice);
                let here = by_file.get(&symbol.file).map_or(&[][..], Vec::as_slice);
                let is_cpp = there.first().is_some_and(|(_, of)| self.is_cpp(of));
                match is_cpp {
                    true => declared_by(declared, here, there),
                    false => there.last().map(|(id, _)| *id),
                }
            });
            if let Some(of) = of.filter(|of| of != id) {
                found.insert(*id, of);
            }
        }
    }

    /// Matches what classes of C++ declare with what stands outside of them: `void A::f() {}`.
    fn match_methods(&self, found: &mut HashMap<SymbolId, SymbolId>) {
        for group in self.members.groups(|id| self.name_of(id)).filter(|group| group.len() > 1) {
            let is_type = |(class, _): &(SymbolId, SymbolId)| {
                self.symbol(*class).is_some_and(|class| is_class(&class.kind))
            };
            if !group.first().is_some_and(is_type) {
                continue;
            }
            let methods = group.iter().filter_map(|(_, id)| Some((*id, self.symbol(*id)?)));
            let methods = methods.filter(|(_, symbol)| self.is_of_c(symbol) && self.is_cpp(symbol));
            let (outside, inside): (Vec<Named<'_>>, Vec<Named<'_>>) =
                methods.partition(|(_, symbol)| self.written_class(symbol).is_some());
            for declared in &inside {
                if let Some(of) = declared_by(*declared, &inside, &outside) {
                    found.insert(declared.0, of);
                }
            }
        }
    }
}

/// Returns which of some functions of C++ a declaration declares: the last that takes the same, or the only one that takes
/// as much where no other declaration beside it does.
fn declared_by(declared: Named<'_>, beside: &[Named<'_>], there: &[Named<'_>]) -> Option<SymbolId> {
    let own = Shape::of(declared.1);
    let same = |(_, symbol): &&Named<'_>| Shape::of(symbol) == own;
    if let Some((id, _)) = there.iter().rev().find(same) {
        return Some(*id);
    }
    let fits = |(_, symbol): &&Named<'_>| {
        let shape = Shape::of(symbol);
        own.takes.is_none() || shape.takes.is_none() || shape.count() == own.count()
    };
    let is_here = there.iter().any(|(id, _)| *id == declared.0);
    let mut there = there.iter().filter(fits).filter(|_| !is_here);
    let is_only = beside.iter().filter(fits).take(2).count() == 1;
    there.next().filter(|_| is_only && there.next().is_none()).map(|(id, _)| *id)
}

/// What a function takes, as its head tells.
#[derive(Debug)]
struct Shape<'a> {
    /// The words of each parameter, the last of which may be its name; `None` where the head is cut.
    takes: Option<Vec<Vec<&'a str>>>,
    is_const: bool,
}

impl<'a> Shape<'a> {
    fn of(symbol: &'a Symbol) -> Self {
        let head = &*symbol.signature;
        let named = head.match_indices(symbol.name.as_str()).find_map(|(at, name)| {
            let rest = head.get(at + name.len()..)?.trim_start();
            rest.strip_prefix('(')
        });
        let (mut depth, mut takes, mut words) = (0_usize, Vec::new(), Vec::new());
        let mut is_default = false;
        let mut rest = named.unwrap_or("");
        while let Some((word, behind)) = next_word(rest) {
            rest = behind;
            match word {
                ")" if depth == 0 => {
                    takes.extend((!words.is_empty()).then_some(words));
                    takes.retain(|words: &Vec<&str>| words.as_slice() != ["void"]);
                    let is_const = next_word(rest).is_some_and(|(word, _)| word == "const");
                    return Self { takes: Some(takes), is_const };
                }
                "(" | "<" | "[" | "{" => depth += 1,
                ")" | ">" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            match word {
                "," if depth == 0 => {
                    takes.push(std::mem::take(&mut words));
                    is_default = false;
                }
                "=" if depth == 0 => is_default = true,
                // What leads a path is left out where it may be.
                "::" => drop(words.pop()),
                word if !is_default && !IDLE.contains(&word) => words.push(word),
                _ => {}
            }
        }
        Self { takes: None, is_const: false }
    }

    fn count(&self) -> Option<usize> {
        self.takes.as_ref().map(Vec::len)
    }
}

impl PartialEq for Shape<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (&self.takes, &other.takes) else { return false };
        self.is_const == other.is_const
            && one.len() == two.len()
            && one.iter().zip(two).all(|(one, two)| is_same_type(one, two))
    }
}

/// Tells whether parameters have the same type; each may have a name behind it.
fn is_same_type(one: &[&str], other: &[&str]) -> bool {
    let without_name = |words: &[&str]| match words.split_last() {
        Some((last, rest)) if !rest.is_empty() && is_name(last) => rest.len(),
        _ => words.len(),
    };
    let (bare, other_bare) = (without_name(one), without_name(other));
    [(one.len(), other.len()), (bare, other_bare), (one.len(), other_bare), (bare, other.len())]
        .into_iter()
        .any(|(a, b)| one.get(..a) == other.get(..b))
}

fn is_name(word: &str) -> bool {
    word.starts_with(|char: char| char.is_alphabetic() || char == '_') && !TYPES.contains(&word)
}

/// Returns the first word or mark of a text, and what is behind it.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let length = match first {
        first if is_part(first) => text.find(|char| !is_part(char)).unwrap_or(text.len()),
        ':' if text.starts_with("::") => 2,
        first => first.len_utf8(),
    };
    Some(text.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_take_the_same_are_known_by_their_heads() {
        let shape = |name: &str, head: &str| Symbol {
            name: name.into(),
            signature: head.into(),
            ..Symbol::default()
        };
        for (one, other, is_same) in [
            ("void f(int a, const Slice& key)", "void n::A::f(int, const n::Slice& k)", true),
            ("f(char* to = nullptr, int n = max(1, 2))", "f(char* to, int)", true),
            ("f(void)", "f()", true),
            ("f(int) const", "f(int)", false),
            ("f(std::map<int, A> all)", "f(map<int, A>)", true),
            ("f(unsigned int)", "f(unsigned char)", false),
            ("f(int, int)", "f(int)", false),
            ("f(struct a *b)", "f(a *b)", true),
            ("f(int a", "f(int a)", false),
        ] {
            let (one, other) = (shape("f", one), shape("f", other));
            assert_eq!(Shape::of(&one) == Shape::of(&other), is_same, "{one:?} {other:?}");
        }
    }
}
