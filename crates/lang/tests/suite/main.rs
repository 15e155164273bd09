//! Distiq's languages, tested through their doors.

mod bash_oracle;
mod outline;
mod random;
mod shell;
mod syntax;
