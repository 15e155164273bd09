//! What holds commands in on this system, and what is missing.

use std::path::Path;

use distiq_base::config::{Sandbox as Mode, SandboxBackend};
use distiq_tools::sandbox::{Support, bubblewrap, support};

use super::{Check, program};
use crate::sandbox;
use crate::world::World;

const NAME: &str = "sandbox";

/// Checks what the settings ask for against what the system gives.
pub fn checks(world: &World) -> Vec<Check> {
    let config = match sandbox::config(world) {
        Ok(config) => config,
        Err(failure) => {
            let hint = failure.hint.unwrap_or_default();
            return vec![Check::failed(NAME, failure.message, hint)];
        }
    };
    if config.mode == Mode::Off {
        let detail = "off: commands can do what you can";
        return vec![Check::warning(NAME, detail, "`distiq config set sandbox auto`")];
    }
    let found = config.launcher.as_deref().map(support);
    let kernel = match &found {
        Some(Ok(support)) => kernel(support),
        Some(Err(error)) => Check::failed("sandbox kernel", error.to_string(), ""),
        None => Check::warning("sandbox kernel", "the native sandbox needs Linux", ""),
    };
    let found = found.and_then(Result::ok).unwrap_or_default();
    let engine = |name| Check { name: NAME, ..program(name, &["--version"], "Install it") };
    let chosen = match world.settings.sandbox_rules.backend {
        SandboxBackend::Native => native(&found, config.mode),
        SandboxBackend::Bubblewrap => bubblewrap_line(true),
        SandboxBackend::Docker => engine("docker"),
        SandboxBackend::Podman => engine("podman"),
    };
    vec![chosen, kernel, bubblewrap_line(false)]
}

fn native(found: &Support, mode: Mode) -> Check {
    let gaps = found.gaps();
    let detail = gaps.join("; ");
    match (gaps.is_empty(), found.is_usable(), mode) {
        (true, ..) => Check::ok(NAME, "native: files, processes, network and system calls"),
        (_, _, Mode::Require) => {
            Check::failed(NAME, detail, "`require` runs no command here; `auto` runs them weaker")
        }
        (_, true, _) => Check::warning(NAME, detail, "Commands run in what there is"),
        (_, false, _) => Check::warning(NAME, detail, "You are asked for each command"),
    }
}

/// Tells each means of the kernel, whether needed or not.
fn kernel(found: &Support) -> Check {
    let has = |has: bool| if has { "yes" } else { "no" };
    let detail = format!(
        "Landlock {}, seccomp {}, namespaces for users {}, files and processes {}, network {}",
        found.landlock,
        has(found.filters),
        has(found.users),
        has(found.view),
        has(found.network),
    );
    let hint = match (found.users, found.landlock) {
        (false, _) => {
            "User namespaces are off: see `sysctl kernel.unprivileged_userns_clone \
             kernel.apparmor_restrict_unprivileged_userns user.max_user_namespaces`"
        }
        (true, 0) => "Landlock is off: add `landlock` to the kernel's `lsm=`",
        (true, _) => return Check::ok("sandbox kernel", detail),
    };
    Check::warning("sandbox kernel", detail, hint)
}

/// Tells of bubblewrap; without it nothing is missing unless it was chosen.
fn bubblewrap_line(is_chosen: bool) -> Check {
    let name = if is_chosen { NAME } else { "bubblewrap" };
    match bubblewrap::find(&std::env::var_os("PATH").unwrap_or_default()) {
        Ok(program) => Check::ok(name, shown(&program)),
        Err(error) if is_chosen => Check::failed(name, error.to_string(), "Install bubblewrap"),
        Err(error) => Check::ok(name, format!("{error} (not needed)")),
    }
}

fn shown(program: &Path) -> String {
    program.display().to_string()
}
