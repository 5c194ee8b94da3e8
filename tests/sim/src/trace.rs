//! What happened: always as a hash, and as text where somebody wants to read it.

use core::fmt;

use pointsman_engine::Instant;

/// FNV-1a over everything that is noted.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(text: bool) -> Trace {
        Trace {
            hash: 0xCBF2_9CE4_8422_2325,
            lines: text.then(Vec::new),
        }
    }

    /// Notes that something happened: what, to whom, and with which bytes.
    pub(crate) fn note(&mut self, now: Instant, what: &'static str, who: u64, bytes: &[u8]) {
        self.mix(&now.as_nanos().to_le_bytes());
        self.mix(what.as_bytes());
        self.mix(&who.to_le_bytes());
        self.mix(bytes);
    }

    /// A line for whoever reads; not part of the hash.
    pub(crate) fn line(&mut self, now: Instant, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let micros = now.as_nanos() / 1_000;
            lines.push(format!(
                "{:>4}.{:06} {}",
                micros / 1_000_000,
                micros % 1_000_000,
                text()
            ));
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

/// The fields of a message that a reader of a trace wants.
pub(crate) struct Shown<'a>(
    pub(crate) &'a pointsman_iso8583::Dialect,
    pub(crate) &'a [u8],
);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(view) = self.0.view(self.1) else {
            return write!(f, "{} unreadable bytes", self.1.len());
        };
        write!(f, "{}", view.mti())?;
        for field in [4, 11, 37, 38, 39, 41, 70] {
            if let Some(text) = view.to_text(field) {
                write!(f, " {field}={text}")?;
            }
        }
        Ok(())
    }
}
