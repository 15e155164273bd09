//! Answers that are given again, so that nobody pays for them twice.
//!
//! [`question`] brings a question to a plain form, and [`agree`] decides whether one may be answered by another's answer.
//! Both are pure.

pub mod agree;
pub mod question;
pub mod vector;
