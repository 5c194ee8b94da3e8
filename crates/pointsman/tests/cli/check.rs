//! `pointsman check`

use expect_test::expect;

use crate::*;

#[test]
fn a_valid_file() {
    let config = TempFile::new("valid.toml", CONFIG);
    let text = run(&["check", config.path()])
        .ok()
        .replace(config.path(), "pos.toml");
    expect![[r#"
        pos.toml is valid: 1 listener, 2 links, 4 BIN patterns, no default route
    "#]]
    .assert_eq(&text);
    let json: serde_json::Value =
        serde_json::from_str(&run(&["check", config.path(), "--json"]).ok()).unwrap();
    assert_eq!(json["valid"], true);
    assert_eq!(json["diagnostics"], serde_json::json!([]));
}

#[test]
fn all_errors_at_once() {
    let text = CONFIG
        .replace("ascii-4", "ascii4")
        .replace("link = \"alpha\"", "link = \"alhpa\"");
    let config = TempFile::new("invalid.toml", text);
    let ran = run(&["check", config.path()]).failed(78);
    assert_eq!(ran.stdout, "");
    expect![[r#"
        error: unknown framing `ascii4`
          --> pos.toml:11:11
           |
        11 | framing = "ascii4"
           |           ^^^^^^^^ expected `binary-2`, `binary-2-inclusive`, `binary-4`, `ascii-4` or `bcd-2`
           |
           = help: did you mean `ascii-4`?

        error: there is no link `alhpa`
          --> pos.toml:22:8
           |
        22 | link = "alhpa"
           |        ^^^^^^^ no [[link]] has this name
           |
           = help: did you mean `alpha`?

        error: pos.toml has 2 errors
        hint: correct it and run `pointsman check pos.toml`
    "#]].assert_eq(&ran.stderr.replace(config.path(), "pos.toml"));

    let ran = run(&["check", config.path(), "--json"]).failed(78);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&json["valid"], &json["errors"]),
        (&false.into(), &2.into())
    );
    let first = &json["diagnostics"][0];
    assert_eq!(first["message"], "unknown framing `ascii4`");
    assert_eq!((&first["line"], &first["column"]), (&11.into(), &11.into()));
}

#[test]
fn warnings_do_not_fail_unless_they_are_to() {
    let unused = "\n[[link]]\nname = \"gamma\"\nconnect = \"bank:1\"\nframing = \"bcd-2\"\ndialect = \"iso87-bcd\"\n";
    let config = TempFile::new("warning.toml", CONFIG.to_owned() + unused);
    let ran = run(&["check", config.path()]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr
            .starts_with("warning: no route leads to link `gamma`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.ends_with("; 1 warning\n"), "{}", ran.stdout);
    run(&["check", "--strict", config.path()]).failed(78);
}

#[test]
fn a_file_that_cannot_be_read() {
    run(&["check", "/nowhere/pos.toml"]).failed(66);
    run(&["check", root().to_str().unwrap()]).failed(66);
    let latin1 = TempFile::new("latin1.toml", b"# caf\xe9\n");
    run(&["check", latin1.path()]).failed(78);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_an_end() {
    let ran = run(&["check", "/dev/zero"]).failed(78);
    assert!(
        ran.stderr.contains("more than 33554432 bytes"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_object_also_for_a_file_that_cannot_be_read() {
    let latin1 = TempFile::new("latin1-json.toml", b"# caf\xe9\n");
    for (file, code, message) in [
        ("/nowhere/pos.toml", 66, "there is no such file"),
        (latin1.path(), 78, "not UTF-8"),
    ] {
        let ran = run(&["check", file, "--json"]).failed(code);
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(json["file"], file);
        assert_eq!(
            (&json["valid"], &json["errors"]),
            (&false.into(), &1.into())
        );
        let diagnostic = &json["diagnostics"][0];
        let text = diagnostic["message"].as_str().unwrap();
        assert!(text.contains(message), "{text}");
        assert!(diagnostic["line"].is_null() && diagnostic["help"].is_string());
    }
}
