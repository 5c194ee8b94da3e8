//! What a value says, in a few words, where a few words are enough.
//!
//! ISO 8583-1:1987 and the POS terminal interface of UnionPay; a value that neither defines has no meaning here.

use super::currency::Currency;
use crate::dialect::Dialect;
use crate::field::{Content, Field, Length};
use crate::mti::Mti;
use crate::reference::Element;

/// The meaning of one field of a message, whose other fields say in which currency an amount is.
pub(super) fn field(
    dialect: &Dialect,
    field: &Field,
    text: &str,
    elements: &[(u8, Element)],
) -> Option<String> {
    let currency = |number: u8| {
        let (_, element) = elements.iter().find(|(present, _)| *present == number)?;
        Currency::find(&element.text)
    };
    let amount =
        |currency_field: u8| currency(currency_field).map(|currency| currency.amount(text));
    // These numbers mean something else in 1993 and 2003, whose action codes are longer than two characters.
    let is_1987 = dialect
        .field(39)
        .is_none_or(|code| code.length == Length::Fixed(2));
    if !is_1987 && matches!(field.number, 13 | 70) {
        return None;
    }
    match (field.number, field.content, text.len()) {
        (3, Content::N, 6) => processing_code(text),
        (4, Content::N, 12) => amount(49),
        (5, Content::N, 12) => amount(50),
        (6, Content::N, 12) => amount(51),
        (7, Content::N, 10) => {
            let (date, time) = text.split_at_checked(4)?;
            Some(format!("{} {} UTC", month_day(date)?, clock(time)?))
        }
        (12, Content::N, 6) => clock(text),
        (13 | 15 | 16 | 17, Content::N, 4) => month_day(text),
        (14, Content::N, 4) => {
            let (year, month) = text.split_at_checked(2)?;
            (1..=12)
                .contains(&month.parse::<u8>().ok()?)
                .then(|| format!("20{year}-{month}"))
        }
        (22, Content::N, 3) => entry_mode(dialect, text),
        (25, Content::N, 2) => condition(text).map(str::to_owned),
        (28..=31, Content::SignedN, 9) => {
            let (sign, digits) = text.split_at_checked(1)?;
            let side = if sign == "C" { "credit" } else { "debit" };
            let currency = currency(if matches!(field.number, 28 | 30) {
                49
            } else {
                50
            })?;
            Some(format!("{side} {}", currency.amount(digits)))
        }
        (39, Content::An, 2) => response_code(text).map(str::to_owned),
        (49..=51, _, 3) => Currency::find(text).map(|currency| currency.code.to_owned()),
        (70, Content::N, 3) => network_code(text).map(str::to_owned),
        (90, Content::N, 42) => {
            let (mti, rest) = text.split_at_checked(4)?;
            let (stan, rest) = rest.split_at_checked(6)?;
            let (time, _) = rest.split_at_checked(10)?;
            Some(format!("original {mti}, STAN {stan}, sent {time}"))
        }
        _ => None,
    }
}

/// `request, financial, from the acquirer, 1987`
pub(super) fn mti(mti: Mti) -> String {
    let [version, class, function, origin] = mti.digits();
    let version = match version {
        b'0' => "ISO 8583:1987",
        b'1' => "ISO 8583:1993",
        b'2' => "ISO 8583:2003",
        b'8' => "a national version",
        b'9' => "a private version",
        _ => "a reserved version",
    };
    let class = match class {
        b'1' => "authorization",
        b'2' => "financial",
        b'3' => "file action",
        b'4' => "reversal",
        b'5' => "reconciliation",
        b'6' => "administrative",
        b'7' => "fee collection",
        b'8' => "network management",
        _ => "reserved class",
    };
    let function = match function {
        b'0' => "request",
        b'1' => "request response",
        b'2' => "advice",
        b'3' => "advice response",
        b'4' => "notification",
        b'5' => "notification acknowledgement",
        b'6' => "instruction",
        b'7' => "instruction acknowledgement",
        b'8' => "positive acknowledgement",
        _ => "negative acknowledgement",
    };
    let origin = match origin {
        b'0' => "acquirer",
        b'1' => "acquirer, repeated",
        b'2' => "issuer",
        b'3' => "issuer, repeated",
        b'4' => "other",
        b'5' => "other, repeated",
        _ => "reserved origin",
    };
    format!("{class} {function}, {origin}, {version}")
}

