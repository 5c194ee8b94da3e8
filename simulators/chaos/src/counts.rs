//! What is counted while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Counts of the whole run, for reports.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
        pub struct Totals {
            $($(#[$doc])* pub $name: u64,)+
        }

        /// The same, shared by all who count.
        #[derive(Debug, Default)]
        pub(crate) struct Counts {
            $(pub(crate) $name: Count,)+
            /// What the proxies did, by kind.
            faults: Mutex<BTreeMap<String, u64>>,
        }

        impl Counts {
            pub(crate) fn totals(&self) -> Totals {
                Totals { $($name: self.$name.get(),)+ }
            }
        }
    };
}

counts! {
    /// Purchases sent.
    transactions,
    /// Receipts that say approved.
    approved,
    /// Receipts that say declined.
    declined,
    /// Purchases that were sent again after silence.
    repeated,
    /// Purchases without an answer that the terminal took back.
    taken_back,
    /// Advices accepted.
    advices,
    /// Messages that a terminal sent again until they were accepted.
    insisted,
    /// Answers of the switch to a reversal or an advice that did not accept it.
    refused,
    /// Connections that the terminal ended with a request open.
    hung_up,
    /// Purchases that fell due while the terminal had others to finish.
    unsent,
    /// SIGKILLs.
    kills,
    /// Of those, before the switch was listening.
    kills_in_recovery,
    /// SIGTERMs.
    terminations,
    /// Drains that ended with answers undelivered or transactions in flight.
    terminations_unclean,
    /// Times that the switch was started.
    starts,
    /// Connections of links that the proxies cut.
    cuts,
    /// Times that a bank was away.
    banks_away,
}

/// One count.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(crate) fn fault(&self, kind: String) {
        *lock(&self.faults).entry(kind).or_default() += 1;
    }

    pub(crate) fn faults(&self) -> BTreeMap<String, u64> {
        lock(&self.faults).clone()
    }
}

/// Whoever panicked with the lock held had at worst not counted yet.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
