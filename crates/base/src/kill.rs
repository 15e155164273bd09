//! Named points at which a test may kill the process.
//!
//! With `DISTIQ_TEST_KILL_AT=NAME[:N]` a debug build aborts (SIGKILL) when it comes to the point NAME
//! for the N-th time (default 1). Release builds know no such points.

/// Marks a named point; does nothing in release builds.
#[inline]
pub fn kill_point(name: &str) {
    #[cfg(debug_assertions)]
    armed::pass(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static ARMED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    pub fn pass(name: &str) {
        let Some((point, nth)) = ARMED.get_or_init(read) else { return };
        if point == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth {
            // SAFETY: `kill` and `getpid` take and return plain numbers; SIGKILL to oneself is the
            // hard death that the test asks for.
            #[allow(unsafe_code)]
            unsafe {
                libc::kill(libc::getpid(), libc::SIGKILL);
            }
        }
    }

    fn read() -> Option<(String, u32)> {
        let text = std::env::var("DISTIQ_TEST_KILL_AT").ok()?;
        Some(match text.rsplit_once(':') {
            Some((name, nth)) => (name.to_owned(), nth.parse().unwrap_or(1)),
            None => (text, 1),
        })
    }
}
