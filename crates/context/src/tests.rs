use std::fs;

use distiq_base::CountTokens;
use distiq_index::{Control, Index, Snapshot};
use distiq_ml::Tokenizer;

use super::*;

/// A project of several files; one has a long function and lines in other scripts.
fn snapshot(folder: &tempfile::TempDir) -> Snapshot {
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("src")).unwrap();
    for file in 0..30 {
        let functions: String = (0..6)
            .map(|n| format!("def load_{n}_of_{file}(path):\n    '''Читает файл'''\n\n    return open(path).read() + '{file}'\n\n\n"))
            .collect();
        fs::write(tree.join(format!("src/part_{file}.py")), functions).unwrap();
    }
    let body: String = (0..300).map(|n| format!("    total += weigh(item, {n})\n")).collect();
    fs::write(
        tree.join("src/weigh.py"),
        format!("def weigh_all(items):\n    total = 0\n{body}    return total\n"),
    )
    .unwrap();
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    index.snapshot().unwrap()
}

#[test]
fn no_budget_is_passed_and_lines_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    let counter = Tokenizer::o200k();
    for shape in [Shape::Hits, Shape::Code, Shape::Mixed] {
        for tokens in [1, 7, 20, 60, 200, 1_000, 4_000] {
            for text in ["load the file at a path", "weigh all items", "nothing of this kind"] {
                let context =
                    build(&snapshot, &Request::new(text, tokens, shape), counter).unwrap();
                assert!(context.tokens_used <= tokens, "{shape:?} {tokens} {text}");
                assert_eq!(context.tokens_used, counter.count(&context.text));
                for item in &context.items {
                    assert!(context.text.contains(&item.text), "{item:?}");
                    if item.shape == Shape::Code {
                        let text = fs::read_to_string(snapshot.root().join(&item.path)).unwrap();
                        let (from, to) = (item.start_line as usize - 1, item.end_line as usize);
                        let lines = text.lines().collect::<Vec<_>>()[from..to].join("\n") + "\n";
                        assert_eq!(item.text, lines);
                        let head = format!("{}:{}-{}\n", item.path, item.start_line, item.end_line);
                        assert!(context.text.contains(&head));
                    }
                }
            }
        }
    }
}

#[test]
fn shapes_show_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    let check = |shape, tokens| {
        let request = Request::new("weigh all items", tokens, shape);
        build(&snapshot, &request, Tokenizer::o200k()).unwrap()
    };
    let hits = check(Shape::Hits, 400);
    assert!(hits.text.starts_with("src/weigh.py\n  1-303 def weigh_all(items)\n"), "{}", hits.text);
    let code = check(Shape::Code, 4_000);
    let first = code.items.first().unwrap();
    assert_eq!((first.path.as_str(), first.start_line), ("src/weigh.py", 1));
    assert!(first.end_line < 303, "a unit that would take all shows its beginning");
    let mark = format!("\n[{} more lines]\n", 303 - first.end_line);
    assert!(code.text.contains(&mark), "and says so: {}", code.text);
    assert_eq!(code.text.matches(" more lines]").count(), 1);
    let mixed = check(Shape::Mixed, 1_000);
    let shapes: Vec<Shape> = mixed.items.iter().map(|item| item.shape).collect();
    assert!(shapes.contains(&Shape::Hits) && shapes.contains(&Shape::Code), "{shapes:?}");
    assert!(shapes.is_sorted_by_key(|shape| *shape == Shape::Code), "the shortlist comes first");
}

