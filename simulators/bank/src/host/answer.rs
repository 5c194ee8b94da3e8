//! Writing an answer.

use bytes::BytesMut;
use pointsman_framing::{FrameError, Tpdu};
use pointsman_iso8583::{Builder, EncodeError, Mti, View};

use super::{Host, Verdict};
use crate::rule::Plan;

/// What an answer is made of.
pub(super) struct Answer<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) response: Mti,
    pub(super) verdict: &'a Verdict,
    pub(super) plan: &'a Plan,
}

impl Answer<'_> {
    /// Appends it to `out` in a frame: what is repeated of the request, fields 37, 38 and 39, and what the rule wants
    /// different. After an error `out` holds a part of it.
    pub(super) fn write(
        &self,
        host: &Host,
        tpdu: Option<Tpdu>,
        out: &mut BytesMut,
    ) -> Result<(), Unwritable> {
        let Answer {
            view,
            response,
            verdict,
            plan,
        } = *self;
        let mut fields = view.fields().intersection(host.echo).with(39);
        if verdict.retrieval_reference.is_some() {
            fields.insert(37);
        }
        if verdict.approval_code.is_some() {
            fields.insert(38);
        }
        fields = plan
            .set
            .iter()
            .fold(fields, |fields, (number, _)| fields.with(*number));
        fields = plan
            .omit
            .iter()
            .fold(fields, |fields, number| fields.without(*number));

        let frame = host.codec.open(tpdu.map(Tpdu::swapped), out);
        let header = host.dialect.reply_header(view.header());
        let mut builder = Builder::with_header(&host.dialect, out, &header, response)?;
        for number in fields.intersection(host.dialect.defined()).iter() {
            if !plan.set.is_empty()
                && let Some((_, value)) = plan.set.iter().find(|(field, _)| *field == number)
            {
                builder.text(number, value)?;
                continue;
            }
            match (number, &verdict.retrieval_reference, &verdict.approval_code) {
                (37, Some(reference), _) if !view.has(37) => {
                    builder.text(37, reference.as_str())?
                }
                (38, _, Some(code)) => builder.text(38, code.as_str())?,
                (39, _, _) => builder.text(39, verdict.code.as_str())?,
                _ => builder.copy(view, number)?,
            };
        }
        builder.finish()?;
        host.codec.close(frame, out)?;
        Ok(())
    }
}

/// The answer does not fit the dialect or the frame.
pub(super) struct Unwritable;

impl From<EncodeError> for Unwritable {
    fn from(_: EncodeError) -> Self {
        Unwritable
    }
}

impl From<FrameError> for Unwritable {
    fn from(_: FrameError) -> Self {
        Unwritable
    }
}
