//! Looking through the parts of all fields of a message for what is wrong with them.

use std::collections::BTreeMap;

use super::error::LayoutError;
use super::path;
use super::walk::Parts;
use crate::view::View;

/// What is wrong inside a field, and the path of the part in which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayoutFault {
    /// The path of the part whose own parts are wrong; empty if they are the field's.
    pub path: String,
    /// What is wrong.
    pub error: LayoutError,
}

impl View<'_> {
    /// What is wrong inside of fields: for each that has a layout the first thing in each of its parts. None of it makes the
    /// message invalid.
    ///
    /// ```
    /// # use pointsman_iso8583::Dialect;
    /// let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
    /// let view = dialect.view(b"020000000000000004000201002840C00000000X234").expect("a valid message");
    /// let faults = view.check_layouts();
    /// assert_eq!(faults[0].path, "1");
    /// assert_eq!(
    ///     faults[0].error.explain(&dialect).message,
    ///     "field 54 (Additional amounts), part 5, at offset 39: expected a digit, found 0x58 ('X')",
    /// );
    /// ```
    #[must_use]
    pub fn check_layouts(&self) -> Vec<LayoutFault> {
        let mut faults = Vec::new();
        for number in self.fields().iter() {
            if let Some(parts) = self.parts(number) {
                look_through(parts, "", &mut faults);
            }
        }
        faults
    }
}

/// Is there nothing wrong with these parts, and with what is inside of them?
pub(crate) fn is_in_order(mut parts: Parts<'_>) -> bool {
    parts.all(|part| part.is_ok_and(|part| part.parts().is_none_or(is_in_order)))
}

/// Layouts nest as deep as they may and no deeper: the walk ends there by itself.
fn look_through(parts: Parts<'_>, path: &str, faults: &mut Vec<LayoutFault>) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for part in parts {
        match part {
            Ok(part) => {
                let Some(inner) = part.parts() else {
                    continue;
                };
                let tag = part.tag().to_string();
                let times = seen.entry(tag.clone()).or_default();
                *times += 1;
                let dot = if path.is_empty() { "" } else { "." };
                let step = format!("{path}{dot}{}", path::step(&tag, *times));
                look_through(inner, &step, faults);
            }
            Err(error) => faults.push(LayoutFault {
                path: path.to_owned(),
                error,
            }),
        }
    }
}
