//! What of a home a toolchain needs, as data: what may be read and what is redirected.

use super::Reach;

/// A folder of a toolchain below the home.
pub(super) struct Toolchain {
    /// Its usual place below the home.
    pub(super) path: &'static str,
    /// The variable that names another place.
    pub(super) variable: Option<&'static str>,
    /// The parts that may be read; none stands for all of it.
    pub(super) parts: &'static [&'static str],
}

const fn at(path: &'static str) -> Toolchain {
    Toolchain { path, variable: None, parts: &[] }
}

const fn named(variable: &'static str, path: &'static str) -> Toolchain {
    Toolchain { path, variable: Some(variable), parts: &[] }
}

const fn parts(
    variable: Option<&'static str>,
    path: &'static str,
    parts: &'static [&'static str],
) -> Toolchain {
    Toolchain { path, variable, parts }
}

/// Toolchains and what they installed: programs and libraries, never settings that may hold keys.
pub(super) const TOOLCHAINS: &[Toolchain] = &[
    // Rust. Beside these lies `credentials.toml`.
    parts(Some("CARGO_HOME"), ".cargo", &["bin", "registry", "git", "env"]),
    named("RUSTUP_HOME", ".rustup"),
    // Python
    named("PYENV_ROOT", ".pyenv"),
    named("VIRTUAL_ENV", ".venv"),
    named("CONDA_PREFIX", "miniconda3"),
    at("anaconda3"),
    at("miniforge3"),
    named("WORKON_HOME", ".virtualenvs"),
    at(".local/share/virtualenvs"),
    at(".cache/pypoetry/virtualenvs"),
    named("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"),
    named("UV_TOOL_DIR", ".local/share/uv/tools"),
    named("PIPX_HOME", ".local/share/pipx"),
    parts(Some("PYTHONUSERBASE"), ".local", &["bin", "lib", "include", "opt"]),
    // JavaScript
    named("NVM_DIR", ".nvm"),
    named("FNM_DIR", ".local/share/fnm"),
    named("VOLTA_HOME", ".volta"),
    named("BUN_INSTALL", ".bun"),
    parts(None, ".deno", &["bin"]),
    parts(None, ".npm-global", &["bin", "lib"]),
    named("PNPM_HOME", ".local/share/pnpm"),
    parts(None, ".npm", &["_cacache/content-v2", "_cacache/index-v5"]),
    named("PLAYWRIGHT_BROWSERS_PATH", ".cache/ms-playwright"),
    // Go
    parts(Some("GOPATH"), "go", &["bin", "pkg", "src"]),
    named("GOMODCACHE", "go/pkg/mod"),
    named("GOROOT", ".goroot"),
    at("sdk"),
    // Java. Beside these lie `settings.xml` and `gradle.properties`.
    named("JAVA_HOME", ".jdks"),
    parts(Some("SDKMAN_DIR"), ".sdkman", &["candidates", "bin", "src"]),
    parts(None, ".m2", &["repository", "wrapper"]),
    parts(None, ".gradle", &["caches", "wrapper", "jdks"]),
    // Others
    named("RBENV_ROOT", ".rbenv"),
    parts(Some("GEM_HOME"), ".gem", &["ruby"]),
    at(".local/share/gem"),
    named("ASDF_DATA_DIR", ".asdf"),
    named("MISE_DATA_DIR", ".local/share/mise"),
    named("DOTNET_ROOT", ".dotnet"),
    parts(None, ".nuget", &["packages"]),
    at(".ghcup"),
    named("STACK_ROOT", ".stack"),
    named("OPAMROOT", ".opam"),
    named("ELAN_HOME", ".elan"),
    at(".juliaup"),
    named("ANDROID_HOME", "Android/Sdk"),
    at(".nix-profile"),
];

/// Settings of tools below the home; read where they hold no key.
pub(super) const SETTINGS: &[&str] = &[
    ".cargo/config.toml",
    ".cargo/config",
    ".gitconfig",
    ".config/git/config",
    ".config/git/ignore",
    ".config/git/attributes",
    ".gitignore",
    ".gitignore_global",
    ".gitattributes",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pip/pip.conf",
    ".config/pip/pip.conf",
    ".config/uv/uv.toml",
    ".config/go/env",
    ".config/rustfmt/rustfmt.toml",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".gemrc",
];

