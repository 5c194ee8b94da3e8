//! Framing: however a stream is cut into reads, the same frames come out, then the same error; and what comes out goes in
//! again byte for byte.

use bytes::BytesMut;
use pointsman_framing::{FrameCodec, Framing, KeepAlive, Kind, Received};
use tokio_util::codec::Decoder;

pub(crate) fn run(data: &[u8]) {
    let Some(([choice, pieces], stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let framing = framing(*choice);
    let whole = receive(framing, stream, &[stream.len().max(1)]);
    // The lengths of the reads repeat a pattern that the second byte makes.
    let pattern = [usize::from(pieces >> 4) + 1, usize::from(pieces & 15) + 1];
    assert_eq!(receive(framing, stream, &pattern), whole);
    assert_eq!(receive(framing, stream, &[1]), whole);

    let codec = FrameCodec::new(framing);
    for received in &whole.received {
        let Received::Frame(frame) = received else {
            continue;
        };
        let mut out = BytesMut::new();
        codec.write(frame.tpdu, &frame.body, &mut out).unwrap();
        let again = receive(framing, &out, &[out.len()]);
        assert_eq!(
            (again.received, again.error),
            (vec![received.clone()], None)
        );
        // A prefix of another make may say the same length; the frame itself is the same bytes.
        let body = &out[framing.kind.prefix_bytes()..];
        assert!(
            stream
                .windows(body.len().max(1))
                .any(|window| window == body)
        );
    }
}

fn framing(choice: u8) -> Framing {
    let choice = usize::from(choice);
    Framing::new(Kind::ALL[choice % 5])
        .with_keep_alive(KeepAlive::ALL[choice / 5 % 3])
        .with_tpdu(choice / 15 % 2 == 1)
        // A small limit is met, a large one is not.
        .with_frame_bytes_max(if choice / 30 % 2 == 1 { 64 } else { 8_192 })
}

#[derive(Debug, PartialEq)]
struct Outcome {
    received: Vec<Received>,
    error: Option<String>,
}

/// Everything that a stream gives, read in pieces whose lengths repeat `pattern`.
fn receive(framing: Framing, mut stream: &[u8], pattern: &[usize]) -> Outcome {
    let mut codec = FrameCodec::new(framing);
    let mut buffer = BytesMut::new();
    let mut received = Vec::new();
    let mut lengths = pattern.iter().cycle();
    loop {
        let length = lengths.next().map_or(1, |length| *length).min(stream.len());
        let (piece, rest) = stream.split_at(length);
        stream = rest;
        buffer.extend_from_slice(piece);
        let at_end = stream.is_empty();
        loop {
            let next = if at_end {
                codec.decode_eof(&mut buffer)
            } else {
                codec.decode(&mut buffer)
            };
            match next {
                Ok(Some(one)) => received.push(one),
                Ok(None) => break,
                Err(error) => {
                    let error = Some(error.to_string());
                    return Outcome { received, error };
                }
            }
        }
        if at_end {
            let error = None;
            return Outcome { received, error };
        }
    }
}
