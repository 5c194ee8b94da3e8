//! What a reversal says: the message that undoes a transaction at its bank.
//!
//! It is written when the request is admitted, before the request leaves, and kept with it: a switch that cannot say how
//! to undo a payment must not make it, and after a crash nothing but this message is needed. When the reversal falls due
//! its own trace number and its reason are put in.
//!
//! | dialect | message | original | reason |
//! |---|---|---|---|
//! | ISO 8583:1987 | 0420 | field 90: MTI, STAN, field 7, fields 32 and 33 (4.3.4, 90) | none |
//! | ISO 8583:1993 and 2003 | 1420, 2420 | field 56: MTI, STAN, field 12, field 32 | 24 = 400, 25 = 4xxx |
//! | UnionPay POS terminals | 0400 | field 11: the original's own | field 39: 98, 06 |

use bytes::BytesMut;
use pointsman_iso8583::{
    Builder, Dialect, EncodeError, FieldSet, Mti, Pan, Stan, TextBuffer, View,
};

use crate::link::ReversalCause;

/// How a dialect names what it reverses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Field90,
    Field56,
    SameStan,
}

/// What of a request its reversal repeats. No tracks, PIN data or chip data, which PCI DSS v4.0.1, 3.3.1 wants gone once
/// the bank has decided, and no private fields, which may hold them. Field 60 is UnionPay's, there "as the original".
const REPEATED: FieldSet = FieldSet::of(&[
    2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 25, 26, 28, 29, 30,
    31, 32, 33, 37, 38, 41, 42, 43, 49, 50, 51, 95, 100,
]);

impl Form {
    pub(crate) fn of(dialect: &Dialect, mti: Mti) -> Form {
        let [version, ..] = mti.digits();
        if matches!(version, b'1' | b'2') && dialect.field(56).is_some() {
            Form::Field56
        } else if version == b'0' && dialect.field(90).is_some() {
            Form::Field90
        } else {
            Form::SameStan
        }
    }

    /// The message type: an advice, which the bank may not decline; UnionPay knows the request alone.
    fn mti(self, original: Mti) -> Mti {
        let [version, ..] = original.digits();
        let digits = match self {
            Form::Field90 | Form::Field56 => [version, b'4', b'2', b'0'],
            Form::SameStan => [version, b'4', b'0', b'0'],
        };
        Mti::parse_digits(&digits).unwrap_or(original)
    }

    /// Does the reversal go by the original's number, so that nobody else may have it meanwhile?
    pub(crate) fn keeps_stan(self) -> bool {
        self == Form::SameStan
    }

    /// Fields of the request that the reversal has as well.
    fn repeated(self) -> FieldSet {
        match self {
            Form::Field90 | Form::Field56 => REPEATED,
            Form::SameStan => REPEATED.with(60),
        }
    }
}

/// The reversal of a request that is sent under `stan`, as long as nobody knows why it will be due.
pub(crate) fn of_request(
    request: &View<'_>,
    stan: Stan,
    pan: Option<&Pan>,
    text: &mut TextBuffer,
) -> Result<BytesMut, EncodeError> {
    let form = Form::of(request.dialect(), request.mti());
    write(form, request, request.mti(), stan, pan, text)
}

/// The same for a reversal that the terminal sent, whose original had the type `original` and went out under `stan`.
pub(crate) fn of_reversal(
    reversal: &View<'_>,
    original: Mti,
    stan: Stan,
    text: &mut TextBuffer,
) -> Result<BytesMut, EncodeError> {
    let form = Form::of(reversal.dialect(), reversal.mti());
    let pan = reversal.pan();
    write(form, reversal, original, stan, pan.as_ref(), text)
}

fn write(
    form: Form,
    from: &View<'_>,
    original: Mti,
    stan: Stan,
    pan: Option<&Pan>,
    text: &mut TextBuffer,
) -> Result<BytesMut, EncodeError> {
    let dialect = from.dialect();
    // UnionPay POS specification: the reversal of a magnetic stripe has no card number.
    let nameless = form == Form::SameStan
        && from
            .text(22, text)
            .is_some_and(|mode| mode.starts_with("02"));
    let names_card = pan.is_some() && dialect.field(2).is_some() && !nameless;
    let mut fields = from.fields().intersection(form.repeated()).with(11);
    if names_card {
        fields.insert(2);
    } else {
        fields.remove(2);
    }
    let own = match form {
        Form::Field90 => FieldSet::of(&[90]),
        Form::Field56 => FieldSet::of(&[24, 25, 56]),
        Form::SameStan => FieldSet::of(&[39]),
    };
    let mut out = BytesMut::with_capacity(from.bytes().len() + OWN_BYTES);
    let mut builder = Builder::with_header(dialect, &mut out, from.header(), form.mti(original))?;
    for field in fields.union(own).iter() {
        match field {
            2 => {
                builder.text(2, pan.map(Pan::expose).unwrap_or_default())?;
            }
            11 => {
                builder.number(11, u64::from(stan.get()))?;
            }
            24 if form == Form::Field56 => {
                // 1993 function code 400: full reversal, transaction did not complete as approved.
                builder.text(24, "400")?;
            }
            25 | 39 if own.contains(field) => {
                if let Some(code) = reason(form, ReversalCause::Timeout) {
                    builder.text(field, code)?;
                }
            }
            56 | 90 => {
                let data = original_data(form, from, original, stan, text);
                builder.text(field, data.as_str())?;
            }
            _ => {
                builder.copy(from, field)?;
            }
        }
    }
    builder.finish()?;
    Ok(out)
}