#[test]
fn documents_that_are_asked_for_are_shown_before_units() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("docs")).unwrap();
    let code: String = (0..60)
        .map(|at| format!("def install_{at}(pip):\n    return pip.install({at})\n\n"))
        .collect();
    fs::write(tree.join("install.py"), code).unwrap();
    let page = "Installing\n==========\n\nRun pip install, then wait for it.\n";
    fs::write(tree.join("docs/guide.rst"), page).unwrap();
    fs::write(tree.join("README.md"), format!("# Tool\n\n{page}")).unwrap();
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let snapshot = index.snapshot().unwrap();
    let paths = |text| -> Vec<String> {
        let request = Request::new(text, 200, Shape::Code);
        let context = build(&snapshot, &request, Tokenizer::o200k()).unwrap();
        context.items.into_iter().map(|item| item.path).collect()
    };
    for (request, file) in [
        ("pip install as docs/guide.rst has it", "docs/guide.rst"),
        ("what does the readme say of pip install", "README.md"),
    ] {
        assert!(paths(request).contains(&file.to_owned()), "{request}: {:?}", paths(request));
    }
    assert!(paths("install pip").iter().all(|path| path == "install.py"));
}

#[test]
fn a_change_shows_more_files_and_a_question_more_units() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    let files = |text| {
        let request = Request::new(text, 700, Shape::Code);
        let context = build(&snapshot, &request, Tokenizer::o200k()).unwrap();
        let paths: std::collections::BTreeSet<_> =
            context.items.iter().map(|item| item.path.clone()).collect();
        assert_eq!(paths.len() < context.items.len(), !text.starts_with("fix"), "{text}");
        paths.len()
    };
    assert!(files("fix: load the part from the path") > files("loads part 3 of 7 from a path"));
}

#[test]
fn a_notebook_reads_as_its_cells() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).unwrap();
    let cell = |source: &str| format!("{{\"cell_type\": \"code\", \"source\": {source}}}");
    let listed = cell("[\n\"def weigh(name=\\\"box\\\"):\\n\",\n\"    return scale(name)\\n\"\n]");
    let one = cell("\"import scales\\ndef count(boxes):\\n    return \\\"n\\\" * len(boxes)\"");
    fs::write(tree.join("a.ipynb"), format!("{{\"cells\": [\n{listed},\n{one}\n]}}\n")).unwrap();
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let snapshot = index.snapshot().unwrap();
    let shown = |text, shape| {
        let request = Request::new(text, 400, shape);
        build(&snapshot, &request, Tokenizer::o200k()).unwrap().text
    };
    let code = "def weigh(name=\"box\"):\n    return scale(name)\n";
    assert!(shown("weigh a box", Shape::Code).contains(code));
    let code = "import scales\ndef count(boxes):\n    return \"n\" * len(boxes)\n";
    assert!(shown("count boxes", Shape::Code).contains(code), "a cell that is one string");
    let hits = shown("count boxes with scales", Shape::Hits);
    assert!(hits.contains("def count(boxes)\n") && !hits.contains("\\n"), "{hits}");
}

#[test]
fn files_that_vanish_or_lead_outside_show_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(&folder);
    let secret = folder.path().join("secret.py");
    fs::write(&secret, "def weigh_all(items):\n    return 'outside'\n".repeat(200)).unwrap();
    let weigh = folder.path().join("tree/src/weigh.py");
    fs::remove_file(&weigh).unwrap();
    std::os::unix::fs::symlink(&secret, &weigh).unwrap();
    let request = Request::new("weigh all items", 2_000, Shape::Code);
    let context = build(&snapshot, &request, Tokenizer::o200k()).unwrap();
    assert!(!context.text.contains("outside"));
    assert!(context.items.iter().all(|item| item.path != "src/weigh.py"));
}

