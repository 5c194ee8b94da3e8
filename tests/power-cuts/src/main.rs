//! Cuts the power under a journal that is being written, and looks whether everything is there that was promised.
//!
//! A disk in memory is mounted as a file system (FUSE); a process of its own appends to a journal on it and tells through a
//! pipe what is durable. At some operation of the disk the power goes: from there on nothing works, and of what was not
//! synced some is lost, sector by sector and name by name. Then the disk is mounted again, and the next process opens
//! the journal, checks every record and goes on. Half of the cuts come while the journal is being opened or soon after.
//!
//! With `--control` the disk's syncs do nothing: then records must be lost, or the whole would prove nothing.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

mod disk;
mod writer;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use fuser::{BackgroundSession, Config, MountOption};
use pointsman_journal::vfs::SimFs;

use crate::disk::Disk;

/// Nothing can be tried here: there is no FUSE, or it may not be used.
const SKIPPED: u8 = 77;

#[derive(Debug, Parser)]
#[command(about = "Cuts the power under a journal that is being written")]
struct Args {
    /// How often.
    #[arg(long, default_value_t = 25)]
    cuts: u64,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Syncs do nothing: records must be lost.
    #[arg(long)]
    control: bool,
    /// Be the process that writes into this directory.
    #[arg(long, hide = true)]
    write: Option<PathBuf>,
}

/// What came of the cuts.
#[derive(Debug, Default)]
struct Figures {
    cuts: u64,
    promised: u64,
    /// Cuts after which something was missing or the journal did not open.
    failed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(directory) = &args.write {
        let mut out = std::io::stdout().lock();
        if let Err(error) = writer::run(directory, &mut out) {
            println!("failed: {error:#}");
        }
        return ExitCode::FAILURE;
    }
    if let Err(error) = mount(&SimFs::new(0)).and_then(|(session, _directory)| unmount(session)) {
        println!(
            "skipped: a FUSE file system cannot be mounted here ({error:#}); it takes root and /dev/fuse"
        );
        return ExitCode::from(SKIPPED);
    }
    match cut(&args) {
        Ok(figures) => {
            println!(
                "{} cuts, {} records promised, after {} cuts something was lost{}",
                figures.cuts,
                figures.promised,
                figures.failed,
                if args.control {
                    " (control: syncs do nothing)"
                } else {
                    ""
                }
            );
            let good = if args.control {
                figures.failed == figures.cuts
            } else {
                figures.failed == 0
            };
            ExitCode::from(u8::from(!good))
        }
        Err(error) => {
            eprintln!("power-cuts: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn cut(args: &Args) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let mut fs = SimFs::new(args.seed);
    let mut promised = 0;
    for cut in 1..=args.cuts {
        if args.control {
            // Each by itself: what is lost once is not there to be lost again.
            fs = SimFs::new(args.seed.wrapping_add(cut));
            promised = 0;
        }
        let after = operations(
            args.seed.wrapping_mul(1_000_003).wrapping_add(cut),
            args.control,
        );
        let operations = fs.operations();
        fs.set_faults(|faults| {
            faults.sync_lies = args.control;
            faults.crash_at = Some(operations + after);
        });
        let life = live(&fs)?;
        ensure!(
            life.found.is_none_or(|found| found >= promised) || args.control,
            "cut {cut}: {promised} records had been promised, {:?} were found",
            life.found
        );
        let before = promised;
        promised = promised.max(life.durable).max(life.found.unwrap_or(0));
        figures.promised += promised - before;
        if args.control {
            fs.crash_hard();
        } else {
            fs.crash();
        }
        figures.cuts += 1;
        match check(&fs) {
            Ok(found) if found >= promised => promised = found,
            Ok(found) => {
                println!("cut {cut}: {promised} records had been promised, {found} were found");
                figures.failed += 1;
            }
            Err(error) => {
                println!("cut {cut}: {error:#}");
                figures.failed += 1;
            }
        }
        if figures.failed > 0 && !args.control {
            bail!("repeat it with --seed {} --cuts {cut}", args.seed);
        }
    }
    Ok(figures)
}

/// After how many operations of the disk the power goes: soon, or after a while.
fn operations(seed: u64, late: bool) -> u64 {
    let chance = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(23)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9)
        >> 33;
    if late || chance.is_multiple_of(2) {
        200 + chance % 3_000
    } else {
        1 + chance % 60
    }
}

/// What a process said before its end.
#[derive(Debug, Default)]
struct Life {
    /// Records that it found, unless the power went before.
    found: Option<u64>,
    durable: u64,
    failure: String,
}

/// A process writes until the power goes.
fn live(fs: &SimFs) -> anyhow::Result<Life> {
    let (session, directory) = mount(fs)?;
    let life = run(directory.path(), None)?;
    unmount(session)?;
    ensure!(
        !life.failure.contains("damaged"),
        "the journal was refused: {}",
        life.failure
    );
    Ok(life)
}

/// The records that are there, on a disk that works.
fn check(fs: &SimFs) -> anyhow::Result<u64> {
    let (session, directory) = mount(fs)?;
    // One that has found something has checked it.
    let life = run(directory.path(), Some(1))?;
    unmount(session)?;
    // What it appended meanwhile was not promised to anybody, and the disk goes on from a process that was killed.
    fs.kill();
    life.found
        .with_context(|| format!("the journal does not open: {}", life.failure))
}

/// Runs the process that writes, until its end or until it has said so many things.
fn run(directory: &Path, lines: Option<usize>) -> anyhow::Result<Life> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--write")
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().context("a pipe")?;
    let mut life = Life::default();
    for (number, line) in BufReader::new(out).lines().enumerate() {
        let line = line?;
        let said = |what: &str| {
            line.strip_prefix(what)
                .and_then(|text| text.strip_suffix('.'))
                .and_then(|text| text.parse::<u64>().ok())
        };
        if let Some(found) = said("found ") {
            life.found = Some(found);
        } else if let Some(durable) = said("durable ") {
            life.durable = durable;
        } else {
            life.failure = line;
        }
        if lines.is_some_and(|lines| number + 1 >= lines) {
            child.kill()?;
        }
    }
    child.wait()?;
    Ok(life)
}

fn mount(fs: &SimFs) -> anyhow::Result<(BackgroundSession, tempfile::TempDir)> {
    let directory = tempfile::tempdir()?;
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("power-cuts".to_owned()),
        MountOption::NoAtime,
    ];
    let session = fuser::spawn_mount(Disk::new(fs.clone())?, directory.path(), &config)?;
    Ok((session, directory))
}

fn unmount(session: BackgroundSession) -> anyhow::Result<()> {
    session.umount_and_join()?;
    Ok(())
}
