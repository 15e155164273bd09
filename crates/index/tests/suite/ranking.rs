//! What a request finds first.

use std::fs;

use distiq_index::{Control, FEATURES, Hit, Index, Mode, Query, Snapshot, Tests};

const PROJECT: &[(&str, &str)] = &[
    (
        "src/wire.py",
        "class Frame:\n    def encode(self, body):\n        return pack(len(body)) + body\n\n    def decode(self, raw):\n        \
         size = unpack(raw)\n        return raw[4:4 + size]\n\ndef new_frame(kind):\n    frame = Frame()\n    frame.kind = kind\n    return frame\n",
    ),
    (
        "src/retry.py",
        "import time\n\ndef backoff(attempt):\n    return min(60, 2 ** attempt)\n\ndef with_retries(call, limit):\n    \
         for attempt in range(limit):\n        try:\n            return call()\n        except TimeoutError:\n            time.sleep(backoff(attempt))\n",
    ),
    (
        "tests/test_retry.py",
        "from src.retry import backoff\n\ndef test_backoff():\n    assert backoff(1) == 2\n",
    ),
    ("README.md", "# Frames\n\nFrames are sent and calls are tried again.\n"),
];

fn snapshot(folder: &tempfile::TempDir) -> Snapshot {
    for (path, text) in PROJECT {
        let path = folder.path().join("tree").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let index = Index::open(&folder.path().join("tree"), &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    index.snapshot().unwrap()
}

fn first(hits: &[Hit]) -> (&str, &str) {
    hits.first().map_or(("", ""), |hit| (hit.path.as_str(), hit.name.as_str()))
}

#[test]
fn requests_find_what_they_mean() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    for (text, expected) in [
        ("Waits ever longer before each further attempt (backoff)", ("src/retry.py", "backoff")),
        ("create a frame of a kind", ("src/wire.py", "new_frame")),
        ("decode the raw bytes of a frame", ("src/wire.py", "decode")),
        (
            "call again after a timeout error, up to a limit of retries",
            ("src/retry.py", "with_retries"),
        ),
        ("encoed a body", ("src/wire.py", "encode")),
        ("раскодировать сырые байты кадра", ("src/wire.py", "decode")),
        ("создать новый кадр", ("src/wire.py", "new_frame")),
    ] {
        let hits = snapshot.search(&Query::new(text)).unwrap();
        assert_eq!(first(&hits), expected, "{text}: {hits:#?}");
        assert!(hits.iter().all(|hit| !hit.reasons.is_empty()), "{text}");
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "{text}");
    }
}

#[test]
fn reasons_are_in_the_words_of_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    for mode in [Mode::Hybrid, Mode::Text] {
        let query = Query { mode, ..Query::new("Decoding bodies of frames") };
        let hits = snapshot.search(&query).unwrap();
        let reasons = &hits.iter().find(|hit| hit.name == "decode").unwrap().reasons;
        assert!(reasons.contains(&"name `Decoding`".to_owned()), "{reasons:?}");
        assert!(reasons.contains(&"class `frames`".to_owned()), "{reasons:?}");
    }
}

#[test]
fn a_test_is_found_by_what_it_tests() {
    let folder = tempfile::tempdir().unwrap();
    let tests = folder.path().join("tree/tests");
    fs::create_dir_all(&tests).unwrap();
    for name in ["test_wire.py", "test_other.py"] {
        fs::write(tests.join(name), "def test_all():\n    assert run(CASES)\n").unwrap();
    }
    let hits = snapshot(&folder).search(&Query::new("decode the raw size")).unwrap();
    let found = |path: &str| hits.iter().find(|hit| hit.path == path);
    let reasons = &found("tests/test_wire.py").unwrap().reasons;
    assert_eq!(reasons, &["belongs to a file that fits"]);
    assert!(found("tests/test_other.py").is_none(), "{hits:#?}");
}