#[test]
fn heads_of_what_the_units_need_are_shown_where_room_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("shop")).unwrap();
    let write = |path: &str, text: &str| fs::write(tree.join(path), text).unwrap();
    write(
        "shop/cart.py",
        "from shop.tax import rate_of\nfrom shop.base import Basket\n\n\nclass Cart(Basket):\n    def total(self):\n        \
         \"\"\"Adds up what the basket costs.\"\"\"\n        return sum(self.prices) * rate_of(self.country)\n",
    );
    write(
        "shop/tax.py",
        "def rate_of(land):\n    return RATES[land]\n\n\ndef unused(land):\n    return land\n",
    );
    write(
        "shop/base.py",
        "class Basket:\n    def put(self, thing):\n        self.things.append(thing)\n",
    );
    // Another of that name, which nothing leads to.
    write("shop/other.ts", "export function rate_of(x: number) { return x }\n");
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let snapshot = index.snapshot().unwrap();
    let heads = |tokens| {
        let text = "adds up what the basket costs";
        let request = Request::new(text, tokens, Shape::Code);
        let context = build(&snapshot, &request, Tokenizer::o200k()).unwrap();
        assert!(context.tokens_used <= tokens);
        let heads = context.items.into_iter().filter(|item| item.shape == Shape::Hits);
        heads.map(|item| (item.path, item.text, item.reasons)).collect::<Vec<_>>()
    };
    let expected = |path: &str, text: &str, reason: &str| {
        (path.to_owned(), text.to_owned(), vec![reason.to_owned()])
    };
    let tax = expected("shop/tax.py", "  1-2 def rate_of(land)\n", "called by `total`");
    assert!(heads(1_000).contains(&tax), "{:?}", heads(1_000));
    assert!(heads(1_000).iter().all(|(path, ..)| path != "shop/other.ts"));
    assert!(heads(30).is_empty(), "no room is left");
}

#[test]
fn no_head_is_shown_twice_and_bases_count() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).unwrap();
    let write = |path: &str, text: &str| fs::write(tree.join(path), text).unwrap();
    write(
        "base.py",
        "class Basket:\n    def put(self, thing):\n        self.things.append(thing)\n",
    );
    write(
        "cart.py",
        "from base import Basket\n\n\nclass Cart(Basket):\n    limit = 3\n    currency = 'EUR'\n",
    );
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let snapshot = index.snapshot().unwrap();
    let built = |shape| {
        let request = Request::new("currency limit of a cart", 1_000, shape);
        build(&snapshot, &request, Tokenizer::o200k()).unwrap()
    };
    let base = "base.py\n  1-3 class Basket\n";
    assert!(built(Shape::Code).text.contains(base), "{}", built(Shape::Code).text);
    let reasons = built(Shape::Code).items.into_iter().find(|item| item.path == "base.py");
    assert_eq!(reasons.unwrap().reasons, ["inherited by `Cart`"]);
    for shape in [Shape::Code, Shape::Mixed] {
        let context = built(shape);
        let heads = context.items.iter().filter(|item| item.shape == Shape::Hits);
        let heads: Vec<_> = heads.map(|item| (&item.path, item.start_line)).collect();
        let once: std::collections::BTreeSet<_> = heads.iter().collect();
        assert_eq!(once.len(), heads.len(), "{}", context.text);
    }
}

#[test]
fn what_only_fills_gives_way_to_heads_and_comes_back_shorter() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).unwrap();
    let steps = |count: usize, call: &str| -> String {
        (0..count).map(|n| format!("    total += {call}(item, {n})\n")).collect()
    };
    let text = format!(
        "from scale import scale_of\n\n\ndef weigh_all(items):\n{}    return total\n\n\ndef weigh_all_twice(items):\n{}",
        steps(15, "scale_of"),
        steps(90, "twice")
    );
    fs::write(tree.join("weigh.py"), text).unwrap();
    fs::write(tree.join("scale.py"), "def scale_of(it, n):\n    return it * n\n").unwrap();
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let request = Request::new("weigh all items", 300, Shape::Code);
    let context = build(&index.snapshot().unwrap(), &request, Tokenizer::o200k()).unwrap();
    let items: Vec<(&str, u32, Shape)> = context
        .items
        .iter()
        .map(|item| (item.path.as_str(), item.start_line, item.shape))
        .collect();
    let (first, filler) = (("weigh.py", 4, Shape::Code), ("weigh.py", 23, Shape::Code));
    assert_eq!(items, [first, ("scale.py", 1, Shape::Hits), filler], "{}", context.text);
    let filler = context.items.last().unwrap();
    assert!((24..60).contains(&filler.end_line) && context.tokens_used > 280, "{}", context.text);
}

