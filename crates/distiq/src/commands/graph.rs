//! `distiq graph`

mod named;

pub use named::of_root;

use std::collections::HashMap;

use distiq_base::ErrorKind;
use distiq_base::paths::one_line;
use distiq_index::Snapshot;
use distiq_index::graph::{Direction, Edge, EdgeKind, Graph, Reached, SymbolId, Target, Usage};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::code_index::{self, Refresh};
use crate::failure::Failure;
use crate::numbers::up_to;
use crate::world::World;
use crate::{output, rows, terminal};

/// How far ties are followed where nobody says so.
const DEPTH: u32 = 3;
/// The farthest that anybody may ask for.
const MOST_DEPTH: u64 = u32::MAX as u64;

/// So many characters of a line are shown.
const LINE_CHARS: usize = 160;

/// So many rows are shown that a name alone tells of.
const GUESSES: usize = 5;

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
        /// `NAME`, `Class.name`, `PATH:NAME` or `PATH:LINE`; with `--at`, a name on that line
        symbol: String,
        /// The place of a use, as `PATH:LINE`
        #[arg(long, value_name = "PATH:LINE")]
        at: Option<String>,
    },
    /// The lines that mean a symbol
    References {
        /// `NAME`, `Class.name`, `PATH:NAME` or `PATH:LINE`
        symbol: String,
    },
    /// What calls a symbol
    Callers {
        /// `NAME`, `Class.name`, `PATH:NAME` or `PATH:LINE`
        symbol: String,
        /// How many calls away
        #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = up_to::<u32>(MOST_DEPTH))]
        depth: u32,
    },
    /// What a symbol calls
    Callees {
        /// `NAME`, `Class.name`, `PATH:NAME` or `PATH:LINE`
        symbol: String,
        /// How many calls away
        #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = up_to::<u32>(MOST_DEPTH))]
        depth: u32,
    },
    /// What a symbol needs: calls, bases, types, imports
    Dependencies {
        /// `NAME`, `Class.name`, `PATH:NAME`, `PATH:LINE`, or a file's path
        symbol: String,
        /// How many ties away
        #[arg(long, default_value_t = DEPTH, allow_negative_numbers = true, value_parser = up_to::<u32>(MOST_DEPTH))]
        depth: u32,
    },
    /// What may change where a symbol changes
    Impact {
        /// `NAME`, `Class.name`, `PATH:NAME`, `PATH:LINE`, or a file's path
        symbol: String,
        /// How many ties away
        #[arg(long, default_value_t = DEPTH, allow_negative_numbers = true, value_parser = up_to::<u32>(MOST_DEPTH))]
        depth: u32,
    },
    /// A way from one symbol to another, of calls where some lead there
    Path {
        /// Where it begins: a symbol or a file's path
        from: String,
        /// Where it ends: a symbol or a file's path
        to: String,
    },
    /// Files that import each other in circles; with `--calls`, functions that call each other. A call by which several definitions may be meant, such
    /// as overloads, makes no circle
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
    /// The ties that it tells of.
    edges: Vec<Edge>,
    /// Whether a name alone tells of it.
    is_guess: bool,
}

/// Answers questions about who uses whom.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::of_code(global)?;
    world.say_notices();
    let refresh = if args.no_refresh { Refresh::No } else { Refresh::Yes };
    let (graph, snapshot) = code_index::with(&world, refresh, |index, snapshot| {
        Ok((Graph::of(snapshot)?, index.snapshot()?))
    })?;
    if let Question::Rows = &args.question {
        return answer_rows(&graph);
    }
    if let Question::Export = &args.question {
        if args.dot {
            output::pieces(graph.dot_pieces(graph.edges()));
        } else {
            output::json_pieces(graph.json_pieces(graph.edges()));
        }
        return Ok(());
    }
    if args.dot
        && matches!(args.question, Question::Definition { .. } | Question::References { .. })
    {
        return Err(Failure::new(ErrorKind::Usage, "`--dot` draws ties, and places have none")
            .with_hint(
                "Ask for `callers`, `callees`, `dependencies`, `impact`, `path` or `cycles`",
            ));
    }
    let asked = Asked { world: &world, graph: &graph, is_told: !args.json && !args.dot };
    let rows = asked.answer(&args.question, &snapshot)?;
    show(args, &graph, rows);
    Ok(())
}

