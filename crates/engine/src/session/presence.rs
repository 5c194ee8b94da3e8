//! Messages that can be read and still break the rules of their dialect: a field is missing, or must not be there.

use pointsman_iso8583::{Mti, MtiClass, View, Violation};

use super::output::SessionEvent;
use crate::{LinkId, Trace};

/// What is done about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PresencePolicy {
    /// Nothing: not even looked for.
    #[default]
    Ignore,
    /// They are counted, and go on.
    Count,
    /// Requests are counted and declined. Answers and reversals are only counted: the money may have moved.
    Refuse,
}

impl PresencePolicy {
    /// All of them.
    pub const ALL: [PresencePolicy; 3] = [
        PresencePolicy::Ignore,
        PresencePolicy::Count,
        PresencePolicy::Refuse,
    ];

    /// Its name in a configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            PresencePolicy::Ignore => "ignore",
            PresencePolicy::Count => "count",
            PresencePolicy::Refuse => "refuse",
        }
    }

    /// The first rule that a message breaks, if anybody wants to know.
    pub(super) fn broken_by<'a>(self, view: &View<'a>) -> Option<Violation<'a>> {
        match self {
            PresencePolicy::Ignore => None,
            PresencePolicy::Count | PresencePolicy::Refuse => view.check_presence().next(),
        }
    }

    /// Is such a request declined? A reversal that lacks something may still undo what it is about.
    pub(super) fn refuses(self, request: Mti) -> bool {
        self == PresencePolicy::Refuse && request.class() != MtiClass::Reversal
    }
}

/// What to say about a message.
pub(super) fn incomplete(
    link: Option<LinkId>,
    view: &View<'_>,
    broken: Violation<'_>,
    refused: bool,
) -> SessionEvent {
    SessionEvent::Incomplete {
        link,
        mti: view.mti(),
        field: broken.field,
        problem: broken.kind,
        refused,
        trace: Trace::of(view),
    }
}
