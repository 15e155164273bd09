//! What a tool's reference page tells; each tool's own file holds its page, beside the code that it describes.

/// A tool's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The tool's name.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// Its parameters, in the order in which they are told.
    pub parameters: Vec<Parameter>,
    /// Its bounds: what is bounded, and by how much.
    pub limits: Vec<(&'static str, String)>,
    /// What else a user should know.
    pub notes: &'static [&'static str],
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What fits it, such as `string`.
    pub kind: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Makes a parameter.
pub(crate) const fn parameter(
    name: &'static str,
    kind: &'static str,
    doc: &'static str,
) -> Parameter {
    Parameter { name, kind, doc }
}

/// Tells a number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        count if count >= 1 << 20 => format!("{} MB", count >> 20),
        count if count >= 1 << 10 => format!("{} KB", count >> 10),
        count => format!("{count} bytes"),
    }
}