/// A graph that is asked.
struct Asked<'a> {
    world: &'a World,
    graph: &'a Graph,
    /// Whether words are said beside the answer.
    is_told: bool,
}

impl Asked<'_> {
    fn answer(&self, question: &Question, snapshot: &Snapshot) -> Result<Vec<Row>, Failure> {
        let graph = self.graph;
        Ok(match question {
            Question::Definition { symbol, at: Some(place) } => {
                let (path, line) = parsed(place).ok_or_else(|| no_place(place))?;
                let path = self.file(path)?;
                let rows = meant(graph, symbol, &path, line);
                if rows.is_empty() && self.is_told {
                    terminal::say(&format!(
                        "nothing found: line {line} of `{path}` names no `{symbol}` that is defined in the project"
                    ));
                }
                rows
            }
            Question::Definition { symbol, at: None } => {
                let ids = named::symbols(graph, &named::of_root(self.world, symbol))?;
                ids.into_iter().map(|id| node_row(graph, id, json!({}))).collect()
            }
            Question::References { symbol } => {
                references(graph, &self.symbols(symbol)?, self.is_told.then_some(snapshot))
            }
            Question::Callers { symbol, depth } => {
                self.calls(symbol, Direction::NeededBy, *depth)?
            }
            Question::Callees { symbol, depth } => self.calls(symbol, Direction::Needs, *depth)?,
            Question::Dependencies { symbol, depth } => {
                reached(graph, &self.nodes(symbol)?, Direction::Needs, &NEEDS, *depth)
            }
            Question::Impact { symbol, depth } => {
                reached(graph, &self.nodes(symbol)?, Direction::NeededBy, &NEEDS, *depth)
            }
            Question::Path { from, to } => {
                let ends = |text: &str| named::nodes(graph, &named::of_root(self.world, text));
                way(graph, &ends(from)?, &ends(to)?)
            }
            Question::Cycles { calls } => {
                cycles(graph, if *calls { EdgeKind::Call } else { EdgeKind::Import })
            }
            Question::Export | Question::Rows => Vec::new(),
        })
    }

    /// Returns what a text means, and says so where that are several symbols.
    fn symbols(&self, text: &str) -> Result<Vec<SymbolId>, Failure> {
        let ids = named::defined(self.graph, &named::of_root(self.world, text))?;
        if self.is_told {
            named::tell_several(self.graph, text, &ids);
        }
        Ok(ids)
    }

    /// Returns the symbols or the file of a text, with their members.
    fn nodes(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let ids = named::nodes(self.graph, &named::of_root(self.world, text))?;
        if self.is_told {
            named::tell_several(self.graph, text, &ids);
        }
        Ok(ids.iter().flat_map(|id| self.graph.with_members(*id)).collect())
    }

    fn calls(&self, text: &str, direction: Direction, depth: u32) -> Result<Vec<Row>, Failure> {
        let ids = self.symbols(text)?;
        let kinds = [EdgeKind::Call];
        // Of several symbols that a name means, one may call another.
        let mut rows =
            told(self.graph, &ids, direction, &self.graph.between(&ids, direction, &kinds));
        rows.extend(reached(self.graph, &ids, direction, &kinds, depth));
        Ok(rows)
    }

    fn file(&self, path: &str) -> Result<String, Failure> {
        let path = named::of_root(self.world, path);
        match self.graph.file_node(&path) {
            Some(file) => Ok(self.graph.label(file)),
            None => Err(named::no_file(self.graph, &path)),
        }
    }
}