/// The six bytes after a UnionPay TPDU: twelve digits.
pub(super) fn unionpay_header(hex: &str) -> Option<String> {
    let (application, rest) = hex.split_at_checked(2)?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (status, rest) = rest.split_at_checked(1)?;
    let (requirement, sub_version) = rest.split_at_checked(1)?;
    let application_text = match application {
        "60" => "magnetic stripe",
        "61" => "chip",
        "62" | "63" => "value added",
        "65" => "script",
        "66" => "phone",
        "67" => "mobile",
        "68" => "personal",
        _ => "other",
    };
    let requirement_text = match requirement {
        "0" => "nothing",
        "1" => "download stripe parameters",
        "2" => "upload status",
        "3" => "sign in again",
        "4" => "update CA keys",
        "5" => "download chip parameters",
        "6" => "terminal management",
        "7" => "download card blacklist",
        "8" => "currency exchange",
        "9" => "download contactless parameters",
        _ => "other",
    };
    Some(format!(
        "application {application} ({application_text}), version {version}, status {status}, \
         to do {requirement} ({requirement_text}), sub-version {sub_version}"
    ))
}

/// The UnionPay dialects are the ones with a TPDU and one bitmap.
pub(super) fn is_unionpay(dialect: &Dialect) -> bool {
    dialect.header_has_tpdu() && !dialect.has_secondary_bitmap()
}

pub(super) fn month_day(text: &str) -> Option<String> {
    let (month, day) = text.split_at_checked(2)?;
    let name = match month {
        "01" => "January",
        "02" => "February",
        "03" => "March",
        "04" => "April",
        "05" => "May",
        "06" => "June",
        "07" => "July",
        "08" => "August",
        "09" => "September",
        "10" => "October",
        "11" => "November",
        "12" => "December",
        _ => return None,
    };
    let day: u8 = day.parse().ok()?;
    (1..=31).contains(&day).then(|| format!("{day} {name}"))
}

pub(super) fn clock(text: &str) -> Option<String> {
    let (hours, rest) = text.split_at_checked(2)?;
    let (minutes, seconds) = rest.split_at_checked(2)?;
    let below = |text: &str, limit: u8| text.parse::<u8>().is_ok_and(|number| number < limit);
    (below(hours, 24) && below(minutes, 60) && below(seconds, 60))
        .then(|| format!("{hours}:{minutes}:{seconds}"))
}

pub(super) fn processing_code(text: &str) -> Option<String> {
    let (kind, accounts) = text.split_at_checked(2)?;
    let (from, to) = accounts.split_at_checked(2)?;
    let kind = match kind {
        "00" => "purchase",
        "01" => "cash withdrawal",
        "02" => "debit adjustment",
        "03" => "pre-authorization or check guarantee",
        "09" => "purchase with cashback",
        "11" => "quasi-cash",
        "17" => "cash disbursement",
        "20" => "return or void",
        "21" => "deposit",
        "22" | "23" => "credit adjustment",
        "30" | "31" => "balance inquiry",
        "33" => "account verification",
        "40" => "transfer",
        "70" => "PIN change",
        _ => return None,
    };
    let account = |code: &str| match code {
        "00" => Some("default"),
        "10" => Some("savings"),
        "20" => Some("cheque"),
        "30" => Some("credit"),
        "40" => Some("universal"),
        "50" => Some("investment"),
        "60" => Some("electronic purse"),
        _ => None,
    };
    Some(match (from, to) {
        ("00", "00") => kind.to_owned(),
        _ => format!(
            "{kind}, from {}, to {}",
            account(from).unwrap_or(from),
            account(to).unwrap_or(to)
        ),
    })
}

