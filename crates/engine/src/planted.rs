//! Bugs planted on purpose, to prove that the simulation would find them.
//!
//! Without the cargo feature `planted-bugs` none of this exists in the build: [`Planted`] is empty and its question is
//! the constant `false`. With the feature a bug still does nothing unless a machine was made by `with_planted_bug`,
//! which only `tests/sim` calls: building the whole workspace at once, which switches the feature on for every crate,
//! does not change what `Link::new` and `Session::new` give.

/// A bug that a machine can be given. `tests/sim` says for each how it was caught.
///
/// Two kinds have no place here because the types rule them out: a link cannot answer a request twice, since the return
/// address leaves its slot with the first answer, and a session cannot mistake an old ticket for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "planted-bugs"),
    expect(unreachable_pub, reason = "public only for tests/sim")
)]
pub enum PlantedBug {
    /// Answers are matched by trace number alone.
    TerminalNotMatched,
    /// An answer that was given up on is taken for the terminal's next request.
    StanNotMatched,
    /// A trace number is free again at once.
    StanNotCooled,
    /// A trace number is never free again.
    StanLeaked,
    /// The deadline of an answered request strikes the next one in its slot.
    TimerNotRemoved,
    /// An answer of any message type will do.
    MtiNotChecked,
    /// An approval of another amount is handed out.
    AmountNotChecked,
    /// An approval in another currency is handed out.
    CurrencyNotChecked,
    /// A broken connection leaves its requests without an answer.
    DisconnectForgets,
    /// Draining throws the open requests away.
    DrainDropsInFlight,
    /// Draining hangs up without a sign-off.
    DrainSkipsSignOff,
    /// Giving up on a request does not make a reversal due.
    ReversalForgotten,
    /// A financial request leaves before its record is durable.
    IntentNotAwaited,
    /// An approval is handed out before its record is durable.
    OutcomeNotAwaited,
    /// Requests are sent while the sign-on is still unanswered.
    SignOnNotAwaited,
    /// Requests are sent to a host that has signed us off.
    HostSignOffIgnored,
    /// The connection is not tried again after a few failures.
    ReconnectGivesUp,
    /// The connection is tried again at once.
    BackoffForgotten,
    /// One request more may be in flight for each one that timed out.
    InFlightUnbounded,
    /// An unanswered echo is not noticed.
    EchoUnwatched,
    /// The terminal's trace number is not put back.
    RestoreForgetsStan,
    /// An answer without an amount goes to the terminal without one.
    RestoreForgetsAmount,
    /// A request that was refused on its way to the link keeps its slot.
    RefusedNotClosed,
    /// Messages are as long as they are.
    LengthNotChecked,
    /// An advice that could not be delivered is declined.
    AdviceDeclined,
    /// A session forgets its open requests when the terminal goes, and with them what the bank approved.
    UndeliveredForgotten,
    /// A request that was asked before is sent again.
    RepeatForwarded,
    /// After a crash nothing is in doubt.
    RestartForgetsInDoubt,
    /// After a crash no reversal is due.
    ReversalsLostOnRestart,
    /// After a crash nothing waits for a person.
    DeadLettersLostOnRestart,
    /// After a crash nobody knows what was given up on before it.
    LateForgottenOnRestart,
    /// A terminal is told of a decline before its reversal is durable.
    ReversalNotAwaited,
    /// A terminal is told that its advice will arrive before that is durable.
    PromiseNotAwaited,
    /// A reversal leaves before its number is durable.
    AttemptNotAwaited,
    /// An obligation is sent again under another number.
    RepeatUnderNewStan,
    /// An obligation is sent again as if it were the first time.
    RepeatUnmarked,
    /// An approval that comes after its reversal was acknowledged is let be.
    LateApprovalIgnored,
    /// An approval that comes after a decline is let be.
    ApprovalAfterDeclineIgnored,
    /// What the bank says to a reversal before it has the original counts as well.
    EarlyAcknowledgementCounts,
    /// An approval that could not be told is let be.
    UndoIgnored,
    /// What is undone already is undone again.
    UndoneTwice,
    /// An approval is undone although the terminal has asked again and been given it.
    ToldAgainUndone,
    /// A terminal's reversal names its original by the terminal's number.
    TerminalStanSentUpstream,
    /// That the bank has nothing to undo is no end.
    UnableToLocateNotFinal,
    /// A reversal overtakes the advice that it reverses.
    OrderBroken,
    /// Everything that is due is sent at once.
    WindowIgnored,
    /// What was due for too long is forgotten.
    ExpiredDropped,
    /// A repeat of what was refused is sent.
    RefusalForgotten,
    /// A repeat is declined where nobody knows what became of the first.
    RepeatDeclinedUnseen,
    /// The bank is not told of what was approved without it.
    StandInAdviceForgotten,
    /// After a crash the bank is not told of it.
    StandInLostOnRestart,
    /// A repeat of what was approved without the bank is a new request.
    StandInApprovedTwice,
    /// An approval without the bank is told before its advice is durable.
    StandInNotAwaited,
    /// What was approved without the bank cannot be taken back.
    StandInReversalForgotten,
    /// An advice that waits for a person does so also after the terminal has reversed what it is about.
    StandInDeadAdviceKept,
    /// An approval without the bank is undone although the terminal has asked again and been given it.
    StandInToldAgainUndone,
    /// What a card was given today is not counted.
    StandInLimitIgnored,
    /// After a crash no card was given anything.
    StandInLimitLostOnRestart,
    /// Cards that are known to be stolen are like others.
    StandInStolenCardApproved,
    /// A purchase with a PIN is approved without the bank.
    StandInPinIgnored,
    /// A link that is busy approves what it could ask its bank about a moment later.
    StandInThoughBusy,
}

