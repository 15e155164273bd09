//! Real source trees: published archives pinned by hash, fetched by their own clients, put under git.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A published archive of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    registry: Registry,
    name: &'static str,
    version: &'static str,
    /// The file's name in the registry.
    file: &'static str,
    /// Its hash in hexadecimal.
    sha256: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Registry {
    Crates,
    PyPi,
    Npm,
}

impl Archive {
    /// A small Rust library of nine files with its tests inside and no dependencies.
    pub const HECK: Archive = Archive {
        registry: Registry::Crates,
        name: "heck",
        version: "0.5.0",
        file: "heck-0.5.0.crate",
        sha256: "2304e00983f87ffb38b55b444b5e3b60a884b5d30c0fca7d82fe33449bbe55ea",
    };

    /// A Python library with one file of 5,000 lines and tests for `unittest`.
    pub const MORE_ITERTOOLS: Archive = Archive {
        registry: Registry::PyPi,
        name: "more-itertools",
        version: "10.8.0",
        file: "more_itertools-10.8.0.tar.gz",
        sha256: "f638ddf8a1a0d134181275fb5d58b086ead7c6a72429ad725c67503f13ba30bd",
    };

    /// A small JavaScript library.
    pub const MINIMIST: Archive = Archive {
        registry: Registry::Npm,
        name: "minimist",
        version: "1.2.8",
        file: "minimist-1.2.8.tgz",
        sha256: "350a76c115b393c19d24654834261e5dc9f0e8cc5e08f3937fa80140f3e4ce83",
    };

    /// A Python library of 87,000 lines, its parser one file of 3,100, with tests for `unittest`.
    pub const DOCUTILS: Archive = Archive {
        registry: Registry::PyPi,
        name: "docutils",
        version: "0.21.2",
        file: "docutils-0.21.2.tar.gz",
        sha256: "3a6b18732edf182daa3cd12775bbb338cf5691468f91eeeb109deff6ebfa986f",
    };

    /// A Python library of one file.
    pub const INFLECTION: Archive = Archive {
        registry: Registry::PyPi,
        name: "inflection",
        version: "0.5.1",
        file: "inflection-0.5.1.tar.gz",
        sha256: "1a29730d366e996aaacffb2f1f1cb9593dc38e2ddd30c91250c6dde09ea9b417",
    };

    /// A Python library that reads PDF files, with 54 of them that many programs wrote.
    pub const PYPDF: Archive = Archive {
        registry: Registry::PyPi,
        name: "pypdf",
        version: "7.1.0",
        file: "pypdf-7.1.0.tar.gz",
        sha256: "ca3fa902369e98a6d2cb7b56396de902b72ef9bb3c1e8706c1bfc7d8bd0cf0d7",
    };

    /// Returns the name and version.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Returns the archive's file, fetched into the folder unless it is there already.
    fn fetch(&self, cache: &Path) -> Result<PathBuf> {
        let file = cache.join(self.file);
        if file.exists() && self.is_genuine(&file)? {
            return Ok(file);
        }
        std::fs::create_dir_all(cache)?;
        let folder = TempDir::new_in(cache)?;
        let fetched = match self.registry {
            Registry::Crates => self.fetch_crate(folder.path())?,
            Registry::PyPi => {
                let wanted = format!("{}=={}", self.name, self.version);
                let options =
                    ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"];
                run(Command::new("python3")
                    .args(options)
                    .arg("--dest")
                    .arg(folder.path())
                    .arg(wanted))?;
                folder.path().join(self.file)
            }
            Registry::Npm => {
                let wanted = format!("{}@{}", self.name, self.version);
                run(Command::new("npm").args(["pack", "--silent", &wanted]).current_dir(&folder))?;
                folder.path().join(self.file)
            }
        };
        ensure!(
            self.is_genuine(&fetched)?,
            "{} is not the archive that was pinned: its SHA-256 differs",
            self.file
        );
        std::fs::rename(&fetched, &file)?;
        Ok(file)
    }

    /// Lets cargo fetch a crate into its registry, and finds it there.
    fn fetch_crate(&self, folder: &Path) -> Result<PathBuf> {
        let manifest = format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
             [dependencies]\n{} = \"={}\"\n",
            self.name, self.version
        );
        std::fs::create_dir(folder.join("src"))?;
        std::fs::write(folder.join("src/lib.rs"), "")?;
        std::fs::write(folder.join("Cargo.toml"), manifest)?;
        run(Command::new("cargo").args(["fetch", "--quiet"]).current_dir(folder))?;
        let home = match std::env::var_os("CARGO_HOME") {
            Some(home) => PathBuf::from(home),
            None => {
                PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo")
            }
        };
        for registry in std::fs::read_dir(home.join("registry/cache"))? {
            let found = registry?.path().join(self.file);
            if found.exists() {
                let copy = folder.join(self.file);
                std::fs::copy(found, &copy)?;
                return Ok(copy);
            }
        }
        bail!("cargo fetched {} and it is not in its registry", self.file)
    }

    fn is_genuine(&self, file: &Path) -> Result<bool> {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        let mut hash = String::new();
        for byte in Sha256::digest(&bytes) {
            let _ = write!(hash, "{byte:02x}");
        }
        Ok(hash == self.sha256)
    }
}

/// An unpacked archive under git, all of it committed. Gone when dropped.
#[derive(Debug)]
pub struct SourceTree {
    folder: TempDir,
    root: PathBuf,
}

impl SourceTree {
    /// Unpacks an archive into a temporary folder and commits it; downloads are kept in the
    /// project's `.cache/sources`.
    ///
    /// # Errors
    /// Where the registry's client is missing or fails, or the archive is not the one pinned.
    pub fn unpack(archive: &Archive) -> Result<Self> {
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/sources");
        let file =
            archive.fetch(&cache).with_context(|| format!("cannot get {}", archive.title()))?;
        let folder = tempfile::Builder::new().prefix("distiq-sources-").tempdir()?;
        let options = ["--no-same-owner", "-xzf"];
        run(Command::new("tar").args(options).arg(&file).arg("-C").arg(folder.path()))?;
        let mut entries = std::fs::read_dir(folder.path())?;
        let root = entries.next().context("the archive is empty")??.path();
        let tree = Self { folder, root };
        tree.git(&["init", "--quiet", "--initial-branch=main"])?;
        tree.commit(&archive.title())?;
        Ok(tree)
    }

    /// Returns the project's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Replaces a text that occurs once in a file, and commits it: this is how a bug is planted.
    ///
    /// # Errors
    /// Where the text is not there or not unique.
    pub fn plant(&self, path: &str, old: &str, new: &str) -> Result<()> {
        let file = self.root.join(path);
        let text = std::fs::read_to_string(&file).with_context(|| path.to_owned())?;
        let found = text.matches(old).count();
        ensure!(found == 1, "{old:?} occurs {found} times in {path}, not once");
        std::fs::write(&file, text.replacen(old, new, 1))?;
        self.commit(&format!("Change {path}"))
    }

    /// Commits everything as it is.
    ///
    /// # Errors
    /// Where git fails.
    pub fn commit(&self, message: &str) -> Result<()> {
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        Ok(())
    }

    /// Runs git in the tree, away from the user's settings, and returns what it says.
    ///
    /// # Errors
    /// Where git fails.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        run(Command::new("git")
            .args(arguments)
            .current_dir(&self.root)
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Test")
            .env("GIT_AUTHOR_EMAIL", "test@example.invalid")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_NAME", "Test")
            .env("GIT_COMMITTER_EMAIL", "test@example.invalid")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"))
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?} failed: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said)
}
