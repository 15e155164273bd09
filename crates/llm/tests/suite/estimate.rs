//! The estimate beside o200k, on text of the kinds that coding agents read.

use std::path::Path;

use distiq_base::{CountTokens, Message, Request};
use distiq_llm::estimate::{Approximate, Estimator};
use distiq_ml::Tokenizer;

/// Returns by how many percent the estimate of a text is off.
fn error_percent(text: &str) -> f64 {
    let exact = Tokenizer::o200k().count(text);
    assert!(exact > 300, "too short to tell");
    (Approximate.count(text) as f64 / exact as f64 - 1.0) * 100.0
}

#[test]
fn the_estimate_is_within_12_percent_of_o200k() {
    assert_eq!(Tokenizer::o200k().name(), "o200k");
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = [
        "tests/golden/text/english.md",
        "tests/golden/text/russian.md",
        "tests/golden/text/app.ts",
        "tests/golden/text/ring.go",
        "tests/golden/text/lexer.c",
        "tests/golden/text/Orders.java",
        "tests/golden/text/cargo-test.txt",
        "tests/golden/price.py",
        "tests/suite/estimate.rs",
        "src/provider.rs",
        "data/prices.toml",
    ];
    let mut errors = Vec::new();
    for path in texts {
        let text = std::fs::read_to_string(crate_folder.join(path)).unwrap();
        errors.push((path, error_percent(&text)));
    }
    let usages = std::fs::read_to_string(crate_folder.join("tests/golden/usages.json")).unwrap();
    errors.push(("usages.json", error_percent(&usages[..20_000])));
    let far: Vec<_> = errors.iter().filter(|(_, error)| error.abs() > 12.0).collect();
    assert!(far.is_empty(), "{far:#?} of {errors:#?}");
    let mean = errors.iter().map(|(_, error)| error).sum::<f64>() / errors.len() as f64;
    assert!(mean.abs() < 5.0, "leans to one side: {mean} {errors:#?}");
}

#[test]
fn a_budgets_bound_holds_even_for_text_without_words() {
    let estimator = Estimator::default();
    let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n".repeat(40);
    let base64 = "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24\n".repeat(40);
    let marks = "{}[]();:,.<>/?|\\\"'`~!@#$%^&*-_=+".repeat(60);
    let mixed = "日本語のテキストと絵文字🙂と العربية и русский. ".repeat(60);
    for text in [hex, base64, marks, mixed] {
        let exact = Tokenizer::o200k().count(&text);
        let request = Request { messages: vec![Message::user(text.clone())], ..Request::default() };
        let most = estimator.estimate_most("gpt-5", &request);
        assert!(most >= exact, "{most} < {exact}: {}", text.chars().take(40).collect::<String>());
    }
}
