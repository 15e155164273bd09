//! `distiq graph`

use distiq_base::ErrorKind;
use distiq_index::graph::{Direction, Edge, EdgeKind, Graph, Reached, SymbolId, Target};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::code_index::{self, Refresh};
use crate::failure::Failure;
use crate::world::World;
use crate::{output, rows, terminal};

/// How far ties are followed where nobody says so.
const DEPTH: u32 = 3;

/// Ties that make one thing need another.
const NEEDS: [EdgeKind; 5] =
    [EdgeKind::Call, EdgeKind::Import, EdgeKind::Inherit, EdgeKind::Implement, EdgeKind::Use];

/// Arguments of `graph`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    question: Question,
    /// Print a row of JSON for each answer; `distiq schema graph` prints its shape
    #[arg(long, global = true)]
    json: bool,
    /// Print the ties of the answer in the language of Graphviz
    #[arg(long, global = true, conflicts_with = "json")]
    dot: bool,
    /// Ask what is in the index without a look at what changed since
    #[arg(long, global = true)]
    no_refresh: bool,
}

/// What is asked. A SYMBOL is a name, `Class.name`, `PATH:NAME` or `PATH:LINE`.
#[derive(Debug, clap::Subcommand)]
enum Question {
    /// Where a symbol is defined; with a place, what its name means there
    Definition {
        /// The symbol; with `--at`, a name on that line
        symbol: String,
        /// The place of a use, as `PATH:LINE`
        #[arg(long, value_name = "PATH:LINE")]
        at: Option<String>,
    },
    /// The lines that mean a symbol
    References {
        /// The symbol
        symbol: String,
    },
    /// What calls a symbol
    Callers {
        /// The symbol
        symbol: String,
        /// How many calls away
        #[arg(long, default_value_t = 1)]
        depth: u32,
    },
    /// What a symbol calls
    Callees {
        /// The symbol
        symbol: String,
        /// How many calls away
        #[arg(long, default_value_t = 1)]
        depth: u32,
    },
    /// What a symbol needs: calls, bases, types, imports
    Dependencies {
        /// The symbol
        symbol: String,
        /// How many ties away
        #[arg(long, default_value_t = DEPTH)]
        depth: u32,
    },
    /// What may change where a symbol changes
    Impact {
        /// The symbol
        symbol: String,
        /// How many ties away
        #[arg(long, default_value_t = DEPTH)]
        depth: u32,
    },
    /// A shortest way from one symbol to another
    Path {
        /// Where it begins
        from: String,
        /// Where it ends
        to: String,
    },
    /// Files that import each other in circles; with `--calls`, functions that call each other
    Cycles {
        /// Of calls, not of imports
        #[arg(long)]
        calls: bool,
    },
    /// All ties, as JSON or, with `--dot`, for Graphviz
    Export,
    /// Read rows `{id, ask, at, name}` from standard input, `ask` being `definition` or `references` of the name on the
    /// line `at`, and print rows `{id, results}`
    Rows,
}

/// A row of an answer.
struct Row {
    json: Value,
    text: String,
    edge: Option<Edge>,
}

/// Answers questions about who uses whom.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let refresh = if args.no_refresh { Refresh::No } else { Refresh::Yes };
    let graph = code_index::with(&world, refresh, |_, snapshot| Graph::of(snapshot))?;
    let rows = match &args.question {
        Question::Rows => return answer_rows(&graph),
        Question::Export => {
            if args.dot {
                output::raw(&graph.to_dot(graph.edges()));
            } else {
                output::json_line(&graph.to_json(graph.edges()));
            }
            return Ok(());
        }
        Question::Definition { symbol, at: Some(place) } => definition(&graph, symbol, place)?,
        Question::Definition { symbol, at: None } => {
            named(&graph, symbol)?.into_iter().map(|id| node_row(&graph, id, json!({}))).collect()
        }
        Question::References { symbol } => references(&graph, &named(&graph, symbol)?),
        Question::Callers { symbol, depth } => {
            reached(&graph, &named(&graph, symbol)?, Direction::NeededBy, &[EdgeKind::Call], *depth)
        }
        Question::Callees { symbol, depth } => {
            reached(&graph, &named(&graph, symbol)?, Direction::Needs, &[EdgeKind::Call], *depth)
        }
        Question::Dependencies { symbol, depth } => {
            let all = with_members(&graph, &nodes(&graph, symbol)?);
            reached(&graph, &all, Direction::Needs, &NEEDS, *depth)
        }
        Question::Impact { symbol, depth } => {
            let all = with_members(&graph, &nodes(&graph, symbol)?);
            reached(&graph, &all, Direction::NeededBy, &NEEDS, *depth)
        }
        Question::Path { from, to } => way(&graph, &nodes(&graph, from)?, &nodes(&graph, to)?),
        Question::Cycles { calls } => {
            let kind = if *calls { EdgeKind::Call } else { EdgeKind::Import };
            cycles(&graph, kind)
        }
    };
    show(args, &graph, rows);
    Ok(())
}

fn show(args: &Args, graph: &Graph, rows: Vec<Row>) {
    if args.dot {
        let edges: Vec<Edge> = rows.iter().filter_map(|row| row.edge).collect();
        return output::raw(&graph.to_dot(&edges));
    }
    if rows.is_empty() && !args.json {
        terminal::say("nothing found");
    }
    for row in rows {
        if args.json {
            output::json_line(&row.json);
        } else {
            output::text(&row.text);
        }
    }
}

/// Returns the symbols that a text means.
fn named(graph: &Graph, text: &str) -> Result<Vec<SymbolId>, Failure> {
    let found = graph.find(text);
    if found.is_empty() {
        return Err(Failure::new(ErrorKind::Usage, format!("No symbol `{text}`"))
            .with_hint("Name it as `NAME`, `Class.name`, `PATH:NAME` or `PATH:LINE`"));
    }
    Ok(found)
}

