use serde_json::{Value, json};

use crate::{Place, shape};

#[test]
fn a_small_month_is_run_told_and_comes_out_the_same_again() {
    let place = Place::new();
    let schema = place.run(&["schema", "simulate"]).json();
    let arguments =
        ["simulate", "--requests", "12", "--policy", "balanced", "--seed", "3", "--json"];
    let ran = place.run(&arguments);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let month = ran.json();
    assert_eq!(shape::faults(&schema, &month), Vec::<String>::new(), "{month}");
    assert_eq!(month["simulated"], json!(true));
    assert_eq!(month["mix"]["requests"], json!(12));
    assert_eq!(month["policies"].as_array().unwrap().len(), 1);
    let first = &month["policies"][0];
    assert_eq!(first["requests"], json!(12));
    assert_eq!(first["repeats"], json!(5));
    let nanos = |value: &Value| value.as_i64().unwrap();
    let (cost, base) = (nanos(&month["cost_nanousd"]), &month["baselines"]);
    assert!(0 < cost && cost < nanos(&base["append_only_nanousd"]), "{month}");
    assert!(nanos(&base["append_only_nanousd"]) < nanos(&base["uncached_nanousd"]), "{month}");
    // 5 simple of 2 requests, 5 medium of 8, 2 complex of 25.
    assert_eq!(base["requests"], json!(5 * 2 + 5 * 8 + 2 * 25));
    let tokens = nanos(&base["prompt_tokens"]) as f64;
    let wanted = f64::from(5 * 2 * 3_000 + 5 * 8 * 12_000 + 2 * 25 * 30_000);
    assert!((tokens / wanted - 1.0).abs() < 0.02, "{tokens} {wanted}");
    // What the ledger has adds up.
    let saved = &first["saved"];
    let parts = ["context", "compression", "route", "prompt_cache", "response_cache", "zero_token"];
    let sum: i64 = parts.iter().map(|part| nanos(&saved[format!("{part}_nanousd")])).sum();
    let whole = nanos(&saved["baseline_premium_nanousd"]) - nanos(&saved["paid_nanousd"]);
    assert_eq!(sum, whole, "{saved}");
    let by = |name: &str| -> i64 {
        first[name].as_object().unwrap().values().map(|part| nanos(&part["cost_nanousd"])).sum()
    };
    assert_eq!((by("tiers"), by("models"), by("classes")), (cost, cost, cost), "{first}");
    assert_eq!(place.run(&arguments).json(), month, "the same seed");
}

