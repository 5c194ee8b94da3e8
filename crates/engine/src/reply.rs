//! The switch's own answers: to network management, and in the place of a bank's.

use crate::stand_in::ApprovalCode;
use bytes::BytesMut;
use pointsman_iso8583::{
    Builder, Dialect, EncodeError, EncodeErrorKind, FieldSet, Mti, Reason, View,
};

/// What the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approved,
    Declined(Reason),
}

/// A request as far as it could be read: of a broken one there may be no more than the message type.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'v, 'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) header: &'v [u8],
    pub(crate) mti: Mti,
    pub(crate) fields: Option<&'v View<'a>>,
}

impl Verdict {
    pub(crate) fn response_code(self, dialect: &Dialect) -> &str {
        match self {
            Verdict::Approved => "00",
            Verdict::Declined(reason) => dialect.response_code(reason),
        }
    }
}

impl<'v, 'a> Asked<'v, 'a> {
    pub(crate) fn whole(view: &'v View<'a>) -> Asked<'v, 'a> {
        Asked {
            dialect: view.dialect(),
            header: view.header(),
            mti: view.mti(),
            fields: Some(view),
        }
    }

    /// Answers in the request's own dialect: the fields that the dialect echoes, and 70 by which network management is
    /// told apart, as far as the request has them; and field 39.
    pub(crate) fn answer(&self, verdict: Verdict) -> Result<BytesMut, EncodeError> {
        self.write(verdict, None)
    }

    /// The same for an approval, with the switch's own code in field 38 if there is one and the dialect has it.
    pub(crate) fn approval(&self, code: Option<ApprovalCode>) -> Result<BytesMut, EncodeError> {
        self.write(Verdict::Approved, code)
    }

    fn write(&self, verdict: Verdict, code: Option<ApprovalCode>) -> Result<BytesMut, EncodeError> {
        let not_a_request = EncodeError {
            field: 0,
            offset: 0,
            kind: EncodeErrorKind::NotInView,
        };
        let mti = self.mti.response().ok_or(not_a_request)?;
        let echoed = self.fields.map_or(FieldSet::EMPTY, |view| {
            view.fields()
                .intersection(self.dialect.echo().with(70).without(39))
        });
        let mut message = BytesMut::new();
        let header = self.dialect.reply_header(self.header);
        let mut builder = Builder::with_header(self.dialect, &mut message, &header, mti)?;
        let code = code.filter(|_| self.dialect.field(38).is_some());
        let own = match code {
            Some(_) => echoed.with(38).with(39),
            None => echoed.with(39),
        };
        for field in own.iter() {
            if field == 39 {
                builder.text(39, verdict.response_code(self.dialect))?;
            } else if let (38, Some(code)) = (field, code) {
                builder.text(38, code.as_str())?;
            } else if let Some(view) = self.fields {
                builder.copy(view, field)?;
            }
        }
        builder.finish()?;
        Ok(message)
    }
}
