//! The examples of the manual are valid, and it names everything there is.

use crate::*;

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The code blocks of a page in one language, with their lines' numbers.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(tag)) if tag == language => open = Some((index + 1, String::new())),
            // A block of another language: its end must not pass for a beginning.
            (None, Some(_)) => open = Some((0, String::new())),
            (Some(_), Some("")) => blocks.extend(open.take().filter(|(line, _)| *line > 0)),
            (Some((_, text)), _) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn every_complete_configuration_is_valid() {
    let mut complete = 0;
    for (line, text) in blocks(&page("configuration.md"), "toml") {
        let is_complete = ["[[listener]]", "[[link]]", "[[route]]"]
            .iter()
            .all(|table| text.contains(table));
        if !is_complete {
            continue;
        }
        complete += 1;
        let file = TempFile::new(&format!("manual-{line}.toml"), &text);
        let ran = run(&["check", "--strict", file.path()]);
        assert_eq!(ran.code, 0, "docs/configuration.md:{line}\n{}", ran.stderr);
    }
    assert!(complete >= 2, "{complete} complete examples");
}

#[test]
fn every_part_of_a_configuration_is_valid_in_a_whole_one() {
    for (line, text) in blocks(&page("configuration.md"), "toml") {
        if text.contains("[[listener]]") && text.contains("[[link]]") {
            continue;
        }
        // What the part has replaces what the whole has.
        let mut whole: toml::Table = CONFIG.parse().unwrap();
        let part: toml::Table = text
            .parse()
            .unwrap_or_else(|error| panic!("docs/configuration.md:{line}: {error}"));
        whole.extend(part);
        let file = TempFile::new(&format!("part-{line}.toml"), whole.to_string());
        let ran = run(&["check", file.path()]);
        assert_eq!(ran.code, 0, "docs/configuration.md:{line}\n{}", ran.stderr);
    }
}

#[test]
fn the_manual_names_every_key() {
    let page = page("configuration.md");
    // A table with a key that nobody has makes `check` list those that there are.
    for table in [
        "[switch]",
        "[[listener]]",
        "[[link]]",
        "[[route]]",
        "[[stand_in]]",
        "[journal]",
        "[metrics]",
        "[[link]]\nframing.",
    ] {
        let file = TempFile::new(
            "keys.toml",
            match table.strip_suffix("framing.") {
                Some(table) => format!("{table}framing = {{ qqqqqqqq = 1 }}\n"),
                None => format!("{table}\nqqqqqqqq = 1\n"),
            },
        );
        let stderr = run(&["check", file.path()]).failed(78).stderr;
        let keys = stderr
            .split_once("help: the keys are ")
            .unwrap()
            .1
            .lines()
            .next()
            .unwrap();
        let keys: Vec<&str> = keys.split('`').skip(1).step_by(2).collect();
        assert!(!keys.is_empty(), "{stderr}");
        for key in keys {
            assert!(
                page.contains(&format!("| `{key}` |")),
                "{table} `{key}` is not in docs/configuration.md"
            );
        }
    }
}

/// Those that need nobody else; what talks to a switch or a bank is tried end to end elsewhere.
#[cfg(unix)]
#[test]
fn the_examples_work() {
    let directory = TempFile::new("examples", "");
    std::fs::remove_file(&directory.0).unwrap();
    std::fs::create_dir(&directory.0).unwrap();
    std::fs::write(directory.0.join("pos.toml"), CONFIG).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_pointsman")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut tried = Vec::new();
    for name in ["cli.md", "configuration.md"] {
        for (line, text) in blocks(&page(name), "sh") {
            let is_alone =
                |command: &str| !["dev", "serve", "send", "load", "sim"].contains(&command);
            let commands: Vec<&str> = text
                .split("pointsman ")
                .skip(1)
                .filter_map(|rest| rest.split_whitespace().next())
                .collect();
            if !commands.iter().all(|command| is_alone(command)) {
                continue;
            }
            let mut command = Command::new("sh");
            command
                .args(["-euc", &text])
                .current_dir(&directory.0)
                .env("PATH", &path);
            let output = command.output().unwrap();
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "docs/{name}:{line}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
            tried.extend(commands.into_iter().map(str::to_owned));
        }
    }
    std::fs::remove_dir_all(&directory.0).unwrap();
    for command in ["check", "route", "decode", "encode", "dialects"] {
        assert!(
            tried.iter().any(|tried| tried == command),
            "no example of {command}"
        );
    }
}

