//! Keys come from where they should and from nowhere else.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn checks(text: &str) -> Result<Vec<KeyCheck>, KeyError> {
    from_text(text, || "the key file".to_owned())
        .map(|keys| keys.iter().map(|key| key.check).collect())
}

#[test]
fn hex_and_base64_are_the_same_key() {
    let check = checks(HEX).unwrap();
    for text in [
        &HEX.to_uppercase(),
        BASE64,
        BASE64.trim_end_matches('='),
        &format!("# of the till in the back office\n\n  {HEX}\r\n"),
    ] {
        assert_eq!(checks(text).unwrap(), check, "{text}");
    }
    assert_eq!(checks(&format!("{HEX}\n{BASE64}")).unwrap().len(), 2);
    assert_eq!(checks(&format!("{HEX},{BASE64}")).unwrap().len(), 2);
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    for (text, says) in [
        ("", "holds no key"),
        ("# only a comment\n", "holds no key"),
        (
            &HEX[2..],
            "key 1 is not 32 bytes as 64 hex digits or as base64",
        ),
        (&HEX.replace('0', "g"), "key 1 is not 32 bytes"),
        (&BASE64[4..], "key 1 is not 32 bytes"),
        (&format!("{HEX}\nsecond"), "key 2 is not 32 bytes"),
        (&"00".repeat(32), "key 1 is one byte over and over"),
        (&format!("{HEX}\n").repeat(9), "more than 8 keys"),
    ] {
        let error = checks(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("0102030405"), "{error}");
    }
}

#[test]
fn references_are_files_or_variables() {
    assert_eq!(
        "file:/etc/pointsman/journal.key"
            .parse::<KeyReference>()
            .unwrap(),
        KeyReference::File("/etc/pointsman/journal.key".into())
    );
    assert_eq!(
        "env:JOURNAL_KEY".parse::<KeyReference>().unwrap(),
        KeyReference::Env("JOURNAL_KEY".to_owned())
    );
    for text in [HEX, "", "file:", "env:", "env:A=B", "vault:x"] {
        let error = text.parse::<KeyReference>().unwrap_err().to_string();
        assert!(error.contains("file:PATH or env:NAME"), "{error}");
        assert!(!error.contains("0102030405"), "{error}");
    }
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, HEX).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = from_reference(&KeyReference::File(path.clone()))
            .err()
            .unwrap();
        assert!(matches!(error, KeyError::Exposed { .. }), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(from_reference(&KeyReference::File(path)).unwrap().len(), 1);
}

#[test]
fn what_is_not_there_or_no_file_is_said() {
    let folder = TempDir::new().unwrap();
    let absent = KeyReference::File(folder.path().join("absent"));
    assert!(matches!(
        from_reference(&absent),
        Err(KeyError::Unreadable { .. })
    ));
    let folder_itself = KeyReference::File(folder.path().into());
    assert!(matches!(
        from_reference(&folder_itself),
        Err(KeyError::NotAFile { .. })
    ));
    let variable = KeyReference::Env("POINTSMAN_NO_SUCH_VARIABLE".to_owned());
    assert!(matches!(
        from_reference(&variable),
        Err(KeyError::NoVariable { .. })
    ));
    let long = folder.path().join("long");
    fs::write(&long, "#".repeat(FILE_BYTES_MAX + 1)).unwrap();
    fs::set_permissions(&long, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        from_reference(&KeyReference::File(long)),
        Err(KeyError::TooMany { .. })
    ));
}

#[test]
fn a_new_directory_gets_a_key_of_its_own_and_keeps_it() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("journal");
    let made = from_directory(&directory).unwrap();
    let again = from_directory(&directory).unwrap();
    assert_eq!(made[0].check, again[0].check);
    let mode = fs::metadata(directory.join(FILE_NAME)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);

    let other = from_directory(&folder.path().join("other")).unwrap();
    assert_ne!(made[0].check, other[0].check);
}

#[test]
fn a_start_that_was_cut_off_while_making_a_key_is_made_good() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(FILE_NAME_NEW), "0001").unwrap();
    fs::write(folder.path().join("lock"), "").unwrap();
    assert_eq!(from_directory(folder.path()).unwrap().len(), 1);
    assert!(!folder.path().join(FILE_NAME_NEW).exists());
}

#[test]
fn a_journal_without_its_key_does_not_get_another() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("00000001.segment"), "").unwrap();
    let error = from_directory(folder.path()).err().unwrap();
    assert!(matches!(error, KeyError::Lost { .. }), "{error}");
    assert!(!folder.path().join(FILE_NAME).exists());
}

#[test]
fn whoever_only_looks_makes_no_key() {
    let folder = TempDir::new().unwrap();
    let looked = super::super::Keys::existing(None, folder.path());
    assert!(matches!(looked, Err(KeyError::Unreadable { .. })));
    assert!(!folder.path().join(FILE_NAME).exists());
    let made = from_directory(folder.path()).unwrap();
    let looked = super::super::Keys::existing(None, folder.path()).unwrap();
    assert_eq!(looked.check(), made[0].check);
}
