//! Help, usage, colour and exit codes.

use crate::*;

#[test]
fn without_arguments_there_is_help_that_says_where_to_start() {
    let help = run(&[]).ok();
    let start = help.find("pointsman dev").unwrap();
    assert!(start < help.find("Usage:").unwrap(), "{help}");
    let commands = help.split_once("Commands:\n").unwrap().1;
    assert!(commands.trim_start().starts_with("dev "), "{help}");
}

#[test]
fn every_command_explains_itself() {
    let help = run(&["--help"]).ok();
    let commands = help.split_once("Commands:\n").unwrap().1;
    let names: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for name in [
        "dev", "serve", "check", "route", "decode", "encode", "dialects", "sim", "load", "send",
        "version",
    ] {
        assert!(names.contains(&name), "{name}: {help}");
        assert!(
            run(&[name, "--help"]).ok().contains("Usage: pointsman"),
            "{name}"
        );
    }
}

#[test]
fn a_wrong_command_line_is_64() {
    for args in [
        &["chekc"][..],
        &["check"],
        &["check", "a", "b"],
        &["route", "--config", "a.toml"],
        &["decode", "--jsn"],
        &["check", "--color", "pink", "a.toml"],
    ] {
        let ran = run(args);
        assert_eq!(ran.code, 64, "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    assert!(run(&["chekc"]).stderr.contains("'check'"));
}

#[test]
fn colour_is_for_who_wants_it() {
    let bad = TempFile::new("colour.toml", "[[listner]]\n");
    let is_coloured = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = command(args);
        command.envs(env.iter().copied());
        run_command(&mut command, b"").stderr.contains('\u{1b}')
    };
    let check = ["check", bad.path()];
    assert!(!is_coloured(&check, &[]));
    assert!(is_coloured(
        &["check", bad.path(), "--color", "always"],
        &[]
    ));
    assert!(is_coloured(
        &["--color=always", "check", bad.path()],
        &[("NO_COLOR", "1")]
    ));
    assert!(!is_coloured(
        &["check", bad.path(), "--color", "never"],
        &[("CLICOLOR_FORCE", "1")]
    ));
    assert!(is_coloured(&check, &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(
        &check,
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
}

#[test]
fn version() {
    let text = run(&["version"]).ok();
    assert!(
        text.starts_with(concat!("pointsman ", env!("CARGO_PKG_VERSION"), " (")),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&run(&["version", "--json"]).ok()).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let short = concat!("pointsman ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run(&["--version"]).ok(), short);
    assert_eq!(run(&["-V"]).ok(), short);
}

#[test]
fn help_is_also_a_command() {
    assert_eq!(run(&["help", "check"]).ok(), run(&["check", "--help"]).ok());
    assert_eq!(
        run(&["help", "sim", "bank"]).ok(),
        run(&["sim", "bank", "--help"]).ok()
    );
}

#[test]
fn help_lists_the_exit_codes() {
    for command in [
        &["serve"][..],
        &["send"],
        &["load"],
        &["dev"],
        &["check"],
        &["route"],
        &["decode"],
        &["encode"],
        &["sim", "bank"],
        &["sim", "terminal"],
    ] {
        let help = run(&[command, &["--help"]].concat()).ok();
        assert!(help.contains("Exit codes: 0 "), "{command:?}: {help}");
    }
    let help = run(&["encode", "--help"]).ok();
    for word in ["header", "masked", "padded"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(run(&["route", "--help"]).ok().contains("first digits"));
}

#[test]
fn a_card_number_in_the_wrong_place_is_not_repeated() {
    const PAN: &str = "5413330089010434";
    for args in [
        &["route", "-c", "x", PAN][..],
        &["decode", "--dialect", PAN],
        &["send", "-d", PAN, "0800"],
        &["check", PAN],
        &["check", PAN, "--json"],
        &["check", "a", PAN],
        &["route", "-c", PAN, "--pan", "4", "--json"],
        &["serve", "--config", PAN],
        &["load", "--rate", PAN, "--rate", PAN],
        &["send", PAN],
        &["dialects", PAN],
        &[PAN],
        &["5413 3300 8901 0434"],
        &["5413330089010435"],
    ] {
        let ran = run(args);
        assert_ne!(ran.code, 0, "{args:?}");
        for text in [&ran.stdout, &ran.stderr] {
            let digits: String = text.chars().filter(|c| !" -".contains(*c)).collect();
            assert!(!digits.contains("541333008"), "{args:?}: {text}");
        }
    }
    let masked = run(&["check", "a", PAN]).stderr;
    assert!(masked.contains("541333******0434"), "{masked}");
}

#[test]
fn dev_needs_terminals() {
    for terminals in ["0", "10001"] {
        let ran = run(&["dev", "--terminals", terminals, "--for", "1s"]).failed(64);
        assert_eq!(ran.stdout, "");
        assert!(
            ran.stderr.starts_with(&format!(
                "error: --terminals {terminals}: expected from 1 to 10000"
            )),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn the_simulators_are_inside() {
    let example = run(&["sim", "terminal", "--example"]).ok();
    assert!(
        example.parse::<toml::Table>().unwrap().contains_key("step"),
        "{example}"
    );

    // A port that was free a moment ago, and at which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("127.0.0.1:{port}");
    let ran = run(&["send", "--to", &nobody, "0800", "70=301", "11=auto"]).failed(69);
    assert!(ran.stderr.contains(&nobody), "{}", ran.stderr);
    assert_eq!(run(&["load", "--threshold", "p99<fast"]).code, 64);
    run(&["sim", "bank", "--dialect", "iso87-asci"]).failed(64);
}

#[test]
fn the_configuration_of_dev_is_one() {
    let config = TempFile::new("dev.toml", run(&["dev", "--print-config"]).ok());
    run(&["check", "--strict", config.path()]).ok();
    let text = run(&["route", "-c", config.path(), "--pan", "test:mastercard"]).ok();
    assert!(
        text.starts_with("card 555555******4444 goes to link `bravo`\n"),
        "{text}"
    );
}
