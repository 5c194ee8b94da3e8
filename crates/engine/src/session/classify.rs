//! What a terminal's message is, and what the switch does with such.

use pointsman_iso8583::{Mti, MtiClass, View};

use crate::Nature;

/// What the switch does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Goes to a bank.
    Routed(Nature),
    /// Network management: between terminal and switch, answered here.
    Local { accepted: bool },
    /// Not carried, but the terminal waits for an answer.
    Unsupported,
    /// An answer or an acknowledgement: nobody waits.
    Unanswerable,
}

pub(super) fn classify(view: &View<'_>) -> Class {
    let mti = view.mti();
    if mti.response().is_none() {
        return Class::Unanswerable;
    }
    // ISO 8583-1:1987, 4.1: the first digit is the version. Messages of another one have other fields.
    if !mti.as_str().starts_with('0') {
        return Class::Unsupported;
    }
    match mti.class() {
        MtiClass::Authorization | MtiClass::Financial if mti.is_advice() => {
            Class::Routed(Nature::Advice)
        }
        MtiClass::Authorization | MtiClass::Financial if is_inquiry(view) => {
            Class::Routed(Nature::Inquiry)
        }
        MtiClass::Authorization | MtiClass::Financial => Class::Routed(Nature::Financial),
        MtiClass::Reversal => Class::Routed(Nature::Reversal),
        MtiClass::NetworkManagement => Class::Local {
            accepted: is_sign_on_or_echo(view),
        },
        // Batch upload (0320) and reconciliation (0500) are between the terminal and whoever keeps its totals: sending
        // them to one of several banks would be wrong whichever it was.
        MtiClass::FileAction
        | MtiClass::Reconciliation
        | MtiClass::Administrative
        | MtiClass::FeeCollection
        | MtiClass::Other(_) => Class::Unsupported,
    }
}

/// Signing on, signing off and echoes need nothing but an answer. To say 00 to anything else would be to promise keys or
/// parameters that the terminal does not get here.
fn is_sign_on_or_echo(view: &View<'_>) -> bool {
    let dialect = view.dialect();
    if dialect.field(70).is_none() && dialect.field(60).is_some() {
        // UnionPay POS specification: field 60.3, three digits after type (2) and batch (6), says what it is about: 002
        // signs off, 301 is the echo, 001, 003 and 004 sign in, which is to fetch keys.
        let text = view.to_text(60).unwrap_or_default();
        return matches!(text.get(8..11), Some("002" | "301"));
    }
    // 061, 062 and 270 are what the Mastercard Debit Switch says for 001, 002 and 301.
    match view.number(70) {
        Some(code) => matches!(code, 1 | 2 | 61 | 62 | 270 | 301),
        None => !view.has(70),
    }
}

/// ISO 8583-1:1987, field 3, transaction types 30 to 39: inquiries. They leave nothing to be reversed.
pub(super) fn is_inquiry(view: &View<'_>) -> bool {
    view.number(3)
        .is_some_and(|code| (300_000..400_000).contains(&code))
}

/// Does this look like the message type of a request that ISO 8583 knows, so that somebody may wait for an answer even
/// though the rest cannot be read? Packed digits make message types of much that is none: "GE" is 4745.
pub(super) fn is_request_like(mti: Mti) -> bool {
    let [version, class, _, _] = mti.digits();
    mti.response().is_some() && matches!(version, b'0'..=b'2') && matches!(class, b'1'..=b'8')
}
