//! Fifty random moments, the same in every run of the tests.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use distiq_base::Dialect;

use super::{Job, STREAM, Seen, whole_lines};

const MOMENTS: u64 = 50;
const SIDE_BY_SIDE: usize = 4;
/// How long at most after a line the kill comes.
const MOST_DELAY_US: u64 = 4_000;

/// A small generator of numbers: splitmix64 of a fixed seed.
fn random(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x5eed_d157_1400_0001);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Job {
    /// Runs the job and kills it a while after a line was read.
    fn killed_after(&self, lines: u64, delay: Duration) -> Seen {
        let mut command = self.command(&["run"]);
        command.args(STREAM);
        let mut running = self.place.env.spawn(command).unwrap();
        let mut said = String::new();
        for _ in 0..lines {
            let Some(line) = running.next_line().unwrap() else { break };
            said.push_str(&line);
        }
        // The moment is to fall between two lines, too.
        std::thread::sleep(delay);
        running.kill();
        while let Some(line) = running.next_line().unwrap() {
            said.push_str(&line);
        }
        let events = whole_lines(&said);
        let is_over = events.last().is_some_and(|event| event["type"] == "turn_finished");
        Seen { events, killed: !is_over }
    }
}

#[test]
fn nothing_shown_is_lost_at_fifty_random_moments() {
    let clean = Job::new().killed_at(&["run"], "nowhere");
    assert!(!clean.killed);
    let lines = clean.events.len() as u64;
    let next = AtomicU64::new(0);
    let killed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= MOMENTS {
                        return;
                    }
                    let after = random(2 * number) % lines;
                    let delay = Duration::from_micros(random(2 * number + 1) % MOST_DELAY_US);
                    let dialect = match number % 2 {
                        0 => Dialect::Anthropic,
                        _ => Dialect::Openai,
                    };
                    let job = Job::in_dialect(dialect);
                    let seen = job.killed_after(after, delay);
                    killed.fetch_add(usize::from(seen.killed), Ordering::Relaxed);
                    job.check_recovery(&seen);
                }
            });
        }
    });
    // A machine under load may end a run before its kill comes, but not most of them.
    let killed = killed.into_inner();
    assert!(killed * 2 > MOMENTS as usize, "only {killed} were killed before their end");
}
