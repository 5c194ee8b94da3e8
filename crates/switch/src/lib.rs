//! Tokio at the edges: listeners, link drivers, metrics, drain.