#[test]
fn lines_that_a_request_names_come_first() {
    let two =
        |a: &str, b: &str| format!("def {a}(x):\n    return x\n\ndef {b}(x):\n    return x\n");
    let project = crate::Project::new("");
    project.write("src/app/views.py", two("listing", "detail"));
    project.write("src/api/views.py", two("index", "show"));
    project.write("src/app/tasks.py", two("nightly", "weekly"));
    project.write(
        "src/main/java/org/acme/Run.java",
        "class Run {\n  void go() {\n    int a = 1;\n  }\n}\n",
    );
    project.write("old/Run.java", "class Run {\n  void stop() {\n    int a = 1;\n  }\n}\n");
    let first = |text: &str, count: usize| -> Vec<String> {
        project.found(text).into_iter().take(count).collect()
    };
    assert_eq!(first("tasks.py:4", 1), ["src/app/tasks.py:4 weekly"]);
    assert_eq!(first("why does app/views.py:5 fail in listing", 1), ["src/app/views.py:4 detail"]);
    assert_eq!(
        first("TypeError at /home/ann/site/src/api/views.py:2", 1),
        ["src/api/views.py:1 index"]
    );
    let trace = "Traceback (most recent call last):\n  File \"src/app/views.py\", line 2, in listing\n  File \"src/app/tasks.py\", line 5, in weekly\n  File \"/usr/lib/python3/asyncio/tasks.py\", line 2, in run\nKeyError: 'id'";
    assert_eq!(first(trace, 2), ["src/app/tasks.py:4 weekly", "src/app/views.py:1 listing"]);
    let frames =
        "  File \"/usr/lib/python3/site-packages/x/base.py\", line 3, in call\n".repeat(40);
    let trace = format!(
        "Traceback (most recent call last):\n{frames}  File \"src/app/tasks.py\", line 5, in weekly\n"
    );
    assert_eq!(first(&trace, 1), ["src/app/tasks.py:4 weekly"]);
    assert_eq!(first("It fails in app/views.py:5.", 1), ["src/app/views.py:4 detail"]);
    assert_eq!(
        first("at org.acme.Run.go(Run.java:3)", 1),
        ["src/main/java/org/acme/Run.java:2 go"]
    );
    // A trace of another version: its function first, then what stands on its line.
    assert_eq!(
        first("  File \"src/app/tasks.py\", line 5, in nightly", 2),
        ["src/app/tasks.py:1 nightly", "src/app/tasks.py:4 weekly"]
    );
    let hits = project.find("tasks.py:1 nightly", distiq_index::Mode::Hybrid);
    assert_eq!(hits[0].reasons[0], "its line is mentioned");
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:#?}");
    let numbers: std::collections::BTreeSet<u32> = hits.iter().map(|hit| hit.number).collect();
    assert_eq!(numbers.len(), hits.len(), "{hits:#?}");
    project.write("main.py", two("start", "serve"));
    for path in ["/app/main.py", "/usr/src/app/main.py", "/var/task/main.py", "C:\\work\\main.py"] {
        let text = format!("  File \"{path}\", line 5, in run");
        let hits = project.find(&text, distiq_index::Mode::Hybrid);
        let told = hits.first().map(|hit| (crate::shown(hit), hit.reasons[0].as_str()));
        assert_eq!(told, Some(("main.py:4 serve".to_owned(), "its line is mentioned")), "{path}");
    }
    for path in [
        "/usr/lib/python3.12/main.py",
        "/app/.venv/x/main.py",
        "/app/node_modules/a/main.py",
        "/usr/local/go/src/main.py",
        "lib/main.py",
        "webpack:///./src/main.py",
    ] {
        let text = format!("  File \"{path}\", line 5, in run");
        let hits = project.find(&text, distiq_index::Mode::Hybrid);
        let is_told = |hit: &distiq_index::Hit| hit.reasons[0] == "its line is mentioned";
        assert!(!hits.iter().any(is_told), "{path}");
    }
    project.write("views.py", two("top", "bottom"));
    assert_eq!(first("fails at /srv/api/views.py:2", 1), ["src/api/views.py:1 index"]);
    assert!(project.found("tasks.py:400 zebra").iter().all(|hit| !hit.contains("zebra")));
}