/// What fields 90, 56 and 39 add to a message.
const OWN_BYTES: usize = 64;

/// A reversal as it leaves: the message that was kept, with its own number and reason.
pub(crate) fn addressed(
    kept: &View<'_>,
    mti: Mti,
    stan: Stan,
    cause: Option<ReversalCause>,
) -> Result<BytesMut, EncodeError> {
    let form = Form::of(kept.dialect(), kept.mti());
    let mut out = BytesMut::with_capacity(kept.bytes().len());
    let mut builder = Builder::with_header(kept.dialect(), &mut out, kept.header(), mti)?;
    let reason_field = match form {
        Form::Field90 => 0,
        Form::Field56 => 25,
        Form::SameStan => 39,
    };
    for field in kept.fields().with(11).iter() {
        let text = cause
            .filter(|_| field == reason_field)
            .and_then(|cause| reason(form, cause));
        match (field, text) {
            (11, _) => builder.number(11, u64::from(stan.get()))?,
            (_, Some(text)) => builder.text(field, text)?,
            (_, None) => builder.copy(kept, field)?,
        };
    }
    builder.finish()?;
    Ok(out)
}

/// ISO 8583:1993, field 25, reversal reasons 4000 to 4499; UnionPay POS specification, field 39 of 0400.
fn reason(form: Form, cause: ReversalCause) -> Option<&'static str> {
    use ReversalCause::{
        AnswerMismatch, AnswerUndecodable, Disconnected, LateApproval, Restart, Terminal, Timeout,
        Undeliverable,
    };
    match (form, cause) {
        (Form::Field90, _) => None,
        // Response not received in time.
        (Form::Field56, Timeout | Disconnected | LateApproval | Restart) => Some("4021"),
        // Unable to deliver message to point of service.
        (Form::Field56, Undeliverable) => Some("4013"),
        // Suspected malfunction.
        (Form::Field56, AnswerUndecodable | AnswerMismatch) => Some("4001"),
        // Customer cancellation.
        (Form::Field56, Terminal) => Some("4000"),
        (Form::SameStan, Timeout | Disconnected | LateApproval | Restart) => Some("98"),
        (Form::SameStan, AnswerUndecodable | AnswerMismatch | Undeliverable | Terminal) => {
            Some("06")
        }
    }
}

fn original_data(
    form: Form,
    from: &View<'_>,
    original: Mti,
    stan: Stan,
    text: &mut TextBuffer,
) -> OriginalData {
    let mut data = OriginalData::default();
    data.push(&original.digits());
    let [version, ..] = original.digits();
    match (form, version) {
        (Form::Field56, b'2') => {
            data.number(stan.get(), 12);
            data.digits(from.text(12, text), 14);
            data.push(acquirer(from.text(32, text)).as_bytes());
        }
        (Form::Field56, _) => {
            data.number(stan.get(), 6);
            data.digits(from.text(12, text), 12);
            let acquirer = acquirer(from.text(32, text));
            data.number(acquirer.len() as u32, 2);
            data.push(acquirer.as_bytes());
        }
        (Form::Field90 | Form::SameStan, _) => {
            data.number(stan.get(), 6);
            data.digits(from.text(7, text), 10);
            data.digits(from.text(32, text), 11);
            data.digits(from.text(33, text), 11);
        }
    }
    data
}

