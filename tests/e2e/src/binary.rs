//! The binary under test, built the same way as the test itself.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The path of `pointsman`, built if it is not up to date.
///
/// # Panics
/// If it does not build: there is nothing to test then.
#[expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot build the product has failed"
)]
pub fn pointsman() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // .../target/debug/deps/<test> → .../target/debug
        let test = std::env::current_exe().expect("a test knows its own path");
        let folder = test
            .parent()
            .and_then(|deps| deps.parent())
            .expect("a test lives in target/PROFILE/deps")
            .to_path_buf();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "pointsman"]);
        if folder.file_name().is_some_and(|name| name == "release") {
            build.arg("--release");
        }
        let status = build.status().expect("cargo runs");
        if !status.success() {
            panic!("pointsman does not build: {status}");
        }
        folder.join("pointsman")
    })
}