/// Settings that tools look for in every folder above the project; most fail where one is there
/// and cannot be read.
pub(super) const ABOVE: &[&str] = &[
    "Cargo.toml",
    ".cargo/config.toml",
    ".cargo/config",
    "rust-toolchain",
    "rust-toolchain.toml",
    "rustfmt.toml",
    ".rustfmt.toml",
    "clippy.toml",
    ".clang-format",
    ".editorconfig",
    "package.json",
    "tsconfig.json",
    "pnpm-workspace.yaml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".nvmrc",
    ".node-version",
    ".tool-versions",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "pytest.ini",
    "conftest.py",
    ".python-version",
    "go.work",
    "go.mod",
    "pom.xml",
    "settings.gradle",
    ".gitignore",
    ".ignore",
];

/// What a variable is set to.
pub(super) enum To {
    /// This text.
    Text(&'static str),
    /// A folder of the project's own, below its cache folder.
    Own(&'static str),
    /// What the user has below the home, where it is there.
    Users(&'static str),
}

/// A variable that is set.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) to: To,
    /// Under which networks.
    pub(super) when: &'static [Reach],
}

const NEVER: &[Reach] = &[Reach::Nothing];
const SOMEWHERE: &[Reach] = &[Reach::Proxy, Reach::All];
const ALWAYS: &[Reach] = &[Reach::Nothing, Reach::Proxy, Reach::All];

const fn set(name: &'static str, to: To, when: &'static [Reach]) -> Set {
    Set { name, to, when }
}

/// Variables that are set. `HOME` comes first: most caches lie below it.
pub(super) const SETS: &[Set] = &[
    set("HOME", To::Own("home"), ALWAYS),
    // A home of cargo's own would rebuild every dependency at each change between the sandbox and
    // the user's own builds, because the paths of sources count. Cargo does with a home that it can
    // only read as long as nothing is fetched.
    set("CARGO_NET_OFFLINE", To::Text("true"), NEVER),
    set("CARGO_HOME", To::Users(".cargo"), NEVER),
    set("CARGO_HOME", To::Own("cargo"), SOMEWHERE),
    set("CARGO_CACHE_AUTO_CLEAN_FREQUENCY", To::Text("never"), ALWAYS),
    set("RUSTUP_AUTO_INSTALL", To::Text("0"), NEVER),
    // Go does with modules that it can only read, too.
    set("GOMODCACHE", To::Users("go/pkg/mod"), NEVER),
    set("GOMODCACHE", To::Own("go/mod"), SOMEWHERE),
    set("GOPROXY", To::Text("off"), NEVER),
    set("GOTOOLCHAIN", To::Text("local"), NEVER),
    set("GOFLAGS", To::Text("-modcacherw"), SOMEWHERE),
    set("GOCACHE", To::Own("go/build"), ALWAYS),
    // Without a network these would try for minutes before they say so.
    set("PIP_RETRIES", To::Text("0"), NEVER),
    set("npm_config_offline", To::Text("true"), NEVER),
    set("PYTHONUSERBASE", To::Users(".local"), ALWAYS),
    // Made for just this: caches that are only read, beside an own one that is written.
    set("GRADLE_USER_HOME", To::Own("gradle"), ALWAYS),
    set("GRADLE_RO_DEP_CACHE", To::Users(".gradle/caches"), ALWAYS),
    set("NUGET_FALLBACK_PACKAGES", To::Users(".nuget/packages"), ALWAYS),
    // Git takes hooks, filters and helpers from its settings, so they must not be in a home that
    // commands write.
    set("GIT_CONFIG_GLOBAL", To::Text("/dev/null"), ALWAYS),
    set("GIT_CONFIG_GLOBAL", To::Users(".config/git/config"), ALWAYS),
    set("GIT_CONFIG_GLOBAL", To::Users(".gitconfig"), ALWAYS),
];

/// Variables that are taken away: they name folders outside, or doors of daemons.
pub(super) const UNSET: &[&str] = &[
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "PIP_CACHE_DIR",
    "UV_CACHE_DIR",
    "POETRY_CACHE_DIR",
    "npm_config_cache",
    "NPM_CONFIG_CACHE",
    "YARN_CACHE_FOLDER",
    "CCACHE_DIR",
    "SCCACHE_DIR",
    "GOENV",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "GPG_AGENT_INFO",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_HOST",
    "CONTAINER_HOST",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "TMUX",
];

/// The user's proxies, which cannot be reached without a network.
pub(super) const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];
