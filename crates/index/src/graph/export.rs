//! The graph for other programs.

use std::fmt::Write as _;

use distiq_base::paths::one_line;
use serde_json::{Value, json};

use super::{Edge, Graph};

impl Graph {
    /// Returns a node's name: a symbol's behind its path, or a file's path.
    pub fn label(&self, node: u32) -> String {
        match self.symbol(node) {
            Some(symbol) => format!("{}:{}", self.path_of(symbol), self.qualified(node)),
            None => {
                let file = (node as usize).checked_sub(self.symbols.len());
                let file = file.and_then(|file| self.files.get(file));
                file.map_or_else(String::new, |file| file.path.clone())
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
                "within": symbol.parent.and_then(|parent| self.symbol(parent)).map(|parent| &parent.kind),
                "line": symbol.line,
                "start_line": symbol.start_line,
                "end_line": symbol.end_line,
                "signature": symbol.signature,
            }),
            None => json!({ "path": self.label(node), "kind": "file" }),
        }
    }

    /// Returns ties as JSON: `nodes`, and `edges` that name them by their places.
    pub fn to_json(&self, edges: &[Edge]) -> Value {
        let nodes = nodes(edges);
        let place = |node: u32| nodes.binary_search(&node).unwrap_or(0);
        json!({
            "nodes": nodes.iter().map(|node| self.node_json(*node)).collect::<Vec<_>>(),
            "edges": edges.iter().map(|edge| json!({
                "from": place(edge.from),
                "to": place(edge.to),
                "kind": edge.kind.name(),
                "weight": edge.weight,
                "line": edge.line,
            })).collect::<Vec<_>>(),
        })
    }

    /// Returns ties in the language of Graphviz.
    pub fn to_dot(&self, edges: &[Edge]) -> String {
        let mut dot = String::from("digraph code {\n  rankdir=LR;\n  node [shape=box];\n");
        for node in nodes(edges) {
            let _ = writeln!(dot, "  n{node} [label={}];", quoted(&one_line(&self.label(node))));
        }
        for edge in edges {
            let _ = writeln!(
                dot,
                "  n{} -> n{} [label={}];",
                edge.from,
                edge.to,
                quoted(edge.kind.name())
            );
        }
        dot.push_str("}\n");
        dot
    }
}

fn nodes(edges: &[Edge]) -> Vec<u32> {
    let mut nodes: Vec<u32> = edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
