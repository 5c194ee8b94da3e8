//! Starts the parts of a switch and stops them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use pointsman_engine::{LinkLeg, LinkProfile, LinkState, ListenerProfile};
use pointsman_framing::FrameCodec;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::cores::Cores;
use crate::counters::{LinkCounters, ListenerCounters};
use crate::link::{self, QUEUE_REQUESTS_MAX};
use crate::listener;
use crate::phase::{self, Phase, PhaseReceiver, PhaseSender};
use crate::settings::{LinkSettings, ListenerSettings, RouteTable, SwitchSettings};
use crate::terminal::{self, LinkSender};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("listener `{name}` cannot bind {address}: {source}")]
    Bind {
        name: Arc<str>,
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot start a worker thread: {0}")]
    Thread(#[from] io::Error),
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every open transaction was answered and every link signed off.
    Clean,
    /// The drain timeout passed first.
    CutOff,
    /// So many answers found their terminal gone, or not reading.
    Undelivered(u64),
}

/// A running switch. Dropping it stops it at once; [`Switch::drain`] is the
/// gentle way.
#[derive(Debug)]
pub struct Switch {
    addresses: Vec<(Arc<str>, SocketAddr)>,
    phase: PhaseSender,
    acceptors: TaskTracker,
    terminals: TaskTracker,
    links: TaskTracker,
    states: Vec<(Arc<str>, watch::Receiver<LinkState>)>,
    listeners: Vec<Arc<terminal::Surroundings>>,
    drain_timeout: std::time::Duration,
    // Last: the runtimes end when everything above has been told to.
    _cores: Arc<Cores>,
}

impl Switch {
    /// Binds every listener, then connects the links. Must be called within a
    /// tokio runtime; that runtime only accepts connections, the work is done
    /// by the switch's own threads.
    pub fn start(settings: SwitchSettings) -> Result<Self, StartError> {
        // All addresses first: a switch that cannot serve must not sign on.
        let mut bound = Vec::with_capacity(settings.listeners.len());
        for listener in &settings.listeners {
            let socket = listener::bind(listener.bind)
                .and_then(TcpListener::from_std)
                .map_err(|source| StartError::Bind {
                    name: Arc::clone(&listener.name),
                    address: listener.bind,
                    source,
                })?;
            bound.push((listener, socket));
        }
        let cores = Arc::new(Cores::start(settings.threads.get())?);
        let clock = Clock::start();
        let (phase, phase_receiver) = phase::channel();
        let links = TaskTracker::new();
        let mut senders = Vec::with_capacity(settings.links.len());
        let mut states = Vec::with_capacity(settings.links.len());
        for (number, link) in settings.links.iter().enumerate() {
            let (state, known) = watch::channel(LinkState::Down);
            states.push((Arc::clone(&link.name), known));
            let surroundings = link_surroundings(link, clock, &phase_receiver, state);
            senders.push(start_link(surroundings, cores.nth(number), &links));
        }
        let senders: Arc<[LinkSender]> = senders.into();

        let (acceptors, terminals) = (TaskTracker::new(), TaskTracker::new());
        let mut addresses = Vec::with_capacity(bound.len());
        let mut listeners = Vec::with_capacity(bound.len());
        for (listener, socket) in bound {
            let address = socket.local_addr().unwrap_or(listener.bind);
            addresses.push((Arc::clone(&listener.name), address));
            let surroundings =
                surroundings(listener, &settings.links, &settings.routes, &senders, clock);
            let surroundings = Arc::new(surroundings);
            listeners.push(Arc::clone(&surroundings));
            acceptors.spawn(listener::accept(
                socket,
                surroundings,
                Arc::clone(&cores),
                terminals.clone(),
                phase_receiver.clone(),
            ));
        }
        Ok(Self {
            addresses,
            phase,
            acceptors,
            terminals,
            links,
            states,
            listeners,
            drain_timeout: settings.drain_timeout,
            _cores: cores,
        })
    }

    /// Where each listener listens, with the port the system chose for port 0.
    pub fn addresses(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.addresses
    }

    /// Waits until every link takes requests. A link that never comes up keeps
    /// it waiting: bound it from outside.
    pub async fn links_up(&self) {
        for (_, state) in &self.states {
            let mut state = state.clone();
            // An error means that the link's task has ended with the switch.
            let _ = state.wait_for(|state| state.is_serving()).await;
        }
    }

    /// Stops accepting, finishes what is in flight, signs off, ends.
    pub async fn drain(self) -> Stopped {
        let lost_before = self.lost();
        let stopped = tokio::time::timeout(self.drain_timeout, async {
            self.phase.send_replace(Phase::FinishingSessions);
            for tracker in [&self.acceptors, &self.terminals] {
                tracker.close();
                tracker.wait().await;
            }
            self.phase.send_replace(Phase::FinishingLinks);
            self.links.close();
            self.links.wait().await;
        })
        .await;
        self.phase.send_replace(Phase::Ended);
        match (stopped, self.lost() - lost_before) {
            (Ok(()), 0) => Stopped::Clean,
            (Ok(()), answers) => Stopped::Undelivered(answers),
            (Err(_), _) => Stopped::CutOff,
        }
    }

    /// Answers so far that reached no terminal.
    fn lost(&self) -> u64 {
        self.listeners
            .iter()
            .map(|listener| listener.counters.lost())
            .sum()
    }
}

fn start_link(surroundings: link::Surroundings, core: Handle, links: &TaskTracker) -> LinkSender {
    let (sender, requests) = mpsc::channel(QUEUE_REQUESTS_MAX);
    links.spawn_on(link::supervise(surroundings, requests, core.clone()), &core);
    sender
}

/// Different at every start; where the clock is not set at all, the start is where the seed says.
fn wall_clock_nanos() -> u64 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(unix.unwrap_or_default().as_nanos()).unwrap_or_default()
}

