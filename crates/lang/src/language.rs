//! Which language a file is in, and what is known of each.

use std::path::Path;

use tree_sitter::Node;

use crate::languages;
use crate::source::Source;
use crate::source::rules::Rules;

/// A language that Distiq can parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Language {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    Tsx,
    Go,
    Java,
    C,
    Cpp,
    Json,
    /// JSON with comments and trailing commas.
    Jsonc,
    Toml,
    Yaml,
    Bash,
    CSharp,
    Ruby,
    Php,
    Kotlin,
    Swift,
    Scala,
    Lua,
    Sql,
    Markdown,
    Html,
}

impl Language {
    /// How many there are.
    pub(crate) const COUNT: usize = ALL.len();

    /// Returns the language's usual name.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Tells whether it holds data or a document, not code.
    pub const fn is_data(self) -> bool {
        matches!(self, Language::Json | Language::Jsonc | Language::Toml | Language::Yaml)
            || self.is_document()
    }

    /// Tells whether its syntax is read for types, [`Told`](crate::Told), as a whole.
    pub fn tells_types(self) -> bool {
        !self.spec().rules.tells.reads.is_empty() && !self.spec().rules.tells.by_text
    }

    /// Tells whether it is text for people.
    pub const fn is_document(self) -> bool {
        matches!(self, Language::Markdown | Language::Html)
    }

    pub(crate) fn spec(self) -> &'static Spec {
        match self {
            Language::Rust => &languages::rust::SPEC,
            Language::Python => &languages::python::SPEC,
            Language::JavaScript => &languages::javascript::SPEC,
            Language::TypeScript => &languages::typescript::SPEC,
            Language::Tsx => &languages::typescript::TSX,
            Language::Go => &languages::go::SPEC,
            Language::Java => &languages::java::SPEC,
            Language::C => &languages::c::SPEC,
            Language::Cpp => &languages::cpp::SPEC,
            Language::Json => &languages::json::SPEC,
            Language::Jsonc => &languages::json::JSONC,
            Language::Toml => &languages::toml::SPEC,
            Language::Yaml => &languages::yaml::SPEC,
            Language::Bash => &languages::bash::SPEC,
            Language::CSharp => &languages::c_sharp::SPEC,
            Language::Ruby => &languages::ruby::SPEC,
            Language::Php => &languages::php::SPEC,
            Language::Kotlin => &languages::kotlin::SPEC,
            Language::Swift => &languages::swift::SPEC,
            Language::Scala => &languages::scala::SPEC,
            Language::Lua => &languages::lua::SPEC,
            Language::Sql => &languages::sql::SPEC,
            Language::Markdown => &languages::markdown::SPEC,
            Language::Html => &languages::html::SPEC,
        }
    }
}

/// Every language, those first whose file names are narrower than another's extension.
const ALL: &[Language] = &[
    Language::Jsonc,
    Language::Rust,
    Language::Python,
    Language::JavaScript,
    Language::TypeScript,
    Language::Tsx,
    Language::Go,
    Language::Java,
    Language::C,
    Language::Cpp,
    Language::Json,
    Language::Toml,
    Language::Yaml,
    Language::Bash,
    Language::CSharp,
    Language::Ruby,
    Language::Php,
    Language::Kotlin,
    Language::Swift,
    Language::Scala,
    Language::Lua,
    Language::Sql,
    Language::Markdown,
    Language::Html,
];

/// What one language's file says of it.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// Extensions without the dot, in lower case.
    pub(crate) extensions: &'static [&'static str],
    /// Whole file names; a `*` stands for any text.
    pub(crate) file_names: &'static [&'static str],
    pub(crate) reader: Reader,
    /// Nodes that are in the outline.
    pub(crate) items: &'static [Item],
    /// Nodes that are passed through on the way to items, at the same depth.
    pub(crate) through: &'static [&'static str],
    /// How the whole tree is read for [`source`](crate::source()).
    pub(crate) rules: &'static Rules,
}

/// How a language's texts are read.
#[derive(Clone, Copy)]
pub(crate) enum Reader {
    Grammar(fn() -> tree_sitter::Language),
    /// By hand: documents, and languages whose dialects no grammar covers.
    Text(fn(&str) -> Source),
}

