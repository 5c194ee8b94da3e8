//! The command as a shell sees it: what goes in, what comes out, where, and with which exit code.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

mod capture;
mod check;
mod codec;
mod convert;
mod diff;
mod general;
mod inputs;
mod journal;
mod manual;
mod redact;
mod route;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A configuration with all tables.
const CONFIG: &str = r#"
[[listener]]
name = "pos"
bind = "127.0.0.1:8583"
framing = "binary-2"
dialect = "iso87-bcd"

[[link]]
name = "alpha"
connect = ["127.0.0.1:9101"]
framing = "ascii-4"
dialect = "iso87-ascii"

[[link]]
name = "beta"
connect = ["127.0.0.1:9102"]
framing = "binary-2"
dialect = "iso87-ebcdic"

[[route]]
bin = ["4", "510000-559999"]
link = "alpha"

[[route]]
bin = ["411111", "540000-549999"]
link = "beta"
"#;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(args);
    for name in [
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "POINTSMAN_CONFIG",
        "POINTSMAN_LOG",
    ] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Ran {
    run_with(args, b"")
}

fn run_with(args: &[&str], stdin: &[u8]) -> Ran {
    run_command(&mut command(args), stdin)
}

fn run_command(command: &mut Command, stdin: &[u8]) -> Ran {
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // Both ends move at once: neither pipe holds all of a long input or output.
    let writer = std::thread::spawn(move || {
        // A command that does not read its input closes the pipe.
        let _ = pipe.write_all(&stdin);
    });
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

impl Ran {
    /// It went well and had nothing to complain about.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(
            (self.code, self.stderr.as_str()),
            (0, ""),
            "{}",
            self.stdout
        );
        self.stdout
    }

    /// It failed, and its last line says what to do.
    #[track_caller]
    fn failed(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("hint: ") && last.len() > 10,
            "{}",
            self.stderr
        );
        self
    }
}

/// A file of its own for one test, removed at the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        // Tests run at once, and may choose the same name.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!(
            "{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(format!("pointsman-cli-{unique}-{name}"));
        std::fs::write(&path, content).unwrap();
        TempFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The root of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .and_then(Path::parent)
        .unwrap()
}
