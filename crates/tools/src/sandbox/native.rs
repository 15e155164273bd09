//! The native backend: this binary again, as `distiq __sandbox`, with its orders.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use super::launch::Orders;
use super::namespaces::{Namespaces, Way};
use super::support::Support;
use super::{Policy, Wrapped};

/// Names of the variables that tell the loader what to load. The launcher must not take a library from the
/// project before it has shut itself in; the command gets them back.
pub(super) fn loader_variables() -> Vec<OsString> {
    let is_for_loader = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        name.starts_with(b"LD_") || name == b"GLIBC_TUNABLES" || name == b"GCONV_PATH"
    };
    env::vars_os().map(|(name, _)| name).filter(|name| is_for_loader(name)).collect()
}

/// Returns how the launcher is started so that it runs `program` under a policy.
///
/// # Errors
/// Where a pipe cannot be made, or a path is no UTF-8.
pub(super) fn wrap(
    launcher: &Path,
    (support, way): (&Support, &Way),
    policy: Policy,
    program: &OsStr,
    arguments: &[OsString],
) -> io::Result<Wrapped> {
    let mut keep: Vec<Arc<OwnedFd>> = Vec::new();
    let mut inherit = |file: Option<&Arc<OwnedFd>>| {
        keep.extend(file.map(Arc::clone));
        file.map(|file| file.as_raw_fd())
    };
    let mut set = policy.env.clone();
    let none = Namespaces::default();
    let (made, make) = match way {
        Way::Enter(made) => (&**made, None),
        Way::Make(to) => (&none, Some(to)),
    };
    let network = made.network.as_ref().filter(|_| !policy.network);
    let mut orders = Orders {
        make: inherit(make.filter(|_| support.view)),
        user: inherit(made.user.as_ref().filter(|_| support.view)),
        network: inherit(network.filter(|_| support.view)),
        ipc: inherit(made.ipc.as_ref().filter(|_| support.view)),
        view: support.view,
        fresh_proc: support.fresh_proc,
        policy,
        env: Vec::new(),
    };
    let mut unset = orders.policy.unset.clone();
    for name in loader_variables() {
        let (Some(value), Ok(name)) = (env::var_os(&name), name.into_string()) else { continue };
        if let Ok(value) = value.into_string() {
            orders.env.push((name.clone(), value));
        }
        unset.push(name);
    }
    set.retain(|(name, _)| !unset.contains(name));
    let mut all: Vec<OsString> = ["__sandbox", "run"].map(OsString::from).into();
    all.push(serde_json::to_string(&orders)?.into());
    all.push(program.to_owned());
    all.extend_from_slice(arguments);
    Ok(Wrapped { program: launcher.into(), arguments: all, set, unset, keep })
}