fn no_place(place: &str) -> Failure {
    Failure::new(ErrorKind::Usage, format!("`{place}` is no `PATH:LINE`"))
        .with_hint("Name the line of the use, as `src/main.py:12`")
}

fn show(args: &Args, graph: &Graph, rows: Vec<Row>) {
    if args.dot {
        let edges: Vec<Edge> = rows.into_iter().flat_map(|row| row.edges).collect();
        return output::pieces(graph.dot_pieces(&edges));
    }
    if rows.is_empty() && !args.json {
        match &args.question {
            Question::Callers { symbol, .. } | Question::Callees { symbol, .. } => {
                named::tell_no_calls(graph, &graph.find(symbol));
            }
            Question::Path { from, to } => {
                terminal::say(&format!("nothing found: no ties lead from `{from}` to `{to}`"));
            }
            Question::Cycles { .. } => terminal::say("no circles"),
            Question::Definition { at: Some(_), .. } => {}
            _ => terminal::say("nothing found"),
        }
    }
    if args.json {
        return rows.iter().for_each(|row| output::json_line(&row.json));
    }
    // A way is told in its order.
    let is_way = matches!(args.question, Question::Path { .. });
    let (guesses, sure): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.is_guess && !is_way);
    sure.iter().for_each(|row| output::text(&row.text));
    if !guesses.is_empty() {
        output::text("by name alone, may be another's:");
        guesses.iter().take(GUESSES).for_each(|row| output::text(&row.text));
    }
    if let Some(more) = guesses.len().checked_sub(GUESSES).filter(|more| *more > 0) {
        output::text(&format!("… {more} more by name alone (`--json` has all)"));
    }
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
            one_line(graph.path_of(symbol)),
            symbol.start_line,
            symbol.end_line,
            symbol.kind,
            graph.qualified(node)
        ),
        None => one_line(&graph.label(node)).into_owned(),
    };
    Row { json, text, edges: Vec::new(), is_guess: false }
}

fn reached(
    graph: &Graph,
    from: &[u32],
    direction: Direction,
    kinds: &[EdgeKind],
    depth: u32,
) -> Vec<Row> {
    told(graph, from, direction, &graph.reach(from, direction, kinds, depth))
}

/// Shows what was reached from some nodes.
fn told(graph: &Graph, from: &[u32], direction: Direction, found: &[Reached]) -> Vec<Row> {
    // What was asked about needs no telling, unless it is several things.
    let is_known = |near: u32| matches!(from, [one] if *one == near);
    let row = |at: &Reached| {
        let near = match (direction, at.overriding) {
            (Direction::Needs, _) => at.edge.from,
            (Direction::NeededBy, overriding) => overriding.unwrap_or(at.edge.to),
        };
        let row = reached_row(graph, at, (!is_known(near)).then_some((direction, near)));
        Row { text: format!("{}{}", "  ".repeat(at.depth as usize - 1), row.text), ..row }
    };
    found.iter().map(row).collect()
}

/// Shows what was reached, by which tie, and from where if that is to be told.
fn reached_row(graph: &Graph, at: &Reached, from: Option<(Direction, u32)>) -> Row {
    let tie = at.edge.kind.name();
    let via = at.overriding.map(|_| at.edge.to);
    let mut more = json!({
        "depth": at.depth,
        "tie": tie,
        "line": at.edge.line,
        "weight": at.edge.weight,
        "guess": at.is_guess,
    });
    if let (Some(via), Some(more)) = (via, more.as_object_mut()) {
        more.insert("via".to_owned(), graph.label(via).into());
    }
    let via = via.map_or(String::new(), |via| format!(" via {}", short(graph, via)));
    let row = node_row(graph, at.node, more);
    let near = match from {
        Some((Direction::Needs, near)) => format!(" in {}", short(graph, near)),
        Some((Direction::NeededBy, near)) => format!(" of {}", short(graph, near)),
        None => String::new(),
    };
    let guess = if at.edge.is_guess { ", by name alone" } else { "" };
    let text = format!("{} ({tie}{near}{via}, line {}{guess})", row.text, at.edge.line);
    Row { text, edges: vec![at.edge], is_guess: at.is_guess, ..row }
}

