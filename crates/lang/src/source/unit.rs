//! Units out of nodes.

use tree_sitter::Node;

use super::rules::Shown;
use super::table::Kind;
use super::tell::add_documented;
use super::walk::{Frame, Lead, Walk};
use super::{Import, Unit, line, offset};
use crate::language::Item;
use crate::outline::{shorten, signature};

impl<'t> Walk<'t> {
    /// Makes a unit of a node if it is one, and tells its frame.
    pub(super) fn unit(
        &mut self,
        node: Node<'t>,
        items: &[&'static Item],
        lead: &Lead,
        frame: &mut Frame,
    ) {
        let is_open = self.parent().is_none_or(|parent| parent.is_open && !parent.in_function);
        let found = items
            .iter()
            .filter(|item| is_open || !names_value(item.kind))
            .find_map(|item| (item.name)(node, self.text).map(|name| (*item, name)))
            .filter(|(_, name)| !(self.spec.rules.split)(name).1.is_empty());
        let Some((item, name)) = found else {
            // A namespace of C++ without a name hides what is in it.
            frame.is_hidden |= items.iter().any(|item| item.kind == "namespace");
            return;
        };
        let unit = self.described(node, item, &name, lead, frame);
        let is_module = matches!(unit.kind, "module" | "namespace" | "package");
        let is_class = unit.kind == "class" && self.spec.rules.hides_members;
        self.source.units.push(unit);
        let count = offset(self.source.units.len() - 1);
        let mut told = self.teller(count).unit_told(node);
        let doc = self.source.units.last().and_then(|unit| unit.doc.clone());
        let doc = doc.and_then(|doc| self.text.get(doc.start as usize..doc.end as usize));
        if let Some(comment) = doc {
            add_documented(&mut told, comment, self.table, self.text, &mut self.found);
        }
        if let Some(unit) = self.source.units.last_mut().filter(|_| !told.is_unknown()) {
            unit.told = Some(told);
        }
        frame.unit = Some(offset(self.source.units.len() - 1));
        frame.is_open = item.members;
        frame.in_class = item.members && !is_module;
        frame.in_function = !item.members && (!names_value(item.kind) || frame.in_function);
        frame.is_hidden = is_class;
        frame.base_taken = false;
        frame.makes_unit = true;
    }

    fn described(
        &self,
        node: Node<'t>,
        item: &Item,
        name: &str,
        lead: &Lead,
        frame: &Frame,
    ) -> Unit {
        let rules = self.spec.rules;
        let (class, own) = (rules.split)(name);
        let nested = frame.in_class && !item.nested_kind.is_empty();
        let full = self.text.get(lead.start..lead.end).unwrap_or("");
        let trimmed = full.trim_end().len();
        let breaks = full.bytes().take(trimmed).filter(|byte| *byte == b'\n').count();
        let parent = frame.unit.and_then(|unit| self.source.units.get(unit as usize));
        let shown = Shown {
            node,
            around: self.site(node).around,
            text: self.text,
            name: own,
            parent,
            in_export: frame.in_export,
            is_hidden: frame.is_hidden,
        };
        let inside = (rules.doc_inside)(node, self.text).map(|r| offset(r.start)..offset(r.end));
        let is_module = matches!(item.kind, "module" | "namespace");
        let class = class.filter(|_| !is_module);
        let kind = match item.kind {
            "function" if class.is_some() => "method",
            _ if nested => item.nested_kind,
            kind => kind,
        };
        Unit {
            kind,
            name: shorten(own),
            class,
            parent: frame.unit,
            signature: signature(node, lead.head.unwrap_or(node.start_byte()), lead.end, self.text),
            start_line: line(lead.row),
            end_line: line(lead.row + breaks),
            bytes: offset(lead.start)..offset(lead.start + trimmed),
            doc: inside.or_else(|| lead.doc.clone()),
            bases: (rules.more_bases)(node, self.text),
            is_exported: (rules.is_exported)(&shown),
            told: None,
        }
    }

    /// Tells whether the names in a node are those of the imports behind the first ones.
    pub(super) fn takes_in(&self, first: usize, kind: &Kind, makes_unit: bool) -> bool {
        let imports = self.source.imports.get(first..).unwrap_or_default();
        if kind.items.is_empty() {
            return !imports.is_empty();
        }
        // What an item imports, such as `mod x;`, is its own name.
        let is_bound = self.spec.rules.has_binding_imports && !makes_unit;
        let binds = |import: &Import| {
            !import.is_reexport && (import.alias.is_some() || !import.names.is_empty())
        };
        is_bound && imports.iter().any(binds)
    }
}

/// Kinds that name a value: inside a function they are local.
fn names_value(kind: &str) -> bool {
    matches!(kind, "const" | "static" | "variable" | "field" | "key" | "property")
}
