//! Network management: our sign-on, echo and sign-off, and what the host asks of us.
//!
//! ISO 8583-1:1987, 4.3.8: 0800 is answered by 0810; field 70 says what it is about. These messages are matched on their
//! own, by message type and trace number: at most one of ours is out at a time.

use bytes::BytesMut;
use pointsman_iso8583::{
    Builder, EncodeError, EncodeErrorKind, Mti, MtiClass, Reason, ResponseCode, Stan, View,
};

use super::profile::LinkProfile;
use crate::Instant;
use crate::reply::{Asked, Verdict};

/// What a network management message is about: field 70.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetworkManagementCode {
    /// 001
    SignOn,
    /// 002
    SignOff,
    /// 201
    CutOver,
    /// 301
    Echo,
}

impl NetworkManagementCode {
    /// Field 70 as we send it.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            NetworkManagementCode::SignOn => 1,
            NetworkManagementCode::SignOff => 2,
            NetworkManagementCode::CutOver => 201,
            NetworkManagementCode::Echo => 301,
        }
    }

    /// As hosts send it. 061, 062 and 270 are what the Mastercard Debit Switch says for 001, 002 and 301.
    fn parse(number: u64) -> Option<NetworkManagementCode> {
        match number {
            1 | 61 => Some(NetworkManagementCode::SignOn),
            2 | 62 => Some(NetworkManagementCode::SignOff),
            201 => Some(NetworkManagementCode::CutOver),
            270 | 301 => Some(NetworkManagementCode::Echo),
            _ => None,
        }
    }
}

/// A message of ours that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) stan: Stan,
    pub(super) sent: Instant,
    pub(super) deadline: Instant,
}

/// What a network management message of the host is.
pub(super) enum Received {
    /// The answer to one of ours, or to none.
    Response {
        stan: Option<Stan>,
        response_code: Option<ResponseCode>,
    },
    /// A request, and our answer to it; none if the dialect cannot express it.
    Request {
        mti: Mti,
        code: Option<NetworkManagementCode>,
        reply: Option<BytesMut>,
    },
}

const REQUEST: Mti = Mti::literal(b"0800");

impl Exchange {
    /// Is this the answer to it?
    pub(super) fn is_answered_by(&self, mti: Mti, stan: Option<Stan>) -> bool {
        REQUEST.response() == Some(mti) && stan == Some(self.stan)
    }
}

/// Is it network management of the version that we speak?
pub(super) fn is_network_management(mti: Mti) -> bool {
    mti.class() == MtiClass::NetworkManagement
}

/// An 0800 of ours with fields 7, 11 and 70, those of them that the dialect has.
pub(super) fn request(
    profile: &LinkProfile,
    code: NetworkManagementCode,
    stan: Stan,
    now: Instant,
) -> Result<BytesMut, EncodeError> {
    let dialect = &profile.dialect;
    // Without its trace number nobody could say which message an answer is for.
    if dialect.field(11).is_none() {
        return Err(EncodeError {
            field: 11,
            offset: 0,
            kind: EncodeErrorKind::UndefinedField,
        });
    }
    let values = [
        (7, profile.wall_clock.transmission_date_time(now).get()),
        (11, u64::from(stan.get())),
        (70, u64::from(code.number())),
    ];
    let mut message = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut message, REQUEST);
    for (field, value) in values {
        if dialect.field(field).is_some() {
            builder.number(field, value)?;
        }
    }
    builder.finish()?;
    Ok(message)
}

/// Reads a message of this class. What we do not know is answered with "not supported" rather than agreed to: a host
/// that believes we took its new key would be wrong about every message that follows.
pub(super) fn read(view: &View<'_>) -> Received {
    let mti = view.mti();
    let Some(_) = mti.response() else {
        return Received::Response {
            stan: view.stan(),
            response_code: view.response_code(),
        };
    };
    let code = view.number(70).and_then(NetworkManagementCode::parse);
    let verdict = match code {
        Some(_) => Verdict::Approved,
        None => Verdict::Declined(Reason::NotSupported),
    };
    Received::Request {
        mti,
        code,
        reply: Asked::whole(view).answer(verdict).ok(),
    }
}
