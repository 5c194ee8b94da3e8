//! What framing and dialect some bytes are: every one that there is, tried on them.

use std::sync::Arc;

use pointsman_framing::{FrameError, Frames, Framing, HOST_FRAME_BYTES_MAX, Kind, Tpdu};
use pointsman_iso8583::Dialect;
use pointsman_iso8583::detect::{Candidate, Transport, detect};
use serde_json::{Value, json};

/// Frames that are told apart for a guess; the codec looks at fewer.
const FRAMES_MAX: usize = 100;

/// How messages stand in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// One message and nothing else.
    Nothing,
    /// One message behind a TPDU.
    Tpdu,
    /// A stream of frames.
    Frames(Framing),
}

/// One answer, and what speaks for it.
#[derive(Debug)]
pub(crate) struct Guess {
    pub(crate) around: Around,
    pub(crate) candidate: Candidate,
}

/// What these bytes may be, the likeliest first. `named` is asked before the built-in dialects.
pub(crate) fn guess(bytes: &[u8], named: &Arc<Dialect>) -> Vec<Guess> {
    let others = Dialect::builtin_names()
        .iter()
        .chain(Dialect::pack_names())
        .filter_map(|name| Dialect::builtin(name))
        .filter(|other| other.name() != named.name());
    let dialects: Vec<Arc<Dialect>> = std::iter::once(named.clone()).chain(others).collect();

    let mut arounds = vec![Around::Nothing];
    let mut transports = vec![Transport::whole(bytes.len())];
    if bytes.len() > Tpdu::LEN {
        arounds.push(Around::Tpdu);
        transports.push(Transport::after(Tpdu::LEN, bytes.len()).named("a TPDU"));
    }
    for tpdu in [false, true] {
        // To binary-2, a short binary-4 length is a zero-length frame and a length: so binary-4, which has to assume no
        // keep-alives, is asked first.
        for kind in Kind::ALL.into_iter().rev() {
            let framing = Framing::new(kind)
                .with_tpdu(tpdu)
                .with_frame_bytes_max(HOST_FRAME_BYTES_MAX.min(kind.frame_bytes_max()));
            if let Some(transport) = transport(framing, bytes) {
                arounds.push(Around::Frames(framing));
                transports.push(transport);
            }
        }
    }
    detect(bytes, &transports, &dialects)
        .into_iter()
        .filter_map(|candidate| {
            let around = *arounds.get(candidate.transport)?;
            Some(Guess { around, candidate })
        })
        .collect()
}

/// The frames in these bytes, if there is at least the beginning of one.
fn transport(framing: Framing, bytes: &[u8]) -> Option<Transport> {
    let mut frames = Frames::new(framing, bytes);
    let mut messages = Vec::new();
    let mut cut = None;
    while messages.len() < FRAMES_MAX
        && let Some(frame) = frames.next()
    {
        match frame {
            Ok(frame) => messages.push(frame.body),
            Err(FrameError::Truncated { .. }) => {
                let start = frames.next_body();
                cut = (start < bytes.len()).then_some(start..bytes.len());
            }
            Err(_) => {}
        }
    }
    let name = format!(
        "{}{}",
        framing.kind,
        if framing.tpdu { " with TPDU" } else { "" }
    );
    let is_something = !messages.is_empty() || cut.is_some();
    is_something.then(|| Transport {
        name,
        messages,
        read: cut.as_ref().map_or(frames.position(), |cut| cut.start),
        cut,
    })
}

impl Guess {
    /// As an object of the JSON that `decode --guess` prints.
    pub(crate) fn to_json(&self) -> Value {
        let candidate = &self.candidate;
        let (framing, tpdu) = match self.around {
            Around::Nothing => (Value::Null, false),
            Around::Tpdu => (Value::Null, true),
            Around::Frames(framing) => (framing.kind.name().into(), framing.tpdu),
        };
        let mtis: Vec<String> = candidate.mtis.iter().map(ToString::to_string).collect();
        json!({
            "framing": framing,
            "tpdu": tpdu,
            "dialect": candidate.dialect.name(),
            "messages": candidate.messages,
            "decoded": candidate.decoded,
            "bytes": candidate.bytes,
            "fitting": candidate.fitting,
            "fields": candidate.fields,
            "mti": mtis,
            "plausible": candidate.plausible.iter().collect::<Vec<u8>>(),
            "doubtful": candidate.implausible.iter().collect::<Vec<u8>>(),
            "reason": candidate.reason(),
        })
    }
}
