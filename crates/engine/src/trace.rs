//! By what an operator finds a transaction: in the terminal's journal, in the bank's, in a receipt. No card data.

use core::fmt::{self, Write as _};

use pointsman_iso8583::{Stan, TextBuffer, View};

/// The names of one transaction, as far as its messages have them.
///
/// Shown as `terminal TERM0001 stan 000017 rrn 612345678901 link stan 000042`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Trace {
    /// Field 41.
    terminal: Name<TERMINAL_BYTES_MAX>,
    /// Field 11 as the terminal numbers.
    stan: Option<Stan>,
    /// Field 37.
    rrn: Name<RRN_BYTES_MAX>,
    /// Field 11 as the link numbers.
    link_stan: Option<Stan>,
}

/// ans8 in 1987 and 1993, ans16 in 2003.
const TERMINAL_BYTES_MAX: usize = 16;

/// an12.
const RRN_BYTES_MAX: usize = 12;

/// The beginning of a value, with a `?` for whatever could disturb a log.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name<const MAX: usize> {
    length: u8,
    bytes: [u8; MAX],
}

impl Trace {
    /// Of a terminal's request, in whatever dialect.
    #[must_use]
    pub fn of(request: &View<'_>) -> Trace {
        Trace::with(request, &mut TextBuffer::new())
    }

    /// The same with a buffer that the caller has at hand.
    pub(crate) fn with(request: &View<'_>, buffer: &mut TextBuffer) -> Trace {
        Trace {
            terminal: Name::of(request.text(41, buffer)),
            stan: request.stan(),
            rrn: Name::of(request.text(37, buffer)),
            link_stan: None,
        }
    }

    /// From what a journal has kept. Texts that are too long are cut.
    #[must_use]
    pub fn from_parts(
        terminal: &str,
        stan: Option<Stan>,
        rrn: &str,
        link_stan: Option<Stan>,
    ) -> Trace {
        Trace {
            terminal: Name::of(Some(terminal)),
            stan,
            rrn: Name::of(Some(rrn)),
            link_stan,
        }
    }

    /// Field 41.
    #[must_use]
    pub fn terminal(&self) -> &str {
        self.terminal.as_str()
    }

    /// Field 11 as the terminal numbers.
    #[must_use]
    pub fn stan(&self) -> Option<Stan> {
        self.stan
    }

    /// Field 37.
    #[must_use]
    pub fn rrn(&self) -> &str {
        self.rrn.as_str()
    }

    /// Field 11 as the link numbers.
    #[must_use]
    pub fn link_stan(&self) -> Option<Stan> {
        self.link_stan
    }

    /// The same, sent under this number.
    pub(crate) fn sent_as(self, link_stan: Option<Stan>) -> Trace {
        Trace { link_stan, ..self }
    }
}

impl<const MAX: usize> Name<MAX> {
    fn of(value: Option<&str>) -> Name<MAX> {
        let mut name = Name::default();
        let value = value.unwrap_or_default().trim_end();
        for (place, byte) in name.bytes.iter_mut().zip(value.bytes()) {
            *place = if byte.is_ascii_graphic() { byte } else { b'?' };
            name.length += 1;
        }
        name
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        core::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

impl<const MAX: usize> Default for Name<MAX> {
    fn default() -> Self {
        Name {
            length: 0,
            bytes: [0; MAX],
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        let mut name = |what: &str, value: &dyn fmt::Display| {
            f.write_str(core::mem::replace(&mut between, " "))?;
            write!(f, "{what} {value}")
        };
        if self.terminal.length > 0 {
            name("terminal", &self.terminal.as_str())?;
        }
        if let Some(stan) = &self.stan {
            name("stan", stan)?;
        }
        if self.rrn.length > 0 {
            name("rrn", &self.rrn.as_str())?;
        }
        if let Some(stan) = &self.link_stan {
            name("link stan", stan)?;
        }
        if between.is_empty() {
            f.write_char('-')?;
        }
        Ok(())
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use bytes::BytesMut;
    use pointsman_iso8583::{Builder, Dialect};

    use super::*;

    fn trace(dialect: &str, fields: &[(u8, &str)]) -> Trace {
        let dialect = Dialect::builtin(dialect).unwrap();
        let mut out = BytesMut::new();
        let mut builder = Builder::new(&dialect, &mut out, "0200".parse().unwrap());
        for (field, value) in fields {
            builder.text(*field, value).unwrap();
        }
        builder.finish().unwrap();
        Trace::of(&dialect.view(&out).unwrap())
    }

    #[test]
    fn as_it_stands_in_a_log() {
        let all = [
            (2, "4111111111111111"),
            (11, "000017"),
            (37, "612345678901"),
            (41, "TERM0001"),
        ];
        for dialect in ["iso87-ascii", "iso87-bcd", "iso87-ebcdic", "unionpay-pos"] {
            let trace = trace(dialect, &all);
            let text = "terminal TERM0001 stan 000017 rrn 612345678901";
            assert_eq!(trace.to_string(), text, "{dialect}");
            let sent = trace.sent_as(Stan::new(42));
            assert_eq!(sent.to_string(), text.to_string() + " link stan 000042");
        }
        assert_eq!(trace("iso87-ascii", &all[..2]).to_string(), "stan 000017");
        assert_eq!(trace("iso87-ascii", &all[..1]).to_string(), "-");
    }

    #[test]
    fn nothing_of_a_peer_breaks_a_line() {
        let fields = [(37, "A=B C\"D     "), (41, "x y\\z   ")];
        let dialect = "iso87-ascii";
        let trace = trace(dialect, &fields[1..]);
        assert_eq!(trace.to_string(), "terminal x?y\\z");
    }
}
