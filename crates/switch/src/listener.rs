//! Accepts terminals and gives each a seat on a core.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pointsman_engine::Session;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::cores::Cores;
use crate::phase::{Phase, PhaseReceiver};
use crate::sockets;
use crate::terminal::{Surroundings, Terminal};

/// Connections that the kernel holds for us while we are busy.
const ACCEPT_BACKLOG: i32 = 4_096;
/// Pause after the system refused us a descriptor: accepting again at once
/// would only spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Binds with `SO_REUSEADDR`, so that a restart does not wait for TIME_WAIT.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

/// Runs until the phase leaves `Running`; the socket closes with it, so that
/// late comers are refused by the kernel and go elsewhere.
pub(crate) async fn accept(
    listener: TcpListener,
    surroundings: Arc<Surroundings>,
    cores: Arc<Cores>,
    terminals: TaskTracker,
    mut phase: PhaseReceiver,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = phase.reached(Phase::FinishingSessions) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Err(error) = admit(stream, peer, &surroundings, &cores, &terminals, &phase) {
                    surroundings.counters.accept_failed();
                    tracing::debug!(listener = %surroundings.name, %peer, %error, "connection lost before its first byte");
                }
            }
            Err(error) => {
                surroundings.counters.accept_failed();
                tracing::warn!(listener = %surroundings.name, %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    surroundings: &Arc<Surroundings>,
    cores: &Cores,
    terminals: &TaskTracker,
    phase: &PhaseReceiver,
) -> io::Result<()> {
    let Some(open) = surroundings.counters.admit(surroundings.connections_max) else {
        // Dropping the stream closes it. Terminals try again; nothing is lost
        // because nothing was accepted.
        tracing::warn!(listener = %surroundings.name, %peer, limit = surroundings.connections_max, "too many connections, one refused");
        return Ok(());
    };
    sockets::prepare(&stream)?;
    // A socket belongs to the runtime that registered it: hand it over as a
    // plain descriptor, and let the core that will serve it register it again.
    let stream = stream.into_std()?;
    let (core, seat) = cores.seat();
    let surroundings = Arc::clone(surroundings);
    let phase = phase.clone();
    terminals.spawn_on(
        async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => {
                    let session = Session::new(Arc::clone(&surroundings.profile));
                    Terminal::new(stream, session, surroundings, phase)
                        .run()
                        .await;
                }
                Err(error) => {
                    tracing::warn!(%peer, %error, "cannot register a connection with its core");
                }
            }
            drop((seat, open));
        },
        &core,
    );
    Ok(())
}
