//! The states of a link.
//!
//! ```text
//!            attempt fails, takes too long                           echo unanswered ┌─────────┐
//!        ┌───────────────◀───────────────┐                        ┌────────────────▶ │ Suspect │
//!        ▼                               │                        │ ◀──────────────  └─────────┘
//!   ┌──────┐  pause over  ┌────────────┐ │ ┌───────────┐ 00 ┌─────┴────┐ anything received
//!   │ Down │ ───────────▶ │ Connecting │─┴▶│ SigningOn │──▶ │ SignedOn │
//!   └──────┘              └────────────┘   └───────────┘    └──────────┘ ◀──┐
//!        ▲                     │ no sign-on      │ ▲           │  host: 0800/002    host: 0800/001
//!        │                     ▼ wanted          │ │  waited   ▼            │
//!        │               ┌───────────┐   refused │ └──────── ┌───────────┐ ─┘
//!        │               │ Connected │  unanswered           │ SignedOff │
//!        └───────────────┴───────────┴───────────┴───────────┴───────────┘   connection lost, from any of them
//!
//!   draining and nothing in flight:  SignedOn ──0800/002──▶ SigningOff ──▶ Drained;  any other ──▶ Drained
//! ```
//! `Connected` is to a link without sign-on what `SignedOn` is to others: requests are taken.

use core::time::Duration;

use super::network_management::Exchange;
use crate::Instant;

/// The state of a link, as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Not connected, waiting to try again.
    Down,
    Connecting,
    /// Connected, and the host wants no sign-on: requests are taken.
    Connected,
    /// Our sign-on has not been answered.
    SigningOn,
    /// Requests are taken.
    SignedOn,
    /// As `SignedOn` or `Connected`, but the host has not answered an echo.
    Suspect,
    /// The host has signed us off: requests are declined, answers still come.
    SignedOff,
    /// Our sign-off has not been answered.
    SigningOff,
    /// The end.
    Drained,
}

impl LinkState {
    /// All of them.
    pub const ALL: [LinkState; 9] = [
        LinkState::Down,
        LinkState::Connecting,
        LinkState::Connected,
        LinkState::SigningOn,
        LinkState::SignedOn,
        LinkState::Suspect,
        LinkState::SignedOff,
        LinkState::SigningOff,
        LinkState::Drained,
    ];

    /// Are requests taken?
    #[must_use]
    pub const fn is_serving(self) -> bool {
        matches!(
            self,
            LinkState::Connected | LinkState::SignedOn | LinkState::Suspect
        )
    }

    /// The value of a metric's `state` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            LinkState::Down => "down",
            LinkState::Connecting => "connecting",
            LinkState::Connected => "connected",
            LinkState::SigningOn => "signing_on",
            LinkState::SignedOn => "signed_on",
            LinkState::Suspect => "suspect",
            LinkState::SignedOff => "signed_off",
            LinkState::SigningOff => "signing_off",
            LinkState::Drained => "drained",
        }
    }
}

/// The state with what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Down {
        retry_at: Instant,
    },
    Connecting {
        give_up_at: Instant,
    },
    SigningOn(Exchange),
    Serving(Heartbeat),
    SignedOff {
        heartbeat: Heartbeat,
        sign_on_at: Instant,
    },
    SigningOff(Exchange),
    Drained,
}

/// Is the host still there?
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    /// When something was last received.
    pub(super) heard: Instant,
    /// The echo that has not been answered.
    pub(super) echo: Option<Exchange>,
    /// Echoes in a row without an answer.
    pub(super) missed: u32,
}

impl State {
    pub(super) fn is_connected(&self) -> bool {
        match self {
            State::SigningOn(_)
            | State::Serving(_)
            | State::SignedOff { .. }
            | State::SigningOff(_) => true,
            State::Down { .. } | State::Connecting { .. } | State::Drained => false,
        }
    }

    pub(super) fn public(&self, sign_on: bool) -> LinkState {
        match self {
            State::Down { .. } => LinkState::Down,
            State::Connecting { .. } => LinkState::Connecting,
            State::SigningOn(_) => LinkState::SigningOn,
            State::Serving(Heartbeat { missed: 1.., .. }) => LinkState::Suspect,
            State::Serving(_) if sign_on => LinkState::SignedOn,
            State::Serving(_) => LinkState::Connected,
            State::SignedOff { .. } => LinkState::SignedOff,
            State::SigningOff(_) => LinkState::SigningOff,
            State::Drained => LinkState::Drained,
        }
    }

    pub(super) fn heartbeat_mut(&mut self) -> Option<&mut Heartbeat> {
        match self {
            State::Serving(heartbeat) | State::SignedOff { heartbeat, .. } => Some(heartbeat),
            State::Down { .. }
            | State::Connecting { .. }
            | State::SigningOn(_)
            | State::SigningOff(_)
            | State::Drained => None,
        }
    }

    /// When this state ends or acts by itself.
    pub(super) fn timer(&self, echo: Option<Duration>) -> Option<Instant> {
        match self {
            State::Down { retry_at } => Some(*retry_at),
            State::Connecting { give_up_at } => Some(*give_up_at),
            State::SigningOn(exchange) | State::SigningOff(exchange) => Some(exchange.deadline),
            State::Serving(heartbeat) => heartbeat.timer(echo),
            State::SignedOff {
                heartbeat,
                sign_on_at,
            } => Some(
                heartbeat
                    .timer(echo)
                    .map_or(*sign_on_at, |at| at.min(*sign_on_at)),
            ),
            State::Drained => None,
        }
    }
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Heartbeat {
        Heartbeat {
            heard: now,
            echo: None,
            missed: 0,
        }
    }

    /// The next echo, or the end of the wait for the one that is out.
    pub(super) fn timer(&self, echo: Option<Duration>) -> Option<Instant> {
        match self.echo {
            Some(exchange) => Some(exchange.deadline),
            None => echo.map(|silence| self.heard + silence),
        }
    }
}
