//! The canonical messages: the same purchase, answer, reversal and echo in every dialect. Benchmarks measure with them,
//! and tests of malformed input take them apart.

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Mti};

/// 138 bytes of EMV data as a chip terminal sends them online; no tag holds card data.
pub const EMV: &str = concat!(
    "9F26081122334455667788",
    "9F270180",
    "9F10120110A00003220000000000000000000000FF",
    "9F37041A2B3C4D",
    "9F36020042",
    "95050880048000",
    "9A03261124",
    "9C0100",
    "9F0206000000012345",
    "5F2A020840",
    "82023900",
    "9F1A020840",
    "9F0306000000000000",
    "9F3303E0F0C8",
    "9F3403420300",
    "9F350122",
    "9F1E085445524D30303031",
    "8407A0000000031010",
    "9F410400000123",
);

/// A message as its type and its fields in text, ascending.
#[derive(Clone, Copy, Debug)]
pub struct Canonical {
    /// What it is.
    pub name: &'static str,
    /// The message type.
    pub mti: &'static str,
    /// Field numbers and values; `b` fields in hex.
    pub fields: &'static [(u8, &'static str)],
}

/// The purchase by chip and PIN that the figures of the codec are about: 18 fields.
pub const PURCHASE: Canonical = Canonical {
    name: "purchase",
    mti: "0200",
    fields: &[
        (2, "4111111111111111"),
        (3, "000000"),
        (4, "000000012345"),
        (7, "1124141500"),
        (11, "000123"),
        (12, "141500"),
        (13, "1124"),
        (14, "2912"),
        (18, "5411"),
        (22, "051"),
        (25, "00"),
        (35, "4111111111111111=29122011000012300000"),
        (37, "632814000123"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (49, "840"),
        (52, "0123456789ABCDEF"),
        (55, EMV),
    ],
};

/// Its approval.
pub const APPROVAL: Canonical = Canonical {
    name: "approval",
    mti: "0210",
    fields: &[
        (3, "000000"),
        (4, "000000012345"),
        (7, "1124141500"),
        (11, "000123"),
        (12, "141500"),
        (13, "1124"),
        (37, "632814000123"),
        (38, "A1B2C3"),
        (39, "00"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (49, "840"),
        (55, "910A112233445566778830308A023030"),
    ],
};

/// Its reversal as an advice; field 90 needs the secondary bitmap.
pub const REVERSAL: Canonical = Canonical {
    name: "reversal",
    mti: "0420",
    fields: &[
        (2, "4111111111111111"),
        (3, "000000"),
        (4, "000000012345"),
        (7, "1124141600"),
        (11, "000124"),
        (28, "D00000100"),
        (32, "12345678901"),
        (37, "632814000123"),
        (39, "68"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (49, "840"),
        (90, "020000012311241415001234567890100000000000"),
        (95, "000000000000000000000000C00000000C00000000"),
        (128, "0011223344556677"),
    ],
};

/// An echo.
pub const ECHO: Canonical = Canonical {
    name: "echo",
    mti: "0800",
    fields: &[(7, "1124141700"), (11, "000125"), (70, "301")],
};

/// The same for terminals whose dialect has one bitmap only.
pub const SIGN_IN: Canonical = Canonical {
    name: "sign-in",
    mti: "0800",
    fields: &[
        (11, "000126"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (64, "0011223344556677"),
    ],
};

/// All of them.
pub const ALL: [Canonical; 5] = [PURCHASE, APPROVAL, REVERSAL, ECHO, SIGN_IN];

impl Canonical {
    /// The message in a dialect; `None` if the dialect does not define one of its fields.
    ///
    /// # Panics
    /// If a value does not fit its field.
    #[must_use]
    pub fn encode(&self, dialect: &Dialect) -> Option<Vec<u8>> {
        if !self
            .fields
            .iter()
            .all(|(number, _)| dialect.field(*number).is_some())
        {
            return None;
        }
        let mut out = BytesMut::new();
        let mti: Mti = self
            .mti
            .parse()
            .expect("a canonical message type is four digits");
        let mut builder = Builder::new(dialect, &mut out, mti);
        for (number, value) in self.fields {
            if let Err(error) = builder.text(*number, value) {
                panic!(
                    "{} in {}: {}",
                    self.name,
                    dialect.name(),
                    error.explain(dialect).message
                );
            }
        }
        let range = builder.finish().expect("a canonical message is short");
        Some(out[range].to_vec())
    }
}
