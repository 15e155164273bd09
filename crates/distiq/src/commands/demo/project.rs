//! The sample project, in three languages: a discount that comes one piece too late.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use distiq_base::ErrorKind;

use crate::failure::Failure;

/// The languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, tested by cargo
    Rust,
    /// Python, tested by unittest
    Python,
    /// JavaScript, tested by Node's own runner
    Node,
}

impl Language {
    /// Returns the name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::Node => "JavaScript",
        }
    }
}

/// The sample project in one language.
pub struct Project {
    /// The language.
    pub language: Language,
    /// Where the bug is.
    pub path: &'static str,
    /// The wrong line's part, and what it should be.
    pub fix: (&'static str, &'static str),
    /// The function that is wrong.
    pub function: &'static str,
    /// The command that runs the tests.
    pub test_command: &'static str,
    /// A text that only a green run's output has.
    pub green_mark: &'static str,
    files: &'static [(&'static str, &'static str)],
    probe: (&'static str, &'static [&'static str]),
}

/// How the tests went.
pub struct Tests {
    /// Whether all passed.
    pub green: bool,
    /// The command.
    pub command: &'static str,
    /// What it printed, the last lines.
    pub text: String,
}

const PROJECTS: &[Project] = &[
    Project {
        language: Language::Rust,
        path: "src/pricing.rs",
        fix: ("quantity > 10 {", "quantity >= 10 {"),
        function: "discount_percent",
        test_command: "cargo test --offline --quiet",
        green_mark: "3 passed",
        files: &[
            ("Cargo.toml", include_str!("../../../demo/rust/Cargo.toml.txt")),
            ("src/lib.rs", include_str!("../../../demo/rust/src/lib.rs.txt")),
            ("src/pricing.rs", include_str!("../../../demo/rust/src/pricing.rs.txt")),
            ("tests/cart.rs", include_str!("../../../demo/rust/tests/cart.rs.txt")),
        ],
        probe: ("cargo", &["--version"]),
    },
    Project {
        language: Language::Python,
        path: "pricing.py",
        fix: ("quantity > 10:", "quantity >= 10:"),
        function: "discount_percent",
        test_command: "python3 -B -m unittest",
        green_mark: "OK",
        files: &[
            ("cart.py", include_str!("../../../demo/python/cart.py.txt")),
            ("pricing.py", include_str!("../../../demo/python/pricing.py.txt")),
            ("test_cart.py", include_str!("../../../demo/python/test_cart.py.txt")),
        ],
        probe: ("python3", &["--version"]),
    },
    Project {
        language: Language::Node,
        path: "pricing.js",
        fix: ("quantity > 10)", "quantity >= 10)"),
        function: "discountPercent",
        test_command: "node --test",
        green_mark: "pass 3",
        files: &[
            ("package.json", include_str!("../../../demo/node/package.json.txt")),
            ("cart.js", include_str!("../../../demo/node/cart.js.txt")),
            ("pricing.js", include_str!("../../../demo/node/pricing.js.txt")),
            ("cart.test.js", include_str!("../../../demo/node/cart.test.js.txt")),
        ],
        probe: ("node", &["--test", "--version"]),
    },
];

/// Lines of the tests' output that are shown.
const SHOWN_LINES: usize = 12;

impl Project {
    /// Takes the language that is wanted, or the first that is installed.
    pub fn choose(wanted: Option<Language>) -> Result<&'static Self, Failure> {
        PROJECTS
            .iter()
            .find(|project| match wanted {
                Some(wanted) => project.language == wanted,
                None => project.is_installed(),
            })
            .ok_or_else(|| {
                Failure::new(
                    ErrorKind::User,
                    "Neither `cargo` nor `python3` nor `node` is installed",
                )
                .with_hint("Install one of them: the demo runs real tests")
            })
    }

    fn is_installed(&self) -> bool {
        let (program, arguments) = self.probe;
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Returns the files as they are unpacked: path and text.
    pub fn files(&self) -> &[(&'static str, &'static str)] {
        self.files
    }

    /// Writes the project into a folder.
    pub fn unpack(&self, root: &Path) -> Result<(), Failure> {
        for (path, text) in self.files {
            let path = root.join(path);
            let folder = path.parent().unwrap_or(root);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&path, text))
                .map_err(|error| Failure::io(format!("Cannot write {}", path.display()), &error))?;
        }
        Ok(())
    }

    /// Runs the tests.
    pub fn test(&self, root: &Path) -> Result<Tests, Failure> {
        let mut words = self.test_command.split(' ');
        let program = words.next().unwrap_or_default();
        let output = Command::new(program)
            .args(words)
            .current_dir(root)
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::io(format!("Cannot run `{}`", self.test_command), &error))?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let shown = lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES));
        Ok(Tests {
            green: output.status.success(),
            command: self.test_command,
            text: shown.copied().collect::<Vec<_>>().join("\n"),
        })
    }
}