/// The answers of `route` in the manual are those to the configuration that the page says it is about.
#[test]
fn the_answers_of_route_are_true() {
    let page = page("cli.md");
    let section = page.split_once("## `pointsman route`").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let config = TempFile::new("route.toml", run(&["dev", "--print-config"]).ok());
    let answers = blocks(section, "text");
    assert_eq!(answers.len(), 2);
    for ((_, answer), pan) in answers.iter().zip(["test:visa", "5"]) {
        let ran = run(&["route", "--config", config.path(), "--pan", pan]);
        assert_eq!(&ran.stdout, answer);
    }
}

#[test]
fn the_manual_names_every_command_and_option() {
    let page = page("cli.md");
    let names = |help: &str| -> Vec<String> {
        let commands = help
            .split_once("Commands:\n")
            .map_or("", |(_, commands)| commands);
        commands
            .lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_whitespace().next())
            // Of the argument parser's own making, and the same everywhere.
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    let mut commands: Vec<Vec<String>> = names(&run(&["--help"]).ok())
        .into_iter()
        .map(|name| vec![name])
        .collect();
    assert!(commands.len() >= 8, "{commands:?}");
    while let Some(command) = commands.pop() {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        let help = run(&args).ok();
        for name in names(&help) {
            commands.push(command.iter().cloned().chain([name]).collect());
        }
        let title = format!("## `pointsman {}", command.join(" "));
        let section = page
            .split_once(&title)
            .unwrap_or_else(|| panic!("docs/cli.md has no {title}`"))
            .1;
        let section = section.split("\n## ").next().unwrap();
        let options = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let option = line
                .split_whitespace()
                .find(|word| word.starts_with("--"))?;
            line.starts_with('-')
                .then_some(option.trim_end_matches(','))
        });
        for option in options.filter(|option| !["--help", "--color"].contains(option)) {
            assert!(
                section.contains(&format!("`{option}")),
                "docs/cli.md says nothing about `{} {option}`",
                command.join(" ")
            );
        }
    }
}

/// `cargo xtask pages` makes them.
#[test]
fn every_dialect_has_its_page() {
    let list = run(&["dialects", "--json"]).ok();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|dialect| dialect["name"].as_str().unwrap())
        .collect();
    let index = page("dialects.md");
    for name in &names {
        let printed = run(&["dialects", name, "--page"]).ok();
        let path = root().join("docs/dialects").join(format!("{name}.md"));
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == printed,
            "docs/dialects/{name}.md is out of date: run `cargo xtask pages`"
        );
        // The message in it is one that its own rules allow, and whose values agree.
        let notes = ["\nnote: ", "\nwarning at ", "\nerror at "];
        assert!(
            written.contains("## A purchase") && notes.iter().all(|note| !written.contains(note)),
            "{name}"
        );
        assert!(
            index.contains(&format!("| [{name}](dialects/{name}.md) |")),
            "docs/dialects.md does not list {name}"
        );
    }
    let pages = std::fs::read_dir(root().join("docs/dialects")).unwrap();
    assert_eq!(
        pages.count(),
        names.len(),
        "a page of no dialect: run `cargo xtask pages`"
    );
    let schema = run(&["dialects", "--schema"]).ok();
    assert!(
        schema == page("dialect.schema.json"),
        "docs/dialect.schema.json is out of date: run `cargo xtask pages`"
    );
}

/// What a dialect file may say is what its schema lists, and the manual tells all of it.
#[test]
fn the_manual_names_every_key_of_a_dialect() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        match schema {
            serde_json::Value::Object(entries) => {
                for (name, value) in entries {
                    if let ("properties", Some(properties)) = (name.as_str(), value.as_object()) {
                        found.extend(properties.keys().cloned());
                    }
                    keys(value, found);
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let schema = serde_json::from_str(&page("dialect.schema.json")).unwrap();
    let mut found = Vec::new();
    keys(&schema, &mut found);
    found.sort();
    found.dedup();
    assert!(found.len() > 60, "{found:?}");
    let manual = page("dialects.md");
    let named = |key: &String| {
        let spellings = [format!("`{key}`"), format!("`{key} = "), format!("[{key}]")];
        spellings.iter().any(|spelling| manual.contains(spelling))
    };
    found.retain(|key| !named(key));
    assert_eq!(found, [""; 0], "docs/dialects.md does not name them");
}
