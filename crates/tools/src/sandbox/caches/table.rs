//! What tools are told by variables, and which of the user's settings they are shown, as data.

use super::Reach;

/// Settings of tools below the home; shown where they hold no key, whatever hides their kind.
pub(super) const SETTINGS: &[&str] = &[
    ".cargo/config.toml",
    ".cargo/config",
    ".gradle/gradle.properties",
    ".m2/settings.xml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".condarc",
    ".gemrc",
    ".bundle/config",
    ".pip/pip.conf",
    ".config/pip/pip.conf",
    ".config/uv/uv.toml",
    ".config/pypoetry/config.toml",
    ".config/go/env",
    ".config/rustfmt/rustfmt.toml",
];

/// Settings that tools look for in every folder above the project; many fail where one is there and
/// cannot be read.
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
    ".clang-tidy",
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
    "tox.ini",
    "pytest.ini",
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
    /// A folder of the command's home, to be written.
    Own(&'static str),
    /// What the user has below the home, to be read, where it is there.
    Users(&'static str),
}

/// A variable that is set.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) to: To,
    /// Under which reach.
    pub(super) when: &'static [Reach],
}

const NOWHERE: &[Reach] = &[Reach::Nothing];
const SOMEWHERE: &[Reach] = &[Reach::Proxy, Reach::All];
const ALWAYS: &[Reach] = &[Reach::Nothing, Reach::Proxy, Reach::All];

const fn set(name: &'static str, to: To, when: &'static [Reach]) -> Set {
    Set { name, to, when }
}

/// Variables that are set. What is not here lies below `HOME`, or is asked for there, by itself.
pub(super) const SETS: &[Set] = &[
    set("HOME", To::Own(""), ALWAYS),
    // A home of cargo's own would rebuild every dependency at each change between the sandbox and
    // the user's own builds, because the paths of sources count. Cargo does with a home that it can
    // only read as long as nothing is fetched.
    set("CARGO_HOME", To::Users(".cargo"), NOWHERE),
    set("CARGO_NET_OFFLINE", To::Text("true"), NOWHERE),
    set("CARGO_HOME", To::Own(".distiq/cargo"), SOMEWHERE),
    set("CARGO_CACHE_AUTO_CLEAN_FREQUENCY", To::Text("never"), ALWAYS),
    set("RUSTUP_HOME", To::Users(".rustup"), ALWAYS),
    set("RUSTUP_AUTO_INSTALL", To::Text("0"), NOWHERE),
    // Go does with modules that it can only read, too.
    set("GOMODCACHE", To::Users("go/pkg/mod"), NOWHERE),
    set("GOPROXY", To::Text("off"), NOWHERE),
    set("GOMODCACHE", To::Own(".distiq/go/mod"), SOMEWHERE),
    set("GOFLAGS", To::Text("-modcacherw"), SOMEWHERE),
    set("GOTOOLCHAIN", To::Text("local"), NOWHERE),
    set("GOCACHE", To::Own(".distiq/go/build"), ALWAYS),
    // Without a network these would try for minutes before they say so.
    set("PIP_RETRIES", To::Text("0"), NOWHERE),
    set("npm_config_offline", To::Text("true"), NOWHERE),
    set("npm_config_cache", To::Own(".distiq/npm"), SOMEWHERE),
    set("npm_config_update_notifier", To::Text("false"), ALWAYS),
    set("PIP_DISABLE_PIP_VERSION_CHECK", To::Text("1"), ALWAYS),
    set("UV_CACHE_DIR", To::Own(".distiq/uv"), ALWAYS),
    set("PIP_CACHE_DIR", To::Own(".distiq/pip"), ALWAYS),
    set("POETRY_CACHE_DIR", To::Own(".distiq/pypoetry"), ALWAYS),
    set("YARN_CACHE_FOLDER", To::Own(".distiq/yarn"), ALWAYS),
    // Made for just this: caches that are only read, beside an own one that is written.
    set("GRADLE_USER_HOME", To::Own(".distiq/gradle"), ALWAYS),
    set("GRADLE_RO_DEP_CACHE", To::Users(".gradle/caches"), ALWAYS),
    set("NUGET_PACKAGES", To::Own(".distiq/nuget"), ALWAYS),
    set("NUGET_FALLBACK_PACKAGES", To::Users(".nuget/packages"), ALWAYS),
    set("DENO_DIR", To::Own(".distiq/deno"), ALWAYS),
];

/// Variables that are taken away: they name folders that cannot be written.
pub(super) const UNSET: &[&str] = &[
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "NPM_CONFIG_CACHE",
    "CCACHE_DIR",
    "SCCACHE_DIR",
    "GOENV",
    "HISTFILE",
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
