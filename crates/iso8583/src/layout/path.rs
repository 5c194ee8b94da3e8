//! Paths: `42.1`, `1#2.4`, `77.9F26`.

use super::part::Part;
use super::walk::Parts;
use crate::view::View;

impl<'a> View<'a> {
    /// A part of a field by its path (see [`mod@crate::layout`]). `None`: it is not there, or not before the first thing that is
    /// wrong with the field's parts.
    ///
    /// ```
    /// # use pointsman_iso8583::Dialect;
    /// let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
    /// // Additional amounts: account type, amount type, currency, sign and amount, up to six times.
    /// let message = b"020000000000000004000401002840C0000000012341001840D000000000050";
    /// let view = dialect.view(message).expect("no error in it");
    /// assert_eq!(view.part(54, "1.5").and_then(|amount| amount.number()), Some(1234));
    /// assert_eq!(view.part(54, "1#2.4").map(|sign| sign.to_text()).as_deref(), Some("D"));
    /// assert!(view.part(54, "1#3").is_none());
    /// ```
    #[must_use]
    pub fn part(&self, number: u8, path: &str) -> Option<Part<'a>> {
        self.parts(number)?.part(path)
    }
}

impl<'a> Parts<'a> {
    /// The part with this path among those that are still to come.
    #[must_use]
    pub fn part(self, path: &str) -> Option<Part<'a>> {
        let (step, rest) = match path.split_once('.') {
            Some((step, rest)) => (step, Some(rest)),
            None => (path, None),
        };
        let (tag, times) = occurrence(step)?;
        let part = self
            .map_while(Result::ok)
            .filter(|part| part.tag().is(tag))
            .nth(times - 1)?;
        match rest {
            Some(rest) => part.parts()?.part(rest),
            None => Some(part),
        }
    }
}

/// The step of a path for the how-manieth part of a tag. A tag that has a `#` itself is followed by another.
pub(crate) fn step(tag: &str, times: usize) -> String {
    match times {
        1 if !tag.contains('#') => tag.to_owned(),
        times => format!("{tag}#{times}"),
    }
}

/// A step of a path: the tag, and the how-manieth it is, from 1.
pub(crate) fn occurrence(step: &str) -> Option<(&str, usize)> {
    match step.rsplit_once('#') {
        Some((tag, times)) => {
            let is_number = !times.is_empty() && times.bytes().all(|digit| digit.is_ascii_digit());
            let times = times.parse().ok().filter(|times| *times > 0)?;
            is_number.then_some((tag, times))
        }
        None => Some((step, 1)),
    }
}