#[test]
fn a_month_is_told_in_words_with_what_is_assumed() {
    let place = Place::new();
    let ran = place.run(&["simulate", "--requests", "3", "--policy", "cheapest"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "A simulated month of 3 requests, policy cheapest",
        "in a plain loop with the vendor's cache",
        "without any cache",
        "answers without a model",
        "Assumed\n- 40 % of the requests are simple",
        "nobody measured that",
        "is told by the next tier what to do has 50 % of its own chance left",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let honest = ran.out.find("plain loop").unwrap();
    assert!(honest < ran.out.find("without any cache").unwrap(), "the honest one first");
}

#[test]
fn mixes_and_prices_are_the_users_to_change() {
    let place = Place::new();
    let mix = place.run(&["simulate", "--print-mix"]).out;
    let mix = mix
        .replace("requests = 1500", "requests = 2")
        .replace("share = 40\ntimes", "share = 0\ntimes");
    let own = place.project().join("own.toml");
    let own = own.to_str().unwrap();
    std::fs::write(own, mix.replace("[\"anthropic\"]", "[\"openai\"]")).unwrap();
    let ran = place.run(&["simulate", "--mix", own, "--policy", "best", "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.json()["premium_model"], json!("openai/gpt-6-astra"));
    let prices = place.project().join("prices.toml");
    let prices = prices.to_str().unwrap();
    let row = |model: &str| {
        format!("[[models]]\nprovider = \"openai\"\nid = \"{model}\"\nin = 0\nout = 0\n")
    };
    let models = ["gpt-6-astra", "gpt-6.1-sol", "gpt-6-luna"];
    std::fs::write(prices, models.map(row).concat()).unwrap();
    let ran =
        place.run(&["simulate", "--mix", own, "--prices", prices, "--policy", "best", "--json"]);
    assert_eq!(ran.json()["cost_nanousd"], json!(0), "{}{}", ran.out, ran.err);
}

#[test]
fn a_model_that_failed_is_told_what_to_do_unless_that_is_off() {
    let place = Place::new();
    let mix = place.run(&["simulate", "--print-mix"]).out;
    // The cheap model never does it alone, and the next one always.
    let mix = mix
        .replace("requests = 1500", "requests = 4")
        .replace("share = 40\ntimes", "share = 0\ntimes")
        .replace("budget = [95, 80, 40]", "budget = [0, 0, 0]")
        .replace("balanced = [98, 93, 75]", "balanced = [100, 100, 100]");
    let (own, none) = ("second_try = 50", "second_try = 150");
    assert!(mix.contains(own));
    let path = place.write("own.toml", &mix);
    let path = path.to_str().unwrap();
    let month = |place: &Place| {
        let ran = place.run(&["simulate", "--mix", path, "--policy", "balanced", "--json"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let policy = ran.json()["policies"][0].clone();
        let number = |name: &str| policy[name].as_i64().unwrap();
        (number("corrections"), number("not_done"), number("cost_nanousd"))
    };
    let (corrections, not_done, cost) = month(&place);
    assert!(corrections > 0 && not_done == 0, "{corrections} {not_done}");
    place.settings("[economy]\ncorrections = false\n");
    let (corrections, not_done, without) = month(&place);
    assert_eq!((corrections, not_done), (0, 0));
    assert!(cost < without, "{cost} {without}");
    std::fs::write(path, mix.replace(own, none)).unwrap();
    let ran = place.run(&["simulate", "--mix", path, "--json"]);
    assert!(ran.json()["error"]["message"].as_str().unwrap().contains("`second_try` is 150"));
}

#[test]
fn what_cannot_be_simulated_is_said() {
    let place = Place::new();
    let good = place.run(&["simulate", "--print-mix"]).out;
    let file = place.project().join("bad.toml");
    let path = file.to_str().unwrap();
    let fails = |text: &str, more: &[&str], code: i32, expected: &str| {
        std::fs::write(&file, text).unwrap();
        let mut arguments = vec!["simulate", "--json", "--mix", path];
        arguments.extend(more);
        let ran = place.run(&arguments);
        assert_eq!(ran.code, code, "{}", ran.out);
        let error = &ran.json()["error"];
        let told = format!("{} {}", error["message"], error["hint"]);
        assert!(told.contains(expected), "{told}: {expected}");
    };
    fails("requests = ", &[], 2, "bad.toml: cannot be used");
    fails("", &[], 2, "missing field");
    fails(&good.replace("share = 15", "share = 16"), &[], 2, "add up to 101");
    fails(&good.replace("[\"anthropic\"]", "[\"nobody\"]"), &[], 3, "nobody");
    fails(&good, &["--requests", "0"], 2, "`requests` is 0");
    fails(&good, &["--prices", "/nowhere.toml"], 2, "No price file at /nowhere.toml");
    let prices = place.project().join("prices.toml");
    std::fs::write(&prices, "[[models]]\nprovider = \"anthropic\"\nid = \"x\"\nin = \"a\"\n")
        .unwrap();
    fails(&good, &["--prices", prices.to_str().unwrap()], 2, "prices.toml");
    // A model whose price ended leaves a hole.
    let hole = "[[models]]\nprovider = \"anthropic\"\nid = \"claude-opus-5-5\"\nin = 4\nout = 20\nto = 2020-01-01\n";
    std::fs::write(&prices, hole).unwrap();
    fails(
        &good,
        &["--prices", prices.to_str().unwrap(), "--requests", "2"],
        3,
        "anthropic/claude-opus-5-5 has no known price",
    );
    assert_eq!(place.run(&["simulate", "--mix", "/nowhere.toml"]).code, 1);
    assert_eq!(place.run(&["simulate", "--policy", "fixed"]).code, 2);
}

#[test]
fn an_empty_ledger_has_nothing_to_go_over() {
    let place = Place::new();
    let ran = place.run(&["simulate", "--replay"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("nothing to go over yet"), "{}", ran.out);
    let json = place.run(&["simulate", "--replay", "--json", "--policy", "best"]).json();
    assert_eq!((&json["simulated"], &json["replay"]["requests"]), (&json!(false), &json!(0)));
}

#[test]
fn each_mechanism_is_switched_off_alone() {
    let place = Place::new();
    let schema = place.run(&["schema", "eval"]).json();
    let arguments = ["eval", "--ablate", "--requests", "4", "--seeds", "2", "--policy", "cheapest"];
    let mut with_json = arguments.to_vec();
    with_json.push("--json");
    let ran = place.run(&with_json);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let eval = ran.json();
    assert_eq!(shape::faults(&schema, &eval), Vec::<String>::new(), "{eval}");
    let saves = |name: &str| {
        let all = eval["mechanisms"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        one["saves"]["mean_nanousd"].as_i64().unwrap()
    };
    assert!(saves("routing") > 0 && saves("vendors' prompt caches") > 0, "{eval}");
    assert_eq!(place.run(&["eval"]).code, 2, "nothing else is evaluated yet");
    assert_eq!(place.run(&["eval", "--ablate", "--seeds", "0"]).code, 2);
}
