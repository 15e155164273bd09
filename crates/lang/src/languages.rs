//! The languages, one file each.

pub(crate) mod bash;
pub(crate) mod c;
pub(crate) mod c_sharp;
pub(crate) mod cpp;
pub(crate) mod go;
pub(crate) mod html;
pub(crate) mod java;
pub(crate) mod javascript;
pub(crate) mod json;
pub(crate) mod kotlin;
pub(crate) mod lua;
pub(crate) mod markdown;
pub(crate) mod php;
pub(crate) mod python;
pub(crate) mod ruby;
pub(crate) mod rust;
pub(crate) mod scala;
pub(crate) mod sql;
pub(crate) mod swift;
pub(crate) mod toml;
pub(crate) mod typescript;
pub(crate) mod yaml;
