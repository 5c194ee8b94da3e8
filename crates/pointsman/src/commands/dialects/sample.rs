//! A purchase in any dialect: what terminals say, as far as the dialect has the fields and its rules ask for them.

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Content, Dialect, Field, FieldSet, Length, Mti};

/// Fields of a purchase, and what may stand in them: the first that fits is taken. The card is a published test card.
const VALUES: [(u8, &[&str]); 19] = [
    (2, &["4111111111111111"]),
    (3, &["000000"]),
    // ISO 8583:2003: currency, minor unit, value.
    (4, &["000000001000", "9782000000001000"]),
    (7, &["1124141500"]),
    (11, &["000042", "000000000042"]),
    (12, &["141500", "261124141500", "20261124141500"]),
    (14, &["2912"]),
    (18, &["5411"]),
    // ISO 8583:1993 and 2003 have a code for each property of the point of service.
    (
        22,
        &[
            "051",
            "0510",
            "510101511344",
            "40000000100000004000000020000000",
        ],
    ),
    (24, &["200"]),
    (25, &["00"]),
    (26, &["12", "5411"]),
    (35, &["4111111111111111=29122011000012300000"]),
    (41, &["TERM0001", "TERM000100000001"]),
    (42, &["MERCHANT0000001"]),
    (49, &["978"]),
    (53, &["2600000000000000"]),
    (
        55,
        &[
            "9F26081122334455667788950500800480009A032611249C01005F2A0209789F02060000000010009F36020042",
        ],
    ),
    // UnionPay: type, batch, network code, terminal's abilities.
    (60, &["22000001000600"]),
];

/// What only rules ask for.
const IF_ASKED: FieldSet = FieldSet::of(&[24, 26, 53, 60]);

/// `None` if the dialect cannot say so much.
pub(super) fn purchase(dialect: &Dialect) -> Option<BytesMut> {
    // Response codes have as many digits as the editions have years: two in 1987, three in 1993, four in 2003.
    let mti = match dialect.field(39).map(|field| field.length) {
        Some(Length::Fixed(3)) => Mti::literal(b"1200"),
        Some(Length::Fixed(4)) => Mti::literal(b"2200"),
        _ => Mti::literal(b"0200"),
    };
    let mandatory = dialect.rules(mti).map(|rules| rules.mandatory());
    let mandatory = mandatory.unwrap_or_default();
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, mti);
    for field in dialect.fields() {
        let number = field.number;
        let known = VALUES.iter().find(|(known, _)| *known == number);
        let is_asked = mandatory.contains(number);
        if !is_asked && (known.is_none() || IF_ASKED.contains(number)) {
            continue;
        }
        let values = known.map_or(&[][..], |(_, values)| values);
        let mut values = values.iter().filter(|value| fits(dialect, number, value));
        match values.next() {
            Some(value) => builder.text(number, value).ok()?,
            None if is_asked => builder.text(number, &anything(field)).ok()?,
            None => continue,
        };
    }
    builder.finish().ok()?;
    Some(out)
}

fn fits(dialect: &Dialect, number: u8, value: &str) -> bool {
    let mut scratch = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut scratch, Mti::literal(b"0200"));
    builder.text(number, value).is_ok()
}

/// A value that the field can have.
fn anything(field: &Field) -> String {
    let units = match field.length {
        Length::Fixed(units) => units,
        Length::Variable { max, .. } => max.min(2),
    };
    let units = usize::from(units);
    match field.content {
        Content::B => "00".repeat(units),
        Content::SignedN => format!("D{}", "0".repeat(units.saturating_sub(1))),
        Content::A => "A".repeat(units),
        _ => "0".repeat(units),
    }
}
