//! The terminal's own fields, put back into the bank's answer.

use bytes::BytesMut;
use pointsman_iso8583::{Edit, EncodeError, EncodeErrorKind, TranscodeError, View, Written};

use super::classify;
use super::profile::LinkLeg;
use crate::planted::{Planted, PlantedBug};

/// What happens to a field on the way back. A field that is not in the table is the bank's, such as 38 and 39, which are
/// what the terminal asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The terminal's, if it sent one; else the bank's.
    TerminalFirst,
    /// The bank's, if it gave one; else the terminal's.
    BankFirst,
    /// The terminal's, or none.
    TerminalOnly,
    /// The terminal's, if it sent one and the bank gave one; else none.
    IfEchoed,
    /// None.
    Never,
}

/// In ascending order of the fields.
const RULES: [(u8, Rule); 17] = [
    // Card data travels no further than it must: a terminal that reads its own answer knows the card.
    (2, Rule::IfEchoed),
    // The processing code says what the transaction is; hosts are known to change its account digits.
    (3, Rule::TerminalFirst),
    // What was asked for; `amount_rule` has the exceptions.
    (4, Rule::TerminalFirst),
    // The terminal matches its answer by these. 11 is the link's own number on the bank's side, so without one of the
    // terminal's there is none to show; 41 and 42 are some hosts' own numbers for the terminal.
    (7, Rule::TerminalFirst),
    (11, Rule::TerminalOnly),
    (12, Rule::TerminalFirst),
    (13, Rule::TerminalFirst),
    // Addressing and condition: the terminal's network, not the bank's.
    (24, Rule::TerminalFirst),
    (25, Rule::TerminalFirst),
    // PCI DSS v4.0.1, 3.3.1: tracks and PIN data have done their work once the bank has decided.
    (35, Rule::Never),
    (36, Rule::Never),
    // The bank may give the transaction a reference of its own.
    (37, Rule::BankFirst),
    (41, Rule::TerminalFirst),
    (42, Rule::TerminalFirst),
    (45, Rule::Never),
    // An amount is none without its currency.
    (49, Rule::BankFirst),
    (52, Rule::Never),
];

/// Writes the bank's answer for the terminal.
pub(super) fn write(
    leg: &LinkLeg,
    request: &View<'_>,
    answer: &View<'_>,
    planted: Planted,
    out: &mut BytesMut,
) -> Result<Written, TranscodeError> {
    let mut edits = [Edit::Drop(0); RULES.len()];
    let mut count = 0;
    for (field, rule) in RULES {
        if (field == 11 && planted.has(PlantedBug::RestoreForgetsStan))
            || (field == 4 && planted.has(PlantedBug::RestoreForgetsAmount))
        {
            continue;
        }
        let rule = if field == 4 {
            match amount_rule(request, answer) {
                Some(rule) => rule,
                None => continue,
            }
        } else {
            rule
        };
        let edit = match (rule, request.has(field), answer.has(field)) {
            (Rule::TerminalFirst | Rule::TerminalOnly, true, _)
            | (Rule::BankFirst, true, false)
            | (Rule::IfEchoed, true, true) => Edit::Copy(field, request),
            (Rule::TerminalOnly | Rule::IfEchoed | Rule::Never, _, true) => Edit::Drop(field),
            (_, _, _) => continue,
        };
        if let Some(place) = edits.get_mut(count) {
            *place = edit;
            count += 1;
        }
    }
    let nothing_to_answer = TranscodeError::Value(EncodeError {
        field: 0,
        offset: 0,
        kind: EncodeErrorKind::NotInView,
    });
    let mti = request.mti().response().ok_or(nothing_to_answer)?;
    let header = request.dialect().reply_header(request.header());
    leg.from_link.write(
        answer,
        mti,
        &header,
        edits.get(..count).unwrap_or_default(),
        out,
    )
}

/// Whose amount is it? None: the bank's alone. Response code 10 approves a part of what was asked for, and the rest must
/// not be made of it; some hosts answer an inquiry with the balance.
fn amount_rule(request: &View<'_>, answer: &View<'_>) -> Option<Rule> {
    if answer
        .response_code()
        .is_some_and(|code| code.as_str() == "10")
    {
        None
    } else if classify::is_inquiry(request) {
        Some(Rule::BankFirst)
    } else {
        Some(Rule::TerminalFirst)
    }
}
