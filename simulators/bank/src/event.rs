//! What a bank tells whoever wants to watch.

use std::net::SocketAddr;
use std::sync::Arc;

use pointsman_framing::FrameError;
use pointsman_iso8583::{Explained, Mti, ResponseCode};

/// Called on the thread of the connection: it should be quick.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Who is told what happens.
#[derive(Clone, Default)]
pub struct Watch {
    /// Nobody, unless set.
    pub observer: Option<Observer>,
    /// Whether each request is told as well, which costs about as much as answering it.
    pub requests: bool,
}

impl Watch {
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let watched = self.observer.is_some();
        f.debug_struct("Watch")
            .field("watched", &watched)
            .field("requests", &self.requests)
            .finish()
    }
}

/// Something that happened. Card numbers are masked.
#[derive(Debug)]
pub enum Event<'a> {
    /// Somebody connected.
    Connected {
        /// Who.
        peer: SocketAddr,
    },
    /// A connection ended.
    Disconnected {
        /// Whose.
        peer: SocketAddr,
        /// What broke it, if it did not simply end.
        error: Option<&'a FrameError>,
    },
    /// A request was dealt with.
    Request {
        /// From whom.
        peer: SocketAddr,
        /// Its type.
        mti: Mti,
        /// Field 11.
        stan: Option<u32>,
        /// Field 41.
        terminal: Option<&'a str>,
        /// First six and last four digits.
        pan: Option<&'a str>,
        /// Field 4, minor units.
        amount: Option<u64>,
        /// Field 39 of the answer, if one was made.
        response_code: Option<ResponseCode>,
        /// What was special about it.
        note: &'static str,
    },
    /// A message that is no request.
    Unexpected {
        /// From whom.
        peer: SocketAddr,
        /// Its type.
        mti: Mti,
    },
    /// A message that cannot be read.
    Undecodable {
        /// From whom.
        peer: SocketAddr,
        /// Where and why.
        error: &'a Explained,
    },
}
