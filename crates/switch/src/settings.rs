//! What a switch is made of: plain typed values, already checked.
//!
//! The config file's reader builds these; nothing here can be missing or
//! inconsistent by its own type, apart from addresses that only the operating
//! system can judge.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pointsman_engine::{LinkId, PresencePolicy, StandInRule, StoreForwardProfile};
use pointsman_framing::Framing;
use pointsman_iso8583::{Dialect, Pan};
use pointsman_journal::Durability;
use pointsman_journal::seal::KeyReference;
use pointsman_journal::sqlite::Retention;
use pointsman_routing::RoutingTable;

/// BIN to link. `LinkId(n)` is the n-th of [`SwitchSettings::links`].
pub type RouteTable = RoutingTable<LinkId>;

#[derive(Debug, Clone)]
pub struct SwitchSettings {
    /// One runtime each; the number of cores is a good choice.
    pub threads: NonZeroUsize,
    /// How long a drain may take before connections are cut.
    pub drain_timeout: Duration,
    pub listeners: Vec<ListenerSettings>,
    pub links: Vec<LinkSettings>,
    pub routes: Arc<RouteTable>,
    pub journal: JournalSettings,
}

/// What survives a crash, and where.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// Made if it is not there.
    pub directory: PathBuf,
    pub engine: JournalEngine,
    pub durability: Durability,
    /// The key that card data is sealed with; without one the directory holds its own.
    pub key: Option<KeyReference>,
    /// Size of the log's segments.
    pub segment_bytes: u64,
    /// So long records are kept for repeats, also if nothing that is open needs them …
    pub keep: Duration,
    /// … but not more than this of them.
    pub keep_bytes_max: u64,
    /// How long the tables keep what is finished.
    pub retention: Retention,
}

/// What makes records durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalEngine {
    /// An append-only log, with tables that follow it.
    Log,
    /// The tables alone.
    Sqlite,
}

impl JournalSettings {
    /// A journal in a directory, all else as it usually is.
    pub fn new(directory: PathBuf) -> Self {
        JournalSettings {
            directory,
            engine: JournalEngine::Log,
            durability: Durability::Commit,
            key: None,
            segment_bytes: 64 * 1_024 * 1_024,
            keep: Duration::from_secs(24 * 60 * 60),
            keep_bytes_max: 8 * 1_024 * 1_024 * 1_024,
            retention: Retention::default(),
        }
    }
}

/// Where terminals connect.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    pub name: Arc<str>,
    pub bind: SocketAddr,
    pub framing: Framing,
    pub dialect: Arc<Dialect>,
    /// Requests that one connection may have open at once.
    pub in_flight_max: usize,
    /// Connections at once; more are closed as they come, and counted.
    pub connections_max: usize,
    /// What is done about requests that break the dialect's rules.
    pub presence: PresencePolicy,
}

/// A bank or an acquirer host that we connect to.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    pub name: Arc<str>,
    /// `host:port`, tried in turn. Never empty.
    pub connect: Vec<String>,
    pub framing: Framing,
    pub dialect: Arc<Dialect>,
    /// Fields whose values name the request that an answer belongs to.
    pub match_fields: Vec<u8>,
    /// From the request's arrival at the link to the decline.
    pub timeout: Duration,
    /// 0800/001 before anything else.
    pub sign_on: bool,
    /// 0800/301 after this much silence; `None`: never.
    pub echo: Option<Duration>,
    pub in_flight_max: usize,
    /// What is done about messages that break the dialect's rules.
    pub presence: PresencePolicy,
    /// How the bank is told what it has to acknowledge.
    pub store_forward: StoreForwardProfile,
    /// What may be approved when the bank cannot be asked.
    pub stand_in: Vec<StandInRule>,
    /// Cards that are never approved so.
    pub hot_cards: Vec<Pan>,
    /// Seed of the jitter of reconnects.
    pub seed: u64,
}