/// Returns a symbol's qualified name, or a file's path.
fn short(graph: &Graph, node: u32) -> String {
    match graph.symbol(node) {
        Some(_) => graph.qualified(node),
        None => one_line(&graph.label(node)).into_owned(),
    }
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
                references(graph, &ids, None).into_iter().map(|row| row.json).collect()
            }
            other => return Err(format!("`{other}` cannot be asked").into()),
        };
        Ok(json!({ "id": row.id, "results": results }))
    })
}

fn parsed(place: &str) -> Option<(&str, u32)> {
    let (path, line) = place.rsplit_once(':')?;
    Some((path, line.parse().ok()?))
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
            text: format!("{}:{line} local {name}", one_line(path)),
            edges: Vec::new(),
            is_guess: false,
        },
    };
    graph.definition(path, line, name).into_iter().map(row).collect()
}

/// Returns the lines that mean symbols; with the text of each, where a snapshot is at hand.
fn references(graph: &Graph, ids: &[SymbolId], snapshot: Option<&Snapshot>) -> Vec<Row> {
    let mut rows = Vec::new();
    let files = u32::try_from(graph.symbols().len()).unwrap_or(u32::MAX);
    let mut texts: HashMap<u32, Vec<String>> = HashMap::new();
    for (id, uses) in ids.iter().zip(graph.references_of(ids)) {
        for Usage { file, line, weight, is_guess } in uses {
            let path = graph.label(files.saturating_add(file));
            let of = graph.label(*id);
            let lines = texts.entry(file).or_insert_with(|| {
                snapshot.and_then(|snapshot| snapshot.lines(&path)).unwrap_or_default()
            });
            let text = lines.get(line.saturating_sub(1) as usize).map_or("", String::as_str);
            // A line of a notebook may be all of a cell.
            let name = graph.symbol(*id).map_or("", |symbol| symbol.name.as_str());
            let text = text.lines().find(|line| line.contains(name)).unwrap_or(text);
            let text: String = text.trim().chars().take(LINE_CHARS).collect();
            rows.push(Row {
                text: format!("{}:{line}  {text}", one_line(&path)).trim_end().to_owned(),
                json: json!({
                    "path": path,
                    "line": line,
                    "in": graph.around(file, line).map(|id| graph.qualified(id)),
                    "of": of,
                    "weight": weight,
                    "guess": is_guess,
                }),
                edges: Vec::new(),
                is_guess,
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
        let is_guess = edge.is_guess;
        let at = Reached { node: edge.to, depth, edge: *edge, overriding: None, is_guess };
        rows.push(reached_row(graph, &at, None));
    }
    rows
}

fn cycles(graph: &Graph, kind: EdgeKind) -> Vec<Row> {
    let found = graph.cycles(&[kind]);
    found
        .iter()
        .map(|group| {
            let labels: Vec<String> =
                group.iter().map(|node| label_with_line(graph, *node)).collect();
            let nodes: Vec<Value> = group.iter().map(|node| graph.node_json(*node)).collect();
            let is_inside =
                |edge: &&Edge| edge.kind == kind && edge.is_sure && group.contains(&edge.to);
            let edges =
                group.iter().flat_map(|node| graph.outgoing(*node).iter().filter(is_inside));
            let edges = edges.copied().collect();
            Row {
                text: one_line(&labels.join(" ")).into_owned(),
                json: json!({ "cycle": labels, "nodes": nodes }),
                edges,
                is_guess: false,
            }
        })
        .collect()
}

/// Returns a node's name, with its line where others of its file are called so.
fn label_with_line(graph: &Graph, node: u32) -> String {
    let label = graph.label(node);
    match graph.symbol(node) {
        Some(symbol) if graph.find(&label).len() > 1 => format!("{label} (line {})", symbol.line),
        _ => label,
    }
}
