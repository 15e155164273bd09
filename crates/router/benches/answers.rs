//! What looking an answer up costs with 100,000 of them.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use distiq_base::{Message, Request, Usage};
use distiq_router::cache::{Asked, Kept};
use distiq_router::{CacheOptions, ResponseCache};

const ENTRIES: usize = 100_000;
const LOOKS: usize = 2_000;
const NOW: i64 = 1_790_000_000_000;

fn asked(text: String) -> Asked {
    let request = Request { messages: vec![Message::user(text)], ..Request::default() };
    Asked::read(&request, "", "m", None).unwrap()
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.db");
    let cache = ResponseCache::new(CacheOptions::at(path.clone()));
    let answer = Kept {
        model: "m".into(),
        texts: vec!["word ".repeat(200)],
        usage: Usage::default(),
        cost: None,
    };
    for number in 0..ENTRIES {
        cache.keep(&asked(format!("How do I sort list {number} in Python?")), &answer, NOW);
        // More than wait at once are not kept.
        if number % 500 == 499 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    drop(cache);
    println!("{} answers", ResponseCache::stats(&path).unwrap().entries);
    let cache = ResponseCache::new(CacheOptions::at(path));
    for (name, question) in [
        ("the same", "How do I sort list {} in Python?"),
        ("other words", "In Python, how can I sort list {}?"),
        ("a miss", "How do I sort list {} in Java?"),
    ] {
        let times = (0..LOOKS).map(|look| {
            let text = question.replace("{}", &(look * 37 % ENTRIES).to_string());
            let begin = Instant::now();
            let found = cache.find(&asked(text), NOW);
            let time = begin.elapsed();
            std::hint::black_box(found);
            time
        });
        let (half, most) = median(times.collect());
        println!("{name}: median {half:?}, p99 {most:?}, with the reading of the request");
    }
}
