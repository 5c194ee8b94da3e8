//! Notes under the tree: which of its dialect's rules a message that can be read breaks.

use std::fmt;

use super::Tree;

impl Tree<'_> {
    /// Of a broken message nobody knows what it would have had.
    pub(super) fn write_presence(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let Ok(view) = self.dialect.view(self.bytes) else {
            return Ok(());
        };
        view.check_presence().try_for_each(|violation| {
            writeln!(out, "note: {}", violation.explain(self.dialect).message)
        })
    }
}
