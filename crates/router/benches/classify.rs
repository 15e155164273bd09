//! What it takes to tell how hard a request is: `cargo bench -p distiq-router --bench classify`.
//!
//! Every committed prompt, one after the other on one core; the baseline is to look at every byte once.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::Instant;

use distiq_router::classify::Classifier;
use serde_json::Value;

const PROMPTS: &str = include_str!("../data/prompts/prompts.jsonl");

fn measure(name: &str, prompts: &[String], judge: impl Fn(&str)) {
    prompts.iter().take(200).for_each(|prompt| judge(prompt));
    let mut micros: Vec<u128> = prompts
        .iter()
        .map(|prompt| {
            let begin = Instant::now();
            judge(prompt);
            begin.elapsed().as_nanos() / 100
        })
        .collect();
    micros.sort_unstable();
    let at = |share: usize| micros[(micros.len() - 1) * share / 1_000] as f64 / 10.0;
    println!(
        "{name:<28} p50 {:7.1} µs   p99 {:7.1} µs   most {:7.1} µs",
        at(500),
        at(990),
        at(1_000)
    );
}

fn main() {
    let prompts: Vec<String> = PROMPTS
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned()
        })
        .collect();
    let classifier = Classifier::builtin();
    let classify = |prompt: &str| drop(black_box(classifier.classify(prompt)));
    measure("classify", &prompts, classify);
    let long: Vec<String> = prompts
        .iter()
        .take(300)
        .map(|prompt| prompt.repeat(1 + (1 << 20) / prompt.len()))
        .collect();
    measure("classify, prompts of 1 MB", &long, classify);
    measure("every byte once", &prompts, |prompt| {
        black_box(prompt.bytes().map(u64::from).sum::<u64>());
    });
}