#[test]
fn any_line_that_a_request_names_is_in_the_first_hit() {
    let project = crate::Project::new("");
    project.write(
        "src/store.rs",
        "//! Keeps things.\n//! For a while.\n\nmod disk;\nmod ram;\n\nuse std::io;\n\npub struct Store;\n\nimpl Store {\n    \
         /// Puts a thing.\n    ///\n    /// It stays.\n    #[must_use]\n    pub fn put(&self) -> u8 {\n        1\n    }\n\n    \
         // Nothing of it.\n\n    pub fn get(&self) -> u8 {\n        2\n    }\n}\n",
    );
    project.write("tests/store.rs", "fn at_work() {\n    run();\n}\n");
    project.write("lite/tests/store.rs", "fn lite() {\n    run();\n}\n");
    project.write("a/tests/store.rs", "fn of_a() {\n    run();\n}\n");
    project.write("src/names.rs", "mod one;\nmod two;\n");
    let first = |text: &str| {
        let hits = project.find(text, distiq_index::Mode::Hybrid);
        assert!(hits.iter().all(|hit| !hit.reasons.is_empty()), "{text}");
        let hit = &hits[0];
        format!("{} {}-{} {}{}", hit.path, hit.start_line, hit.end_line, hit.kind, hit.name)
    };
    for (line, expected) in [
        (1, "1-7 block"),
        (4, "1-7 block"),
        (9, "9-9 structStore"),
        (11, "11-11 implStore"),
        // Documentation belongs to what it stands in front of.
        (12, "12-18 methodput"),
        (13, "12-18 methodput"),
        (15, "15-18 methodput"),
        (17, "15-18 methodput"),
        (20, "20-20 block"),
        (25, "25-25 block"),
        // An empty line is of the class before it.
        (21, "11-11 implStore"),
    ] {
        let expected = format!("src/store.rs {expected}");
        assert_eq!(first(&format!("src/store.rs:{line}")), expected, "{line}");
    }
    assert_eq!(first("names.rs:2"), "src/names.rs 1-2 block", "a file without chunks");
    assert_eq!(first("tests/store.rs:2"), "tests/store.rs 1-3 functionat_work");
    assert_eq!(first("lite/tests/store.rs:2"), "lite/tests/store.rs 1-3 functionlite");
    project.write("lite_test.rs", "fn at_top() {\n    run();\n}\n");
    project.write("src/lite/lite_test.rs", "fn inside() {\n    run();\n}\n");
    assert_eq!(first("lite_test.rs:2"), "lite_test.rs 1-3 functionat_top");
    let both = project.find("src/store.rs:13 and src/store.rs:17", distiq_index::Mode::Hybrid);
    let puts = both.iter().filter(|hit| hit.name == "put");
    assert_eq!(puts.map(|hit| hit.start_line).collect::<Vec<_>>(), [12]);
}

#[test]
fn each_hit_says_why() {
    let project = crate::Project::new("");
    for at in 0..40 {
        let text = format!(
            "def load_{at}(path):\n    return open(path)\n\ndef head_{at}(x):\n    return x\n"
        );
        project.write(&format!("src/part_{at}.py"), text);
        project.write(&format!("tests/part_{at}.txt"), "nothing to see\n");
    }
    for mode in [Mode::Hybrid, Mode::Text, Mode::Vector, Mode::Symbol] {
        for text in ["the header that is loaded", "part", "loads a path"] {
            let found = project.snapshot().search(&Query { mode, limit: 200, ..Query::new(text) });
            let silent: Vec<_> =
                found.unwrap().into_iter().filter(|hit| hit.reasons.is_empty()).collect();
            assert!(silent.is_empty(), "{mode:?} {text}: {silent:#?}");
        }
    }
}

