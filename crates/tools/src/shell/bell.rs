//! Wakes a supervisor when a child ends or a signal asks it to stop.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Signals that ask for the end.
#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::signal::{SigSet, Signal};
    use nix::sys::signalfd::{SfdFlags, SignalFd};

    use super::{BorrowedFd, Duration, io};

    /// Signals as a file.
    pub struct Bell {
        signals: SignalFd,
        asked: bool,
    }

    impl Bell {
        /// Begins; from now on the signals do nothing else, also in programs that are started.
        pub fn new() -> io::Result<Self> {
            let mut mask = SigSet::empty();
            for signal in
                [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT]
            {
                mask.add(signal);
            }
            mask.thread_block()?;
            let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
            Ok(Self { signals: SignalFd::with_flags(&mask, flags)?, asked: false })
        }

        /// Returns what becomes readable.
        pub fn file(&self) -> Option<BorrowedFd<'_>> {
            Some(self.signals.as_fd())
        }

        /// Returns how long one may wait for it.
        pub fn longest(&self) -> Duration {
            Duration::MAX
        }

        /// Tells whether a signal asked for the end.
        pub fn asked(&mut self) -> bool {
            while let Ok(Some(signal)) = self.signals.read_signal() {
                self.asked |= i32::try_from(signal.ssi_signo) != Ok(Signal::SIGCHLD as i32);
            }
            self.asked
        }

        /// Waits for a child's end.
        pub fn wait(&mut self, longest: Duration) {
            let mut files = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::ZERO);
            let _ = poll(&mut files, timeout);
            self.asked();
        }
    }
}

/// Where signals are no files, the supervisor looks often.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::{BorrowedFd, Duration, io};

    const OFTEN: Duration = Duration::from_millis(10);

    /// A clock.
    pub struct Bell;

    impl Bell {
        /// Begins.
        pub fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Returns nothing.
        pub fn file(&self) -> Option<BorrowedFd<'_>> {
            None
        }

        /// Returns how long one may wait.
        pub fn longest(&self) -> Duration {
            OFTEN
        }

        /// Returns no: a signal ends the process, and with it the socket.
        pub fn asked(&mut self) -> bool {
            false
        }

        /// Waits a little.
        pub fn wait(&mut self, longest: Duration) {
            std::thread::sleep(longest.min(OFTEN));
        }
    }
}

pub(super) use system::Bell;
