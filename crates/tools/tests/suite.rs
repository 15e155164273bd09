//! The tools as an agent calls them.

mod suite {
    pub mod bench;
    mod definitions;
    mod edit;
    mod engine;
    mod files;
    mod mistakes;
    mod permission;
    mod shell;
}
