//! `distiq undo`

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};

use distiq_agent::checkpoint::plan::{Action, Plan, Step};
use distiq_agent::checkpoint::rewind::{Decision, Parts, Rewound};
use distiq_agent::sessions;
use distiq_base::{ErrorKind, SessionId};
use serde_json::{Value, json};

use crate::checkpoints;
use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::world::World;
use crate::{output, terminal};

/// The longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 10;

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go back to before this turn; without it, before the last one that is not undone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    turn: Option<u32>,
    /// Only the files
    #[arg(long, conflicts_with = "conversation")]
    files: bool,
    /// Only the conversation
    #[arg(long)]
    conversation: bool,
    #[command(flatten)]
    how: How,
}

/// How a session goes back or forth.
#[derive(Debug, clap::Args)]
pub struct How {
    /// The session: its id, or a part that only it has; without one, the newest of this project
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only tell what would change
    #[arg(long)]
    preview: bool,
    /// Also overwrite files that were changed since; `redo` brings them back
    #[arg(long, conflicts_with = "skip_conflicts")]
    force: bool,
    /// Leave files that were changed since as they are
    #[arg(long)]
    skip_conflicts: bool,
    #[command(flatten)]
    json: JsonFlag,
}

/// Takes back what a session did since before a turn.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let session = args.how.session(&world)?;
    let parts = Parts { files: !args.conversation, conversation: !args.files };
    let mut decide = |plan: &Plan, _: &[u32]| args.how.decide(plan);
    let rewinder = checkpoints::rewinder(&world);
    let rewound = rewinder.undo(&session, args.turn, parts, args.how.preview, &mut decide)?;
    args.how.tell(&rewound, "undo")
}

impl How {
    /// Finds the session that is meant.
    pub fn session(&self, world: &World) -> Result<SessionId, Failure> {
        let folder = world.home.sessions();
        match &self.session {
            Some(text) => Ok(sessions::find(&folder, text)?),
            None => sessions::latest(&folder, &world.root).ok_or_else(|| {
                let message = format!("No session of {}", world.root.display());
                Failure::new(ErrorKind::User, message).with_hint("`distiq sessions list` lists all")
            }),
        }
    }

    /// Tells whether only a look was asked for.
    pub const fn is_preview(&self) -> bool {
        self.preview
    }

    /// Decides about a plan; on a terminal the user is asked about files that were changed since.
    pub fn decide(&self, plan: &Plan) -> Decision {
        match () {
            () if self.preview => Decision::Stop,
            () if self.force => Decision::Force,
            () if self.skip_conflicts => Decision::Skip,
            () if plan.conflicts.is_empty() => Decision::Go,
            () if self.json.json => Decision::Stop,
            () => ask(plan).unwrap_or(Decision::Stop),
        }
    }

    /// Prints what was done, or would be.
    pub fn tell(&self, rewound: &Rewound, name: &str) -> Result<(), Failure> {
        if self.json.json {
            output::json_line(&as_json(rewound, self.preview));
        } else {
            self.tell_words(rewound, name);
        }
        if rewound.is_done || self.preview {
            return Ok(());
        }
        if self.json.json {
            return Err(Failure::told(ErrorKind::User.exit_code()));
        }
        let count = rewound.plan.conflicts.len();
        let (files, were) = if count == 1 { ("file", "was") } else { ("files", "were") };
        let message =
            format!("Nothing was changed: {count} {files} {were} changed since, or cannot be had");
        Err(Failure::new(ErrorKind::User, message)
            .with_hint("`--skip-conflicts` leaves them as they are, `--force` overwrites them (`redo` brings them back)"))
    }

    fn tell_words(&self, rewound: &Rewound, name: &str) {
        for step in &rewound.plan.steps {
            output::text(&line(step));
        }
        for conflict in &rewound.plan.conflicts {
            output::text(&format!("conflict  {}: {}", conflict.path.shown(), conflict.why.words()));
        }
        for path in &rewound.plan.left {
            output::text(&format!("left      {}", path.shown()));
        }
        if rewound.is_done || self.preview {
            terminal::say(&summary(rewound, name, self.preview));
        }
    }
}

fn line(step: &Step) -> String {
    let action = match step.action {
        Action::Restore => "restore",
        Action::Create => "create",
        Action::Remove => "remove",
        Action::Merge => "merge",
        Action::Mode => "mode",
    };
    let lines = match (step.added, step.removed) {
        (Some(0), Some(0)) | (None, _) | (_, None) => String::new(),
        (Some(added), Some(removed)) => format!("  +{added} -{removed}"),
    };
    format!("{action:9} {}{lines}", step.change.path.shown())
}

fn summary(rewound: &Rewound, name: &str, is_preview: bool) -> String {
    let turns: Vec<String> = rewound.turns.iter().map(u32::to_string).collect();
    let noun = if turns.len() == 1 { "turn" } else { "turns" };
    let parts = match (rewound.parts.files, rewound.parts.conversation) {
        (true, true) => "files and conversation",
        (true, false) => "files",
        _ => "conversation",
    };
    let did = if is_preview { format!("would {name}") } else { format!("{name}:") };
    format!("{did} {noun} {} of session {}: {parts}", turns.join(", "), rewound.session)
}

fn as_json(rewound: &Rewound, is_preview: bool) -> Value {
    let steps = rewound.plan.steps.iter().map(|step| {
        json!({
            "path": step.change.path.shown(),
            "action": step.action,
            "added": step.added,
            "removed": step.removed,
        })
    });
    let conflicts = rewound
        .plan
        .conflicts
        .iter()
        .map(|conflict| json!({ "path": conflict.path.shown(), "why": conflict.why }));
    json!({
        "session_id": rewound.session,
        "turns": rewound.turns,
        "files": rewound.parts.files,
        "conversation": rewound.parts.conversation,
        "preview": is_preview,
        "done": rewound.is_done,
        "changes": steps.collect::<Vec<_>>(),
        "conflicts": conflicts.collect::<Vec<_>>(),
        "left": rewound.plan.left.iter().map(|path| path.shown()).collect::<Vec<_>>(),
    })
}

/// Asks on the terminal, whatever standard input and output are connected to; `None` without one.
fn ask(plan: &Plan) -> Option<Decision> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let mut tty = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    let mut text = String::from("\nThese were changed since, and not by this session:\n");
    for conflict in &plan.conflicts {
        text.push_str(&format!("  {}: {}\n", conflict.path.shown(), conflict.why.words()));
    }
    text.push_str("[s]kip them, [o]verwrite them (`redo` brings them back), or do [n]othing: ");
    tty.write_all(terminal::safe(&text).as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(tty.take(MAX_ANSWER_BYTES)).read_line(&mut line).ok()?;
    Some(match line.trim() {
        "s" | "S" | "skip" => Decision::Skip,
        "o" | "O" | "overwrite" => Decision::Force,
        _ => Decision::Stop,
    })
}
