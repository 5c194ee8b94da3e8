//! How events read in the log: one sentence each, and what it takes to find the
//! transaction at the bank. Never card data.

use pointsman_engine::{LinkEvent, SessionEvent};

/// What happened on a link.
pub(crate) fn tell_link(link: &str, event: &LinkEvent) {
    match event {
        LinkEvent::StateChanged { from, to } => {
            tracing::info!(link, from = from.label(), to = to.label(), "link state");
        }
        LinkEvent::ConnectFailed { address, retry_in } => {
            tracing::info!(link, address, ?retry_in, "link will try the next address");
        }
        LinkEvent::Disconnected { lost, retry_in } => {
            tracing::warn!(link, lost, ?retry_in, "link disconnected");
        }
        LinkEvent::NetworkManagementRefused {
            code,
            response_code,
        } => {
            let response_code = response_code.map(|code| code.as_str().to_owned());
            tracing::warn!(link, ?code, response_code, "the bank refused it");
        }
        LinkEvent::NetworkManagementUnanswered { code } => {
            tracing::warn!(link, ?code, "the bank did not answer it");
        }
        LinkEvent::NetworkManagementUnwritable { code, error } => {
            tracing::error!(link, ?code, field = error.field, %error, "the link's dialect cannot express it");
        }
        LinkEvent::NetworkManagementReceived {
            mti,
            code,
            accepted,
        } => {
            tracing::info!(link, %mti, ?code, accepted, "network management of the bank");
        }
        LinkEvent::EchoMissed { missed } => {
            tracing::warn!(link, missed, "the bank did not answer an echo");
        }
        LinkEvent::TimedOut { stan, trace } => {
            tracing::warn!(link, link_stan = %stan, %trace, "the bank did not answer in time");
        }
        LinkEvent::Lost { stan, trace } => {
            tracing::warn!(link, link_stan = %stan, %trace, "open when the connection broke: the bank may hold it");
        }
        LinkEvent::Late {
            stan,
            response_code,
            overdue,
            trace,
        } => {
            let response_code = response_code.map(|code| code.as_str().to_owned());
            tracing::warn!(link, link_stan = %stan, response_code, ?overdue, %trace, "late answer, given to nobody");
        }
        LinkEvent::Unmatched {
            mti,
            stan,
            why,
            nearest,
        } => {
            let nearest = nearest.map(|trace| trace.to_string());
            let link_stan = stan.map(|stan| stan.to_string());
            tracing::warn!(link, %mti, link_stan, why = why.label(), nearest, "answer that fits no open request");
        }
        LinkEvent::Undecodable { error, declined } => {
            tracing::warn!(link, field = error.field, offset = error.offset, %error, declined, "message of the bank does not decode");
        }
        LinkEvent::Mismatched { stan, field, trace } => {
            tracing::error!(link, link_stan = %stan, field, %trace, "approval of something else than was asked for");
        }
        LinkEvent::Settled {
            transaction,
            kind,
            how,
            attempts,
            trace,
        } => {
            let (kind, outcome) = (kind.label(), how.label());
            if how.is_dead_letter() {
                tracing::error!(link, %transaction, kind, outcome, attempts, %trace, "the bank was told in vain: a person has to look at this dead letter");
            } else {
                tracing::info!(link, %transaction, kind, outcome, attempts, %trace, "the bank has been told");
            }
        }
        LinkEvent::StoodIn {
            transaction,
            amount,
            trace,
        } => {
            tracing::warn!(link, %transaction, amount, %trace, "approved without the bank, which will be told");
        }
        LinkEvent::ReversedUnseen { trace } => {
            tracing::warn!(link, %trace, "a terminal reversed what has not come; if it comes, it is declined");
        }
        LinkEvent::OriginalsForgotten { early } => {
            tracing::warn!(
                link,
                early,
                "more transactions in a day than are remembered: the oldest can no longer be repeated or reversed"
            );
        }
        LinkEvent::UnsupportedRequest { mti, answered } => {
            tracing::warn!(link, %mti, answered, "request of the bank that is not supported");
        }
    }
}

/// What happened at a listener, where it is worth a line.
pub(crate) fn tell_session(listener: &str, link: &str, event: &SessionEvent) {
    match event {
        SessionEvent::Unanswered {
            mti, cause, trace, ..
        } => {
            tracing::warn!(listener, link, %mti, cause = cause.label(), %trace, "an advice could not be delivered and is not answered, so that it comes again");
        }
        SessionEvent::Incomplete {
            mti,
            field,
            problem,
            refused: true,
            trace,
            ..
        } => {
            tracing::warn!(listener, link, %mti, field, problem = problem.label(), %trace, "a request breaks a rule of the dialect and is refused");
        }
        SessionEvent::Incomplete {
            mti,
            field,
            problem,
            trace,
            ..
        } => {
            tracing::debug!(listener, link, %mti, field, problem = problem.label(), %trace, "a message breaks a rule of the dialect");
        }
        SessionEvent::Unanswerable { mti } => {
            tracing::warn!(listener, %mti, "a terminal sent a message that cannot be answered");
        }
        SessionEvent::NotCarried { field, .. } => {
            tracing::warn!(
                listener,
                link,
                field,
                "a request cannot be carried in the link's dialect"
            );
        }
        SessionEvent::FieldsDropped { fields, .. } => {
            tracing::debug!(
                listener,
                link,
                ?fields,
                "fields of an answer cannot be carried to the terminal"
            );
        }
        SessionEvent::Undelivered {
            response_code,
            approved,
            why,
            trace,
            ..
        } => {
            let response_code = response_code.map(|code| code.as_str().to_owned());
            tracing::warn!(listener, link, response_code, approved, why = why.label(), %trace, "an answer found its terminal gone");
        }
        SessionEvent::StaleAnswer => {
            tracing::error!(
                listener,
                "an answer came for a request that is not open any more"
            );
        }
        // Told with its peer by the connection, or the ordinary course of things.
        SessionEvent::Unreadable { .. }
        | SessionEvent::Accepted { .. }
        | SessionEvent::Answered { .. }
        | SessionEvent::NetworkManagement { .. } => {}
    }
}
