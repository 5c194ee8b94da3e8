//! How the kernel is to treat our connections.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// A peer that vanished without a word is noticed after about a minute: silence,
/// then three questions ten seconds apart.
const KEEPALIVE_SILENCE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// What was sent and never acknowledged ends a connection after this.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// What the kernel holds for a bank that does not read. It is beyond recall: a
/// request in there reaches the bank even after it was declined. 256 KiB still
/// carry 7,000 requests a second over 100 ms.
const LINK_SEND_BUFFER_BYTES: usize = 256 * 1_024;

/// As [`prepare`], and with little beyond recall.
pub(crate) fn prepare_link(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_send_buffer_size(LINK_SEND_BUFFER_BYTES)?;
    prepare(stream)
}

/// Small messages at once, and no connection kept for a peer that is not there.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_SILENCE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(())
}

/// Who is at the other end, for the log; a socket that is gone has no address
/// any more.
pub(crate) fn peer(stream: &TcpStream) -> String {
    stream
        .peer_addr()
        .map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
}