fn entry_mode(dialect: &Dialect, text: &str) -> Option<String> {
    let (entry, pin) = text.split_at_checked(2)?;
    let entry = match entry {
        "00" => "unknown",
        "01" => "manual",
        "02" => "magnetic stripe",
        "03" => "barcode",
        "04" => "OCR",
        "05" => "chip",
        "06" => "key entry",
        "07" => "contactless chip",
        "09" => "e-commerce with chip data",
        "79" => "chip failed, manual",
        "80" => "chip failed, magnetic stripe",
        "81" => "e-commerce",
        "90" => "magnetic stripe, whole track",
        "91" => "contactless magnetic stripe",
        _ => return None,
    };
    let pin = match (pin, is_unionpay(dialect)) {
        ("1", true) => "with PIN",
        ("2", true) => "without PIN",
        ("0", _) => "PIN capability unknown",
        ("1", _) => "PIN pad",
        ("2", _) => "no PIN pad",
        ("8", _) => "PIN pad out of order",
        ("9", _) => "PIN verified by the device",
        _ => return Some(entry.to_owned()),
    };
    Some(format!("{entry}, {pin}"))
}

fn condition(text: &str) -> Option<&'static str> {
    Some(match text {
        "00" => "normal",
        "01" => "customer not present",
        "02" => "unattended terminal",
        "05" => "customer present, card not present",
        "06" => "pre-authorization",
        "08" => "mail or telephone order",
        "59" => "e-commerce",
        "60" => "additional pre-authorization",
        "64" => "instalment",
        "91" => "electronic purse load",
        _ => return None,
    })
}

fn network_code(text: &str) -> Option<&'static str> {
    Some(match text {
        "001" | "061" => "sign-on",
        "002" | "062" => "sign-off",
        "060" => "store-and-forward session",
        "065" => "sign-off, begin stand-in",
        "066" => "sign-on, end stand-in",
        "101" => "key exchange",
        "161" | "162" => "encryption key change",
        "201" => "cut-over",
        "270" | "301" => "echo",
        "363" => "end of store-and-forward",
        _ => return None,
    })
}

