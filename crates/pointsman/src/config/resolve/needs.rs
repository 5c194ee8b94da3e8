//! What the switch itself writes and reads, and so needs in a dialect.
//!
//! Fields that terminals and banks send each other may come and go; without these the switch would start, and then
//! decline everything. What fits is tried with the codec rather than told from the types a second time.

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, EncodeError, Mti, Reason};

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::raw::{RawLink, RawListener};
use crate::config::section::{At, shown};

/// A field that the switch uses, and for what.
struct Need {
    field: u8,
    /// Completes "the switch …".
    purpose: &'static str,
    /// As a line of the dialect's `[fields]`.
    example: &'static str,
    /// What the field must be able to hold.
    value: Value,
}

enum Value {
    Number(u64),
    /// The code of every refusal that the dialect has.
    ResponseCodes,
}

/// ISO 8583-1:1987: the trace number is n6.
const TRACE_NUMBER: Value = Value::Number(999_999);

const TERMINAL_TRACE_NUMBER: Need = Need {
    field: 11,
    purpose: "tells a terminal by it which request is answered",
    example: "11 = { name = \"Systems trace audit number\", type = \"n6\" }",
    value: TRACE_NUMBER,
};
const TERMINAL_RESPONSE_CODE: Need = Need {
    field: 39,
    purpose: "tells a terminal in it what became of its request",
    example: "39 = { name = \"Response code\", type = \"an2\" }",
    value: Value::ResponseCodes,
};
const BANK_TRACE_NUMBER: Need = Need {
    field: 11,
    purpose: "numbers its requests in it",
    example: TERMINAL_TRACE_NUMBER.example,
    value: TRACE_NUMBER,
};
const BANK_RESPONSE_CODE: Need = Need {
    field: 39,
    purpose: "reads the bank's decision in it",
    example: TERMINAL_RESPONSE_CODE.example,
    value: Value::ResponseCodes,
};
/// ISO 8583-1:1987, 4.3.8: field 7 is mandatory in an 0800, and field 70 says what it is about.
const NETWORK_MANAGEMENT: [Need; 2] = [
    Need {
        field: 7,
        purpose: "must date its sign-on and echo",
        example: "7 = { name = \"Transmission date and time\", type = \"n10\" }",
        value: Value::Number(1_231_235_959),
    },
    Need {
        field: 70,
        purpose: "says in it whether it signs on, signs off or sends an echo",
        example: "70 = { name = \"Network management information code\", type = \"n3\" }",
        value: Value::Number(301),
    },
];

pub(super) fn listener(raw: &RawListener, dialect: &Dialect, report: &mut Report) {
    let Some(at) = &raw.dialect else { return };
    let needs = [TERMINAL_TRACE_NUMBER, TERMINAL_RESPONSE_CODE];
    let before = report.errors();
    for need in &needs {
        check(need, dialect, at, "", report);
    }
    if report.errors() == before && !dialect.echo().contains(TERMINAL_TRACE_NUMBER.field) {
        report.push(
            Diagnostic::warning(
                at.span.clone(),
                format!("`echo` of dialect `{}` has no field 11", shown(dialect.name())),
            )
            .label("an answer of the switch itself lacks the trace number")
            .help("add 11 to `echo` of the dialect, or terminals cannot tell which request was declined"),
        );
    }
}

pub(super) fn link(raw: &RawLink, dialect: &Dialect, report: &mut Report) {
    let Some(at) = &raw.dialect else { return };
    for need in &[BANK_TRACE_NUMBER, BANK_RESPONSE_CODE] {
        check(need, dialect, at, "", report);
    }
    let signs_on = raw.sign_on.as_ref().is_none_or(|at| at.value);
    let instead = match (signs_on, raw.echo.is_some()) {
        (true, true) => "write `sign_on = false` and leave `echo` out",
        (true, false) => "write `sign_on = false`",
        (false, true) => "leave `echo` out",
        (false, false) => return,
    };
    for need in &NETWORK_MANAGEMENT {
        check(need, dialect, at, instead, report);
    }
}

/// `instead`: what else can be done than to change the dialect.
fn check(need: &Need, dialect: &Dialect, at: &At<String>, instead: &str, report: &mut Report) {
    let Need {
        field,
        purpose,
        example,
        ..
    } = need;
    let name = shown(dialect.name());
    let (message, verb) = if dialect.field(*field).is_none() {
        (
            format!("dialect `{name}` does not have field {field}"),
            "add",
        )
    } else if let Some(value) = misfit(need, dialect) {
        (
            format!("field {field} of dialect `{name}` cannot hold {value}"),
            "write",
        )
    } else {
        return;
    };
    report.push(
        Diagnostic::error(at.span.clone(), message)
            .label(format!("the switch {purpose}"))
            .help(if *field > 64 && !dialect.has_secondary_bitmap() {
                format!("the one bitmap of this dialect ends at field 64: {instead}")
            } else {
                let or = if instead.is_empty() { "" } else { ", or " };
                format!("{verb} `{example}` in [fields] of the dialect{or}{instead}")
            }),
    );
}

/// The first value that the field of this dialect cannot hold.
fn misfit(need: &Need, dialect: &Dialect) -> Option<String> {
    let fits = |add: &dyn Fn(&mut Builder<'_>) -> Result<(), EncodeError>| {
        let mut message = BytesMut::new();
        add(&mut Builder::new(
            dialect,
            &mut message,
            Mti::literal(b"0810"),
        ))
        .is_ok()
    };
    match need.value {
        Value::Number(number) => {
            let fits = fits(&|builder| builder.number(need.field, number).map(drop));
            (!fits).then(|| number.to_string())
        }
        Value::ResponseCodes => {
            let declined = Reason::ALL.map(|reason| dialect.response_code(reason));
            declined
                .into_iter()
                .find(|code| !fits(&|builder| builder.text(need.field, code).map(drop)))
                .map(|code| format!("the response code {code}"))
        }
    }
}
