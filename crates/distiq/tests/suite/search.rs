//! `distiq search`, `index` and `index-stats` as their users run them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::Value;

use crate::{Place, Ran};

fn place() -> Place {
    let place = Place::new();
    place.write("src/http.py", "class Cookie:\n    def parse(self, header):\n        \"\"\"Reads the cookies of a header.\"\"\"\n        return header.split(';')\n\n    def dump(self):\n        return ''\n");
    place.write("tests/test_http.py", "def test_parse_cookie():\n    assert Cookie().parse('a')\n");
    place
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn names_of_files_end_no_line_and_steer_no_terminal() {
    let place = Place::new();
    let path = "src/we\nsrc/forged.py:1-1\u{1b}[2J.py";
    place.write(
        path,
        "def weigh_all(items):\n    return carry(items)\n\ndef carry(items):\n    return items\n",
    );
    let shown = "src/we\\nsrc/forged.py:1-1\\u{1b}[2J.py";
    for arguments in [
        &["search", "weigh all items"][..],
        &["context", "weigh all items"],
        &["context", "--shape", "code", "weigh all items"],
        &["graph", "definition", "weigh_all"],
        &["graph", "references", "carry"],
        &["graph", "callers", "carry"],
        &["graph", "--dot", "callers", "carry"],
        &["map"],
        &["ask", "--local", "weigh all items"],
    ] {
        let ran = place.run(arguments);
        let shown =
            if arguments.contains(&"--dot") { shown.replace('\\', "\\\\") } else { shown.into() };
        assert!(ran.out.contains(&shown), "{arguments:?}: {} {}", ran.out, ran.err);
        assert!(!ran.out.contains("\nsrc/forged"), "{arguments:?}: {}", ran.out);
    }
    let hits = rows(&place.run(&["search", "--json", "weigh all items"]).out);
    assert_eq!(hits[0]["path"], path);
}

#[test]
fn colours_of_our_own_reach_the_terminal_and_those_of_files_do_not() {
    let place = Place::new();
    place.write("a.py", "def weigh_all(items, mark=\"\u{1b}[8mno\"):\n    return items\n");
    let first = |arguments: &[&str]| {
        let out = place.run(arguments).out;
        out.lines().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let shown = "a.py:1-2  def weigh_all(items, mark=\"␛[8mno\")";
    let query = ["search", "--mode", "symbol", "weigh_all"];
    let plain = [shown.to_owned(), "    its name".to_owned()];
    let marked = [shown.to_owned(), "\u{1b}[2m    its name\u{1b}[0m".to_owned()];
    let with = |more: &[&'static str]| [&query[..], more].concat();
    assert_eq!(first(&query), plain, "no terminal");
    assert_eq!(first(&with(&["--color", "always"])), marked);
    assert_eq!(first(&with(&["--color", "always", "--plain"])), plain);
    let mut command = place.command(&with(&["--color", "always"]));
    let ran = Ran::of(command.env("DISTIQ_PLAIN", "1").output().unwrap());
    assert!(ran.out.starts_with(&plain.join("\n")), "{}", ran.out);
}

#[test]
fn a_model_that_cannot_be_used_says_of_what_kind_that_is() {
    let model = ScriptedModel::start(Script::by_turn([Answer::text("")])).unwrap();
    let place = place();
    let embedder_at = |url: &str| {
        place.settings(&format!(
            "[index]\nembedder = \"openai/text-embedding-3-small\"\n[providers.openai]\nbase_url = \"{url}\"\n"
        ));
    };
    embedder_at(&model.base_url_openai());
    assert_eq!(place.run(&["index"]).code, 0);
    // Nobody listens there.
    embedder_at("http://127.0.0.1:9/v1");
    let vector = ["search", "--mode", "vector"];
    let row = "{\"id\": 7, \"query\": \"cookie\"}\n";
    let ran = place.pipe(&[&vector[..], &["--jsonl"]].concat(), row);
    let error = &rows(&ran.out)[0]["error"];
    assert_eq!((ran.code, &error["kind"]), (0, &Value::from("provider")), "{}", ran.out);
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Row 1: No vectors could be made: "), "{message}");
    assert!(!error["hint"].as_str().unwrap().contains("A row is"), "{error}");
    place.write("src/new.py", "def refund(): pass\n");
    for arguments in [&[&vector[..], &["--json", "cookie"]].concat()[..], &["index", "--json"]] {
        let ran = place.run(arguments);
        let error = &rows(&ran.out)[0]["error"];
        assert_eq!((ran.code, &error["kind"]), (6, &Value::from("provider")), "{}", ran.out);
    }
    place.settings("[index]\nreranker = \"/nope\"\n");
    let ran = place.run(&["search", "--json", "cookie"]);
    let error = &rows(&ran.out)[0]["error"];
    assert_eq!((ran.code, &error["kind"]), (3, &Value::from("config")), "{}", ran.out);
    assert!(error["message"].as_str().unwrap().contains("`/nope`"), "{error}");
}

#[test]
fn search_builds_the_index_and_prints_rows() {
    let place = place();
    let ran = place.run(&["search", "--json", "--", "parse cookies of a header"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let hits = rows(&ran.out);
    let first = &hits[0];
    assert_eq!(first["path"], "src/http.py");
    assert_eq!((first["start_line"].as_u64(), first["end_line"].as_u64()), (Some(2), Some(4)));
    assert_eq!((first["kind"].as_str(), first["name"].as_str()), (Some("method"), Some("parse")));
    assert!(hits.iter().all(|hit| hit["score"].is_number() && hit["reasons"].is_array()));
    let scores: Vec<f64> = hits.iter().filter_map(|hit| hit["score"].as_f64()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let ran = place.run(&["search", "--json", "--tests", "exclude", "--", "parse cookie"]);
    assert!(!ran.out.is_empty() && !ran.out.contains("test_http"), "{}", ran.out);
    let ran = place.run(&["search", "--json", "-n", "1", "--mode", "symbol", "--", "Cookie.dump"]);
    assert_eq!(rows(&ran.out).iter().map(|hit| hit["start_line"].clone()).collect::<Vec<_>>(), [6]);
    let ran = place.run(&["search", "--json", "--", "zebra"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

#[test]
fn changes_are_found_unless_nobody_looks() {
    let place = place();
    place.run(&["index"]);
    place.write("src/new.py", "def refund_customer(): pass\n");
    let ran = place.run(&["search", "--json", "--no-refresh", "--", "refund"]);
    assert_eq!(ran.out, "");
    let ran = place.run(&["search", "--json", "--", "refund"]);
    assert_eq!(rows(&ran.out).len(), 1);
    fs::remove_file(place.project().join("src/new.py")).unwrap();
    assert_eq!(place.run(&["search", "--json", "--", "refund"]).out, "");
}

#[test]
fn a_watch_ends_with_words_where_its_project_is_moved_away() {
    let place = place();
    let mut watch = place.command(&["index", "--watch"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line == "following changes"));
    fs::rename(place.project(), place.folder().join("elsewhere")).unwrap();
    let told: Vec<String> = lines.collect();
    assert_eq!(watch.wait().unwrap().code(), Some(1));
    let gone = format!("error: The project's folder `{}` is gone", place.project().display());
    let hint = "hint: Put it back, or start again in the folder where it is now";
    assert_eq!(told, [gone.as_str(), hint]);
    assert!(!place.project().exists(), "nothing is made in its place");
}

#[test]
fn a_home_is_no_project_unless_it_is_named_marked_or_small() {
    let place = Place::new();
    let home = place.home().parent().unwrap().to_path_buf();
    let notes = home.join("notes");
    fs::create_dir_all(&notes).unwrap();
    let at = |folder: &Path, arguments: &[&str]| {
        Ran::of(place.command(arguments).current_dir(folder).output().unwrap())
    };
    fs::write(notes.join("a.md"), "# Cats\n\nThey sleep.\n").unwrap();
    assert_eq!(at(&home, &["search", "cats"]).code, 0, "a small one is what it always was");
    fs::remove_dir_all(home.join(".distiq")).unwrap();
    for file in 0..1_001 {
        fs::write(notes.join(format!("{file}.md")), "# Dogs\n").unwrap();
    }
    let real = home.canonicalize().unwrap();
    let root = real.parent().unwrap();
    for command in [
        &["index"][..],
        &["index", "--rebuild"],
        &["search", "cats"],
        &["context", "--tokens", "500", "cats"],
        &["map"],
        &["graph", "definition", "cats"],
        &["index-stats"],
    ] {
        for (folder, what) in [(real.as_path(), "your home"), (root, "above your home")] {
            let ran = at(folder, command);
            let told = format!(
                "error: `{}` is {what}, not a project, and has more than 1000 files to index\nhint: Go to a \
                 project's folder or name it with `--root DIR`; `--root .` takes this one\n",
                folder.display()
            );
            assert_eq!((ran.code, ran.out.as_str(), ran.err), (2, "", told), "{command:?}");
            assert!(!folder.join(".distiq").exists());
        }
    }
    assert_eq!(at(&notes, &["search", "cats"]).code, 0, "a folder in it is one as any other");
    let ran = at(&home, &["search", "--root", ".", "cats"]);
    assert!(ran.out.contains("notes/a.md"), "{} {}", ran.out, ran.err);
    let again = at(&home, &["search", "cats"]);
    assert_eq!((again.code, again.out), (0, ran.out), "once it has an index, nobody asks again");
    fs::remove_dir_all(home.join(".distiq")).unwrap();
    fs::write(home.join(".distiqignore"), "pictures/\n").unwrap();
    assert_eq!(at(&home, &["search", "cats"]).code, 0, "a mark makes a project of it");
}

#[test]
fn rows_are_answered_one_by_one() {
    let place = place();
    let input = "{\"id\": 7, \"query\": \"cookie\"}\n\nnot json\n{\"id\": \"b\", \"query\": \"zebra\"}\n{\"id\": 1}\n";
    let ran = place.pipe(&["search", "--jsonl"], input);
    let rows = rows(&ran.out);
    assert_eq!(rows.len(), 4, "{}", ran.out);
    assert_eq!(rows[0]["id"], 7);
    assert!(rows[0]["ms"].is_number() && !rows[0]["results"].as_array().unwrap().is_empty());
    assert_eq!(rows[1]["error"]["kind"], "usage");
    assert_eq!((&rows[2]["id"], rows[2]["results"].as_array().unwrap().len()), (&"b".into(), 0));
    assert_eq!(rows[3]["error"]["message"], "Row 5: no `query` that is a text");
}

#[test]
fn a_query_too_long_is_a_usage_error() {
    let place = place();
    let long = "word ".repeat(14_000);
    let ran = place.run(&["search", "--", &long]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(place.run(&["search", "-n", "0", "x"]).code, 2);
    assert_eq!(place.run(&["search"]).code, 2);
}

/// Returns a segment of the project's index.
fn segment(place: &Place) -> PathBuf {
    let paths = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let own = paths(&place.project().join(".distiq/index"));
    let files = own.iter().flat_map(|folder| paths(folder));
    files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "seg")).unwrap()
}

#[test]
fn an_index_that_another_process_builds_is_waited_for() {
    let place = place();
    // Makes the folder and reads nothing.
    assert_eq!(place.run(&["index-stats"]).code, 0);
    let names = place.project().join(".distiq/index");
    let folder = fs::read_dir(names).unwrap().next().unwrap().unwrap().path();
    let lock = fs::File::options().write(true).open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut search = place.command(&["search", "--json", "cookie"]);
    let mut search = search.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(search.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = "note: waiting for another process, which is indexing";
    assert!(told.any(|line| line == waits));
    lock.unlock().unwrap();
    let searched = search.wait_with_output().unwrap();
    assert_eq!(searched.status.code(), Some(0));
    assert!(!rows(&String::from_utf8(searched.stdout).unwrap()).is_empty());
}

#[test]
fn a_damaged_index_is_mended_and_told() {
    let place = place();
    place.run(&["index"]);
    fs::write(segment(&place), "nonsense").unwrap();
    let ran = place.run(&["search", "--json", "--", "cookie"]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("built anew") && !ran.out.is_empty(), "{} {}", ran.err, ran.out);
}

#[test]
fn an_index_that_is_found_damaged_between_rows_is_mended() {
    let place = place();
    let input = "{\"id\": 1, \"query\": \"parse a cookie\"}\n{\"id\": 2, \"query\": \"header\"}\n";
    place.run(&["index"]);
    let whole = place.pipe(&["search", "--jsonl", "--no-refresh"], input);
    let mut mended = 0;
    for part in 1..12 {
        let path = segment(&place);
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() * part / 12;
        bytes[at] ^= 0x55;
        fs::write(&path, bytes).unwrap();
        let ran = place.pipe(&["search", "--jsonl", "--no-refresh"], input);
        mended += usize::from(ran.err.contains("built anew"));
        let hits = |out: &str| -> Vec<_> {
            rows(out).into_iter().map(|row| row["results"].clone()).collect()
        };
        assert_eq!(hits(&ran.out), hits(&whole.out), "{at}: {} {}", ran.out, ran.err);
    }
    assert!(mended > 5, "{mended}");
}

#[test]
fn the_index_tells_what_is_in_it() {
    let place = place();
    let ran = place.run(&["index", "--json"]);
    let done = &rows(&ran.out)[0];
    assert_eq!((done["files"].as_u64(), done["read"].as_u64()), (Some(2), Some(2)));
    let ran = place.run(&["index-stats", "--json"]);
    let stats = &rows(&ran.out)[0];
    assert_eq!((stats["files"].as_u64(), stats["lines"].as_u64()), (Some(2), Some(9)));
    assert_eq!((stats["embedder"].as_str(), stats["vectors"].as_u64()), (Some("words"), Some(0)));
    let empty = Place::new();
    assert!(empty.run(&["index-stats"]).err.contains("`distiq index` does it"));
    place.run(&["search", "--mode", "vector", "cookie"]);
    let ran = place.run(&["index-stats", "--json"]);
    assert!(rows(&ran.out)[0]["vectors"].as_u64() > Some(0), "{}", ran.out);
    assert!(place.run(&["index-stats"]).out.contains("files           2"));
    assert!(place.run(&["index", "--rebuild"]).out.starts_with("2 files, 2 read, 0 gone"));
}

#[test]
fn what_a_project_may_not_set_is_said_by_search_too() {
    let place = place();
    place.write(".distiq.toml", "[index]\nembedder = \"/models/minilm\"\n");
    let commands: [&[&str]; 6] = [
        &["search", "cookie"],
        &["context", "cookie"],
        &["index", "--json"],
        &["index-stats"],
        &["map", "cookie"],
        &["graph", "definition", "Cookie"],
    ];
    for arguments in commands {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("note: Ignored `index.embedder`"), "{}", ran.err);
    }
}

#[test]
fn a_vendors_vectors_are_made_once_found_by_and_paid_for() {
    let model = ScriptedModel::start(Script::by_turn([Answer::text("")])).unwrap();
    let place = place();
    let run = |embedder: &str, arguments: &[&str]| {
        let mut command = place.command(arguments);
        command
            .env("OPENAI_BASE_URL", model.base_url_openai())
            .env("OPENAI_API_KEY", "sk-test-of-embeddings")
            .env("DISTIQ_EMBEDDER", embedder)
            .env("DISTIQ_RETRY_BASE_MS", "1");
        Ran::of(command.output().unwrap())
    };
    let named = "openai/text-embedding-3-small";
    let ran = run(named, &["search", "--json", "--mode", "vector", "--", "cookie"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    assert!(ran.err.contains("0 of 4 chunks have vectors"), "{}", ran.err);
    let ran = run(named, &["index", "--json"]);
    assert_eq!((ran.code, rows(&ran.out)[0]["vectors"].as_u64()), (0, Some(4)), "{}", ran.err);
    let requests = || rows(&run(named, &["cost", "--json"]).out)[0]["totals"]["requests"].as_u64();
    assert_eq!(requests(), Some(1));
    run(named, &["index"]);
    assert_eq!(requests(), Some(1), "what did not change is not embedded again");
    // The model knows a text by its very letters: that of a chunk finds the chunk.
    let text = "http Cookie\n    def dump(self):\n        return ''";
    let ran = run(named, &["search", "--json", "--mode", "vector", "-n", "1", "--", text]);
    assert_eq!(rows(&ran.out)[0]["name"], "dump", "{}{}", ran.out, ran.err);
    assert_eq!(requests(), Some(2));
    let ran = run("nowhere", &["index"]);
    assert!(ran.code != 0 && ran.err.contains("neither a folder nor a model"), "{}", ran.err);
    for arguments in [["index"].as_slice(), &["search", "cookie"]] {
        let ran = run("/nowhere", arguments);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{}", ran.err);
        assert!(ran.err.contains("a folder that is not there: `/nowhere`"), "{}", ran.err);
    }
    // A folder that is there, but has no model that can be used.
    let model = place.project().join("../model");
    std::fs::create_dir(&model).unwrap();
    let config = r#"{"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":8,
        "max_position_embeddings":64,"vocab_size":9,"hidden_act":"gelu","layer_norm_eps":1e-12,"model_type":"KIND"}"#;
    let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let mut weights = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    weights.extend(header.as_bytes());
    let (bert, roberta) = (config.replace("KIND", "bert"), config.replace("KIND", "roberta"));
    let whole = [weights.clone(), vec![0; 8]].concat();
    for (file, text, why) in [
        ("a", b"".as_slice(), "config.json"),
        ("config.json", roberta.as_bytes(), "`roberta`"),
        ("config.json", bert.as_bytes(), "vocab.txt"),
        ("tokenizer.json", b"{\"model\":", "model.safetensors"),
        ("model.safetensors", &weights, "ends within its tensors"),
        ("model.safetensors", &whole, "tokenizer.json"),
    ] {
        std::fs::write(model.join(file), text).unwrap();
        for arguments in [
            ["search", "cookie"].as_slice(),
            &["search", "--mode", "vector", "cookie"],
            &["context", "cookie"],
            &["ask", "--local", "cookie"],
            &["index"],
            &["index-stats"],
        ] {
            let ran = run(model.to_str().unwrap(), arguments);
            assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{why} {arguments:?} {}", ran.err);
            assert!(ran.err.contains(why), "{why} {arguments:?} {}", ran.err);
        }
    }
    let mut command = place.command(&["search", "cookie"]);
    let ran = Ran::of(command.env("DISTIQ_RERANKER", "/nowhere").output().unwrap());
    assert!(ran.code != 0 && ran.err.contains("`index.reranker`"), "{}", ran.err);
}

#[test]
fn a_model_searches_without_a_reranker_that_cannot_be_read() {
    let call = Answer::text("")
        .and_call("search", serde_json::json!({"in": "meaning", "pattern": "dump a cookie"}));
    let model = ScriptedModel::start(Script::by_turn([call, Answer::text("Found.")])).unwrap();
    let place = place();
    let mut command = place.command(&["run", "--no-local", "--model", "gpt-scripted", "find it"]);
    command
        .env("OPENAI_BASE_URL", model.base_url_openai())
        .env("OPENAI_API_KEY", "sk-test-of-rerankers")
        .env("DISTIQ_RERANKER", "/nowhere");
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("note: code is found without `index.reranker`").count(), 1);
    assert!(ran.err.contains("/nowhere/config.json"), "{}", ran.err);
    let last = format!("{:?}", model.requests().pop().unwrap().request);
    assert!(last.contains("def dump"), "the search found the place: {last}");
}

#[test]
fn a_model_that_searches_by_meaning_finds_by_the_vectors_of_the_settings() {
    let text = "http Cookie\n    def dump(self):\n        return ''";
    let call =
        Answer::text("").and_call("search", serde_json::json!({"in": "meaning", "pattern": text}));
    let model = ScriptedModel::start(Script::by_turn([call, Answer::text("Found.")])).unwrap();
    let place = place();
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command
            .env("OPENAI_BASE_URL", model.base_url_openai())
            .env("OPENAI_API_KEY", "sk-test-of-embeddings")
            .env("DISTIQ_EMBEDDER", "openai/text-embedding-3-small")
            .env("DISTIQ_MODEL", "gpt-scripted")
            .env("DISTIQ_RETRY_BASE_MS", "1");
        Ran::of(command.output().unwrap())
    };
    assert_eq!(run(&["index"]).code, 0);
    let ran = run(&["run", "--no-local", "look for the cookie"]);
    assert_eq!((ran.code, ran.out.trim()), (0, "Found."), "{}", ran.err);
    let requests = rows(&run(&["cost", "--json"]).out)[0]["totals"]["requests"].as_u64();
    assert_eq!(requests, Some(4), "the chunks, two of the turn and the question's vector");
}

#[test]
fn without_git_all_but_the_past_is_there() {
    let place = place();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b.c"]).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(place.project());
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    fs::remove_dir_all(place.project().join(".git")).unwrap();
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "Open"]);
    place.write(".gitignore", "secret/\n");
    place.write("secret/a.py", "def cookie_secret(): pass\n");
    let empty = place.folder().join("empty");
    fs::create_dir(&empty).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        Ran::of(command.env("PATH", &empty).output().unwrap())
    };
    let ran = run(&["index"]);
    assert!(ran.code == 0 && ran.err.is_empty(), "{}", ran.err);
    assert_eq!(rows(&run(&["index-stats", "--json"]).out)[0]["commits"], 0);
    for arguments in [
        &["search", "parse a cookie"][..],
        &["search", "--mode", "vector", "parse a cookie"],
        &["context", "parse a cookie"],
        &["graph", "definition", "Cookie.parse"],
        &["map", "cookie"],
        &["ask", "--local", "parse a cookie"],
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.out.contains("src/http.py") && !ran.out.contains("secret"), "{}", ran.out);
    }
    // With git again, the past comes in.
    assert_eq!(place.run(&["index"]).code, 0);
    assert_eq!(rows(&run(&["index-stats", "--json"]).out)[0]["commits"], 1);
}

#[test]
fn an_empty_answer_says_why() {
    let place = place();
    place.write("data.min.js", &"var a=1;".repeat(10_000));
    let ran = place.run(&["index"]);
    assert!(
        ran.err.contains("note: 1 of the files hold no text to search: 1 generated"),
        "{}",
        ran.err
    );
    for (arguments, words) in [
        (&["search", "zebra"][..], "`--mode vector` looks for the meaning"),
        (&["search", "--mode", "symbol", "zebra"], "without `--mode`"),
        (&["context", "--tokens", "1", "cookie"], "nothing fits into 1 tokens"),
        (&["context", "zebra"], "nothing found"),
        (&["map", "--tokens", "3"], "nothing fits into 3 tokens"),
        (&["ask", "--history"], "no answers of this project are kept"),
        (&["map", "--without", "http.py", "--without", "zebra.py"], "by `zebra.py`"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}");
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
        assert!(!ran.out.contains("src/http.py"), "{arguments:?}: {}", ran.out);
    }
    for (arguments, words) in [
        (&["map", "--tokens", "0"][..], "must be 1 to 200000; 1024 shows some 60 heads"),
        (&["map", "--tokens", "-1"], "must be 1 to 200000"),
        (
            &["context", "--tokens", "-1", "cookie"],
            "must be 1 to 200000; 1000 names some 30 places",
        ),
        (&["context", "--tokens", "200001", "cookie"], "must be 1 to 200000"),
        (&["search", "-n", "-1", "cookie"], "must be 1 to 200"),
        (&["search", "--limit", "x", "cookie"], "must be 1 to 200"),
        (&["search", "-n201", "cookie"], "must be 1 to 200"),
        (&["graph", "impact", "--depth", "-1", "cookie"], "must be 1 to 4294967295"),
    ] {
        let ran = place.run(arguments);
        let is_told = ran.err.contains(words) && !ran.err.contains("use '--");
        assert!(ran.code == 2 && is_told, "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn what_a_file_holds_steers_no_terminal() {
    let place = place();
    place.write("odd.py", "def cookie_monster(x):\n    return '\u{1b}[2J\u{1b}]0;owned\u{7}'\n");
    for arguments in [
        &["context", "cookie monster"][..],
        &["map", "cookie_monster"],
        &["search", "cookie monster"],
        &["ask", "--local", "cookie monster"],
        &["graph", "references", "cookie_monster"],
        &["graph", "--dot", "export"],
    ] {
        let ran = place.run(arguments);
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn past_commits_find_files_until_that_is_switched_off() {
    let place = place();
    place.write("src/clock.py", "def tick():\n    return 1\n");
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b.c"]).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(place.project());
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    fs::remove_dir_all(place.project().join(".git")).unwrap();
    git(&["init", "-q"]);
    git(&["add", "tests", "src/http.py"]);
    git(&["commit", "-q", "-m", "Open"]);
    git(&["add", "src"]);
    git(&["commit", "-q", "-m", "Strike the hour as the belfry does"]);
    let commits = || rows(&place.run(&["index-stats", "--json"]).out)[0]["commits"].as_u64();
    place.run(&["index"]);
    assert_eq!(commits(), Some(2));
    let request = "the belfry strikes too late";
    let ran = place.run(&["search", "--json", "--", request]);
    let first = &rows(&ran.out)[0];
    assert_eq!(first["path"], "src/clock.py", "{}", ran.out);
    assert!(first["reasons"].to_string().contains("changed with similar commits"), "{}", ran.out);
    let ran = place.run(&["context", "--tokens", "500", request]);
    assert!(ran.out.contains("src/clock.py"), "{}", ran.out);
    place.settings("[index]\nhistory = false\n");
    assert_eq!(commits(), Some(0));
    let ran = place.run(&["search", "--json", "--", request]);
    assert_eq!(ran.out, "", "no file has these words");
}

#[test]
fn files_that_are_open_come_sooner() {
    let place = Place::new();
    for name in ["one", "two"] {
        place.write(&format!("{name}/ports.py"), "def close_port(port):\n    return port.shut()\n");
    }
    let first = |arguments: &[&str]| {
        let ran = place.run(&[&["search", "--json"], arguments, &["--", "close a port"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        (rows(&ran.out)[0]["path"].as_str().unwrap().to_owned(), ran.err)
    };
    assert_eq!(first(&[]), ("one/ports.py".into(), String::new()));
    let whole = place.project().join("two/ports.py");
    for name in ["two/ports.py", "./two/../two/ports.py", whole.to_str().unwrap()] {
        assert_eq!(first(&["--open", name]), ("two/ports.py".into(), String::new()));
    }
    let (path, said) = first(&["--open", "/etc/passwd", "--open", "two"]);
    assert_eq!(path, "one/ports.py");
    assert!(said.contains("`--open /etc/passwd`: the index has no such file"), "{said}");
    assert!(said.contains("`--open two`"), "{said}");

    let input = "{\"id\":1,\"query\":\"close a port\",\"open\":[\"two/ports.py\"]}\n{\"id\":2,\"query\":\"close a port\"}\n{\"id\":3,\"query\":\"close a port\",\"open\":\"two/ports.py\"}\n";
    let ran = place.pipe(&["search", "--jsonl"], input);
    let answers = rows(&ran.out);
    assert_eq!(answers[0]["results"][0]["path"], "two/ports.py");
    assert_eq!(answers[1]["results"][0]["path"], "one/ports.py");
    assert!(answers[2]["error"]["message"].as_str().unwrap().contains("`open` is no list"));
    let ran = place.pipe(&["search", "--jsonl", "--open", "two/ports.py"], input);
    assert_eq!(rows(&ran.out)[1]["results"][0]["path"], "two/ports.py");

    let context = |arguments: &[&str]| {
        let ran =
            place.run(&[&["context", "--shape", "code"], arguments, &["close a port"]].concat());
        ran.out.lines().next().unwrap().to_owned()
    };
    assert_eq!(context(&[]), "one/ports.py:1-2");
    assert_eq!(context(&["--open", "two/ports.py"]), "two/ports.py:1-2");
    let ran = place.pipe(&["context", "--jsonl"], &input.replace("query", "request"));
    let answers = rows(&ran.out);
    assert_eq!(answers[0]["items"][0]["path"], "two/ports.py");
    assert_eq!(answers[1]["items"][0]["path"], "one/ports.py");
}
