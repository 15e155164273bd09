//! What commands may reach, from the settings.

use std::path::{Path, PathBuf};

use distiq_base::ErrorKind;
use distiq_base::config::{SandboxBackend, SandboxNetwork};
use distiq_tools::sandbox::egress::HostRules;
use distiq_tools::sandbox::{Backend, Network, SandboxConfig};

use crate::failure::Failure;
use crate::toolbox;
use crate::world::World;

/// Returns the sandbox that the settings describe.
///
/// # Errors
/// Where a host is none, or a container has no image.
pub fn config(world: &World) -> Result<SandboxConfig, Failure> {
    let rules = &world.settings.sandbox_rules;
    HostRules::parse(&rules.hosts).map_err(|error| {
        Failure::new(ErrorKind::Config, format!("Bad value for `sandbox.hosts`: {error}"))
            .with_hint("`distiq config --explain` tells where it is set")
    })?;
    let image = || {
        rules.image.clone().ok_or_else(|| {
            Failure::new(ErrorKind::Config, "A container needs an image, and none is set")
                .with_hint("`distiq config set sandbox.image IMAGE`")
        })
    };
    if rules.network == SandboxNetwork::Hosts && rules.backend != SandboxBackend::Native {
        let message = "`sandbox.network = \"hosts\"` needs the native backend";
        return Err(Failure::new(ErrorKind::Config, message)
            .with_hint("Other backends know `off` and `on`, and ask for a command that needs it"));
    }
    let home = &world.home;
    Ok(SandboxConfig {
        mode: world.settings.sandbox,
        launcher: toolbox::launcher(),
        cache: home.cache.clone(),
        hide: vec![home.config.clone(), home.data.clone(), home.cache.clone()],
        read: rules.read.iter().map(|path| at_home(path)).collect(),
        write: rules.write.iter().map(|path| at_home(path)).collect(),
        network: match rules.network {
            SandboxNetwork::Off => Network::Off,
            SandboxNetwork::Hosts => Network::Hosts(rules.hosts.clone()),
            SandboxNetwork::On => Network::On,
        },
        backend: match rules.backend {
            SandboxBackend::Native => Backend::Native,
            SandboxBackend::Bubblewrap => Backend::Bubblewrap,
            SandboxBackend::Docker => Backend::Docker { image: image()? },
            SandboxBackend::Podman => Backend::Podman { image: image()? },
        },
    })
}

/// Writes `~` out.
fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(below), Some(home)) => PathBuf::from(home).join(below),
        _ => path.to_path_buf(),
    }
}
