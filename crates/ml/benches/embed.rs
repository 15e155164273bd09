//! What an embedding costs: `cargo bench -p distiq-ml`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, missing_docs)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use distiq_base::EmbedRole;
use distiq_ml::{TextEmbedder, Transformer};

const ROUNDS: u32 = 20_000;

fn main() {
    let embedder = TextEmbedder::default();
    let sentence = "where does the gateway retry a request whose stream broke after the first byte";
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        black_box(embedder.embed(black_box(sentence)));
    }
    let us = begin.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
    println!("text embedder: {us:.1} us for a sentence of {} bytes", sentence.len());
    transformer(sentence);
}

/// Measures the model in `.cache/minilm`, which `tests/setup_python.sh minilm` fetches.
fn transformer(sentence: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/minilm");
    if !folder.join("model.safetensors").is_file() {
        println!("transformer: no model in {}", folder.display());
        return;
    }
    let begin = Instant::now();
    let model = Transformer::open(&folder).unwrap().with_threads(1);
    println!("transformer: opened in {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    // Long enough to be cut at 128 tokens and more.
    let code = include_str!("../src/transformer/bert.rs");
    let chunks: Vec<&str> =
        code.as_bytes().chunks(500).map(|chunk| str::from_utf8(chunk).unwrap()).take(24).collect();
    let begin = Instant::now();
    black_box(model.vectors(&chunks, EmbedRole::Passage));
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "transformer: {:.1} chunks of 500 bytes a second of one core",
        chunks.len() as f64 / seconds
    );
    let begin = Instant::now();
    for _ in 0..20 {
        black_box(model.vectors(&[sentence], EmbedRole::Query));
    }
    println!("transformer: {:.1} ms for the sentence", begin.elapsed().as_secs_f64() * 50.0);
}