/// A kind of node that is in the outline.
pub(crate) struct Item {
    pub(crate) node: &'static str,
    pub(crate) kind: &'static str,
    /// The kind inside a class-like item.
    pub(crate) nested_kind: &'static str,
    /// Returns the item's name, or `None` where this node is no item after all.
    pub(crate) name: fn(Node<'_>, &str) -> Option<String>,
    /// Whether items inside it are members of it.
    pub(crate) members: bool,
}

/// An item that holds no others and whose name is its `name` field.
pub(crate) const ITEM: Item =
    Item { node: "", kind: "", nested_kind: "", name: name_field, members: false };

pub(crate) fn name_field(node: Node<'_>, text: &str) -> Option<String> {
    node_text(node.child_by_field_name("name")?, text)
}

/// Returns a node's text on one line.
pub(crate) fn node_text(node: Node<'_>, text: &str) -> Option<String> {
    let text = text.get(node.byte_range())?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns the language of a file by its name alone.
pub fn language_of(path: &Path) -> Option<Language> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let named = ALL.iter().copied().find(|language| {
        language.spec().file_names.iter().any(|pattern| match pattern.split_once('*') {
            Some((start, end)) => {
                name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            }
            None => name == *pattern,
        })
    });
    let extension = || {
        let (stem, extension) = name.rsplit_once('.')?;
        ALL.iter()
            .copied()
            .find(|language| language.spec().extensions.contains(&extension))
            .filter(|_| !stem.is_empty())
    };
    named.or_else(extension)
}

/// Returns the language of a file by its name and, where a header may be C or C++, its text.
pub(crate) fn language_of_text(path: &Path, text: &str) -> Option<Language> {
    let language = language_of(path)?;
    let marks = ["\nnamespace ", "\nclass ", "\ntemplate", "\nusing ", "public:", "private:"];
    let header =
        language == Language::C && path.extension().is_some_and(|extension| extension == "h");
    if header && marks.iter().any(|mark| text.contains(mark)) {
        return Some(Language::Cpp);
    }
    Some(language)
}

/// The grammars compiled in: name, version, licence.
pub const LICENCES: &[(&str, &str, &str)] = &[
    ("tree-sitter", "0.27.1", "MIT"),
    ("tree-sitter-bash", "0.25.1", "MIT"),
    ("tree-sitter-c", "0.24.2", "MIT"),
    ("tree-sitter-c-sharp", "0.23.5", "MIT"),
    ("tree-sitter-cpp", "0.23.4", "MIT"),
    ("tree-sitter-go", "0.25.0", "MIT"),
    ("tree-sitter-java", "0.23.5", "MIT"),
    ("tree-sitter-javascript", "0.25.0", "MIT"),
    ("tree-sitter-json", "0.24.8", "MIT"),
    ("tree-sitter-kotlin-ng", "1.1.0", "MIT"),
    ("tree-sitter-lua", "0.5.0", "MIT"),
    ("tree-sitter-php", "0.25.1", "MIT"),
    ("tree-sitter-python", "0.25.0", "MIT"),
    ("tree-sitter-ruby", "0.23.1", "MIT"),
    ("tree-sitter-rust", "0.24.2", "MIT"),
    ("tree-sitter-scala", "0.26.4", "MIT"),
    ("tree-sitter-swift", "0.7.4", "MIT"),
    ("tree-sitter-toml-ng", "0.7.0", "MIT"),
    ("tree-sitter-typescript", "0.23.2", "MIT"),
    ("tree-sitter-yaml", "0.7.2", "MIT"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_go_by_names() {
        for (path, language) in [
            ("src/lib.rs", Some(Language::Rust)),
            ("a.PY", Some(Language::Python)),
            ("a.pyi", Some(Language::Python)),
            ("a.jsx", Some(Language::JavaScript)),
            ("a.mts", Some(Language::TypeScript)),
            ("a.d.ts", Some(Language::TypeScript)),
            ("a.tsx", Some(Language::Tsx)),
            ("a.go", Some(Language::Go)),
            ("A.java", Some(Language::Java)),
            ("a.h", Some(Language::C)),
            ("a.hpp", Some(Language::Cpp)),
            ("package.json", Some(Language::Json)),
            ("tsconfig.json", Some(Language::Jsonc)),
            ("tsconfig.base.json", Some(Language::Jsonc)),
            (".vscode/x.jsonc", Some(Language::Jsonc)),
            ("Cargo.lock", Some(Language::Toml)),
            ("a.yml", Some(Language::Yaml)),
            (".bashrc", Some(Language::Bash)),
            ("run.sh", Some(Language::Bash)),
            ("README.md", Some(Language::Markdown)),
            ("Makefile", None),
            (".rs", None),
            ("rs", None),
            ("", None),
        ] {
            assert_eq!(language_of(Path::new(path)), language, "{path}");
        }
    }

    #[test]
    fn a_header_is_in_the_language_of_its_text() {
        let path = Path::new("a.h");
        assert_eq!(language_of_text(path, "int f(void);\n"), Some(Language::C));
        assert_eq!(language_of_text(path, "\nnamespace a {}\n"), Some(Language::Cpp));
    }
}
