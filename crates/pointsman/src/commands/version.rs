//! `pointsman version`

use std::io::{self, Write};

use serde_json::json;

use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let text = if args.json {
        json!({ "name": "pointsman", "version": version, "target": target, "profile": profile })
            .to_string()
    } else {
        format!("pointsman {version} ({target}, {profile})")
    };
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::output(&error))?;
    Ok(Exit::Ok)
}
