//! The sandbox of one session: what is found out once, and the policy of each command.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};

use distiq_base::config::Sandbox as Mode;

use super::caches::{self, Caches, Reach};
#[cfg(target_os = "linux")]
use super::egress::{HostRules, WayOut};
use super::foreign::Foreign;
use super::places::{self, Places};
use super::repository::{self, Settings};
use super::{Grant, Network, Policy, SandboxConfig, Wrapped, egress, hint};
#[cfg(target_os = "linux")]
use super::{launch, namespaces, native, support};

/// Variables that lead to daemons and terminals of the user's.
const DAEMONS: [&str; 15] = [
    "CONTAINER_HOST",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "DISPLAY",
    "DOCKER_HOST",
    "GPG_AGENT_INFO",
    "NOTIFY_SOCKET",
    "PULSE_SERVER",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
    "STY",
    "TMUX",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
];

/// The sandbox of one session.
#[derive(Debug)]
pub(crate) struct Sandbox {
    config: SandboxConfig,
    root: PathBuf,
    /// All that the sandbox keeps.
    base: PathBuf,
    /// The session's own folder below it.
    folder: PathBuf,
    outputs: PathBuf,
    /// A word of the session's own.
    session: String,
    state: OnceLock<State>,
    told: AtomicBool,
}

/// What was found out at the first command.
#[derive(Debug)]
enum State {
    /// Nobody wants one.
    Off,
    /// There is none, and why.
    Missing(Vec<String>),
    /// There is one.
    #[cfg(target_os = "linux")]
    Native(Box<Native>),
    /// There is one of another program's.
    Foreign(Box<(Foreign, Surroundings)>),
}

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Native {
    support: support::Support,
    shared: namespaces::Shared,
    surroundings: Surroundings,
    way_out: WayOut,
}

/// What does not change during a session.
#[derive(Debug)]
struct Surroundings {
    places: Places,
    git: Settings,
    home: Option<PathBuf>,
    /// Whether commands have a view of their own, in which other folders stand for `/tmp` and the home.
    in_place: bool,
    /// The home that commands get instead, by what they reach, with all that they may read then.
    homes: [OnceLock<(Caches, Places)>; 3],
}

/// A session's sandbox with what one call was allowed.
#[derive(Clone, Debug)]
pub(crate) struct Confine {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) grant: Grant,
}

impl Sandbox {
    /// Makes the sandbox of a session; nothing is tried before it is needed.
    pub(crate) fn new(config: SandboxConfig, root: &Path, outputs: &Path, session: &str) -> Self {
        let cache = if config.cache.is_absolute() { config.cache.clone() } else { env::temp_dir() };
        let base = cache.join("sandbox");
        Self {
            folder: base.join("sessions").join(session),
            base,
            config,
            root: root.to_owned(),
            outputs: outputs.to_owned(),
            session: session.to_owned(),
            state: OnceLock::new(),
            told: AtomicBool::new(false),
        }
    }

    /// Returns why every command is asked for, where a sandbox is wanted and there is none.
    pub(crate) fn missing(&self) -> Option<String> {
        match self.state() {
            State::Missing(gaps) => Some(format!("there is no sandbox here: {}", gaps.join("; "))),
            _ => None,
        }
    }