fn link_surroundings(
    settings: &LinkSettings,
    clock: Clock,
    phase: &PhaseReceiver,
    state: watch::Sender<LinkState>,
) -> link::Surroundings {
    link::Surroundings {
        settings: Arc::new(settings.clone()),
        profile: Arc::new(LinkProfile {
            addresses: settings.connect.len(),
            match_fields: settings.match_fields.clone(),
            timeout: settings.timeout,
            sign_on: settings.sign_on,
            echo: settings.echo,
            in_flight_max: settings.in_flight_max,
            seed: settings.seed,
            stan_seed: Some(settings.seed ^ wall_clock_nanos()),
            wall_clock: clock.wall_clock(),
            ..LinkProfile::new(Arc::clone(&settings.name), Arc::clone(&settings.dialect))
        }),
        counters: Arc::new(LinkCounters::new(&settings.name)),
        clock,
        phase: phase.clone(),
        state,
    }
}

fn surroundings(
    listener: &ListenerSettings,
    links: &[LinkSettings],
    routes: &Arc<RouteTable>,
    senders: &Arc<[LinkSender]>,
    clock: Clock,
) -> terminal::Surroundings {
    let legs = links
        .iter()
        .map(|link| {
            LinkLeg::new(Arc::clone(&link.name), &listener.dialect, &link.dialect)
                .with_message_bytes_max(link.framing.message_bytes_max())
                .with_presence(link.presence)
        })
        .collect();
    terminal::Surroundings {
        name: Arc::clone(&listener.name),
        profile: Arc::new(ListenerProfile {
            name: Arc::clone(&listener.name),
            dialect: Arc::clone(&listener.dialect),
            routes: Arc::clone(routes),
            links: legs,
            in_flight_max: listener.in_flight_max,
            message_bytes_max: listener.framing.message_bytes_max(),
            presence: listener.presence,
        }),
        codec: FrameCodec::new(listener.framing),
        connections_max: listener.connections_max,
        links: Arc::clone(senders),
        counters: ListenerCounters::new(&listener.name, links),
        clock,
    }
}
