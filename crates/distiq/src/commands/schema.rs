//! `distiq schema NAME`

use distiq_base::ErrorKind;

use crate::failure::Failure;
use crate::output;

/// The schemas; each describes an output with `--json` (or `--output-format`), which only grows.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("ask", include_str!("../../schemas/ask.json")),
    ("cache", include_str!("../../schemas/cache.json")),
    ("compress", include_str!("../../schemas/compress.json")),
    ("config", include_str!("../../schemas/config.json")),
    ("context", include_str!("../../schemas/context.json")),
    ("cost", include_str!("../../schemas/cost.json")),
    ("cursor-custom", include_str!("../../schemas/cursor-custom.json")),
    ("cursor-test", include_str!("../../schemas/cursor-test.json")),
    ("data", include_str!("../../schemas/data.json")),
    ("demo", include_str!("../../schemas/demo.json")),
    ("doctor", include_str!("../../schemas/doctor.json")),
    ("error", include_str!("../../schemas/error.json")),
    ("eval", include_str!("../../schemas/eval.json")),
    ("event", include_str!("../../schemas/event.json")),
    ("export", include_str!("../../schemas/export.json")),
    ("graph", include_str!("../../schemas/graph.json")),
    ("index", include_str!("../../schemas/index.json")),
    ("index-stats", include_str!("../../schemas/index-stats.json")),
    ("keys", include_str!("../../schemas/keys.json")),
    ("map", include_str!("../../schemas/map.json")),
    ("metrics", include_str!("../../schemas/metrics.json")),
    ("models", include_str!("../../schemas/models.json")),
    ("permissions", include_str!("../../schemas/permissions.json")),
    ("plan", include_str!("../../schemas/plan.json")),
    ("route", include_str!("../../schemas/route.json")),
    ("run", include_str!("../../schemas/run.json")),
    ("search", include_str!("../../schemas/search.json")),
    ("sessions", include_str!("../../schemas/sessions.json")),
    ("simulate", include_str!("../../schemas/simulate.json")),
    ("start", include_str!("../../schemas/start.json")),
    ("stats", include_str!("../../schemas/stats.json")),
    ("tool", include_str!("../../schemas/tool.json")),
    ("undo", include_str!("../../schemas/undo.json")),
    ("trust", include_str!("../../schemas/trust.json")),
    ("version", include_str!("../../schemas/version.json")),
];

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which; without it, the names are listed
    pub name: Option<String>,
}

/// Prints a schema, or the names of all.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Some(name) = &args.name else {
        SCHEMAS.iter().for_each(|(name, _)| output::text(name));
        return Ok(());
    };
    let Some((_, schema)) = SCHEMAS.iter().find(|(known, _)| known == name) else {
        let known: Vec<&str> = SCHEMAS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::new(ErrorKind::Usage, format!("No schema `{name}`"))
            .with_hint(format!("There are: {}", known.join(", "))));
    };
    output::raw(schema);
    Ok(())
}
