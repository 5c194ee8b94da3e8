//! A bank host that answers by rule and keeps its own ledger.
