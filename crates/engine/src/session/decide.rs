//! What to do with a terminal's message: which link it goes to, or what the switch says itself.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{
    DecodeError, Dialect, Edit, Mti, Pan, Reason, ResponseCode, StanSlot, View,
};

use super::classify::{self, Class};
use super::output::{CloseCause, SessionEvent};
use super::presence::incomplete;
use super::{PresencePolicy, Session};
use crate::planted::PlantedBug;
use crate::reply::{Asked, Verdict};
use crate::{Cause, LinkId, Nature, Trace};

/// What is done with a message that came in.
pub(super) enum Decision {
    Forward(Routed),
    /// An answer of our own, and what to say about it.
    Answer {
        message: BytesMut,
        events: [Option<SessionEvent>; 2],
    },
    /// Nothing is said.
    Unanswered([Option<SessionEvent>; 2]),
    Close(CloseCause, SessionEvent),
}

/// A request written for its link.
pub(super) struct Routed {
    pub(super) link: LinkId,
    pub(super) mti: Mti,
    pub(super) message: BytesMut,
    pub(super) stan: Option<StanSlot>,
    pub(super) nature: Nature,
}

/// Why a request goes to no link.
#[derive(Clone, Copy)]
struct NotRouted {
    link: Option<LinkId>,
    cause: Cause,
    /// What to say about it beside that it was declined.
    event: Option<SessionEvent>,
}

/// What to say about a message whatever is done with it: that it breaks the listener's rules, and the link's.
type Notes = [Option<SessionEvent>; 2];

impl Session {
    /// What to do with a message, and what to say about it first; changes nothing.
    pub(super) fn decide(&self, frame: &Bytes) -> (Notes, Decision) {
        let view = match self.profile.dialect.view(frame) {
            Ok(view) => view,
            Err(error) => return ([None; 2], self.unreadable(frame, error)),
        };
        let class = classify::classify(&view);
        if class == Class::Unanswerable {
            return ([None; 2], unanswerable(view.mti()));
        }
        let policy = self.profile.presence;
        let refuses = policy.refuses(view.mti());
        let note = policy
            .broken_by(&view)
            .map(|broken| incomplete(None, &view, broken, refuses));
        if note.is_some() && refuses {
            let refusal = declined(&Asked::whole(&view), None, Cause::FormatError, None);
            return ([note, None], refusal);
        }
        let (link_note, decision) = self.decide_class(&view, class);
        ([note, link_note], decision)
    }

    /// What to do with a message of this class, and what there is to say about how it is written for its link.
    fn decide_class(&self, view: &View<'_>, class: Class) -> (Option<SessionEvent>, Decision) {
        let mti = view.mti();
        if class == Class::Routed(Nature::Financial)
            && let Some(cause) = self.refused_before(view)
        {
            return (None, refused(&Asked::whole(view), None, cause, None));
        }
        let cause = match class {
            Class::Unanswerable => return (None, unanswerable(mti)),
            Class::Local { accepted } => {
                let verdict = if accepted {
                    Verdict::Approved
                } else {
                    Verdict::Declined(Reason::NotSupported)
                };
                let event = SessionEvent::NetworkManagement { mti, accepted };
                let decision = answer(&Asked::whole(view), verdict, [Some(event), None]);
                return (None, decision);
            }
            Class::Unsupported => Cause::UnsupportedMti,
            Class::Routed(_) if self.draining => Cause::Draining,
            Class::Routed(_) if self.open.len() >= self.profile.in_flight_max => Cause::SessionBusy,
            Class::Routed(nature) => match self.route(view, nature) {
                Ok((routed, note)) => return (note, Decision::Forward(routed)),
                Err(NotRouted { link, cause, event }) => {
                    return (None, declined(&Asked::whole(view), link, cause, event));
                }
            },
        };
        (None, declined(&Asked::whole(view), None, cause, None))
    }

