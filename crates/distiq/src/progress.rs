//! How far a long work is, told on standard error: by a line that is drawn over and over where the terminal can, else by one line.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use distiq_index::{Control, Progress};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

use crate::terminal;

/// From when on a long work tells how far it is, and how often.
const TELL_AFTER: Duration = Duration::from_millis(700);
const TELL_EVERY: Duration = Duration::from_millis(200);
/// From when on it is long for those who read no moving line.
const SAY_AFTER: Duration = Duration::from_secs(3);
/// Brings the cursor to the begin of its line and wipes what is behind it.
const WIPE: &[u8] = b"\r\x1b[K";

/// Does `work`, telling how far it is, and that another process is waited for.
pub fn telling<T>(doing: &str, what: &str, work: impl FnOnce(&Control<'_>) -> T) -> T {
    let begin = Instant::now();
    let is_moving = io::stderr().is_terminal() && terminal::may_move();
    let teller = Mutex::new(Teller { is_moving, last: None });
    let line = Mutex::new(MovingLine::default());
    let tell = |doing: &str, Progress { done, total }: Progress| {
        let due = teller.try_lock().is_ok_and(|mut teller| teller.is_due(begin.elapsed()));
        let (true, Ok(mut line)) = (due, line.try_lock()) else { return };
        match is_moving {
            true => line.show(&format!("{doing} {done} of {total} {what}")),
            false => terminal::say(&format!("note: {doing} {total} {what}")),
        }
    };
    let is_waited_for = Once::new();
    let wait = |progress: Progress| {
        let doing = format!("waiting for another process, which is {doing}");
        match is_moving {
            true => tell(&doing, progress),
            false if begin.elapsed() < TELL_AFTER => {}
            false => is_waited_for.call_once(|| {
                let far = match progress {
                    Progress { total: 0, .. } => String::new(),
                    Progress { done, total } => format!(": {done} of {total} {what}"),
                };
                terminal::say(&format!("note: {doing}{far}"));
            }),
        }
    };
    let own = |progress: Progress| tell(doing, progress);
    work(&Control { progress: Some(&own), waiting: Some(&wait), ..Control::default() })
}

/// When it is time to tell.
struct Teller {
    is_moving: bool,
    /// When it told last, since the work began.
    last: Option<Duration>,
}

impl Teller {
    /// Tells whether to tell now, so long after the work began.
    fn is_due(&mut self, now: Duration) -> bool {
        let is_due = match (self.is_moving, self.last) {
            (true, None) => now >= TELL_AFTER,
            (true, Some(last)) => now.saturating_sub(last) >= TELL_EVERY,
            (false, None) => now >= SAY_AFTER,
            (false, Some(_)) => false,
        };
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

/// A line that is shown in the place of the one before; it is wiped when it is dropped, and by Ctrl-C.
#[derive(Default)]
struct MovingLine {
    is_shown: bool,
    /// What an interrupt did before, where it does something else now.
    before: Option<SigAction>,
}

impl MovingLine {
    fn show(&mut self, text: &str) {
        if !self.is_shown {
            self.is_shown = true;
            self.before = wiping_at_interrupts();
        }
        let shown = [WIPE, terminal::safe(text).as_bytes()].concat();
        let _ = io::stderr().lock().write_all(&shown);
    }
}

impl Drop for MovingLine {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: what is put back was in force before.
            #[allow(unsafe_code)]
            let _ = unsafe { sigaction(Signal::SIGINT, before) };
        }
        if self.is_shown {
            let _ = io::stderr().lock().write_all(WIPE);
        }
    }
}

/// Has an interrupt that would end the process wipe the line first; returns what it did before. Nothing is changed where it does
/// something else already.
fn wiping_at_interrupts() -> Option<SigAction> {
    extern "C" fn wipe(_: nix::libc::c_int) {
        let _ = nix::unistd::write(io::stderr(), WIPE);
        // It is the default one again, which ends the process as it would have been.
        let _ = raise(Signal::SIGINT);
    }
    let action = SigAction::new(SigHandler::Handler(wipe), SaFlags::SA_RESETHAND, SigSet::empty());
    // SAFETY: the handler only writes to a descriptor and raises a signal, which is safe at any moment.
    #[allow(unsafe_code)]
    let before = unsafe { sigaction(Signal::SIGINT, &action) }.ok()?;
    if matches!(before.handler(), SigHandler::SigDfl) {
        return Some(before);
    }
    // SAFETY: what is put back was in force before.
    #[allow(unsafe_code)]
    let _ = unsafe { sigaction(Signal::SIGINT, &before) };
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(is_moving: bool) -> Vec<u64> {
        let mut teller = Teller { is_moving, last: None };
        let is_told = |ms: &u64| teller.is_due(Duration::from_millis(*ms));
        (0..60_000).step_by(100).filter(is_told).collect()
    }

    #[test]
    fn a_line_moves_and_a_plain_one_comes_once() {
        assert_eq!(told(true)[..3], [700, 900, 1_100]);
        assert_eq!(told(false), [3_000]);
    }
}
