//! How a simulator speaks: framing and dialect, the same options on every command.

use std::sync::Arc;

use pointsman_framing::{FrameCodec, Framing, HOST_FRAME_BYTES_MAX, KeepAlive, Kind};
use pointsman_iso8583::Dialect;

use crate::{Exit, Failure};

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
    /// No built-in has that name and no file can be read there, or what is in it is not a dialect.
    pub fn wire(&self) -> Result<Wire, Failure> {
        let dialect = Dialect::load(&self.dialect).map_err(|error| {
            Failure::new(
                Exit::USAGE,
                format_args!("--dialect {}: {error}", self.dialect),
            )
            .hint(format_args!(
                "built in are {}",
                Dialect::builtin_names().join(", ")
            ))
        })?;
        let framing = Framing::new(self.framing)
            .with_tpdu(self.tpdu)
            .with_frame_bytes_max(self.frame_max)
            .with_keep_alive(self.keep_alive);
        Ok(Wire { framing, dialect })
    }
}
