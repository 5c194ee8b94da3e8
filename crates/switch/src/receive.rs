//! Reading from a socket with one system call where two are common.
//!
//! Waiting for readiness and then reading until nothing is left costs a second,
//! empty read for every message. The runtime's own `poll_read` knows that a read
//! that does not fill its buffer has emptied the socket, and forgets the
//! readiness by itself.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// A purchase with EMV data takes 300 to 600 bytes; a concentrator and a bank
/// send many together.
const READ_BYTES: usize = 64 * 1_024;

thread_local! {
    /// Where a core's sockets are read into. Only what came is then copied to
    /// its connection, so that thousands of connections do not each pull a
    /// buffer of their own through the cache.
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Waits for bytes and appends them. 0 is the end of the stream. Can be
/// cancelled without losing any.
pub(crate) async fn receive(stream: &mut TcpStream, inbound: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|context| {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            inbound.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}
