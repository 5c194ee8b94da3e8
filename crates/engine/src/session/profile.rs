//! What the sessions of a listener share.

use alloc::sync::Arc;

use pointsman_iso8583::{Dialect, Transcoder};
use pointsman_routing::RoutingTable;

use super::presence::PresencePolicy;
use crate::LinkId;

/// One listener, all resolved.
#[derive(Clone, Debug)]
pub struct ListenerProfile {
    pub name: Arc<str>,
    /// What the terminals speak.
    pub dialect: Arc<Dialect>,
    pub routes: Arc<RoutingTable<LinkId>>,
    /// One leg for each link, at the index that its [`LinkId`] says.
    pub links: Arc<[LinkLeg]>,
    /// Requests of one connection that may wait for an answer.
    pub in_flight_max: usize,
    /// The longest message that the listener's framing can carry.
    pub message_bytes_max: usize,
    /// What is done about requests of terminals that break their dialect's rules.
    pub presence: PresencePolicy,
}

/// The way from a listener to a link and back.
#[derive(Clone, Debug)]
pub struct LinkLeg {
    pub name: Arc<str>,
    /// What the link speaks.
    pub dialect: Arc<Dialect>,
    /// Strict: the bank must not decide on less than the terminal said.
    pub to_link: Transcoder,
    /// Lenient: the terminal is better off with an answer that lacks a field than with none.
    pub from_link: Transcoder,
    /// The longest message that the link's framing can carry.
    pub message_bytes_max: usize,
    /// What is done about requests that, written for the link, break its dialect's rules, and about answers.
    pub presence: PresencePolicy,
}

impl LinkLeg {
    /// The leg between a listener's dialect and a link's.
    #[must_use]
    pub fn new(name: Arc<str>, listener: &Arc<Dialect>, link: &Arc<Dialect>) -> Self {
        LinkLeg {
            name,
            dialect: Arc::clone(link),
            to_link: Transcoder::new(listener, link),
            from_link: Transcoder::new(link, listener).lenient(),
            message_bytes_max: usize::MAX,
            presence: PresencePolicy::Ignore,
        }
    }

    /// With a framing that carries no longer messages than this.
    #[must_use]
    pub fn with_message_bytes_max(self, message_bytes_max: usize) -> Self {
        LinkLeg {
            message_bytes_max,
            ..self
        }
    }

    /// With this done about what breaks the rules of the link's dialect.
    #[must_use]
    pub fn with_presence(self, presence: PresencePolicy) -> Self {
        LinkLeg { presence, ..self }
    }
}