#[test]
fn quoted_words_are_found_as_they_stand() {
    let project = crate::Project::new("");
    let mut text = String::new();
    for at in 0..30 {
        text += &format!(
            "def open_file_{at}(file):\n    \"\"\"Cannot fail to open the file.\"\"\"\n    return open(file)\n\n"
        );
    }
    project.write("files.py", text);
    project.write(
        "last.py",
        "def complain():\n    x = 1\n    raise ValueError('cannot open the file: ' + x)\n",
    );
    project.write("keys.py", "def size():\n    return get('net.pool.size', 3)\n\ndef pool_size():\n    return net.pool()\n");
    let first = |text: &str| project.found(text).first().cloned().unwrap();
    assert_ne!(first("open the file"), "last.py:1 complain");
    assert_eq!(first("who says \"cannot open the file\""), "last.py:1 complain");
    assert_eq!(first("«net.pool.size»"), "keys.py:1 size");
    assert_eq!(first("\"Cannot Open the file\""), "last.py:1 complain", "nothing holds it so");
    let hits = project.find("\"cannot open the file\"", distiq_index::Mode::Hybrid);
    assert!(hits[0].reasons.contains(&"holds the quoted words".to_owned()), "{:?}", hits[0]);
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:#?}");
    // Found among many that hold the same words, and none of them by its rank.
    let mut many = String::new();
    for at in 0..400 {
        many += &format!("def pool_size_{at}(net):\n    return net.pool(size)\n\n");
    }
    project.write("many.py", many);
    assert_eq!(first("«net.pool.size»"), "keys.py:1 size");
    // What stands between the members of a class is its head's.
    project.write("Late.java", "class Late {\n  void a() {\n    int x = 1;\n  }\n\n  static {\n    get(\"late.pool.size\");\n  }\n}\n");
    assert_eq!(first("\"late.pool.size\""), "Late.java:1 Late");
    assert_eq!(project.found("Late.java:7")[..2], ["Late.java:6 ", "Late.java:1 Late"]);
    // Words of the language itself are in no list.
    project.write("keyword.py", "def total(order):\n    x = 1\n    raise KeyError(order)\n");
    assert_eq!(first("\"raise KeyError(order)\""), "keyword.py:1 total");
    // What all have changes nothing.
    let plain: Vec<String> = project.found("fail to open the file");
    assert_eq!(project.found("\"fail to open the file\""), plain);
}

#[test]
fn pasted_messages_are_found_where_they_are_written() {
    let project = crate::Project::new("");
    let mut text = String::new();
    for at in 0..30 {
        text += &format!(
            "def read_file_{at}(file, mode):\n    \"\"\"Reads an open file.\"\"\"\n    return file.open(for_reading=mode)\n\n"
        );
    }
    project.write("files.py", text);
    project.write(
        "last.py",
        "def check(x):\n    if x:\n        raise IOError('File not open for reading')\n\n\
         def size(x):\n    log('cannot read %s: file has only %d bytes' % (x, len(x)))\n",
    );
    let first = |text: &str| project.found(text).first().cloned().unwrap();
    for text in [
        "File not open for reading",
        "IOError: File not open for reading",
        "why do I get file not open for reading",
        "2026-11-02T10:04:31Z ERROR [main-3] File not open for reading (pid 41)",
        "It fails on large files:\n\nIOError: File not open for reading\n\nwhat to do?",
    ] {
        assert_eq!(first(text), "last.py:1 check", "{text}");
    }
    assert_eq!(first("cannot read /a/b.txt: file has only 12 bytes"), "last.py:5 size");
    let hits = project.find("File not open for reading", distiq_index::Mode::Hybrid);
    assert!(hits[0].reasons.contains(&"holds the message".to_owned()), "{:?}", hits[0]);
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:#?}");
    // A part of a message is no message, nor are words of it in another order.
    for text in ["open for reading", "reads a file that is open, not for others"] {
        assert_ne!(first(text), "last.py:1 check", "{text}");
    }
}

#[test]
fn only_what_belongs_together_is_said_to() {
    let project = crate::Project::new("");
    project.write("cors/config.py", "def allowed_origins(config):\n    return config.origins\n");
    project.write("csrf/config.py", "def token_name(config):\n    return config.token\n");
    project.write("tests/cors/test_config.py", "def test_allowed():\n    assert run(CASES)\n");
    let hits = project.find("allowed origins config", distiq_index::Mode::Hybrid);
    let belongs = |path: &str| {
        let hit = hits.iter().find(|hit| hit.path == path).unwrap();
        hit.reasons.iter().any(|why| why == "belongs to a file that fits")
    };
    assert!(belongs("tests/cors/test_config.py"), "{hits:#?}");
    assert!(!belongs("csrf/config.py"), "{hits:#?}");
}

