//! Starts the parts of a switch and stops them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use pointsman_engine::{
    Identify, LinkLeg, LinkProfile, LinkState, ListenerProfile, StandInProfile, TransactionIds,
};
use pointsman_framing::FrameCodec;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::books::{Books, JournalError, Oldest, Shared, Start, TIDY_EVERY, card_id};
use crate::clock::Clock;
use crate::cores::Cores;
use crate::counters::{LinkCounters, ListenerCounters};
use crate::link::{self, Inbox, QUEUE_REQUESTS_MAX};
use crate::listener;
use crate::orders::{Order, Orders, QUEUE_ORDERS_MAX};
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
    #[error("{0}")]
    Journal(#[from] JournalError),
    #[error("link `{link}` cannot be number {number}: there may be {most}")]
    TooManyLinks {
        link: Arc<str>,
        number: usize,
        most: usize,
    },
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
    books: Arc<Books>,
    tidying: JoinHandle<()>,
    orders: Orders,
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
        let names: Vec<Arc<str>> = settings
            .links
            .iter()
            .map(|link| Arc::clone(&link.name))
            .collect();
        let (books, starts) = Books::open(&settings.journal, &names)?;
        let books = Arc::new(books);
        let cores = Arc::new(Cores::start(settings.threads.get())?);
        let clock = Clock::start();
        let (phase, phase_receiver) = phase::channel();
        let links = TaskTracker::new();
        let mut senders = Vec::with_capacity(settings.links.len());
        let mut states = Vec::with_capacity(settings.links.len());
        let mut oldest = Vec::with_capacity(settings.links.len());
        let mut orders = Vec::with_capacity(settings.links.len());
        for (number, (link, start)) in settings.links.iter().zip(starts).enumerate() {
            let (state, known) = watch::channel(LinkState::Down);
            states.push((Arc::clone(&link.name), known));
            let id = u16::try_from(number).map_err(|_| StartError::TooManyLinks {
                link: Arc::clone(&link.name),
                number,
                most: usize::from(u16::MAX),
            })?;
            let surroundings =
                link_surroundings(link, id, clock, &phase_receiver, state, books.shared());
            oldest.push(Arc::clone(&surroundings.oldest));
            let (sender, order) = start_link(surroundings, start, cores.nth(number), &links);
            senders.push(sender);
            orders.push(order);
        }
        let tidying = tokio::spawn(tidy(Arc::clone(&books), oldest));
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
            books,
            tidying,
            orders: Orders { links: orders },
            _cores: cores,
        })
    }

    /// Where each listener listens, with the port the system chose for port 0.
    pub fn addresses(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.addresses
    }

    /// For whoever listens to the people who run it.
    pub fn orders(&self) -> Orders {
        self.orders.clone()
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
        self.tidying.abort();
        let books = Arc::clone(&self.books);
        if let Err(error) = tokio::task::spawn_blocking(move || books.close()).await {
            tracing::error!(%error, "the journal was not closed");
        }
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

/// Gives back what the journal no longer needs, as long as the switch runs.
async fn tidy(books: Arc<Books>, oldest: Vec<Arc<Oldest>>) {
    let mut rounds = tokio::time::interval(TIDY_EVERY);
    loop {
        rounds.tick().await;
        let (books, oldest) = (Arc::clone(&books), oldest.clone());
        // It writes: not here, where connections are accepted.
        if let Err(error) = tokio::task::spawn_blocking(move || books.tidy(&oldest)).await {
            tracing::error!(%error, "the journal was not tidied");
        }
    }
}

fn start_link(
    surroundings: link::Surroundings,
    start: Start,
    core: Handle,
    links: &TaskTracker,
) -> (LinkSender, mpsc::Sender<Order>) {
    let (orders, ordered) = mpsc::channel(QUEUE_ORDERS_MAX);
    let (requests, inbox) = mpsc::channel(QUEUE_REQUESTS_MAX);
    let (undoings, undone) = mpsc::unbounded_channel();
    let inbox = Inbox {
        requests: inbox,
        undoings: undone,
        orders: ordered,
    };
    links.spawn_on(
        link::supervise(surroundings, start, inbox, core.clone()),
        &core,
    );
    let sender = LinkSender { requests, undoings };
    (sender, orders)
}

/// Different at every start; where the clock is not set at all, the start is where the seed says.
fn wall_clock_nanos() -> u64 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(unix.unwrap_or_default().as_nanos()).unwrap_or_default()
}

fn link_surroundings(
    settings: &LinkSettings,
    id: u16,
    clock: Clock,
    phase: &PhaseReceiver,
    state: watch::Sender<LinkState>,
    books: &Arc<Shared>,
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
            transactions: TransactionIds::new(books.life, id),
            store_forward: settings.store_forward,
            stand_in: stand_in(settings, books),
            ..LinkProfile::new(Arc::clone(&settings.name), Arc::clone(&settings.dialect))
        }),
        counters: Arc::new(LinkCounters::new(&settings.name)),
        clock,
        phase: phase.clone(),
        state,
        books: Arc::clone(books),
        oldest: Arc::default(),
    }
}

/// The rules of a link with what tells cards apart: a keyed hash, which the journal has as well.
fn stand_in(settings: &LinkSettings, books: &Arc<Shared>) -> Option<Arc<StandInProfile>> {
    if settings.stand_in.is_empty() {
        return None;
    }
    let books = Arc::clone(books);
    let identify = Identify::new(move |pan| card_id(books.keys.card_token(pan.expose())));
    let hot_cards = settings.hot_cards.iter().map(|pan| identify.card(pan));
    Some(Arc::new(StandInProfile {
        rules: settings.stand_in.clone(),
        hot_cards: hot_cards.collect(),
        identify,
    }))
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
