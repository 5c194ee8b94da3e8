//! A request that its bank cannot be asked about, approved at the acquirer's own risk.

use bytes::BytesMut;
use pointsman_iso8583::{Builder, EncodeError, Mti, MtiClass, Stan, View};

use super::Link;
use super::journal::{Due, ObligationKind, Record, RecordNumber, Reference};
use super::obligations::stored_fields;
use super::originals::{About, Fate, Original, REMEMBERED};
use super::output::{LinkEvent, LinkOutput};
use crate::planted::PlantedBug;
use crate::reversal::{self, Form};
use crate::stand_in::{ApprovalCode, StoodIn};
use crate::{Answer, CardMessage, Cause, Outcome, Ticket, Trace, Undo};

/// An approval that is on record.
pub(super) struct Given {
    code: ApprovalCode,
    undo: Undo,
    after: RecordNumber,
}

impl<R> Link<R> {
    /// What a request that was never sent may be told, if the operator allows it.
    pub(super) fn stand_in(
        &mut self,
        view: &View<'_>,
        reference: Option<Reference>,
        cause: Cause,
    ) -> Option<Given> {
        // Only where nobody could be asked: a bank that is busy is there, and a request that it cannot be sent is wrong.
        let busy = cause == Cause::LinkBusy && self.planted.has(PlantedBug::StandInThoughBusy);
        if !busy
            && !matches!(
                cause,
                Cause::LinkDown | Cause::LinkSignedOff | Cause::Timeout
            )
        {
            return None;
        }
        let profile = self.profile.stand_in.clone()?;
        let day = self.profile.wall_clock.day(self.now);
        let planted = self.planted;
        let stood_in = profile.decide(view, &self.exposure, day, &mut self.text, planted)?;
        let given = self.approve(view, reference, stood_in)?;
        if !planted.has(PlantedBug::StandInLimitIgnored) {
            self.exposure.add(day, stood_in);
        }
        Some(given)
    }

    pub(super) fn give(&mut self, reply_to: R, ticket: Ticket, given: Given) {
        let answer = Answer {
            ticket,
            outcome: Outcome::StoodIn(given.code),
            undo: Some(given.undo),
        };
        self.outputs.push_back(LinkOutput::Answer {
            reply_to,
            answer,
            after: Some(given.after).filter(|_| !self.planted.has(PlantedBug::StandInNotAwaited)),
        });
    }

    /// The advice goes on record, and with it the promise that the bank will hear of it.
    fn approve(
        &mut self,
        view: &View<'_>,
        reference: Option<Reference>,
        stood_in: StoodIn,
    ) -> Option<Given> {
        if !self.recording || self.has_room().is_err() {
            return None;
        }
        let transaction = self.transactions.take()?;
        let stan = self.stans.take()?;
        let code = ApprovalCode::of(transaction);
        let written = advice(view, stan, code).and_then(|message| {
            let dialect = view.dialect();
            let sent = dialect.view(&message).ok();
            let reversal = sent
                .map(|sent| reversal::of_request(&sent, stan, sent.pan().as_ref(), &mut self.text));
            Ok((message.clone(), reversal.transpose()?))
        });
        let Ok((message, Some(reversal))) = written else {
            self.stans.release(stan);
            return None;
        };
        let mti = advice_mti(view.mti());
        let kind = if mti.class() == MtiClass::Financial {
            ObligationKind::Completion
        } else {
            ObligationKind::Advice
        };
        let trace = Trace::with(view, &mut self.text).sent_as(Some(stan));
        let due = Due {
            transaction,
            kind,
            cause: None,
            stood_in: Some(stood_in),
            trace,
            reference,
            stan: Some(stan),
            message: CardMessage::new(message.freeze()),
        };
        let after = if self.planted.has(PlantedBug::StandInAdviceForgotten) {
            self.record(Record::Due(due))
        } else {
            self.owe(due)
        };
        if let Some(reference) = reference {
            self.originals.remember(Original {
                reference,
                transaction,
                stan: Some(stan),
                mti,
                fate: Fate::StoodIn { again: false },
                until: self.now + REMEMBERED,
                about: About::of(view, &mut self.text),
            });
        }
        self.event(LinkEvent::StoodIn {
            transaction,
            amount: stood_in.amount,
            trace,
        });
        let undo = Undo {
            transaction,
            reference,
            stan,
            trace,
            reversal: CardMessage::new(reversal.freeze()),
            copies: 1,
        };
        Some(Given { code, undo, after })
    }
}

/// 0200 becomes 0220, 0100 becomes 0120.
fn advice_mti(request: Mti) -> Mti {
    let [version, class, ..] = request.digits();
    Mti::parse_digits(&[version, class, b'2', b'0']).unwrap_or(request)
}

/// The request as an advice: what it said without tracks and PIN, the approval that was given, and in later editions why
/// (ISO 8583:1993, field 25, 1007: stand-in processing because the issuer could not be reached).
fn advice(request: &View<'_>, stan: Stan, code: ApprovalCode) -> Result<BytesMut, EncodeError> {
    let dialect = request.dialect();
    let mti = advice_mti(request.mti());
    let pan = request.pan().filter(|_| dialect.field(2).is_some());
    let mut fields = stored_fields(request, pan.is_some()).with(11);
    for own in [38, 39] {
        if dialect.field(own).is_some() {
            fields.insert(own);
        }
    }
    let says_why = Form::of(dialect, mti) == Form::Field56 && dialect.field(25).is_some();
    if says_why {
        fields.insert(25);
    }
    let mut out = BytesMut::with_capacity(request.bytes().len() + 32);
    let mut builder = Builder::with_header(dialect, &mut out, request.header(), mti)?;
    for field in fields.iter() {
        match (field, &pan) {
            (2, Some(pan)) => builder.text(2, pan.expose())?,
            (11, _) => builder.number(11, u64::from(stan.get()))?,
            (25, _) if says_why => builder.text(25, "1007")?,
            (38, _) => builder.text(38, code.as_str())?,
            (39, _) if says_why => builder.text(39, "000")?,
            (39, _) => builder.text(39, "00")?,
            _ => builder.copy(request, field)?,
        };
    }
    builder.finish()?;
    Ok(out)
}
