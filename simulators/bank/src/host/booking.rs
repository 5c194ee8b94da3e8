//! What of a message goes into the ledger.

use pointsman_iso8583::{ResponseCode, TextBuffer, View};

use crate::ledger::{Entry, Short};

/// An approval for the ledger. `number` makes what the request does not bring: fields 37 and 38 of the answer.
pub(super) fn entry(
    view: &View<'_>,
    code: ResponseCode,
    number: u64,
    text: &mut TextBuffer,
) -> Entry {
    let moment = if view.has(13) {
        let (date, time): (Short<4>, Short<6>) = (short(view, 13, text), short(view, 12, text));
        Short::joined(date.as_str(), time.as_str())
    } else {
        short(view, 7, text)
    };
    Entry {
        number: 0,
        mti: view.mti(),
        stan: view.stan().map_or(0, |stan| stan.get()),
        terminal: short(view, 41, text),
        acceptor: short(view, 42, text),
        amount: view.amount().map_or(0, |amount| amount.get()),
        currency: short(view, 49, text),
        moment,
        bin: view
            .pan()
            .map_or_else(|| Short::new(""), |pan| Short::new(pan.leading(6))),
        retrieval_reference: if view.has(37) {
            short(view, 37, text)
        } else {
            Short::digits(number)
        },
        approval_code: Short::digits(number),
        response_code: code,
        reversed: false,
        repeats: 0,
    }
}

fn short<const N: usize>(view: &View<'_>, field: u8, text: &mut TextBuffer) -> Short<N> {
    Short::new(view.text(field, text).unwrap_or_default())
}

/// What a reversal is about: the STAN in field 90 (message type 4, STAN 6, moment 10, institutions), or, as UnionPay
/// terminals do, the same STAN in field 11; and the terminal.
pub(super) fn original(view: &View<'_>, text: &mut TextBuffer) -> (u32, Short<16>) {
    let from_original_data = view
        .text(90, text)
        .and_then(|text| text.get(4..10))
        .and_then(|digits| digits.parse().ok());
    let stan = from_original_data
        .or_else(|| view.stan().map(|stan| stan.get()))
        .unwrap_or(0);
    (stan, Short::new(view.text(41, text).unwrap_or_default()))
}