/// Field 32 as it is, at most the eleven digits that it may have.
fn acquirer(value: Option<&str>) -> &str {
    value
        .filter(|text| text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or_default()
}

/// Field 90 or 56, digit by digit.
struct OriginalData {
    bytes: [u8; ORIGINAL_DATA_BYTES_MAX],
    length: usize,
}

/// Field 90 has 42 digits, field 56 at most 41.
const ORIGINAL_DATA_BYTES_MAX: usize = 42;

impl Default for OriginalData {
    fn default() -> Self {
        OriginalData {
            bytes: [b'0'; ORIGINAL_DATA_BYTES_MAX],
            length: 0,
        }
    }
}

impl OriginalData {
    fn push(&mut self, digits: &[u8]) {
        let end = self.length + digits.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(digits);
            self.length = end;
        }
    }

    /// The last `width` digits.
    fn number(&mut self, number: u32, width: usize) {
        let mut digits = [b'0'; 12];
        let mut rest = number;
        for place in digits.iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.push(digits.get(12 - width..).unwrap_or_default());
    }

    /// Right-justified behind zeros; zeros alone where there is nothing, or nothing that fits.
    fn digits(&mut self, value: Option<&str>, width: usize) {
        let value = value.unwrap_or_default().trim();
        let fits = value.len() <= width && value.bytes().all(|byte| byte.is_ascii_digit());
        let value = if fits { value } else { "" };
        self.length += width - value.len();
        self.push(value.as_bytes());
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// The type of a message that is sent again: the last digit one more (0420, 0421).
pub(crate) fn repeated(mti: Mti) -> Mti {
    let [version, class, function, origin] = mti.digits();
    let again = if mti.is_repeat() {
        origin
    } else {
        origin.saturating_add(1).min(b'9')
    };
    Mti::parse_digits(&[version, class, function, again]).unwrap_or(mti)
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::sync::Arc;
    use core::fmt::Write as _;

    use super::*;

    fn message(dialect: &Arc<Dialect>, mti: &str, fields: &[(u8, &str)]) -> BytesMut {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(dialect, &mut out, mti.parse().unwrap());
        for (field, value) in fields {
            builder.text(*field, value).unwrap();
        }
        builder.finish().unwrap();
        out
    }

    fn shown(dialect: &Arc<Dialect>, message: &[u8]) -> String {
        let view = dialect.view(message).unwrap();
        let mut text = view.mti().to_string();
        for field in view.fields().iter() {
            let _ = write!(text, " {field}={}", view.to_text(field).unwrap());
        }
        text
    }

    fn reversal(name: &str, mti: &str, fields: &[(u8, &str)], cause: ReversalCause) -> String {
        let dialect = Dialect::builtin(name).unwrap();
        let request = message(&dialect, mti, fields);
        let view = dialect.view(&request).unwrap();
        let (stan, pan) = (Stan::new(42).unwrap(), view.pan());
        let kept = of_request(&view, stan, pan.as_ref(), &mut TextBuffer::new()).unwrap();
        let kept = dialect.view(&kept).unwrap();
        let out = addressed(&kept, kept.mti(), Stan::new(77).unwrap(), Some(cause)).unwrap();
        shown(&dialect, &out)
    }

    #[test]
    fn classic() {
        let fields = [
            (3, "000000"),
            (4, "000000001050"),
            (7, "1124201500"),
            (11, "000017"),
            (22, "051"),
            (32, "476134"),
            (35, "4111111111111111D29121011234"),
            (41, "TERM0001"),
            (42, "MERCHANT0000001"),
            (49, "840"),
            (52, "0123456789ABCDEF"),
        ];
        for dialect in ["iso87-ascii", "iso87-ebcdic", "iso87-mixed"] {
            let text = reversal(dialect, "0200", &fields, ReversalCause::Timeout);
            assert_eq!(
                text,
                "0420 2=4111111111111111 3=000000 4=000000001050 7=1124201500 11=000077 22=051 32=476134 \
                 41=TERM0001 42=MERCHANT0000001 49=840 90=020000004211242015000000047613400000000000",
                "{dialect}"
            );
        }
    }

    #[test]
    fn unionpay_by_the_same_number_and_a_reason() {
        let fields = [
            (2, "6222020000000006"),
            (3, "000000"),
            (4, "000000001050"),
            (11, "000042"),
            (22, "012"),
            (25, "00"),
            (41, "12345678"),
            (42, "123456789012345"),
            (49, "156"),
            (60, "22000001"),
        ];
        let text = reversal("unionpay-pos", "0200", &fields, ReversalCause::Timeout);
        assert!(
            text.starts_with("0400 2=6222020000000006 3=000000"),
            "{text}"
        );
        assert!(
            text.contains(" 39=98 ") && text.contains(" 60=22000001"),
            "{text}"
        );
        let text = reversal(
            "unionpay-pos",
            "0200",
            &fields,
            ReversalCause::AnswerMismatch,
        );
        assert!(text.contains(" 39=06 "), "{text}");
        let mut stripe = fields;
        stripe[4].1 = "021";
        let text = reversal("unionpay-pos", "0200", &stripe, ReversalCause::Timeout);
        assert!(text.starts_with("0400 3=000000"), "{text}");
    }

    #[test]
    fn later_editions_by_field_56() {
        let fields = [
            (2, "4111111111111111"),
            (3, "000000"),
            (4, "000000001050"),
            (11, "000017"),
            (12, "261124201500"),
            (32, "476134"),
            (41, "TERM0001"),
            (49, "840"),
        ];
        let text = reversal("iso93-ascii", "1200", &fields, ReversalCause::Undeliverable);
        assert_eq!(
            text,
            "1420 2=4111111111111111 3=000000 4=000000001050 11=000077 12=261124201500 24=400 25=4013 32=476134 \
             41=TERM0001 49=840 56=120000004226112420150006476134"
        );
    }

    #[test]
    fn a_repeat_says_so() {
        for (first, again) in [
            ("0420", "0421"),
            ("0421", "0421"),
            ("0400", "0401"),
            ("0122", "0123"),
            ("0220", "0221"),
        ] {
            assert_eq!(repeated(first.parse().unwrap()).as_str(), again);
        }
    }
}
