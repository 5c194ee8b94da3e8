//! What is sealed opens at its place and nowhere else, and never looks the same twice.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn keys(text: &str) -> Keys {
    Keys {
        all: master::from_text(text, || "a test".to_owned()).unwrap(),
    }
}

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn intent(tx: u64) -> Place {
    Place {
        tx,
        part: Part::Intent,
    }
}

fn sealed(sealer: &Sealer, place: Place, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sealer.seal(place, plain, &mut out).unwrap();
    out
}

fn opened(keys: &Keys, place: Place, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut out = b"before".to_vec();
    let result = keys.open(place, sealed, &mut out);
    assert!(out.starts_with(b"before"));
    if result.is_err() {
        assert_eq!(out, b"before");
    }
    result.map(|()| out.split_off(6))
}

#[test]
fn nothing_that_was_said_can_be_read_without_the_key() {
    let plain = b"4111111111111111";
    let sealed = sealed(&keys(OLD).sealer([7; 16]), intent(1), plain);
    assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES);
    assert!(!sealed.windows(4).any(|window| window == b"4111"));
}

#[test]
fn the_same_body_is_never_sealed_twice_the_same_way() {
    let keys = keys(OLD);
    let sealer = keys.sealer([7; 16]);
    let first = sealed(&sealer, intent(1), b"say it again");
    let second = sealed(&sealer, intent(1), b"say it again");
    // What comes behind the header, too: another counter gives another key stream.
    assert_ne!(first[HEADER_BYTES..], second[HEADER_BYTES..]);
    let next_life = sealed(&keys.sealer([8; 16]), intent(1), b"say it again");
    assert_ne!(first[HEADER_BYTES..], next_life[HEADER_BYTES..]);
    for body in [first, second, next_life] {
        assert_eq!(
            opened(&keys, intent(1), &body).as_deref(),
            Ok(&b"say it again"[..])
        );
    }
}

#[test]
fn many_threads_never_share_a_nonce() {
    let sealer = keys(OLD).sealer([7; 16]);
    let mut counters: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|tx| {
                let sealer = &sealer;
                scope.spawn(move || {
                    (0..500)
                        .map(|_| {
                            let body = sealed(sealer, intent(tx), b"x");
                            salt_and_counter(body.first_chunk().unwrap()).1
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    counters.sort_unstable();
    assert_eq!(counters, (0..2_000).collect::<Vec<_>>());
}

#[test]
fn a_body_opens_only_where_it_belongs() {
    let keys = keys(OLD);
    let body = sealed(&keys.sealer([7; 16]), intent(1), b"body");
    for place in [
        intent(2),
        Place {
            tx: 1,
            part: Part::Answer,
        },
        Place {
            tx: 1,
            part: Part::Obligation(ObligationKind::Reversal),
        },
    ] {
        assert_eq!(opened(&keys, place, &body), Err(OpenError::Damaged));
    }
}

#[test]
fn an_old_key_still_opens_and_the_new_one_seals() {
    let before = keys(OLD);
    let body = sealed(&before.sealer([7; 16]), intent(1), b"old");

    let both = keys(&format!("{NEW}\n{OLD}\n"));
    assert_eq!(opened(&both, intent(1), &body).as_deref(), Ok(&b"old"[..]));
    assert!(both.verify(before.check()).is_ok());
    let after = sealed(&both.sealer([9; 16]), intent(1), b"new");
    assert_eq!(
        opened(&before, intent(1), &after),
        Err(OpenError::NoKey {
            check: both.check()
        })
    );

    let tokens: Vec<_> = both.card_tokens("4111111111111111").collect();
    assert_eq!(tokens[0], both.card_token("4111111111111111"));
    assert_eq!(tokens[1], before.card_token("4111111111111111"));
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn a_wrong_key_is_refused_before_it_is_used() {
    let error = keys(NEW).verify(keys(OLD).check()).unwrap_err();
    assert_eq!(error.wanted, keys(OLD).check());
    assert!(
        error.to_string().contains("second line"),
        "says what to do: {error}"
    );
}

/// Computed apart from this code, with Python's `hmac` and `hashlib`: what is on disks must be found in ten years.
#[test]
fn derived_values_do_not_change() {
    let keys = keys(OLD);
    assert_eq!(keys.check().to_string(), CHECK);
    assert_eq!(keys.card_token("4111111111111111").to_string(), TOKEN);
}

const CHECK: &str = "2003104f";
const TOKEN: &str = "c322b8a8503f0b95aabc24a9fb3918a7";

/// Computed apart from this code, with Python's `cryptography`.
#[test]
fn a_body_that_another_program_sealed_opens() {
    let body: Vec<u8> = BODY
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let place = Place {
        tx: 258,
        part: Part::Obligation(ObligationKind::Reversal),
    };
    assert_eq!(
        opened(&keys(OLD), place, &body).as_deref(),
        Ok(&b"0400 4111111111111111"[..])
    );
}

const BODY: &str = "012003104f5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a03000000000000006f25571b4745695d92f64021b4c1593142315cc41588bad8c626478549491019cadb2a19b9";

#[test]
fn a_body_that_is_too_long_is_refused_whole() {
    let mut out = b"before".to_vec();
    let plain = vec![0; PLAIN_BYTES_MAX + 1];
    let sealer = keys(OLD).sealer([7; 16]);
    assert_eq!(
        sealer.seal(intent(1), &plain, &mut out),
        Err(SealError::TooLong {
            length: PLAIN_BYTES_MAX + 1
        })
    );
    assert_eq!(out, b"before");
    let longest = sealed(&sealer, intent(1), &plain[1..]);
    assert!(crate::event::Sealed::new(&longest).is_ok());
}

#[test]
fn nothing_secret_is_shown() {
    let keys = keys(&format!("{OLD}\n{NEW}"));
    let shown = format!("{keys:?} {:?}", keys.sealer([7; 16]));
    assert!(!shown.contains("0001020304"), "{shown}");
    assert!(shown.contains(&keys.check().to_string()), "{shown}");
}

proptest! {
    #[test]
    fn every_change_is_noticed(
        plain in vec(any::<u8>(), 0..100),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let keys = keys(OLD);
        let mut body = sealed(&keys.sealer([7; 16]), intent(1), &plain);
        prop_assert_eq!(opened(&keys, intent(1), &body), Ok(plain));
        let place = place.index(body.len());
        body[place] ^= 1 << bit;
        prop_assert!(opened(&keys, intent(1), &body).is_err());
        body[place] ^= 1 << bit;
        body.truncate(place);
        prop_assert!(opened(&keys, intent(1), &body).is_err());
    }

    #[test]
    fn any_bytes_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(opened(&keys(OLD), intent(1), &bytes).is_err());
    }
}
