//! Work on several threads at once, for what takes long enough.

use std::num::NonZero;
use std::sync::LazyLock;

use crate::segment::Damaged;

/// Most threads of one search.
const MOST_THREADS: usize = 4;

/// How many threads may run at once; to ask for it takes as long as a small search.
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));

/// Returns how many threads a search takes.
pub(crate) fn threads() -> usize {
    (*CORES).min(MOST_THREADS)
}

/// Does a work for parts of some things, `least` of them or more in each; returns what came of it in their order. The work
/// is told the place of its first thing.
pub(super) fn in_parts<T: Sync, R: Send>(
    all: &[T],
    least: usize,
    work: impl Fn(usize, &[T]) -> Result<Vec<R>, Damaged> + Sync,
) -> Result<Vec<R>, Damaged> {
    let share = all.len().div_ceil(threads()).max(least);
    let Some((own, others)) = all.split_at_checked(share).filter(|(_, others)| !others.is_empty())
    else {
        return work(0, all);
    };
    let work = &work;
    std::thread::scope(|scope| {
        let parts = others.chunks(share).zip(1..);
        let works: Vec<_> =
            parts.map(|(part, at)| scope.spawn(move || work(at * share, part))).collect();
        let mut done = work(0, own)?;
        for work in works {
            done.extend(work.join().unwrap_or(Err(Damaged))?);
        }
        Ok(done)
    })
}

/// Does two works, at once where `is_long`.
pub(super) fn both<A: Send, B>(
    is_long: bool,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> Result<(A, B), Damaged> {
    if !is_long || threads() < 2 {
        return Ok((one(), other()));
    }
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        Ok((one.join().map_err(|_| Damaged)?, other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_in_their_order_whatever_their_size() {
        let all: Vec<usize> = (0..100).collect();
        for least in [1, 7, 50, 100, 1000] {
            let twice = |from: usize, part: &[usize]| {
                assert_eq!(part.first(), Some(&from));
                Ok(part.iter().map(|number| number * 2).collect())
            };
            let expected: Vec<usize> = all.iter().map(|number| number * 2).collect();
            assert_eq!(in_parts(&all, least, twice).unwrap(), expected, "{least}");
        }
        assert!(
            in_parts(&all, 10, |from, _| if from > 0 { Err(Damaged) } else { Ok(vec![()]) })
                .is_err()
                || threads() < 2
        );
        let none: Vec<usize> = Vec::new();
        assert!(in_parts(&none, 1, |_, part| Ok(part.to_vec())).unwrap().is_empty());
        for is_long in [false, true] {
            assert_eq!(both(is_long, || 1, || 2).unwrap(), (1, 2));
        }
    }
}
