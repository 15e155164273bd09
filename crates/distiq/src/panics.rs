//! A bug ends the command with a report and exit code 70, not with a stack on the screen.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use distiq_base::ErrorKind;

use crate::failure::Failure;

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the last panic's words for the report, instead of printing them at once.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        let words = info
            .payload()
            .downcast_ref::<&str>()
            .map(|words| (*words).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
        if let Ok(mut last) = LAST.lock() {
            *last = Some(format!("{words}{}", place.unwrap_or_default()));
        }
    }));
}

/// Runs a command; a panic becomes a failure of kind bug.
pub fn guard(command: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let words = LAST.lock().ok().and_then(|mut last| last.take()).unwrap_or_default();
        let message = format!("Distiq {} has a bug: {words}", env!("CARGO_PKG_VERSION"));
        Err(Failure::new(ErrorKind::Bug, message).with_hint(
            "Nothing that was shown is lost. Please report it with the line above; SECURITY.md \
             says how to report what should stay private",
        ))
    })
}
