//! One message on its connection: what is remembered, what is counted, where its answer goes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use pointsman_framing::Tpdu;
use pointsman_iso8583::{Mti, MtiClass, TextBuffer, View};

use super::Verdict;
use crate::stats::Stats;

/// What the bank remembers of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: SocketAddr,
    pub(super) signed_on: bool,
}

impl Session {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Session {
            peer,
            signed_on: false,
        }
    }
}

/// One message on its connection, and what its answer needs.
pub(crate) struct Exchange<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) tpdu: Option<Tpdu>,
    /// Where answers go.
    pub(crate) out: &'a mut BytesMut,
    pub(crate) stats: &'a mut Stats,
    /// For texts of fields, so that it is not cleared for every message.
    pub(crate) text: &'a mut TextBuffer,
}

/// What the connection has to do after a message.
#[derive(Debug)]
pub(crate) enum Reaction {
    /// Go on. An answer, if there is one, is in the buffer.
    Go,
    /// Send this later.
    Hold { delay: Duration, frames: BytesMut },
    /// Close at once.
    Close,
}

impl Exchange<'_> {
    /// Counts an answer, and keeps track of who has signed on.
    pub(super) fn count(&mut self, view: &View<'_>, verdict: Option<&Verdict>) {
        let Some(verdict) = verdict else { return };
        let Exchange { session, stats, .. } = self;
        let approved = verdict.code.is_approval();
        if view.mti().class() != MtiClass::NetworkManagement {
            if approved {
                stats.approved += 1;
            } else {
                stats.declined += 1;
            }
            return;
        }
        // ISO 8583-1:1987 field 70: 001 sign-on, 002 sign-off; Mastercard uses 061 and 062. UnionPay terminals have no
        // field 70: their sign-in is 0800, everything else 0820.
        let sign_in = view.mti() == Mti::literal(b"0800");
        match view.number(70) {
            Some(1 | 61) => {
                session.signed_on = approved;
                stats.sign_ons += 1;
            }
            None if sign_in => {
                session.signed_on = approved;
                stats.sign_ons += 1;
            }
            Some(2 | 62) => {
                session.signed_on = false;
                stats.sign_offs += 1;
            }
            _ => stats.echoes += 1,
        }
    }
}
