//! What runs in this process instead of at a vendor: counting tokens, walking boosted trees, embedding texts, telling which words say something.
//!
//! The doors are [`Tokenizer`], [`Trees`], [`Forest`], [`TextEmbedder`], [`Transformer`], [`CrossEncoder`] and [`TokenClassifier`]. No vocabulary is loaded before the first count; loading takes a good tenth
//! of a second and about 40 MB, so it is kept off the way to the first request (`llm` estimates).
//!
//! ```
//! use distiq_base::CountTokens;
//! use distiq_ml::Tokenizer;
//!
//! assert_eq!(Tokenizer::o200k().count("hello world"), 2);
//! ```
//!
//! This crate must never know a network, a vendor or a file of the user.

mod forest;
pub mod kernels;
pub mod lsa;
pub mod text;
mod tokenizer;
mod transformer;
mod trees;
pub mod words;

pub use forest::Forest;
pub use text::{TextEmbedder, cosine};
pub use tokenizer::Tokenizer;
pub use transformer::{CrossEncoder, TokenClassifier, Transformer, TransformerError};
pub use trees::{Split, Tree, Trees, TreesError};
