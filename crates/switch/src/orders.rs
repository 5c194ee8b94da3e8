//! What a person orders about what a bank is owed.

use pointsman_engine::{ObligationKind, TransactionId};
use tokio::sync::{mpsc, oneshot};

/// Orders that wait for a link's task: people are slow.
pub(crate) const QUEUE_ORDERS_MAX: usize = 16;

/// What is to be done with an obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SafAction {
    /// A dead letter is sent again.
    Retry,
    /// It is given up, whatever its state.
    Drop,
}

impl SafAction {
    /// Its name in the journal's audit.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            SafAction::Retry => "saf retry",
            SafAction::Drop => "saf drop",
        }
    }
}

/// One order, on its way to a link.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) transaction: TransactionId,
    pub(crate) kind: ObligationKind,
    pub(crate) action: SafAction,
    pub(crate) by: String,
    /// Whether the link had such a thing.
    pub(crate) done: oneshot::Sender<bool>,
}

/// Gives orders to a running switch. Clones give them to the same.
#[derive(Clone, Debug)]
pub struct Orders {
    pub(crate) links: Vec<mpsc::Sender<Order>>,
}

impl Orders {
    /// Does it on the link that owes this; `by` is who wants it, for the audit. False if no link does.
    pub async fn saf(
        &self,
        transaction: TransactionId,
        kind: ObligationKind,
        action: SafAction,
        by: &str,
    ) -> bool {
        for link in &self.links {
            let (done, told) = oneshot::channel();
            let order = Order {
                transaction,
                kind,
                action,
                by: by.to_owned(),
                done,
            };
            // A link that has ended owes nothing that could be ordered about.
            if link.send(order).await.is_ok() && told.await == Ok(true) {
                return true;
            }
        }
        false
    }
}
