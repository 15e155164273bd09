//! `distiq graph` and `distiq map` as their users run them.

use serde_json::Value;

use crate::Place;

fn place() -> Place {
    let place = Place::new();
    place.write("shop/cart.py", "from shop.tax import rate\n\nclass Cart:\n    def total(self):\n        return self.net() * rate()\n\n    def net(self):\n        return 1\n");
    place.write("shop/tax.py", "import shop.cart\n\ndef rate():\n    return 2\n");
    place.write(
        "shop/main.py",
        "from shop.cart import Cart\n\ndef checkout():\n    return Cart().total()\n",
    );
    place
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns what a question answers: each row's name, with its depth where it has one.
fn asked(place: &Place, arguments: &[&str]) -> Vec<String> {
    let ran = place.run(&[&["graph", "--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    let name = |row: Value| match row["depth"].as_u64() {
        Some(depth) => format!("{} {depth}", row["name"].as_str().unwrap_or_default()),
        None => row["name"].as_str().unwrap_or_default().to_owned(),
    };
    rows(&ran.out).into_iter().map(name).collect()
}

#[test]
fn questions_follow_who_uses_whom() {
    let place = place();
    assert_eq!(asked(&place, &["callers", "rate"]), ["Cart.total 1"]);
    assert_eq!(asked(&place, &["callers", "--depth", "2", "rate"]), ["Cart.total 1", "checkout 2"]);
    let mut callees = asked(&place, &["callees", "Cart.total"]);
    callees.sort();
    assert_eq!(callees, ["Cart.net 1", "rate 1"]);
    assert!(asked(&place, &["impact", "rate"]).contains(&"checkout 2".to_owned()));
    assert!(asked(&place, &["dependencies", "checkout"]).contains(&"rate 2".to_owned()));
    assert_eq!(
        asked(&place, &["path", "checkout", "rate"]),
        ["checkout 0", "Cart.total 1", "rate 2"]
    );
    assert_eq!(asked(&place, &["definition", "rate", "--at", "shop/cart.py:5"]), ["rate"]);
}

#[test]
fn calls_by_way_of_a_base_are_told() {
    let place = Place::new();
    place.write(
        "a.py",
        "class H:\n    def serve(self): pass\nclass Impl(H):\n    def serve(self): pass\ndef call(h: H):\n    h.serve()\n",
    );
    for question in ["callers", "impact"] {
        let ran = place.run(&["graph", question, "Impl.serve"]);
        assert_eq!(ran.out, "a.py:5-6 function call (call via H.serve, line 6)\n", "{}", ran.err);
        let ran = place.run(&["graph", "--json", question, "Impl.serve"]);
        assert_eq!(rows(&ran.out)[0]["via"], "a.py:H.serve");
    }
}

#[test]
fn guesses_come_last_and_are_told() {
    let place = Place::new();
    let calls: String = (0..7).map(|at| format!("def g{at}(x):\n    x.shine()\n")).collect();
    place.write(
        "a.py",
        &format!("class A:\n    def shine(self): pass\nclass B:\n    def shine(self): pass\n{calls}def sure(a: A):\n    a.shine()\n"),
    );
    for question in ["callers", "references", "impact"] {
        let ran = place.run(&["graph", question, "A.shine"]);
        let lines: Vec<&str> = ran.out.lines().collect();
        assert!(lines[0].starts_with("a.py:"), "{question} {}", ran.out);
        assert_eq!(lines[1], "by name alone, may be another's:", "{question} {}", ran.out);
        assert_eq!(lines.len(), 8, "{question} {}", ran.out);
        assert_eq!(lines[7], "… 2 more by name alone (`--json` has all)");
        let ran = place.run(&["graph", "--json", question, "A.shine"]);
        let guesses = rows(&ran.out).iter().filter(|row| row["guess"] == true).count();
        assert_eq!(guesses, 7, "{}", ran.out);
    }
}

#[test]
fn references_are_lines() {
    let place = place();
    let ran = place.run(&["graph", "--json", "references", "rate"]);
    let lines: Vec<(String, u64)> = rows(&ran.out)
        .iter()
        .map(|row| (row["path"].as_str().unwrap().to_owned(), row["line"].as_u64().unwrap()))
        .collect();
    let path = "shop/cart.py".to_owned();
    assert_eq!(lines, [(path.clone(), 1), (path, 5)]);
}

#[test]
fn circles_and_exports_are_shown() {
    let place = place();
    let ran = place.run(&["graph", "--json", "cycles"]);
    let files = ["shop/cart.py", "shop/tax.py"];
    let nodes = files.map(|path| serde_json::json!({ "path": path, "kind": "file" }));
    assert_eq!(rows(&ran.out), [serde_json::json!({ "cycle": files, "nodes": nodes })]);
    let ran = place.run(&["graph", "--dot", "callers", "rate"]);
    assert!(ran.out.starts_with("digraph") && ran.out.contains("->"), "{}", ran.out);
    let ran = place.run(&["graph", "export"]);
    let whole: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(whole["nodes"].as_array().unwrap().len() >= 6, "{whole}");
    assert!(!whole["edges"].as_array().unwrap().is_empty());
}

#[test]
fn pictures_have_the_ties_of_their_answers() {
    let place = place();
    let ran = place.run(&["graph", "--dot", "cycles"]);
    assert_eq!(ran.out.matches("->").count(), 2, "{}", ran.out);
    assert!(ran.out.contains("shop/cart.py") && ran.out.contains("shop/tax.py"), "{}", ran.out);
    for question in ["definition", "references"] {
        let ran = place.run(&["graph", "--dot", question, "rate"]);
        assert!(ran.code == 2 && ran.err.contains("`impact`"), "{}{}", ran.out, ran.err);
    }
    let ran = place.run(&["graph"]);
    assert!(
        ran.code == 2 && ran.err.starts_with("error: The command needs to be told"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("callers"), "{}", ran.err);
}

#[test]
fn what_is_not_there_is_told() {
    let place = place();
    let ran = place.run(&["graph", "--json", "callers", "zebra"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("\"error\":{\"kind\":\"user\""), "{}", ran.out);
    let ran = place.run(&["graph", "definition", "rate", "--at", "nowhere"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn symbols_are_named_as_people_write_them() {
    let place = place();
    place.write("lib/tax.py", "def other():\n    return 3\n");
    for name in [
        "shop.cart.Cart.total",
        "shop.Cart.total",
        "cart.Cart.total",
        "Cart.total()",
        " Cart::total ",
    ] {
        assert_eq!(asked(&place, &["definition", name]), ["Cart.total"], "{name}");
    }
    let whole =
        place.project().canonicalize().unwrap().join("shop/cart.py:5").display().to_string();
    for at in [
        "cart.py:5",
        "./shop/cart.py:5",
        "shop/cart.py:5:9",
        "cart.py:total",
        "cart.py:Cart::total",
        &whole,
    ] {
        assert_eq!(asked(&place, &["definition", at]), ["Cart.total"], "{at}");
    }
    assert_eq!(asked(&place, &["definition", "rate", "--at", "cart.py:5"]), ["rate"]);
    assert!(asked(&place, &["impact", "cart.py"]).contains(&"checkout 1".to_owned()));
}

#[test]
fn what_means_nothing_is_told_with_what_may_be_meant() {
    let place = place();
    place.write("lib/tax.py", "def other():\n    return 3\n");
    for (arguments, message, hint) in [
        (&["callers", "chekout"][..], "No symbol `chekout`", "Did you mean `checkout`?"),
        (&["callers", "Cart.totl"], "No symbol `Cart.totl`", "Did you mean `Cart.total`?"),
        (&["callers", "check_out"], "No symbol `check_out`", "Did you mean `checkout`?"),
        (&["definition", "shop/cart.py"], "`shop/cart.py` is a file", "`shop/cart.py:Cart`"),
        (&["definition", "shop/card.py:3"], "No file of the index", "Did you mean `shop/cart.py`?"),
        (&["impact", "shop/card.py"], "No file of the index", "Did you mean `shop/cart.py`?"),
        (&["impact", "tax.py"], "Several files end with `tax.py`", "from the project's root"),
        (&["definition", "shop/cart.py:1"], "Nothing is defined on line 1", "Cart (line 3)"),
        (&["definition", "rate", "--at", "shop/card.py:5"], "No file of the index", "shop/cart.py"),
        (&["definition", "rate", "--at", "cart"], "no `PATH:LINE`", "src/main.py:12"),
        (&["callers", "--depth", "0", "rate"], "Invalid value '0'", ""),
    ] {
        let ran = place.run(&[&["graph"], arguments].concat());
        // What cannot be meant at all is the command line's fault.
        let code = if ["no `PATH:LINE`", "Invalid value '0'"].contains(&message) { 2 } else { 1 };
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(message) && ran.err.contains(hint), "{arguments:?}: {}", ran.err);
    }
    place.write("a/Cart.total", "a text\n");
    place.write("b/Cart.total", "a text\n");
    assert!(asked(&place, &["impact", "Cart.total"]).contains(&"checkout 1".to_owned()));
    let ran = place.run(&["graph", "definition", "net", "--at", "shop/cart.py:1"]);
    assert!(ran.code == 0 && ran.err.contains("names no `net`"), "{}", ran.err);
}

#[test]
fn several_meanings_and_kinds_without_calls_are_told() {
    let place = place();
    place.write(
        "lib/tax.py",
        "import shop.tax\n\ndef rate():\n    return shop.tax.rate()\n\nLIMIT = 3\n\ndef own():\n    return rate()\n",
    );
    let ran = place.run(&["graph", "callers", "rate"]);
    assert!(
        ran.err.contains(
            "note: `rate` means 2 symbols, answered as one: `lib/tax.py:rate`, `shop/tax.py:rate`"
        ),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("Cart.total (call of rate, line 5)"), "{}", ran.out);
    // One of them calls the other.
    assert!(ran.out.contains("lib/tax.py:3-4 function rate (call of rate, line 4)"), "{}", ran.out);
    let ran = place.run(&["graph", "callees", "rate"]);
    assert!(ran.out.contains("shop/tax.py:3-4 function rate (call in rate"), "{}", ran.out);
    let ran = place.run(&["graph", "callers", "lib/tax.py:rate"]);
    assert!(ran.err.is_empty() && ran.out.contains("own (call, line 9)"), "{}{}", ran.err, ran.out);
    let ran = place.run(&["graph", "callers", "LIMIT"]);
    assert!(
        ran.err.contains("`references`, `dependencies` and `impact` tell of it"),
        "{}",
        ran.err
    );
    let ran = place.run(&["graph", "references", "shop/tax.py:rate"]);
    assert!(ran.out.contains("shop/cart.py:5  return self.net() * rate()"), "{}", ran.out);
}

#[test]
fn rows_are_answered() {
    let place = place();
    let input = "{\"id\": 1, \"ask\": \"definition\", \"at\": \"shop/main.py:4\", \"name\": \"total\"}\n{\"id\": 2, \"ask\": \"zebra\", \"at\": \"a:1\", \"name\": \"b\"}\n";
    let ran = place.pipe(&["graph", "rows"], input);
    let rows = rows(&ran.out);
    assert_eq!(
        (rows[0]["id"].as_u64(), rows[0]["results"][0]["line"].as_u64()),
        (Some(1), Some(4))
    );
    assert!(rows[1]["error"].is_object(), "{}", ran.out);
}

#[test]
fn a_map_keeps_within_its_tokens() {
    let place = place();
    let ran = place.run(&["map", "--json", "--tokens", "60", "cart"]);
    let shown: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(shown["tokens"].as_u64().unwrap() <= 60 && shown["budget"] == 60, "{shown}");
    assert!(shown["map"].as_str().unwrap().contains("shop/cart.py"), "{shown}");
    let ran = place.run(&["map", "--json", "--tokens", "60", "--without", "shop/cart.py", "cart"]);
    assert!(!ran.out.contains("shop/cart.py"), "{}", ran.out);
}
