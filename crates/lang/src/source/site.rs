//! A node together with the nodes around it.

use tree_sitter::Node;

/// A node where it stands. [`Node::parent`] walks down from the root each time it is asked, which takes minutes of a
/// file that nests thousands deep; the walk knows the way that it came.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a, 't> {
    pub(crate) node: Node<'t>,
    /// The nodes around it, the outermost first.
    pub(crate) around: &'a [Node<'t>],
}

impl Site<'_, '_> {
    /// Returns the node around it, where that stands.
    pub(crate) fn parent(self) -> Option<Self> {
        let (node, around) = self.around.split_last()?;
        Some(Self { node: *node, around })
    }
}
