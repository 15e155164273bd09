//! The graph for other programs.

use std::rc::Rc;

use distiq_base::paths::one_line;
use serde_json::{Value, json};

use super::resolve::Resolver;
use super::{Edge, Graph, Symbol, SymbolId};

impl Graph {
    /// Returns a node's name: a symbol's behind its path, or a file's path.
    pub fn label(&self, node: u32) -> String {
        match self.symbol(node) {
            Some(symbol) => format!("{}:{}", self.path_of(symbol), self.qualified(node)),
            None => {
                let file = (node as usize).checked_sub(self.symbols.len());
                let file = file.and_then(|file| self.files.get(file));
                file.map_or_else(String::new, |file| file.path.to_string())
            }
        }
    }

    /// Returns a node as JSON: `path`, and of a symbol `name`, `kind`, `within`, `line`, `start_line`, `end_line`, `signature`.
    pub fn node_json(&self, node: u32) -> Value {
        match self.symbol(node) {
            Some(symbol) => json!({
                "path": self.path_of(symbol),
                "name": self.qualified(node),
                "kind": symbol.kind,
                "within": self.class_of(symbol).and_then(|of| self.symbol(of)).map(|of| &of.kind),
                "line": symbol.line,
                "start_line": symbol.start_line,
                "end_line": symbol.end_line,
                "signature": symbol.signature,
            }),
            None => json!({ "path": self.label(node), "kind": "file" }),
        }
    }

    /// Returns what a symbol is a member of, also where that stands elsewhere, as the type of a method of Go does.
    fn class_of(&self, symbol: &Symbol) -> Option<SymbolId> {
        let class = self.written_class(symbol);
        let class =
            class.and_then(|class| Resolver::new(self).class_of(symbol.file, None, class, None));
        class.or(symbol.parent)
    }

    /// Returns ties as pieces of one JSON text: `nodes`, and `edges` that name them by their places.
    pub fn json_pieces<'a>(&'a self, edges: &'a [Edge]) -> impl Iterator<Item = String> + 'a {
        let nodes = Rc::new(self.nodes(edges));
        let of_nodes = {
            let nodes = Rc::clone(&nodes);
            (0..nodes.len()).filter_map(move |at| Some(self.node_json(*nodes.get(at)?)))
        };
        let place = move |node: u32| nodes.binary_search(&node).unwrap_or(0);
        let of_edges = edges.iter().map(move |edge| {
            json!({
                "from": place(edge.from),
                "to": place(edge.to),
                "kind": edge.kind.name(),
                "weight": edge.weight,
                "line": edge.line,
            })
        });
        let once = |piece: &str| std::iter::once(piece.to_owned());
        once("{\"nodes\":[")
            .chain(listed(of_nodes))
            .chain(once("],\"edges\":["))
            .chain(listed(of_edges))
            .chain(once("]}"))
    }

    /// Returns ties as pieces of a text in the language of Graphviz.
    pub fn dot_pieces<'a>(&'a self, edges: &'a [Edge]) -> impl Iterator<Item = String> + 'a {
        let head = "digraph code {\n  rankdir=LR;\n  node [shape=box];\n";
        let node =
            |node: u32| format!("  n{node} [label={}];\n", quoted(&one_line(&self.label(node))));
        let edge = |edge: &Edge| {
            let kind = quoted(edge.kind.name());
            format!("  n{} -> n{} [label={kind}];\n", edge.from, edge.to)
        };
        std::iter::once(head.to_owned())
            .chain(self.nodes(edges).into_iter().map(node))
            .chain(edges.iter().map(edge))
            .chain(std::iter::once("}\n".to_owned()))
    }

    /// Returns the nodes at the ends of ties, rising.
    fn nodes(&self, edges: &[Edge]) -> Vec<u32> {
        let mut is_end = vec![false; self.symbols.len() + self.files.len()];
        for node in edges.iter().flat_map(|edge| [edge.from, edge.to]) {
            is_end.get_mut(node as usize).into_iter().for_each(|is_end| *is_end = true);
        }
        (0..).zip(is_end).filter(|(_, is_end)| *is_end).map(|(node, _)| node).collect()
    }
}

/// Returns the items of a JSON list, with the commas between them.
fn listed(items: impl Iterator<Item = Value>) -> impl Iterator<Item = String> {
    items.enumerate().map(|(at, item)| if at == 0 { item.to_string() } else { format!(",{item}") })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
