//! The tasks: a bug in a published library, and what a model does to find and mend it.

use distiq_testkit::Archive;

/// A bug, and the way to its end.
pub struct Task {
    /// Its name in the table.
    pub name: &'static str,
    /// The most that it may cost, in dollars, at $3 and $15 for a million tokens.
    pub goal_usd: f64,
    /// The library.
    pub archive: Archive,
    /// Where the bug is planted.
    pub file: &'static str,
    /// What stands there rightly.
    pub right: &'static str,
    /// What is planted.
    pub wrong: &'static str,
    /// What the user says.
    pub prompt: &'static str,
    /// What the model does.
    pub steps: &'static [Step],
    /// Fails while the bug is there.
    pub proof: &'static str,
}

/// One thing that the model does, in whatever tools it is given.
pub struct Step {
    /// What it says before.
    pub says: &'static str,
    /// What it does.
    pub act: Act,
    /// Leaves the step out where this line is in view already.
    pub unless_seen: Option<&'static str>,
}

/// What a model does.
#[derive(Clone, Copy)]
pub enum Act {
    /// Searches by a regular expression below a path.
    Search { pattern: &'static str, path: &'static str },
    /// Reads from a line to another.
    Read { path: &'static str, lines: (u32, u32) },
    /// Takes the bug out.
    Mend,
    /// Runs a command.
    Shell(&'static str),
    /// Ends.
    Done,
}

const fn step(says: &'static str, act: Act) -> Step {
    Step { says, act, unless_seen: None }
}

const fn read(
    says: &'static str,
    path: &'static str,
    lines: (u32, u32),
    wanted: &'static str,
) -> Step {
    Step { says, act: Act::Read { path, lines }, unless_seen: Some(wanted) }
}

/// A function of a library of one file: searched, read, mended, proved.
pub const SMALL: Task = Task {
    name: "small: inflection, one file of 426 lines",
    goal_usd: 0.0115,
    archive: Archive::INFLECTION,
    file: "inflection/__init__.py",
    right: "r\"(?i)^{sep}|{sep}$\"",
    wrong: "r\"(?i)^{sep}\"",
    prompt: "parameterize('Hello, world!') gives 'hello-world-' with a separator at its end. Find out why and fix it.",
    steps: &[
        step(
            "I look for the function first.",
            Act::Search { pattern: "def parameterize", path: "inflection" },
        ),
        read(
            "Now its body.",
            "inflection/__init__.py",
            (255, 300),
            "# Remove leading/trailing separator.",
        ),
        step(
            "The comment says leading and trailing, but the expression only takes the leading separator away.",
            Act::Mend,
        ),
        step("Now I prove it.", Act::Shell(SMALL_PROOF)),
        step(
            "Fixed: `parameterize` took only a leading separator away. The expression in `inflection/__init__.py` \
             now matches one at the end as well; `parameterize('Hello, world!')` gives 'hello-world'.",
            Act::Done,
        ),
    ],
    proof: SMALL_PROOF,
};

const SMALL_PROOF: &str = "python3 -c \"import inflection; r = inflection.parameterize('Hello, world!'); print(r); \
                           assert r == 'hello-world'\"";

/// A bug in a parser of 3,100 lines: six steps with tools, and an answer.
pub const LARGE: Task = Task {
    name: "large: docutils, 87,000 lines",
    goal_usd: 0.030,
    archive: Archive::DOCUTILS,
    file: "docutils/parsers/rst/states.py",
    right: "                if ordinal > 26:",
    wrong: "                if ordinal > 25:",
    prompt: "A reStructuredText list enumerated with letters breaks at its end: `y.` followed by `z.` is no longer parsed as \
             one list (a. to x. are fine). Find the cause and fix it; the tests of enumerated lists must pass.",
    steps: &[
        step(
            "I look for where enumerated lists are parsed.",
            Act::Search { pattern: "def .*enumerat", path: "docutils/parsers/rst" },
        ),
        read(
            "The check of the next item decides whether a list goes on.",
            "docutils/parsers/rst/states.py",
            (1385, 1420),
            "result = self.make_enumerator(ordinal + 1, sequence, format)",
        ),
        read(
            "It asks make_enumerator for the next marker.",
            "docutils/parsers/rst/states.py",
            (1419, 1456),
            "enumerator = chr(ordinal + ord('a') - 1)",
        ),
        step(
            "Who else uses it?",
            Act::Search { pattern: "make_enumerator|is_enumerated_list_item", path: "docutils" },
        ),
        read(
            "And what do the tests say of letters?",
            "test/test_parsers/test_rst/test_enumerated_lists.py",
            (1, 60),
            "totest['enumerated_lists'] = [",
        ),
        step(
            "There are 26 letters, and the bound refuses the last one: `z` has the ordinal 26 and must be allowed.",
            Act::Mend,
        ),
        step("Now the case itself and the tests.", Act::Shell(LARGE_PROOF)),
        step(
            "Fixed: `make_enumerator` in `docutils/parsers/rst/states.py` refused ordinal 26, so that no `z.` could follow `y.`. \
             The bound is 26 again. The case of the report and the tests of enumerated lists pass.",
            Act::Done,
        ),
    ],
    proof: LARGE_PROOF,
};

const LARGE_PROOF: &str = "python3 -c \"import docutils.core as c; \
                           assert c.publish_string('y. one\\nz. two\\n').decode().count('<list_item>') == 2\" && \
                           python3 test/test_parsers/test_rst/test_enumerated_lists.py";
