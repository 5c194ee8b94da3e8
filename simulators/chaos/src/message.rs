//! What a terminal says about one purchase: the request, its repeat, its reversal; or an advice.

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{Builder, Dialect, EncodeError, Mti};
use pointsman_sim_common::{Card, Exit, Failure, Original, Stamp};

/// Field 42.
const ACCEPTOR: &str = "MERCHANT0000001";

/// One purchase. Each message about it is made from the same values.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub(crate) terminal: String,
    pub(crate) stan: u32,
    pub(crate) reference: String,
    pub(crate) amount: u64,
    pub(crate) card: Card,
    /// When it was made, which stays as it was in repeats.
    pub(crate) made: Stamp,
}

impl Purchase {
    /// A request, an advice, or a repeat of one.
    pub(crate) fn request(&self, dialect: &Dialect, mti: Mti) -> Result<Bytes, Failure> {
        let mut fields = self.common(self.stan);
        fields.extend([
            (14, self.card.expiry().to_owned()),
            (18, "5411".to_owned()),
            (35, self.card.track2()),
        ]);
        if mti.is_advice() {
            // Approved by the terminal itself; the bank is told afterwards, without the track.
            fields.retain(|(field, _)| *field != 35);
            fields.extend([(38, format!("{:06}", self.stan)), (39, "00".to_owned())]);
        }
        write(dialect, mti, fields)
    }

    /// What takes it back: a message with a number of its own, that names the original by field 90.
    pub(crate) fn reversal(
        &self,
        dialect: &Dialect,
        mti: Mti,
        stan: u32,
    ) -> Result<Bytes, Failure> {
        let original = Original {
            mti: Mti::literal(b"0200"),
            stan: format!("{:06}", self.stan),
            transmission: self.made.transmission(),
            acquirer: String::new(),
            forwarder: String::new(),
        };
        let mut fields = self.common(stan);
        fields.push((90, original.data_elements()));
        write(dialect, mti, fields)
    }

    fn common(&self, stan: u32) -> Vec<(u8, String)> {
        vec![
            (2, self.card.pan().to_owned()),
            (3, "000000".to_owned()),
            (4, format!("{:012}", self.amount)),
            (7, self.made.transmission()),
            (11, format!("{stan:06}")),
            (12, self.made.time()),
            (13, self.made.date()),
            (22, "051".to_owned()),
            (25, "00".to_owned()),
            (37, self.reference.clone()),
            (41, self.terminal.clone()),
            (42, ACCEPTOR.to_owned()),
            (49, "978".to_owned()),
        ]
    }
}

fn write(dialect: &Dialect, mti: Mti, mut fields: Vec<(u8, String)>) -> Result<Bytes, Failure> {
    fields.sort_unstable();
    let mut out = BytesMut::new();
    let written = (|| -> Result<(), EncodeError> {
        let mut builder = Builder::new(dialect, &mut out, mti);
        for (field, value) in &fields {
            builder.text(*field, value)?;
        }
        builder.finish().map(drop)
    })();
    match written {
        Ok(()) => Ok(out.freeze()),
        Err(error) => Err(Failure::new(
            Exit::DATA,
            format_args!("{mti}: {}", error.explain(dialect).message),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::LISTENERS;

    #[test]
    fn every_message_can_be_written_for_every_listener() {
        let purchase = Purchase {
            terminal: "CHAO0007".to_owned(),
            stan: 41,
            reference: "000700000041".to_owned(),
            amount: 1_999,
            card: Card::named("visa").unwrap(),
            made: Stamp::at(std::time::Duration::from_secs(1_700_000_000)),
        };
        for listener in &LISTENERS {
            let dialect = listener.wire().unwrap().dialect;
            let read = |message: &Bytes, field| dialect.view(message).unwrap().to_text(field);
            for mti in ["0200", "0201", "0220", "0221"] {
                let message = purchase.request(&dialect, mti.parse().unwrap()).unwrap();
                assert_eq!(read(&message, 37).as_deref(), Some("000700000041"));
                assert_eq!(
                    read(&message, 35).is_some(),
                    mti.starts_with("020"),
                    "{mti}"
                );
            }
            let reversal = purchase
                .reversal(&dialect, Mti::literal(b"0400"), 42)
                .unwrap();
            assert_eq!(read(&reversal, 11).as_deref(), Some("000042"));
            assert_eq!(
                read(&reversal, 90).as_deref(),
                Some("020000004111142213200000000000000000000000")
            );
        }
    }
}
