//! How fast prose is compressed, beside reading its words alone.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::time::Instant;

use distiq_router::compress::{CompressOptions, compress};

const ROUNDS: usize = 5;

fn main() {
    let english = "The harbour is very old. People really like to walk there in the evening, however. Since 1932 it has a bridge \
                   (see `docs/bridge.md`), and it is important to note that nobody may fish from it.\n\n";
    let russian = "Гавань очень старая. Люди, как правило, любят гулять там вечером. С 1932 года у неё есть мост, и с него \
                   нельзя ловить рыбу.\n\n";
    for (name, text) in [("English", english), ("Russian", russian)] {
        let text = text.repeat(5_000_000 / text.len());
        let megabytes = text.len() as f64 / 1e6;
        let fastest = |work: &dyn Fn() -> usize| {
            let times = (0..ROUNDS).map(|_| {
                let begin = Instant::now();
                std::hint::black_box(work());
                begin.elapsed().as_secs_f64()
            });
            megabytes / times.fold(f64::MAX, f64::min)
        };
        let words = fastest(&|| {
            let mut counts = HashMap::new();
            for word in text.split_whitespace() {
                *counts.entry(word.to_lowercase()).or_insert(0_usize) += 1;
            }
            counts.len()
        });
        let ours = fastest(&|| compress(&text, &CompressOptions::default()).text.len());
        println!(
            "{name}: {ours:.1} MB/s; counting its words: {words:.1} MB/s; ratio {:.2}",
            ours / words
        );
    }
}