#[test]
fn tests_are_left_out_and_nothing_is_found_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    let query = Query { tests: Tests::Exclude, ..Query::new("backoff of an attempt") };
    let hits = snapshot.search(&query).unwrap();
    assert!(
        !hits.is_empty() && hits.iter().all(|hit| !hit.path.starts_with("tests/")),
        "{hits:#?}"
    );
    for text in ["", "zzzzqqqq", "the of a", "\u{0}"] {
        for mode in [Mode::Hybrid, Mode::Text] {
            let query = Query { mode, ..Query::new(text) };
            assert_eq!(snapshot.search(&query).unwrap(), [], "{text:?}");
        }
    }
}

#[test]
fn candidates_have_every_feature() {
    let folder = tempfile::tempdir().unwrap();
    let candidates = snapshot(&folder).candidates("Fix `backoff` in src/retry.py", None).unwrap();
    assert!(!candidates.is_empty());
    for candidate in candidates {
        assert_eq!(candidate.features.len(), FEATURES.len());
        assert!(candidate.features.iter().all(|value| value.is_finite()), "{candidate:?}");
    }
}

/// Writes a project of many functions that are alike; every `step`th file from `from` on.
fn alike(tree: &std::path::Path, from: usize, step: usize) {
    const VERBS: [&str; 5] = ["parse", "load", "write", "check", "close"];
    const NOUNS: [&str; 7] = ["header", "frame", "socket", "cookie", "timer", "buffer", "session"];
    for file in (from..60).step_by(step) {
        let (verb, noun) = (VERBS[file % 5], NOUNS[file % 7]);
        let other = NOUNS[file % 3];
        let text = format!(
            "def {verb}_{noun}(value):\n    return {other}_of(value)\n\n\ndef {other}_of(value):\n    \
             \"\"\"Returns the {other} of a value.\"\"\"\n    return value.{noun}\n"
        );
        let path = tree.join(format!("part_{}/{verb}_{}.py", file % 4, file / 5));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn requests() -> Vec<String> {
    let mut requests = Vec::new();
    for verb in ["parse", "load", "wirte", "check", "close"] {
        for noun in ["header", "frames", "sokcet", "cookie", "header_of"] {
            requests.push(format!("{verb} the {noun} of a value"));
            requests.push(format!("fix {noun} in {verb}_1.py"));
        }
    }
    requests
}

#[test]
fn hits_do_not_depend_on_how_the_index_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let index = |name: &str, steps: usize, threads: usize| {
        let tree = folder.path().join(name);
        fs::create_dir_all(&tree).unwrap();
        let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
        for step in 0..steps {
            alike(&tree, step, steps);
            index.refresh(&Control { threads: Some(threads), ..Control::default() }).unwrap();
        }
        index.snapshot().unwrap()
    };
    let (one, four, stepped) = (index("one", 1, 1), index("four", 1, 4), index("stepped", 3, 1));
    assert_eq!((one.stats().segments, stepped.stats().segments), (1, 3));
    let hits = |snapshot: &Snapshot, mode, text: &str| -> Vec<Hit> {
        let hits = snapshot.search(&Query { limit: 50, mode, ..Query::new(text) }).unwrap();
        assert!(mode != Mode::Hybrid || !hits.is_empty(), "{text}");
        // Numbers are of the segments.
        hits.into_iter().map(|hit| Hit { number: 0, ..hit }).collect()
    };
    for mode in [Mode::Hybrid, Mode::Text, Mode::Symbol] {
        for text in requests() {
            let expected = hits(&one, mode, &text);
            assert_eq!(hits(&four, mode, &text), expected, "four threads: {text}");
            assert_eq!(hits(&stepped, mode, &text), expected, "three steps: {text}");
        }
    }
    for text in requests() {
        let (expected, found) =
            (one.retrieve(&text, &[]).unwrap(), stepped.retrieve(&text, &[]).unwrap());
        assert_eq!(found.files, expected.files, "{text}");
    }
}
