//! What every engine must do, held against each of them.

use std::path::Path;

use pointsman_journal::{Engine, Lsn};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::history::{Record, batches, records};
use crate::store;

/// A kind of engine.
trait Kind {
    fn open(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> Box<dyn Engine>;
}

struct Store;

impl Kind for Store {
    fn open(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> Box<dyn Engine> {
        Box::new(store::shown(directory, visit))
    }
}

/// What is found when it is opened.
fn found<K: Kind>(directory: &Path) -> (Vec<(u64, Record)>, Lsn) {
    let mut found = Vec::new();
    let engine = K::open(directory, &mut |lsn, record| {
        found.push((lsn.get(), record))
    });
    let next = engine.next();
    (found, next)
}

/// The batches are committed in several lives; after each one all that was accepted is there, in order, and nothing else.
fn keeps_what_it_accepted<K: Kind>(
    history: &[Record],
    sizes: &[usize],
    batches_per_life: usize,
) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir().unwrap();
    let batches = batches(history, sizes);
    let mut accepted = 0;
    prop_assert_eq!(found::<K>(directory.path()), (Vec::new(), Lsn::new(1)));
    for life in batches.chunks(batches_per_life) {
        let mut engine = K::open(directory.path(), &mut |_, _| {});
        for batch in life {
            prop_assert_eq!(engine.next(), batch.first());
            engine.commit(batch).unwrap();
            accepted += batch.len();
            prop_assert_eq!(engine.next(), batch.end());
        }
        drop(engine);
        let expected: Vec<_> = (1..).zip(history[..accepted].iter().cloned()).collect();
        let next = Lsn::new(accepted as u64 + 1);
        prop_assert_eq!(found::<K>(directory.path()), (expected, next));
    }
    prop_assert_eq!(accepted, history.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_keeps_what_it_accepted(
        history in records(1..80),
        sizes in vec(1..20_usize, 1..4),
        batches_per_life in 1..8_usize,
    ) {
        keeps_what_it_accepted::<Store>(&history, &sizes, batches_per_life)?;
    }
}