    /// Finds the link and writes the request in its dialect.
    fn route(
        &self,
        view: &View<'_>,
        nature: Nature,
    ) -> Result<(Routed, Option<SessionEvent>), NotRouted> {
        let pan: Option<Pan> = view.pan();
        let routes = &self.profile.routes;
        let link = match &pan {
            Some(pan) => routes.route(pan.expose()),
            None => routes.default_route(),
        };
        let nowhere = NotRouted {
            link: None,
            cause: Cause::NoRoute,
            event: None,
        };
        let link = link.ok_or(nowhere)?;
        let leg = self.profile.links.get(link.index()).ok_or(nowhere)?;

        // The link writes its number over the terminal's; a terminal that sends none gets it a place for it.
        let edits: &[Edit<'_>] = if view.has(11) {
            &[]
        } else {
            &[Edit::Set(11, "000000")]
        };
        let not_carried = |field| NotRouted {
            link: Some(link),
            cause: Cause::NotCarried,
            event: Some(SessionEvent::NotCarried { link, field }),
        };
        let header = leg.dialect.default_header();
        let mut message = BytesMut::new();
        let written = leg
            .to_link
            .write(view, view.mti(), header, edits, &mut message)
            .map_err(|error| not_carried(Some(error.field())))?;
        // Sent it would be in doubt for nothing: the driver could not write it.
        if message.len() > leg.message_bytes_max && !self.planted.has(PlantedBug::LengthNotChecked)
        {
            return Err(not_carried(None));
        }
        let mut note = None;
        if leg.presence != PresencePolicy::Ignore
            && let Ok(written) = leg.dialect.view(&message)
            && let Some(broken) = leg.presence.broken_by(&written)
        {
            let refuses = leg.presence.refuses(view.mti());
            let event = incomplete(Some(link), view, broken, refuses);
            if refuses {
                return Err(NotRouted {
                    link: Some(link),
                    cause: Cause::FormatError,
                    event: Some(event),
                });
            }
            note = Some(event);
        }
        let routed = Routed {
            link,
            mti: view.mti(),
            message,
            stan: written.stan,
            nature,
        };
        Ok((routed, note))
    }

    /// A message that does not decode. With a readable request type it is answered with what else could be read.
    fn unreadable(&self, frame: &Bytes, error: DecodeError) -> Decision {
        let (partial, _) = self.profile.dialect.partial(frame);
        if let (Some(header), Some(mti)) = (partial.header(), partial.mti())
            && classify::is_request_like(mti)
        {
            let dialect = &self.profile.dialect;
            let asked = Asked {
                dialect,
                header,
                mti,
                fields: partial.view(),
            };
            let event = SessionEvent::Unreadable {
                error,
                answered: true,
            };
            return declined(&asked, None, Cause::FormatError, Some(event));
        }
        let event = SessionEvent::Unreadable {
            error,
            answered: false,
        };
        Decision::Close(CloseCause::Unreadable, event)
    }
}

/// Is it better to say nothing? To an advice, that it may come again (ISO 8583-1:1987, 4.1: it cannot be declined). And
/// to a repeat that never came to where the first is known: a no would be taken for the answer to that, which the bank
/// may have approved.
pub(super) fn is_left_unanswered(mti: Mti, cause: Cause) -> bool {
    if mti.is_advice() {
        return !cause.is_final();
    }
    let ignorant = matches!(
        cause,
        Cause::SessionBusy | Cause::ShellQueueFull | Cause::Draining | Cause::KeyBusy
    );
    mti.is_repeat() && ignorant
}

/// An answer of our own that refuses; or none, if it is an advice that may yet be taken.
fn declined(
    asked: &Asked<'_, '_>,
    link: Option<LinkId>,
    cause: Cause,
    event: Option<SessionEvent>,
) -> Decision {
    let (mti, trace) = (asked.mti, asked.fields.map(Trace::of).unwrap_or_default());
    if is_left_unanswered(mti, cause) {
        let unanswered = SessionEvent::Unanswered {
            link,
            mti,
            cause,
            trace,
        };
        return Decision::Unanswered([event, Some(unanswered)]);
    }
    refused(asked, link, cause, event)
}

fn refused(
    asked: &Asked<'_, '_>,
    link: Option<LinkId>,
    cause: Cause,
    event: Option<SessionEvent>,
) -> Decision {
    let (mti, trace) = (asked.mti, asked.fields.map(Trace::of).unwrap_or_default());
    let verdict = Verdict::Declined(cause.reason());
    let answered = SessionEvent::Answered {
        link,
        mti,
        cause: Some(cause),
        response_code: response_code(verdict, asked.dialect),
        latency: Duration::ZERO,
        trace: Some(trace),
    };
    answer(asked, verdict, [event, Some(answered)])
}

/// An answer of our own. What the dialect cannot answer ends the connection.
fn answer(asked: &Asked<'_, '_>, verdict: Verdict, events: [Option<SessionEvent>; 2]) -> Decision {
    match asked.answer(verdict) {
        Ok(message) => Decision::Answer { message, events },
        Err(_) => unanswerable(asked.mti),
    }
}

fn unanswerable(mti: Mti) -> Decision {
    Decision::Close(CloseCause::Unanswerable, SessionEvent::Unanswerable { mti })
}

pub(super) fn response_code(verdict: Verdict, dialect: &Dialect) -> Option<ResponseCode> {
    verdict.response_code(dialect).parse().ok()
}