#[test]
fn lines_that_a_request_names_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("tests")).unwrap();
    let steps: String = (0..300).map(|n| format!("    total += weigh(item, {n})\n")).collect();
    let text = format!(
        "import os\n\n# How much is too much.\nLIMITS = load(os.environ)\nLIMITS.update(more)\n\n\ndef weigh_all(items):\n{steps}"
    );
    fs::write(tree.join("weigh.py"), text).unwrap();
    fs::write(tree.join("tests/test_weigh.py"), "def test_weigh():\n    assert weigh(2, 3) == 6\n")
        .unwrap();
    for at in 0..20 {
        let text = format!("def weigh_{at}(item):\n    return weigh(item, {at})\n\n\n").repeat(3);
        fs::write(tree.join(format!("other_{at}.py")), text).unwrap();
    }
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let snapshot = index.snapshot().unwrap();
    let places = [
        ("weigh.py", 4),
        ("weigh.py", 5),
        ("weigh.py", 8),
        ("weigh.py", 11),
        ("weigh.py", 200),
        ("weigh.py", 308),
        ("tests/test_weigh.py", 2),
    ];
    for (path, line) in places {
        for shape in [Shape::Hits, Shape::Code, Shape::Mixed] {
            for tokens in [100, 300, 2_000] {
                let text = format!("weigh all items fails at {path}:{line}");
                let request = Request::new(&text, tokens, shape);
                let context = build(&snapshot, &request, Tokenizer::o200k()).unwrap();
                let told = format!("{path}:{line} {shape:?} {tokens}: {}", context.text);
                assert!(context.tokens_used <= tokens, "{told}");
                let source = fs::read_to_string(tree.join(path)).unwrap();
                let lines: Vec<&str> = source.lines().collect();
                let is_shown = context.items.iter().any(|item| {
                    let is_held =
                        item.path == path && (item.start_line..=item.end_line).contains(&line);
                    let exact = lines.get(item.start_line as usize - 1..item.end_line as usize);
                    let as_line = format!("  {line}: {}\n", lines[line as usize - 1].trim());
                    is_held
                        && match item.shape {
                            Shape::Code => item.text == exact.unwrap().join("\n") + "\n",
                            _ => item.text.contains(&as_line),
                        }
                });
                assert!(is_shown, "{told}");
                if shape == Shape::Code && line == 200 {
                    let first = context.items.first().unwrap();
                    let before =
                        format!("-{}\n[{} more lines]\n", first.end_line, first.start_line - 8);
                    let behind = format!("\n[{} more lines]\n", 308 - first.end_line);
                    assert!(
                        context.text.contains(&before) && context.text.contains(&behind),
                        "{told}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_line_is_packed_twice() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).unwrap();
    let steps = |count: usize| "        wait(socket)\n".repeat(count);
    let text = format!(
        "def request(options):\n    {}\n    def defer_to_connect(socket):\n        \"\"\"Defers to connect.\"\"\"\n{}    def on_connect(socket):\n{}    return run(options)\n",
        "prepare(options)\n    ".repeat(3).trim_end(),
        steps(3),
        steps(30)
    );
    fs::write(tree.join("request.py"), text).unwrap();
    fs::write(tree.join("other.py"), "def connect(options):\n    return 1\n").unwrap();
    let index = Index::open(&tree, &folder.path().join("cache")).unwrap();
    index.refresh(&Control::default()).unwrap();
    let snapshot = index.snapshot().unwrap();
    for tokens in [40, 60, 80, 120, 160, 200, 300, 500, 1_000, 2_000] {
        for text in ["defer to connect", "on connect", "request options", "request.py:12 connect"] {
            let request = Request::new(text, tokens, Shape::Code);
            let context = build(&snapshot, &request, Tokenizer::o200k()).unwrap();
            assert!(context.tokens_used <= tokens);
            let mut seen = std::collections::BTreeSet::new();
            for item in context.items.iter().filter(|item| item.shape == Shape::Code) {
                for line in item.start_line..=item.end_line {
                    assert!(seen.insert((&item.path, line)), "{text} {tokens}: {}", context.text);
                }
            }
        }
    }
}
