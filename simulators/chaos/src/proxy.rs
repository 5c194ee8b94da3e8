//! The line between the switch and a bank, and what happens on it.
//!
//! One connection at a time: a new one waits until the bank has read all that came over the old one and has closed it.
//! What a cut line swallowed never arrives, and what it delivered was before what comes next, as with a real line. A bank
//! that read a request after its reversal could not be right about it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use pointsman_framing::Scan;
use pointsman_sim_common::Wire;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::counts::{Counts, lock};
use crate::dice::Dice;
use crate::fault::{Direction, Fault, Odds, Place, Point};

/// What one read takes at most, bytes.
const READ_BYTES: usize = 16 * 1024;

/// How long a bank may take to close a connection that is closed from here.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// How long accepting pauses when the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// From byte to byte of a dribbled message.
const DRIBBLE_PAUSE: Duration = Duration::from_millis(1);

/// How long a line lives at most while faults go on.
const LIFE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(40));

/// How long a line lives at least. A switch that has just come back has much to say at once, and would otherwise never get
/// to its end.
const LIFE_MIN: Duration = Duration::from_secs(2);

/// From one absence of a bank to the next, and how long it is away.
const PRESENT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(25));
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// A line. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

/// What a line needs.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) bank: SocketAddr,
    pub(crate) wire: Wire,
    pub(crate) odds: Odds,
    pub(crate) dice: Dice,
    pub(crate) counts: Arc<Counts>,
    /// Faults have stopped.
    pub(crate) calm: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Shared {
    bank: SocketAddr,
    wire: Wire,
    odds: Odds,
    dice: Mutex<Dice>,
    counts: Arc<Counts>,
    calm: watch::Receiver<bool>,
    away: watch::Sender<bool>,
    /// No line is cut before.
    lives_until: Mutex<Instant>,
}

impl Proxy {
    /// # Errors
    /// No address can be listened on.
    pub(crate) async fn start(line: Line) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            bank: line.bank,
            wire: line.wire,
            odds: line.odds,
            dice: Mutex::new(line.dice),
            counts: line.counts,
            calm: line.calm,
            away: watch::channel(false).0,
            lives_until: Mutex::new(Instant::now()),
        });
        let tasks = [
            tokio::spawn(come_and_go(Arc::clone(&shared))),
            tokio::spawn(accept(listener, shared)),
        ];
        Ok(Proxy { address, tasks })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The bank goes away for seconds now and then, until faults stop.
async fn come_and_go(shared: Arc<Shared>) {
    let mut calm = shared.calm.clone();
    let faults = async {
        loop {
            let (present, away) = {
                let mut dice = lock(&shared.dice);
                (
                    dice.between(PRESENT.0, PRESENT.1),
                    dice.between(AWAY.0, AWAY.1),
                )
            };
            sleep(present).await;
            shared.counts.banks_away.add();
            shared.away.send_replace(true);
            sleep(away).await;
            shared.away.send_replace(false);
        }
    };
    tokio::select! {
        () = faults => {}
        _ = calm.wait_for(|calm| *calm) => {}
    }
    shared.away.send_replace(false);
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut current: Option<(oneshot::Sender<()>, JoinHandle<()>)> = None;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if *shared.away.borrow() {
            // Nobody there: what a closed port would say.
            let _ = client.set_zero_linger();
            continue;
        }
        if let Some((ended, old)) = current.take() {
            drop(ended);
            let _ = old.await;
        }
        let (ended, end) = oneshot::channel();
        let task = tokio::spawn(carry(client, Arc::clone(&shared), end));
        current = Some((ended, task));
    }
}

/// How a connection ended.
enum End {
    /// One side closed it, or is gone.
    Closed,
    Cut,
}

