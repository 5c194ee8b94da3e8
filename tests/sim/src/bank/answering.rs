//! The answer to a request, and how it is spoilt.

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{Builder, Dialect, Mti};

use crate::plan::{Faults, LinkPlan};
use crate::random::Random;

/// An answer that can still be spoilt.
pub(super) struct Answering {
    /// The amount of the request.
    pub(super) asked: u64,
    /// Does it approve something with an amount that matters?
    pub(super) approves: bool,
    /// Is it for a part?
    pub(super) partial: bool,
    pub(super) mti: Mti,
    pub(super) fields: Vec<(u8, String)>,
}

impl Answering {
    /// Spoils it in at most one way. True if the switch must not take it for the answer.
    pub(super) fn mangle(
        &mut self,
        others: &[(String, String)],
        plan: &LinkPlan,
        faults: &Faults,
        random: &mut Random,
    ) -> bool {
        let before = (self.mti, self.fields.clone());
        if random.permille(faults.wrong_terminal) {
            let mut other = "T9999999".to_owned();
            if !others.is_empty() {
                other.clone_from(&random.choose(others).1);
            }
            self.set(41, other);
        } else if random.permille(faults.wrong_stan) && plan.match_fields.contains(&11) {
            let mut other = format!("{:06}", random.between(1..=999_999));
            if !others.is_empty() && random.permille(800) {
                other.clone_from(&random.choose(others).0);
            }
            self.set(11, other);
        } else if random.permille(faults.key_missing) {
            let missing = random.pick(&plan.match_fields);
            self.fields.retain(|(field, _)| *field != missing);
        } else if random.permille(faults.wrong_mti) {
            let wrong = ["0110", "0210", "0230", "0410", "0430", "0200", "0510"];
            self.mti = random.pick(&wrong).parse().expect("digits");
        } else if random.permille(faults.wrong_amount) && self.approves {
            let amount = self.asked + random.between(1..=100);
            self.set(4, format!("{amount:012}"));
        } else if random.permille(faults.wrong_currency) && self.approves {
            self.set(49, "840".into());
        } else if random.permille(faults.part_unnamed) && self.approves && self.partial {
            self.fields.retain(|(field, _)| *field != 4);
        } else if random.permille(faults.no_response_code) {
            self.fields.retain(|(field, _)| *field != 39);
        }
        (self.mti, &self.fields) != (before.0, &before.1)
    }

    /// Leaves out what the request said already: the terminal hears it all the same.
    pub(super) fn omit(&mut self, plan: &LinkPlan, random: &mut Random) {
        for field in [4, 37, 49] {
            let needed = plan.match_fields.contains(&field) || (field == 4 && self.partial);
            if !needed && random.permille(500) {
                self.fields.retain(|(number, _)| *number != field);
            }
        }
    }

    fn set(&mut self, field: u8, value: String) {
        if let Some((_, place)) = self.fields.iter_mut().find(|(number, _)| *number == field) {
            *place = value;
        }
    }
}

pub(crate) fn build(dialect: &Dialect, mti: &str, fields: &[(u8, &str)]) -> Bytes {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, mti.parse().expect("digits"));
    for (field, value) in fields {
        builder
            .text(*field, value)
            .expect("the model knows its dialects");
    }
    builder.finish().expect("the model knows its dialects");
    out.freeze()
}

pub(super) fn build_owned(dialect: &Dialect, mti: Mti, fields: &[(u8, String)]) -> Bytes {
    let fields: Vec<(u8, &str)> = fields
        .iter()
        .map(|(field, value)| (*field, &**value))
        .collect();
    build(dialect, mti.as_str(), &fields)
}