    /// Returns what is weaker here than promised, a line each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        match self.state() {
            State::Off | State::Foreign(_) => Vec::new(),
            State::Missing(gaps) => gaps.clone(),
            #[cfg(target_os = "linux")]
            State::Native(native) => {
                let mut gaps = native.support.gaps();
                let has_hosts = matches!(self.config.network, Network::Hosts(_));
                if has_hosts && !(native.support.network && native.support.view) {
                    gaps.push("no network namespaces: `sandbox.hosts` are not reached".to_owned());
                }
                gaps
            }
        }
    }

    /// Returns the line that tells what is weaker, the first time that it is asked for.
    pub(crate) fn notice(&self) -> Option<String> {
        let gaps = self.gaps();
        if gaps.is_empty() || self.told.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(format!("[the sandbox is weaker on this system: {}]", gaps.join("; ")))
    }

    fn state(&self) -> &State {
        self.state.get_or_init(|| self.open())
    }

    fn open(&self) -> State {
        if self.config.mode == Mode::Off {
            return State::Off;
        }
        match Foreign::find(&self.config.backend) {
            Ok(Some(foreign)) => State::Foreign(Box::new((
                foreign,
                Surroundings::find(&self.config, true, &self.base),
            ))),
            Ok(None) => self.open_native(),
            Err(why) => State::Missing(vec![why]),
        }
    }

    #[cfg(target_os = "linux")]
    fn open_native(&self) -> State {
        let Some(launcher) = &self.config.launcher else {
            return State::Missing(vec!["this program cannot set one up".to_owned()]);
        };
        let is_closed = !matches!(self.config.network, Network::Hosts(_));
        if let Some(support) = support::known(&self.base).filter(|_| is_closed) {
            return State::Native(Box::new(self.native(support, None)));
        }
        match support::obtain(launcher) {
            Ok((support, namespaces)) if support.is_usable() => {
                support::remember(&self.base, &support);
                State::Native(Box::new(self.native(support, Some(namespaces))))
            }
            Ok((support, _)) => State::Missing(support.gaps()),
            Err(error) => State::Missing(vec![format!("`{}`: {error}", launcher.display())]),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_native(&self) -> State {
        State::Missing(vec!["the native sandbox needs Linux".to_owned()])
    }

    #[cfg(target_os = "linux")]
    fn native(&self, support: support::Support, made: Option<namespaces::Namespaces>) -> Native {
        Native {
            way_out: self.way_out(made.as_ref()),
            shared: namespaces::Shared::new(made),
            surroundings: Surroundings::find(&self.config, support.view, &self.base),
            support,
        }
    }

    /// Makes the way out to the listed hosts; a list that cannot be read opens none.
    #[cfg(target_os = "linux")]
    fn way_out(&self, made: Option<&namespaces::Namespaces>) -> WayOut {
        let lock = |made: &namespaces::Namespaces| {
            made.listener.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        // Taken in any case: what listens and is not served would keep clients waiting.
        let listener = made.and_then(lock);
        match &self.config.network {
            Network::Hosts(hosts) => {
                WayOut::new(HostRules::parse(hosts).unwrap_or_default(), listener)
            }
            Network::Off | Network::On => WayOut::new(HostRules::default(), None),
        }
    }

    fn reach(&self, grant: Grant) -> Reach {
        match &self.config.network {
            _ if grant.network => Reach::All,
            Network::On => Reach::All,
            Network::Hosts(_) => Reach::Proxy,
            Network::Off => Reach::Nothing,
        }
    }

    /// Makes the session's folder that stands for `/tmp`.
    fn temp(&self) -> io::Result<PathBuf> {
        let temp = self.folder.join("tmp");
        if !temp.is_dir() {
            // Whoever is not this user does not even reach it.
            DirBuilder::new().recursive(true).mode(0o700).create(&temp)?;
            fs::set_permissions(&temp, Permissions::from_mode(0o1777))?;
        }
        temp.canonicalize()
    }

    fn policy(&self, known: &Surroundings, cwd: &Path, grant: Grant) -> io::Result<Policy> {
        let repository = repository::find(&self.root, known.home.as_deref(), grant);
        let real = |path: &PathBuf| path.canonicalize().ok();
        let reach = self.reach(grant);
        let network = reach == Reach::All;
        let mut policy = Policy {
            root: self.root.clone(),
            cwd: cwd.to_owned(),
            temp: self.temp()?,
            read: known.places.read.clone(),
            write: vec![self.root.clone()],
            frozen: repository.frozen,
            hidden: known.places.hidden.clone(),
            links: known.places.links.clone(),
            stand_ins: Vec::new(),
            env: Vec::new(),
            unset: DAEMONS.iter().chain(&repository::UNSET).map(ToString::to_string).collect(),
            network,
            git_write: grant.git_write,
        };
        let seen = if known.in_place { PathBuf::from("/tmp") } else { policy.temp.clone() };
        policy.env.push(("TMPDIR".to_owned(), seen.to_string_lossy().into_owned()));
        policy.stand_ins.push((seen, policy.temp.clone()));
        if reach == Reach::Proxy {
            policy.env.extend(egress::variables());
        }
        if let Some((caches, places)) = self.caches(known, reach)? {
            policy.read.clone_from(&places.read);
            policy.links.clone_from(&places.links);
            // A settings file that was looked into and holds no key is no secret, and one that does is.
            policy.hidden.retain(|path| !places.read.contains(path));
            policy.hidden.extend(caches.withheld.iter().filter_map(real));
            policy.stand_ins.push((caches.home.clone(), caches.folder.canonicalize()?));
            let set = caches
                .set
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.to_str()?.to_owned())));
            policy.env.extend(set);
            policy.unset.extend(caches.unset.iter().map(ToString::to_string));
        }
        if grant.git_write {
            // Earlier commands may have written settings into their home.
            policy.env.push(("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned()));
        }
        policy.env.extend(known.git.env.iter().cloned());
        policy.read.extend(repository.read);
        policy.read.extend(real(&self.outputs));
        if network {
            // Often a link to a file of a daemon's, in a folder that is out of sight.
            policy.read.extend(real(&PathBuf::from("/etc/resolv.conf")));
        }
        policy.unset.retain(|name| !policy.env.iter().any(|(set, _)| set == name));
        policy.write.extend(repository.write);
        policy.write.extend(self.config.write.iter().filter_map(real));
        Ok(policy)
    }

    /// Returns the home that commands get, made where it is not there yet.
    fn caches<'a>(
        &self,
        known: &'a Surroundings,
        reach: Reach,
    ) -> io::Result<Option<&'a (Caches, Places)>> {
        let Some(home) = &known.home else { return Ok(None) };
        let [nothing, proxy, all] = &known.homes;
        let slot = match reach {
            Reach::Nothing => nothing,
            Reach::Proxy => proxy,
            Reach::All => all,
        };
        if let Some(caches) = slot.get() {
            return Ok(Some(caches));
        }
        let caches = Caches::plan(&caches::Place {
            home,
            root: &self.root,
            homes: &self.base.join("homes"),
            // A project that holds the home stands in that place itself.
            in_place: known.in_place && !home.starts_with(&self.root),
            read: &known.places.read,
            reach,
            env: &|name| env::var_os(name),
        });
        caches.prepare()?;
        let mut places = known.places.clone();
        caches.read.iter().for_each(|path| places.add(path));
        Ok(Some(slot.get_or_init(|| (caches, places))))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.state.get().is_some() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Surroundings {
    fn find(config: &SandboxConfig, in_place: bool, base: &Path) -> Self {
        let home = crate::place::home().and_then(|home| home.canonicalize().ok());
        Self {
            places: places::find(home.as_deref(), &config.read, &config.hide),
            git: repository::settings(home.as_deref(), base),
            home,
            in_place,
            homes: Default::default(),
        }
    }
}

impl Confine {
    /// Returns what to start so that `program` runs held in.
    ///
    /// # Errors
    /// Where the sandbox cannot be set up; the command must not run then.
    pub(crate) fn wrap(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        cwd: &Path,
    ) -> io::Result<Wrapped> {
        let sandbox = &self.sandbox;
        match sandbox.state() {
            #[cfg(target_os = "linux")]
            State::Native(native) => {
                let policy = sandbox.policy(&native.surroundings, cwd, self.grant)?;
                let launcher = sandbox.config.launcher.as_deref().unwrap_or(Path::new(""));
                let way = native.shared.way(launcher, !policy.network)?;
                let means = (&native.support, &way);
                if sandbox.reach(self.grant) == Reach::Proxy {
                    native.way_out.open()?;
                }
                native::wrap(launcher, means, policy, program, arguments)
            }
            State::Foreign(other) => {
                let (foreign, surroundings) = &**other;
                let policy = sandbox.policy(surroundings, cwd, self.grant)?;
                foreign.wrap(&policy, &sandbox.session, program, arguments)
            }
            State::Missing(gaps) if sandbox.config.mode == Mode::Require => {
                Err(io::Error::other(format!("a sandbox is required: {}", gaps.join("; "))))
            }
            State::Off | State::Missing(_) => Ok(Wrapped {
                program: program.to_owned(),
                arguments: arguments.to_owned(),
                ..Wrapped::default()
            }),
        }
    }

    /// Returns what is to be said below a command's output: what the sandbox may have to do with a failure and, once
    /// a session, what is weaker on this system.
    pub(crate) fn explain(&self, output: &str, worked: bool) -> Vec<String> {
        #[cfg(target_os = "linux")]
        if !worked && output.contains(launch::UNUSABLE_WORDS) {
            support::forget(&self.sandbox.base);
        }
        let hint = if worked { None } else { self.hint(output) };
        let blocked = match self.sandbox.state() {
            #[cfg(target_os = "linux")]
            State::Native(native) => native.way_out.notes(),
            _ => Vec::new(),
        };
        blocked.into_iter().chain(hint).chain(self.sandbox.notice()).collect()
    }

    fn hint(&self, output: &str) -> Option<String> {
        if matches!(self.sandbox.state(), State::Off | State::Missing(_)) {
            return None;
        }
        let network = self.sandbox.reach(self.grant) == Reach::All;
        let policy = Policy { network, git_write: self.grant.git_write, ..Policy::default() };
        hint::hint(&policy, output)
    }
}