/// One connection from the switch's first byte to the bank's last.
async fn carry(mut client: TcpStream, shared: Arc<Shared>, replaced: oneshot::Receiver<()>) {
    let Ok(mut bank) = TcpStream::connect(shared.bank).await else {
        return;
    };
    let _ = (client.set_nodelay(true), bank.set_nodelay(true));
    let end = {
        let (mut from_switch, mut to_switch) = client.split();
        let (mut from_bank, mut to_bank) = bank.split();
        let mut away = shared.away.subscribe();
        tokio::select! {
            end = shared.pass(Direction::ToBank, &mut from_switch, &mut to_bank) => end,
            end = shared.pass(Direction::ToSwitch, &mut from_bank, &mut to_switch) => end,
            _ = replaced => End::Closed,
            _ = away.wait_for(|away| *away) => {
                shared.counts.fault("cut: bank away".to_owned());
                End::Cut
            }
            () = shared.end_of_life() => {
                shared.counts.fault("cut: at random".to_owned());
                End::Cut
            }
        }
    };
    if matches!(end, End::Cut) {
        shared.counts.cuts.add();
        if lock(&shared.dice).chance(0.5) {
            let _ = client.set_zero_linger();
        }
    }
    drop(client);
    let rest = async {
        bank.shutdown().await?;
        let mut nowhere = [0; 4 * 1024];
        while bank.read(&mut nowhere).await? > 0 {}
        io::Result::Ok(())
    };
    // A bank that does not close within that time is not one of ours.
    let _ = timeout(CLOSE_PATIENCE, rest).await;
}

impl Shared {
    /// Passes on what comes, message by message, until one side closes or the line is cut.
    async fn pass(
        &self,
        direction: Direction,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> End {
        match self.pass_on(direction, from, to).await {
            Ok(end) => end,
            Err(_) => End::Closed,
        }
    }

    async fn pass_on(
        &self,
        direction: Direction,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<End> {
        let codec = self.wire.codec();
        let mut input = BytesMut::new();
        loop {
            match codec.scan(&input) {
                Ok(Scan::Frame { body, consumed, .. }) => {
                    let mti = input
                        .get(body)
                        .and_then(|message| self.wire.dialect.view(message).ok())
                        .map(|view| view.mti());
                    let frame = input.split_to(consumed);
                    let point = Point::new(direction, mti);
                    match self.draw(point) {
                        None => to.write_all(&frame).await?,
                        Some(fault) => {
                            if let Some(end) = self.strike(fault, point, &frame, to).await? {
                                return Ok(end);
                            }
                        }
                    }
                }
                Ok(Scan::KeepAlive { consumed }) => {
                    to.write_all(&input.split_to(consumed)).await?;
                }
                Ok(Scan::Incomplete { .. }) => {
                    input.reserve(READ_BYTES);
                    if from.read_buf(&mut input).await? == 0 {
                        to.write_all(&input).await?;
                        return Ok(End::Closed);
                    }
                }
                // Not a message any more: as it is, to the end.
                Err(_) => {
                    to.write_all(&input.split()).await?;
                    input.reserve(READ_BYTES);
                    if from.read_buf(&mut input).await? == 0 {
                        return Ok(End::Closed);
                    }
                }
            }
        }
    }

    fn draw(&self, point: Point) -> Option<Fault> {
        if *self.calm.borrow() {
            return None;
        }
        let fault = self.odds.draw(point, &mut lock(&self.dice))?;
        if matches!(fault, Fault::Cut(_)) {
            let mut lives_until = lock(&self.lives_until);
            if lives_until.elapsed().is_zero() {
                return None;
            }
            *lives_until = Instant::now() + LIFE_MIN;
        }
        Some(fault)
    }

    /// Lets a fault happen to a message. Gives the end of the connection if it ends with it.
    async fn strike(
        &self,
        fault: Fault,
        point: Point,
        frame: &[u8],
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Option<End>> {
        self.counts.fault(format!("{fault}: {point}"));
        match fault {
            Fault::Cut(place) => {
                let passed = match place {
                    Place::Before => 0,
                    Place::Amid => frame.len() / 2,
                    Place::After => frame.len(),
                };
                to.write_all(frame.get(..passed).unwrap_or_default())
                    .await?;
                return Ok(Some(End::Cut));
            }
            Fault::Delay(time) | Fault::Hold(time) => {
                sleep(time).await;
                to.write_all(frame).await?;
            }
            Fault::Dribble => {
                for byte in frame {
                    to.write_all(&[*byte]).await?;
                    sleep(DRIBBLE_PAUSE).await;
                }
            }
            Fault::Swallow => {}
            Fault::Duplicate => {
                to.write_all(frame).await?;
                to.write_all(frame).await?;
            }
        }
        Ok(None)
    }

    /// Lines break at any time, with nothing passing too.
    async fn end_of_life(&self) {
        let life = lock(&self.dice).between(LIFE.0, LIFE.1);
        sleep(life).await;
        if *self.calm.borrow() {
            std::future::pending::<()>().await;
        }
    }
}
