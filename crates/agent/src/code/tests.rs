use std::fs;

use distiq_base::{EmbedError, EmbedRole};

use super::*;

const CART: &str = "class Cart:\n    def total(self):\n        return sum(self.prices())\n\n    def prices(self):\n        return []\n";
const SHOP: &str =
    "from cart import Cart\n\ndef checkout(cart):\n    # pays\n    return cart.total()\n";

fn answer(view: CodeView, question: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("cart.py"), CART).unwrap();
    fs::write(root.join("shop.py"), SHOP).unwrap();
    let code = ProjectCode::new(&root, &folder.path().join("cache"));
    let question = CodeQuestion::new(view, question, 8_000);
    code.answer(&CodeQuestion { accepts: &|path| path != "hidden.py", ..question }).unwrap().text
}

fn told(code: &ProjectCode, view: CodeView, question: &str) -> String {
    code.answer(&CodeQuestion::new(view, question, 8_000)).unwrap().text
}

#[test]
fn an_index_that_another_process_builds_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cart.py"), CART).unwrap();
    let cache = folder.path().join("cache");
    let index = Index::open(folder.path(), &cache).unwrap();
    let lock = fs::File::options().write(true).open(index.folder().join("lock")).unwrap();
    let code = ProjectCode::new(folder.path(), &cache);
    let question = CodeQuestion::new(CodeView::Symbol, "total", 8_000);
    lock.lock().unwrap();
    assert_eq!(code.answer(&question).unwrap_err(), BUILDING);
    lock.unlock().unwrap();
    assert!(code.answer(&question).unwrap().text.starts_with("cart.py:"));
    lock.lock().unwrap();
    assert!(code.answer(&question).unwrap().text.starts_with("cart.py:"));
}

#[test]
fn names_are_told_apart_by_their_case_where_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.py"), "def total():\n    return 1\n").unwrap();
    fs::write(folder.path().join("b.py"), "def Total():\n    return 2\n").unwrap();
    let code = ProjectCode::new(folder.path(), &folder.path().join("cache"));
    let find = |exact_case, text| {
        let question = CodeQuestion::new(CodeView::Symbol, text, 8_000);
        code.answer(&CodeQuestion { exact_case, ..question }).unwrap().text
    };
    let both = find(false, "def Total()");
    assert!(both.contains("a.py") && both.contains("b.py"), "{both}");
    assert_eq!(find(true, "def Total()"), "b.py:1-2\ndef Total():\n    return 2\n");
    let none = find(true, "TOTAL");
    assert!(none.starts_with("no definition is called so; the nearest names:\n"), "{none}");
    assert_eq!(find(true, "zzxqj"), "no definition is called so, or nearly so\n");
}

#[test]
fn code_that_stands_above_is_only_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cart.py"), CART).unwrap();
    let code = ProjectCode::new(folder.path(), &folder.path().join("cache"));
    for view in [CodeView::Symbol, CodeView::Meaning] {
        let question = CodeQuestion::new(view, "Cart.total", 8_000);
        let first = code.answer(&question).unwrap();
        let shown = "    def total(self):\n        return sum(self.prices())".to_owned();
        assert_eq!(first.code[0], ("cart.py".to_owned(), shown.clone()));
        let stands_above = |path: &str, lines: &str| path == "cart.py" && lines == shown;
        let again = CodeQuestion { stands_above: &stands_above, ..question };
        let again = code.answer(&again).unwrap();
        assert!(again.text.starts_with("cart.py:2-3, as shown above\n"), "{}", again.text);
        assert!(!again.text.contains("return sum"), "{}", again.text);
        assert!(again.code.iter().all(|(_, lines)| *lines != shown));
    }
}

#[test]
fn a_definition_comes_with_its_code() {
    let text = answer(CodeView::Symbol, "Cart.total");
    assert_eq!(text, "cart.py:2-3\n    def total(self):\n        return sum(self.prices())\n");
}

#[test]
fn an_index_that_is_removed_meanwhile_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("cart.py"), CART).unwrap();
    let cache = folder.path().join("cache");
    let code = ProjectCode::new(&root, &cache);
    let ask = || told(&code, CodeView::Symbol, "Cart.total");
    let first = ask();
    // As `git clean -fdx` does.
    fs::remove_dir_all(root.join(".distiq")).unwrap();
    assert_eq!(ask(), first);
    // As another process does.
    Index::rebuild(&root, &cache).unwrap();
    fs::write(root.join("cart.py"), CART.replace("sum(", "max(")).unwrap();
    assert_eq!(ask(), first.replace("sum(", "max("));
}

#[test]
fn uses_come_as_lines() {
    assert_eq!(answer(CodeView::References, "total"), "shop.py\n5: return cart.total()\n");
}

