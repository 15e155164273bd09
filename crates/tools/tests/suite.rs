//! The tools as an agent calls them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice)]
#![allow(clippy::panic, clippy::print_stdout, missing_docs)]

mod suite {
    mod background;
    mod bad_input;
    pub mod bench;
    mod definitions;
    mod edit;
    mod engine;
    mod files;
    mod git;
    mod keeps;
    mod links;
    mod mistakes;
    mod mutation;
    mod permission;
    mod permission_corpus;
    mod permission_names;
    mod permission_random;
    mod permission_rules;
    mod permission_trace;
    mod shell;
    mod test_runner;
    mod two;
}
