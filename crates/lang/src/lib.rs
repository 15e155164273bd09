//! What Distiq knows of languages: syntax errors, outlines and the commands in a shell line.
//!
//! The doors are [`language_of`], [`source()`], [`Syntax`], [`outline`], [`enclosing`] and [`shell::parse`].
//! Grammars are compiled in; a parser is made when it is first needed and nothing at start.
//!
//! ```
//! use std::path::Path;
//!
//! let items = distiq_lang::outline(Path::new("a.py"), "class A:\n    def f(self): pass\n").unwrap();
//! assert_eq!((items[1].name.as_str(), items[1].start_line, items[1].depth), ("f", 2, 1));
//!
//! let script = distiq_lang::shell::parse("cd x && sudo rm -r \"$(cat list)\"").unwrap();
//! let names: Vec<_> = script.commands.iter().filter_map(|command| command.name()).collect();
//! assert_eq!(names, ["cd", "sudo", "rm", "cat"]);
//! ```
//!
//! This crate must never know a model, a session, or what a command is allowed to do.

mod fuzzed;
mod language;
mod languages;
mod outline;
mod parse;
pub mod shell;
mod source;
mod syntax;

pub use fuzzed::fuzzed;
pub use language::{LICENCES, Language, language_of};
pub use outline::{OutlineItem, enclosing, outline};
pub use source::{
    Import, ImportedName, Object, Piece, PieceKind, Role, Source, Told, Unit, WHOLE,
    language_inside, readable, source,
};
pub use syntax::{Syntax, added_errors};