#[cfg(feature = "planted-bugs")]
impl PlantedBug {
    /// All of them.
    pub const ALL: [PlantedBug; 61] = [
        PlantedBug::TerminalNotMatched,
        PlantedBug::StanNotMatched,
        PlantedBug::StanNotCooled,
        PlantedBug::StanLeaked,
        PlantedBug::TimerNotRemoved,
        PlantedBug::MtiNotChecked,
        PlantedBug::AmountNotChecked,
        PlantedBug::CurrencyNotChecked,
        PlantedBug::DisconnectForgets,
        PlantedBug::DrainDropsInFlight,
        PlantedBug::DrainSkipsSignOff,
        PlantedBug::ReversalForgotten,
        PlantedBug::IntentNotAwaited,
        PlantedBug::OutcomeNotAwaited,
        PlantedBug::SignOnNotAwaited,
        PlantedBug::HostSignOffIgnored,
        PlantedBug::ReconnectGivesUp,
        PlantedBug::BackoffForgotten,
        PlantedBug::InFlightUnbounded,
        PlantedBug::EchoUnwatched,
        PlantedBug::RestoreForgetsStan,
        PlantedBug::RestoreForgetsAmount,
        PlantedBug::RefusedNotClosed,
        PlantedBug::LengthNotChecked,
        PlantedBug::AdviceDeclined,
        PlantedBug::UndeliveredForgotten,
        PlantedBug::RepeatForwarded,
        PlantedBug::RestartForgetsInDoubt,
        PlantedBug::ReversalsLostOnRestart,
        PlantedBug::DeadLettersLostOnRestart,
        PlantedBug::LateForgottenOnRestart,
        PlantedBug::ReversalNotAwaited,
        PlantedBug::PromiseNotAwaited,
        PlantedBug::AttemptNotAwaited,
        PlantedBug::RepeatUnderNewStan,
        PlantedBug::RepeatUnmarked,
        PlantedBug::LateApprovalIgnored,
        PlantedBug::ApprovalAfterDeclineIgnored,
        PlantedBug::EarlyAcknowledgementCounts,
        PlantedBug::UndoIgnored,
        PlantedBug::UndoneTwice,
        PlantedBug::ToldAgainUndone,
        PlantedBug::TerminalStanSentUpstream,
        PlantedBug::UnableToLocateNotFinal,
        PlantedBug::OrderBroken,
        PlantedBug::WindowIgnored,
        PlantedBug::ExpiredDropped,
        PlantedBug::RefusalForgotten,
        PlantedBug::RepeatDeclinedUnseen,
        PlantedBug::StandInAdviceForgotten,
        PlantedBug::StandInLostOnRestart,
        PlantedBug::StandInApprovedTwice,
        PlantedBug::StandInNotAwaited,
        PlantedBug::StandInReversalForgotten,
        PlantedBug::StandInDeadAdviceKept,
        PlantedBug::StandInToldAgainUndone,
        PlantedBug::StandInLimitIgnored,
        PlantedBug::StandInLimitLostOnRestart,
        PlantedBug::StandInStolenCardApproved,
        PlantedBug::StandInPinIgnored,
        PlantedBug::StandInThoughBusy,
    ];
}

/// The bug that a machine was given: none in any machine made by `new`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<PlantedBug>,
}

impl Planted {
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn some(bug: PlantedBug) -> Planted {
        Planted { bug: Some(bug) }
    }

    #[cfg(feature = "planted-bugs")]
    #[inline]
    pub(crate) fn has(self, bug: PlantedBug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(feature = "planted-bugs"))]
    #[inline(always)]
    #[expect(
        clippy::unused_self,
        reason = "the same call with and without the feature"
    )]
    pub(crate) const fn has(self, _: PlantedBug) -> bool {
        false
    }
}