/// Returns the symbols that a text means, or the file.
fn nodes(graph: &Graph, text: &str) -> Result<Vec<u32>, Failure> {
    match graph.file_node(text) {
        Some(file) => Ok(vec![file]),
        None => named(graph, text),
    }
}

fn with_members(graph: &Graph, ids: &[u32]) -> Vec<u32> {
    ids.iter().flat_map(|id| graph.with_members(*id)).collect()
}

/// Shows a node, with what is known of it beside.
fn node_row(graph: &Graph, node: u32, more: Value) -> Row {
    let mut json = graph.node_json(node);
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    let text = match graph.symbol(node) {
        Some(symbol) => format!(
            "{}:{}-{} {} {}",
            graph.path_of(symbol),
            symbol.start_line,
            symbol.end_line,
            symbol.kind,
            graph.qualified(node)
        ),
        None => graph.label(node),
    };
    Row { json, text, edge: None }
}

fn reached(
    graph: &Graph,
    from: &[u32],
    direction: Direction,
    kinds: &[EdgeKind],
    depth: u32,
) -> Vec<Row> {
    let found = graph.reach(from, direction, kinds, depth);
    found.iter().map(|at| reached_row(graph, at)).collect()
}

fn reached_row(graph: &Graph, at: &Reached) -> Row {
    let tie = at.edge.kind.name();
    let more = json!({
        "depth": at.depth,
        "tie": tie,
        "line": at.edge.line,
        "weight": at.edge.weight,
    });
    let row = node_row(graph, at.node, more);
    let text = format!(
        "{}{} ({tie}, line {})",
        "  ".repeat(at.depth as usize - 1),
        row.text,
        at.edge.line
    );
    Row { text, edge: Some(at.edge), ..row }
}

fn answer_rows(graph: &Graph) -> Result<(), Failure> {
    let shape = r#"{"id": 1, "ask": "definition", "at": "PATH:LINE", "name": "NAME"}"#;
    rows::answer(shape, |row| {
        let (place, name) = (row.text("at")?, row.text("name")?);
        let (path, line) = parsed(place).ok_or_else(|| format!("`{place}` is no `PATH:LINE`"))?;
        let results: Vec<Value> = match row.text("ask")? {
            "definition" => {
                meant(graph, name, path, line).into_iter().map(|row| row.json).collect()
            }
            "references" => {
                let ids = graph.definition(path, line, name).into_iter().take(1).filter_map(
                    |(target, _)| match target {
                        Target::Symbol(id) => Some(id),
                        _ => None,
                    },
                );
                let ids: Vec<SymbolId> = ids.collect();
                references(graph, &ids).into_iter().map(|row| row.json).collect()
            }
            other => return Err(format!("`{other}` cannot be asked")),
        };
        Ok(json!({ "id": row.id, "results": results }))
    })
}

fn parsed(place: &str) -> Option<(&str, u32)> {
    let (path, line) = place.rsplit_once(':')?;
    Some((path, line.parse().ok()?))
}

fn definition(graph: &Graph, name: &str, place: &str) -> Result<Vec<Row>, Failure> {
    let (path, line) = parsed(place)
        .ok_or_else(|| Failure::new(ErrorKind::Usage, format!("`{place}` is no `PATH:LINE`")))?;
    Ok(meant(graph, name, path, line))
}

fn meant(graph: &Graph, name: &str, path: &str, line: u32) -> Vec<Row> {
    let files = u32::try_from(graph.symbols().len()).unwrap_or(u32::MAX);
    let row = |(target, weight): (Target, f32)| match target {
        Target::Symbol(id) => node_row(graph, id, json!({ "weight": weight })),
        Target::File(file) => {
            node_row(graph, files.saturating_add(file), json!({ "weight": weight }))
        }
        Target::Local(_, line) => Row {
            json: json!({ "path": path, "name": name, "kind": "local", "start_line": line, "end_line": line, "weight": weight }),
            text: format!("{path}:{line} local {name}"),
            edge: None,
        },
    };
    graph.definition(path, line, name).into_iter().map(row).collect()
}

fn references(graph: &Graph, ids: &[SymbolId]) -> Vec<Row> {
    let mut rows = Vec::new();
    let files = u32::try_from(graph.symbols().len()).unwrap_or(u32::MAX);
    for id in ids {
        for (file, line, weight) in graph.references(*id) {
            let path = graph.label(files.saturating_add(file));
            let of = graph.label(*id);
            rows.push(Row {
                json: json!({ "path": path, "line": line, "of": of, "weight": weight }),
                text: format!("{path}:{line}"),
                edge: None,
            });
        }
    }
    rows
}

fn way(graph: &Graph, from: &[u32], to: &[u32]) -> Vec<Row> {
    let edges = graph.path(from, to).unwrap_or_default();
    let mut rows: Vec<Row> = edges
        .first()
        .map(|edge| node_row(graph, edge.from, json!({ "depth": 0 })))
        .into_iter()
        .collect();
    for (at, edge) in edges.iter().enumerate() {
        let depth = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let row = reached_row(graph, &Reached { node: edge.to, depth, edge: *edge });
        rows.push(Row { text: row.text.trim_start().to_owned(), ..row });
    }
    rows
}

fn cycles(graph: &Graph, kind: EdgeKind) -> Vec<Row> {
    let found = graph.cycles(&[kind]);
    found
        .iter()
        .map(|group| {
            let labels: Vec<String> = group.iter().map(|node| graph.label(*node)).collect();
            Row { json: json!({ "cycle": labels }), text: labels.join(" "), edge: None }
        })
        .collect()
}
