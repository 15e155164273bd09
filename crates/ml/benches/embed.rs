//! What an embedding costs: `cargo bench -p distiq-ml`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use distiq_ml::TextEmbedder;

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
}
