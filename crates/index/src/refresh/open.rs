//! Opening segments side by side.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rank::threads;
use crate::segment::{Damaged, Segment};

/// Opens segments, in their order.
pub(super) fn open_all(paths: &[PathBuf]) -> Result<Vec<Segment>, Damaged> {
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Result<Segment, Damaged>)> {
        let next_path = || {
            let at = next.fetch_add(1, Ordering::Relaxed);
            paths.get(at).map(|path| (at, Segment::open(path)))
        };
        std::iter::from_fn(next_path).collect()
    };
    let mut opened = std::thread::scope(|scope| {
        let others: Vec<_> = (1..paths.len().min(threads())).map(|_| scope.spawn(work)).collect();
        let mut opened = work();
        for other in others {
            opened.extend(other.join().map_err(|_| Damaged)?);
        }
        Ok(opened)
    })?;
    opened.sort_by_key(|(at, _)| *at);
    opened.into_iter().map(|(_, segment)| segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_opened_fails_them_all() {
        assert!(open_all(&[]).is_ok_and(|opened| opened.is_empty()));
        let nowhere: Vec<PathBuf> = (0..9).map(|at| format!("/nowhere/{at}.seg").into()).collect();
        assert!(open_all(&nowhere).is_err());
    }
}