/// ISO 8583-1:1987 table 20 and the codes that networks added.
pub(super) fn response_code(text: &str) -> Option<&'static str> {
    Some(match text {
        "00" => "approved",
        "01" => "refer to card issuer",
        "02" => "refer to card issuer, special conditions",
        "03" => "invalid merchant",
        "04" => "pick up",
        "05" => "do not honor",
        "06" => "error",
        "07" => "pick up, special conditions",
        "08" => "honor with identification",
        "09" => "request in progress",
        "10" => "approved for a partial amount",
        "11" => "approved, VIP",
        "12" => "invalid transaction",
        "13" => "invalid amount",
        "14" => "invalid card number",
        "15" => "no such issuer",
        "16" => "approved, update track 3",
        "17" => "customer cancellation",
        "18" => "customer dispute",
        "19" => "re-enter transaction",
        "20" => "invalid response",
        "21" => "no action taken",
        "22" => "suspected malfunction",
        "23" => "unacceptable transaction fee",
        "24" => "file update not supported",
        "25" => "unable to locate record",
        "26" => "duplicate record",
        "27" => "field edit error",
        "28" => "file locked out",
        "29" => "file update not successful",
        "30" => "format error",
        "31" => "bank not supported",
        "32" => "completed partially",
        "33" => "expired card, pick up",
        "34" => "suspected fraud, pick up",
        "35" => "contact acquirer, pick up",
        "36" => "restricted card, pick up",
        "37" => "call acquirer security, pick up",
        "38" => "PIN tries exceeded, pick up",
        "39" => "no credit account",
        "40" => "requested function not supported",
        "41" => "lost card",
        "42" => "no universal account",
        "43" => "stolen card",
        "44" => "no investment account",
        "51" => "not sufficient funds",
        "52" => "no cheque account",
        "53" => "no savings account",
        "54" => "expired card",
        "55" => "incorrect PIN",
        "56" => "no card record",
        "57" => "not permitted to cardholder",
        "58" => "not permitted to terminal",
        "59" => "suspected fraud",
        "60" => "contact acquirer",
        "61" => "exceeds amount limit",
        "62" => "restricted card",
        "63" => "security violation",
        "64" => "original amount incorrect",
        "65" => "exceeds frequency limit",
        "66" => "call acquirer security",
        "67" => "hard capture",
        "68" => "response received too late",
        "75" => "PIN tries exceeded",
        "77" => "batch number mismatch, sign in again",
        "90" => "cut-off in process",
        "91" => "issuer or switch inoperative",
        "92" => "no route",
        "93" => "violation of law",
        "94" => "duplicate transmission",
        "95" => "reconcile error",
        "96" => "system malfunction",
        "97" => "terminal not registered",
        "98" => "no answer from the issuer",
        "99" => "PIN block error",
        "A0" => "MAC error",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(dialect: &str, number: u8, text: &str, currency: Option<&str>) -> Option<String> {
        let dialect = Dialect::builtin(dialect).unwrap();
        let element = |text: &str| Element {
            prefix_offset: 0,
            offset: 0,
            length: 0,
            units: 0,
            text: text.to_owned(),
        };
        let elements: Vec<(u8, Element)> = currency
            .map(|text| (49, element(text)))
            .into_iter()
            .collect();
        field(&dialect, dialect.field(number).unwrap(), text, &elements)
    }

    #[test]
    fn values_in_words() {
        let iso = |number, text| meaning("iso87-ascii", number, text, Some("840"));
        assert_eq!(iso(3, "000000").as_deref(), Some("purchase"));
        assert_eq!(
            iso(3, "312030").as_deref(),
            Some("balance inquiry, from cheque, to credit")
        );
        assert_eq!(iso(3, "990000"), None);
        assert_eq!(iso(4, "000000123456").as_deref(), Some("1234.56 USD"));
        assert_eq!(iso(5, "000000123456"), None, "field 50 is not there");
        assert_eq!(
            iso(7, "0731235959").as_deref(),
            Some("31 July 23:59:59 UTC")
        );
        assert_eq!(iso(12, "246000"), None);
        assert_eq!(iso(14, "2912").as_deref(), Some("2029-12"));
        assert_eq!(iso(22, "051").as_deref(), Some("chip, PIN pad"));
        assert_eq!(
            meaning("unionpay-pos", 22, "051", None).as_deref(),
            Some("chip, with PIN")
        );
        assert_eq!(iso(28, "D00000100").as_deref(), Some("debit 1.00 USD"));
        assert_eq!(iso(39, "51").as_deref(), Some("not sufficient funds"));
        assert_eq!(iso(49, "156").as_deref(), Some("CNY"));
        assert_eq!(iso(70, "301").as_deref(), Some("echo"));
        assert_eq!(
            iso(90, &format!("0200123456073112000000{}", "0".repeat(20))).as_deref(),
            Some("original 0200, STAN 123456, sent 0731120000")
        );
    }

    #[test]
    fn message_types_in_words() {
        let words = |text: &str| mti(text.parse().unwrap());
        assert_eq!(words("0200"), "financial request, acquirer, ISO 8583:1987");
        assert_eq!(
            words("0421"),
            "reversal advice, acquirer, repeated, ISO 8583:1987"
        );
        assert_eq!(
            words("1814"),
            "network management request response, other, ISO 8583:1993"
        );
    }

    #[test]
    fn the_unionpay_header_in_words() {
        assert_eq!(
            unionpay_header("603100310100").as_deref(),
            Some(
                "application 60 (magnetic stripe), version 31, status 0, to do 0 (nothing), sub-version 310100"
            )
        );
        assert_eq!(unionpay_header("60"), None);
    }
}
