//! Judges redirections and other writes by where they go.

use distiq_lang::shell::Redirect;

use super::commands::Context;
use super::paths::{Area, Secret};
use super::{Part, Verdict, readers};

/// Judges a redirection; nothing where it neither reads nor writes what matters.
pub(super) fn redirects(redirect: &Redirect, context: &Context<'_>) -> Option<Part> {
    let target = &redirect.target;
    if target.text.starts_with("/dev/tcp/") || target.text.starts_with("/dev/udp/") {
        let host = target.text.split('/').nth(3).unwrap_or_default();
        let verdict =
            if matches!(host, "127.0.0.1" | "localhost") { Verdict::Ask } else { Verdict::Deny };
        return Some(Part {
            network: true,
            ..Part::new("", verdict, "opens a connection of its own")
        });
    }
    if redirect.op == "<<<"
        && context.base.secret(target) == Some(Secret::Beyond)
        && context.script.commands.iter().any(|c| c.program() == Some("xargs"))
    {
        return Some(Part::new("", Verdict::Deny, "reads keys, passwords or history"));
    }
    if !redirect.writes_file() {
        return match (redirect.op, context.base.secret(target)) {
            ("<" | "<>", Some(Secret::Beyond)) => {
                Some(Part::new("", Verdict::Deny, "reads keys, passwords or history"))
            }
            ("<", Some(Secret::OfProject)) => {
                Some(Part::new("", Verdict::Ask, "reads a file that may hold keys"))
            }
            ("<" | "<>", None) => readers::reads_beyond(target, false, context)
                .map(|reason| Part::new("", Verdict::Ask, reason)),
            _ => None,
        };
    }
    written(context.base.area(target), &target.raw)
}

/// Judges a write to a place.
pub(super) fn written(area: Area, target: &str) -> Option<Part> {
    let part = |verdict, reason: &str| Part {
        writes: true,
        outside: !matches!(area, Area::Project | Area::Temp | Area::Unknown),
        ..Part::new("", verdict, format!("{reason} {target}"))
    };
    Some(match area {
        Area::Nowhere => return None,
        Area::Project => part(Verdict::Ask, "writes"),
        Area::Temp => part(Verdict::Ask, "writes the temporary file"),
        Area::Unknown => part(Verdict::Ask, "only the run tells where it writes:"),
        Area::Home | Area::Beyond => part(Verdict::Ask, "writes outside the project:"),
        Area::Git => part(Verdict::Deny, "writes git's own file"),
        Area::Device => part(Verdict::Deny, "writes the device"),
        Area::Startup => part(Verdict::Deny, "writes a start-up file:"),
        Area::Above => part(Verdict::Deny, "replaces the project or a folder above it:"),
        Area::System => part(Verdict::Deny, "writes a system file:"),
    })
}
