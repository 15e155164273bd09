//! The table that `bench gateway` prints.

use anyhow::Error;

/// A figure that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    Request,
    Rate,
    Event,
    Paced,
    Middle,
    Most,
    First,
    FirstMost,
    Idle,
    Open,
    Start,
}

/// Each figure with its name, unit, and what is aimed at.
const ROWS: [(Row, &str, &str, Option<f64>); 11] = [
    (Row::Request, "CPU a request, 16 connections", "µs", Some(100.0)),
    (Row::Rate, "requests a second, 16 connections", "", None),
    (Row::Event, "CPU a streamed event", "µs", Some(5.0)),
    (Row::Paced, "CPU an event that comes alone (1 ms)", "µs", None),
    (Row::Middle, "latency added, p50", "µs", Some(200.0)),
    (Row::Most, "latency added, p99", "µs", Some(1_000.0)),
    (Row::First, "first chunk added, p50", "µs", Some(300.0)),
    (Row::FirstMost, "first chunk added, p99", "µs", None),
    (Row::Idle, "memory, idle", "MB", Some(25.0)),
    (Row::Open, "memory, 1,000 open streams", "MB", Some(120.0)),
    (Row::Start, "start to first answer", "ms", Some(50.0)),
];

/// One gateway's figures.
pub struct Column {
    name: &'static str,
    figures: Vec<(Row, f64)>,
    notes: Vec<String>,
}

impl Column {
    /// Makes one without figures.
    pub fn new(name: &'static str) -> Self {
        Self { name, figures: Vec::new(), notes: Vec::new() }
    }

    /// Makes one of a gateway that could not be measured at all.
    pub fn skipped(name: &'static str, error: &Error) -> Self {
        Self { notes: vec![format!("{name}: skipped: {error:#}")], ..Self::new(name) }
    }

    /// Adds a figure, or why there is none.
    pub fn put(&mut self, row: Row, figure: Result<f64, Error>) {
        match figure {
            Ok(figure) => self.figures.push((row, figure)),
            Err(error) => self.note(row, &error),
        }
    }

    /// Adds two figures of one measurement.
    pub fn put_pair(&mut self, first: Row, second: Row, figures: Result<(f64, f64), Error>) {
        match figures {
            Ok((one, other)) => self.figures.extend([(first, one), (second, other)]),
            Err(error) => self.note(first, &error),
        }
    }

    fn note(&mut self, row: Row, error: &Error) {
        let name = ROWS.iter().find(|r| r.0 == row).map_or("", |r| r.1);
        self.notes.push(format!("{}: {name}: {error:#}", self.name));
    }

    fn figure(&self, row: Row) -> Option<f64> {
        self.figures.iter().find(|(other, _)| *other == row).map(|(_, figure)| *figure)
    }
}

/// Prints the columns beside each other; whether a goal is met is told of the first.
pub fn print(columns: &[Column]) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    print!("{:<38} {:>3} {:>7}", "", "", "goal");
    columns.iter().for_each(|column| print!(" {:>10}", column.name));
    println!();
    for (row, name, unit, goal) in ROWS {
        let goal_text = goal.map_or(String::new(), show);
        print!("{name:<38} {unit:>3} {goal_text:>7}");
        for column in columns {
            let figure = column.figure(row).map_or_else(|| "-".to_owned(), show);
            print!(" {figure:>10}");
        }
        let ours = columns.iter().find(|c| c.name == "distiq").and_then(|c| c.figure(row));
        match (ours, goal) {
            (Some(ours), Some(goal)) if ours > goal => println!("  MISSED"),
            (Some(_), Some(_)) => println!("  met"),
            _ => println!(),
        }
    }
    columns.iter().flat_map(|column| &column.notes).for_each(|note| println!("{note}"));
}

fn show(figure: f64) -> String {
    if figure.abs() < 10.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}
