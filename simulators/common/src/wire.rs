//! How a simulator speaks: framing and dialect, the same options on every command.

use std::sync::Arc;

use pointsman_framing::{FrameCodec, Framing, HOST_FRAME_BYTES_MAX, KeepAlive, Kind};
use pointsman_iso8583::{Dialect, HeaderKind, LoadError};

use crate::{Exit, Failure};

/// Smallest value of `--frame-max`: an echo test with a TPDU and a secondary bitmap, about.
const FRAME_BYTES_MIN: usize = 64;

/// Largest value of `--frame-max`: no message has more fields than fit here, and each connection keeps a buffer.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// A framing and a dialect.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Where messages start and end.
    pub framing: Framing,
    /// What is in them.
    pub dialect: Arc<Dialect>,
}

impl Wire {
    /// Reads and writes the frames.
    #[must_use]
    pub fn codec(&self) -> FrameCodec {
        FrameCodec::new(self.framing)
    }
}

/// The options that say how to speak.
#[derive(Clone, Debug, clap::Args)]
pub struct WireArgs {
    /// How messages are told apart: binary-2, binary-2-inclusive, binary-4, ascii-4 or bcd-2.
    #[arg(long, value_name = "KIND", default_value_t = Kind::Binary2, help_heading = "Wire")]
    pub framing: Kind,

    /// Each frame starts with a five-byte TPDU.
    #[arg(long, help_heading = "Wire")]
    pub tpdu: bool,

    /// The longest frame accepted, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = HOST_FRAME_BYTES_MAX, help_heading = "Wire")]
    pub frame_max: usize,

    /// What a zero-length frame means: ignore, echo or error.
    #[arg(long, value_name = "POLICY", default_value_t = KeepAlive::Ignore, help_heading = "Wire")]
    pub keep_alive: KeepAlive,

    /// The message format: the name of a built-in dialect, or a file.
    #[arg(
        long,
        short,
        value_name = "NAME|FILE",
        default_value = "iso87-ascii",
        help_heading = "Wire"
    )]
    pub dialect: String,
}

impl WireArgs {
    /// Loads the dialect.
    ///
    /// # Errors
    /// No built-in has that name and no file can be read there, or what is in it is not a dialect; or the options do not
    /// go together.
    pub fn wire(&self) -> Result<Wire, Failure> {
        let dialect = Dialect::load(&self.dialect).map_err(|error| {
            let exit = match &error {
                LoadError::Unreadable { .. } => Exit::NO_INPUT,
                LoadError::Invalid { .. } => Exit::CONFIG,
                _ => Exit::USAGE,
            };
            Failure::new(exit, format_args!("--dialect {}: {error}", self.dialect)).hint(
                format_args!("built in are {}", Dialect::builtin_names().join(", ")),
            )
        })?;
        if !(FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&self.frame_max) {
            return Err(Failure::new(
                Exit::USAGE,
                format_args!(
                    "--frame-max {}: expected {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX} bytes",
                    self.frame_max
                ),
            ));
        }
        if self.tpdu && dialect.header_kind() == HeaderKind::Tpdu {
            return Err(Failure::new(
                Exit::USAGE,
                format_args!(
                    "--tpdu: the header of {} has a TPDU already, there would be two",
                    dialect.name()
                ),
            )
            .hint("leave --tpdu out"));
        }
        let framing = Framing::new(self.framing)
            .with_tpdu(self.tpdu)
            .with_frame_bytes_max(self.frame_max)
            .with_keep_alive(self.keep_alive);
        Ok(Wire { framing, dialect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        wire: WireArgs,
    }

    /// As the other commands end for it.
    #[test]
    fn dialects_that_are_not_there() {
        let broken = std::env::temp_dir().join(format!("wire-{}.toml", std::process::id()));
        std::fs::write(&broken, "name = 7").unwrap();
        let code = |dialect: &str| {
            let words = ["sim", "--dialect", dialect];
            let wire = Command::try_parse_from(words).unwrap().wire.wire();
            wire.unwrap_err().exit.code()
        };
        assert_eq!(code("nosuch"), 64);
        assert_eq!(code("nosuch.toml"), 66);
        assert_eq!(code("./nosuch"), 66);
        assert_eq!(code(broken.to_str().unwrap()), 78);
        std::fs::remove_file(broken).unwrap();
    }

    #[test]
    fn options_that_do_not_go_together() {
        let wire = |words: &str| {
            let words = std::iter::once("sim").chain(words.split_whitespace());
            Command::try_parse_from(words).unwrap().wire.wire()
        };
        for (words, message) in [
            (
                "--tpdu --dialect unionpay-pos",
                "--tpdu: the header of unionpay-pos has a TPDU already, there would be two",
            ),
            (
                "--frame-max 63",
                "--frame-max 63: expected 64 to 65536 bytes",
            ),
            (
                "--frame-max 65537",
                "--frame-max 65537: expected 64 to 65536 bytes",
            ),
        ] {
            let failure = wire(words).unwrap_err();
            assert_eq!(
                (failure.exit, failure.message.as_str()),
                (Exit::USAGE, message)
            );
        }
        assert!(wire("--tpdu --dialect iso87-bcd --frame-max 64").is_ok());
    }
}