#[test]
fn code_is_found_by_what_it_does() {
    let text = answer(CodeView::Meaning, "sum of all prices");
    assert!(text.starts_with("cart.py:"), "{text}");
}

/// Knows that to pay is to settle.
#[derive(Debug)]
struct Paying;

impl Embed for Paying {
    fn id(&self) -> &str {
        "paying-1"
    }

    fn is_local(&self) -> bool {
        true
    }

    fn embed(&self, texts: &[&str], _: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        let knows = |text: &&str| ["owed", "checkout"].iter().any(|it| text.contains(it));
        Ok(texts.iter().map(|it| vec![f32::from(knows(it)), 0.1]).collect())
    }
}

#[test]
fn an_embedder_finds_what_no_word_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.py"), SHOP).unwrap();
    fs::write(folder.path().join("cart.py"), CART).unwrap();
    let cache = folder.path().join("cache");
    let embedder: Arc<dyn Embed> = Arc::new(Paying);
    let index = Index::open(folder.path(), &cache).unwrap().with_embedder(embedder.clone());
    index.refresh(&Control::default()).unwrap();
    let find = |embedder: Option<Arc<dyn Embed>>| {
        let code = ProjectCode::new(folder.path(), &cache).with_models(embedder, None);
        told(&code, CodeView::Meaning, "what is owed")
    };
    assert_eq!(find(None), "");
    assert!(find(Some(embedder)).starts_with("shop.py:3-5\n"), "a search embeds what is little");
}

#[test]
fn what_a_change_reaches_comes_nearest_first() {
    let text = answer(CodeView::Impact, "Cart.prices");
    assert_eq!(text, "cart.py:2 Cart.total (call)\n  shop.py:3 checkout (call)\n");
}

#[test]
fn a_map_shows_heads_by_file() {
    let text = answer(CodeView::Map, "");
    assert!(text.contains("cart.py") && text.contains("def total(self)"), "{text}");
}

#[test]
fn a_map_is_cut_to_the_room_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let heads: Vec<String> =
        (0..200).map(|at| format!("def comment_{at}(line):\n    return line\n")).collect();
    fs::write(folder.path().join("comments.py"), heads.join("\n")).unwrap();
    let code = ProjectCode::new(folder.path(), &folder.path().join("cache"));
    for room in 200..400 {
        let question = CodeQuestion::new(CodeView::Map, "comments", room);
        let text = code.answer(&question).unwrap().text;
        assert!(text.contains("def comment_") && text.len() <= room, "{room}: {text}");
    }
}

#[test]
fn a_request_is_shown_places_unless_it_names_its_file_or_nobody_made_an_index() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cart.py"), CART).unwrap();
    let code = ProjectCode::new(folder.path(), &folder.path().join("cache"));
    assert_eq!(code.places("sum of all prices"), "");
    assert!(!folder.path().join(".distiq").exists());
    Index::open(folder.path(), &folder.path().join("cache")).unwrap();
    let places = code.places("sum of all prices");
    assert!(places.contains("cart.py") && places.contains("total"), "{places}");
    assert_eq!(code.places("sum all prices in cart.py, please"), "");
    assert_eq!(code.places("prices"), "");
}

#[test]
fn what_means_nothing_of_the_project_is_shown_no_places() {
    let folder = tempfile::tempdir().unwrap();
    let cart = CART.replace("prices()", "prices()  # hello, today match is far better");
    fs::write(folder.path().join("cart.py"), cart).unwrap();
    let code = ProjectCode::new(folder.path(), &folder.path().join("cache"));
    Index::open(folder.path(), &folder.path().join("cache")).unwrap();
    for request in [
        "hello, how are you today?",
        "thanks, that looks much better",
        "привет, как дела сегодня",
        "who won the football match yesterday",
        "1 2 3 4 5",
        "aGVsbG8gY2FydCwgdG90YWwgcHJpY2Vz\nIG9mIGEgY2FydCBhbmQgaXRzIHRvdGFs\nIHByaWNlcywgYXMgdGV4dCBvZiA2NA==",
    ] {
        assert_eq!(code.places(request), "", "{request}");
    }
    for request in [
        "how does total work",
        "what is in cart",
        "sum of what is in a basket of prices",
        "hello, make the total of prices faster, thanks",
    ] {
        assert_ne!(code.places(request), "", "{request}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    assert_eq!(answer(CodeView::Impact, "zebra"), "no definition is called so\n");
    let nothing = "no such symbol: nothing in the project is called so\n";
    assert_eq!(answer(CodeView::References, "zebra"), nothing);
    assert_eq!(answer(CodeView::Meaning, "zebra"), "");
}
