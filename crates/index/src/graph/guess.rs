//! Whom a name may mean where no scope tells.

use distiq_lang::Language;

use super::{File, Graph, SymbolId, Target, imports, is_class};

/// The most definitions that a name alone may mean.
const MAX_NAMED: usize = 4;

/// Methods of so many built-in types that a name alone says nothing.
const COMMON: &[&str] = &[
    "get",
    "set",
    "add",
    "append",
    "pop",
    "keys",
    "values",
    "items",
    "join",
    "split",
    "strip",
    "format",
    "push",
    "map",
    "filter",
    "forEach",
    "then",
    "catch",
    "len",
    "close",
    "read",
    "write",
    "open",
    "clone",
    "into",
    "iter",
    "unwrap",
    "toString",
    "equals",
    "hashCode",
    "size",
    "length",
    "name",
    "update",
    "copy",
    "find",
    "replace",
    "test",
    "call",
    "apply",
    "bind",
    "next",
    "send",
    "start",
    "stop",
    "run",
    "remove",
    "insert",
    "clear",
    "sort",
    "reverse",
    "index",
    "count",
    "extend",
    "encode",
    "decode",
    "lower",
    "upper",
    "slice",
    "concat",
    "reduce",
    "some",
    "every",
    "includes",
    "indexOf",
    "contains",
    "has",
    "delete",
    "put",
    "isEmpty",
    "as_str",
    "to_string",
    "to_owned",
    "collect",
    "unwrap_or",
    "ok",
    "err",
    "is_some",
    "is_none",
    "map_err",
    "and_then",
    "default",
    "new",
    "from",
    "fmt",
    "eq",
    "cmp",
    "hash",
    "drop",
    "deref",
    "lock",
    "Error",
    "String",
    "Close",
    "Read",
    "Write",
    "Lock",
    "Unlock",
    "Len",
    "type",
    "data",
    "value",
    "key",
    "id",
    "path",
    "match",
    "search",
    "group",
    "start",
    "end",
    "match",
    "min",
    "max",
    "log",
    "error",
    "info",
    "warn",
    "debug",
    "trim",
    "parse",
    "print",
    "println",
    "append",
    "charAt",
    "substring",
    "startsWith",
    "endsWith",
    "wait",
    "notify",
    "apply",
    "accept",
    "of",
    "build",
    "text",
    "json",
    "status",
    "headers",
    "body",
    "url",
    "method",
    "args",
    "kwargs",
    "resolve",
    "reject",
    "all",
    "any",
    "sum",
];

impl Graph {
    /// Returns the members that are called so, where few are.
    pub(super) fn by_member_name(&self, of: &File, name: &str) -> Vec<(Target, f32)> {
        if COMMON.contains(&name) {
            return Vec::new();
        }
        let is_member = |id: &SymbolId| {
            self.symbol(*id).is_some_and(|symbol| {
                let owner = symbol.parent.map(|parent| self.owner_of(parent));
                let owner = owner.and_then(|owner| self.symbol(owner));
                let other = self.files.get(symbol.file as usize);
                (owner.is_some_and(|owner| is_class(&owner.kind)) || symbol.kind == "method")
                    && other.is_some_and(|other| imports::are_kin(other.language, of.language))
            })
        };
        self.weighted(
            of,
            self.by_name.get(name).into_iter().flatten().copied().filter(is_member),
            0.6,
        )
    }

    /// Returns the definitions that are called so, in languages without imports of names.
    pub(super) fn by_name_alone(&self, of: &File, name: &str) -> Vec<(Target, f32)> {
        let is_open = matches!(
            of.language,
            Some(
                Language::C
                    | Language::Cpp
                    | Language::Ruby
                    | Language::Php
                    | Language::Swift
                    | Language::CSharp
                    | Language::Kotlin
                    | Language::Scala
                    | Language::Lua
                    | Language::Bash
                    | Language::Sql
            )
        );
        if !is_open {
            return Vec::new();
        }
        let is_top = |id: &SymbolId| {
            self.symbol(*id).is_some_and(|symbol| {
                let other = self.files.get(symbol.file as usize);
                (symbol.parent.is_none_or(|parent| self.is_module(parent))
                    || is_class(&symbol.kind)
                    || other.is_some_and(|other| self.is_top(other, symbol)))
                    && other.is_some_and(|other| imports::are_kin(other.language, of.language))
                    && (symbol.is_exported || other.is_some_and(|other| other.path == of.path))
            })
        };
        self.weighted(of, self.by_name.get(name).into_iter().flatten().copied().filter(is_top), 0.8)
    }

    /// Shares a weight among candidates, those near the file first; none where they are too many.
    #[allow(clippy::cast_precision_loss)]
    fn weighted(
        &self,
        of: &File,
        ids: impl Iterator<Item = SymbolId>,
        sure: f32,
    ) -> Vec<(Target, f32)> {
        let mut found: Vec<SymbolId> = ids.take(MAX_NAMED + 1).collect();
        if found.len() > MAX_NAMED {
            return Vec::new();
        }
        found.sort_by_key(|id| {
            let path = self.symbol(*id).map_or("", |symbol| self.path_of(symbol));
            (
                path != of.path,
                imports::is_header(path),
                imports::folder(path) != imports::folder(&of.path),
                *id,
            )
        });
        let weight = sure / found.len().max(1) as f32;
        found.into_iter().map(|id| (Target::Symbol(id), weight)).collect()
    }
}
