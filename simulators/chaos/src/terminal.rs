//! A terminal: buys at its pace, and never goes on before it knows what became of what it has open.
//!
//! ```text
//!            answer in time                 answer
//!  0200 ───────────────────▶ receipt ◀──────────────── 0201
//!    │                                                  │
//!    │ silence, or the connection closes                │ silence
//!    ├────────────────── now and then ──────────────────┘ ▲
//!    ▼                                                  │ │
//!  0400, 0401, 0401 … until it is answered 00 ◀─────────┘ │
//! ```

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pointsman_iso8583::Mti;
use pointsman_sim_common::{Card, Exit, Failure, Stamp, Wire};
use pointsman_sim_terminal::{Incoming, Terminal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::args::Plant;
use crate::counts::{Counts, lock};
use crate::dice::Dice;
use crate::message::Purchase;
use crate::receipt::{Holds, Receipt};
use crate::setup::{BANKS, TERMINAL_PATIENCE};

/// How long a terminal waits before it connects again, or insists.
const PAUSE: Duration = Duration::from_millis(100);

/// How long it takes to be connected at most.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// A terminal that is so far behind leaves purchases out, for there is no customer who waits so long.
const BEHIND_MAX: Duration = Duration::from_secs(2);

/// How often a terminal hangs up on an open request.
const HANGS_UP: f64 = 0.005;
/// How often it asks again before it takes back.
const REPEATS: f64 = 0.4;
/// How often it tells of a purchase that it approved itself.
const ADVISES: f64 = 0.05;

/// Where the listeners of the switch are, while it is there.
pub(crate) type Doors = watch::Receiver<Option<Vec<SocketAddr>>>;

/// What a terminal is.
#[derive(Clone, Debug)]
pub(crate) struct Till {
    /// Its number among all, from zero.
    pub(crate) number: u32,
    /// Of the listener that it connects to.
    pub(crate) listener: usize,
    pub(crate) wire: Wire,
    pub(crate) doors: Doors,
    /// From one purchase to the next.
    pub(crate) every: Duration,
    pub(crate) seed: u64,
    pub(crate) counts: Arc<Counts>,
    /// Nothing new is bought any more.
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) plant: Option<Plant>,
    pub(crate) drawer: Arc<Mutex<Drawer>>,
}

/// What a terminal hands over at the end.
#[derive(Debug, Default)]
pub(crate) struct Drawer {
    pub(crate) receipts: Vec<Receipt>,
    /// Answers that were not the terminal's.
    pub(crate) strangers: Vec<String>,
}

/// What came of asking.
enum Reply {
    Answer(String),
    Silence,
}

struct Clerk {
    till: Till,
    name: String,
    dice: Dice,
    stan: u32,
    connection: Option<Terminal>,
    /// Purchases so far.
    sold: u32,
}

impl Till {
    /// Buys until the shop closes; ends when nothing is open any more.
    ///
    /// # Errors
    /// A message cannot be written in the listener's dialect.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let mut dice = Dice::new(self.seed, 1_000 + u64::from(self.number));
        // Not all at once.
        let mut due = Instant::now() + self.every.mul_f64(dice.fraction());
        let mut closing = self.closing.clone();
        let mut clerk = Clerk {
            name: format!("CHAO{:04}", self.number),
            till: self,
            dice,
            stan: 0,
            connection: None,
            sold: 0,
        };
        loop {
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => break,
                () = sleep_until(due) => {}
            }
            if due.elapsed() > BEHIND_MAX {
                clerk.till.counts.unsent.add();
            } else {
                clerk.sell().await?;
            }
            due += clerk.till.every;
        }
        Ok(())
    }
}

impl Clerk {
    /// One purchase from the first message to the receipt.
    async fn sell(&mut self) -> Result<(), Failure> {
        let bank = self.dice.below(BANKS.len() as u64) as usize;
        let purchase = self.purchase(bank)?;
        let advises = self.dice.chance(ADVISES);
        lock(&self.till.drawer).receipts.push(Receipt {
            terminal: purchase.terminal.clone(),
            stan: purchase.stan,
            reference: purchase.reference.clone(),
            amount: purchase.amount,
            bank,
            holds: Holds::Open,
            repeated: false,
        });
        let mut repeated = false;
        let holds = if advises {
            self.advise(&purchase).await?
        } else {
            self.buy(&purchase, &mut repeated).await?
        };
        if let Some(receipt) = lock(&self.till.drawer).receipts.last_mut() {
            receipt.holds = holds;
            receipt.repeated = repeated;
        }
        Ok(())
    }

    fn purchase(&mut self, bank: usize) -> Result<Purchase, Failure> {
        let stan = self.next_stan();
        self.sold += 1;
        let bin = BANKS.get(bank).map_or("4", |bank| bank.bin);
        let serial = self.till.number * 50 + (self.dice.below(50) as u32);
        let card = Card::of_bin(bin, serial).map_err(|error| Failure::new(Exit::DATA, error))?;
        Ok(Purchase {
            terminal: self.name.clone(),
            stan,
            reference: format!("{:04}{:08}", self.till.number, self.sold),
            amount: 100 + self.dice.below(99_900),
            card,
            made: Stamp::now(),
        })
    }

    /// ISO 8583-1:1987, 4.3.4, field 11: n6.
    fn next_stan(&mut self) -> u32 {
        self.stan = self.stan % 999_999 + 1;
        self.stan
    }

    async fn buy(&mut self, purchase: &Purchase, repeated: &mut bool) -> Result<Holds, Failure> {
        self.till.counts.transactions.add();
        let mut patience = TERMINAL_PATIENCE;
        if self.dice.chance(HANGS_UP) {
            self.till.counts.hung_up.add();
            patience = self.dice.between(Duration::ZERO, Duration::from_millis(30));
        }
        let mti = Mti::literal(b"0200");
        let message = purchase.request(&self.till.wire.dialect, mti)?;
        let mut reply = self
            .ask(purchase, purchase.stan, mti, &message, patience)
            .await;
        if matches!(reply, Reply::Silence) && self.dice.chance(REPEATS) {
            self.till.counts.repeated.add();
            *repeated = true;
            let mti = Mti::literal(b"0201");
            let message = purchase.request(&self.till.wire.dialect, mti)?;
            reply = self
                .ask(purchase, purchase.stan, mti, &message, TERMINAL_PATIENCE)
                .await;
        }
        let planted = self.till.number == 0;
        match reply {
            Reply::Answer(code) if code == "00" => {
                if planted && self.till.plant == Some(Plant::NeverReverses) {
                    self.till.plant = None;
                    self.till.counts.taken_back.add();
                    return Ok(Holds::TakenBack);
                }
                self.till.counts.approved.add();
                Ok(Holds::Approved)
            }
            Reply::Answer(_) if planted && self.till.plant == Some(Plant::ClaimsApproval) => {
                self.till.plant = None;
                self.till.counts.approved.add();
                Ok(Holds::Approved)
            }
            Reply::Answer(response_code) => {
                self.till.counts.declined.add();
                Ok(Holds::Declined { response_code })
            }
            Reply::Silence => self.take_back(purchase).await,
        }
    }

    /// Nothing else is done before the reversal is taken.
    async fn take_back(&mut self, purchase: &Purchase) -> Result<Holds, Failure> {
        let stan = self.next_stan();
        let dialect = Arc::clone(&self.till.wire.dialect);
        let first = purchase.reversal(&dialect, Mti::literal(b"0400"), stan)?;
        let again = purchase.reversal(&dialect, Mti::literal(b"0401"), stan)?;
        self.insist(
            purchase,
            stan,
            (Mti::literal(b"0400"), &first),
            (Mti::literal(b"0401"), &again),
        )
        .await;
        self.till.counts.taken_back.add();
        Ok(Holds::TakenBack)
    }

    async fn advise(&mut self, purchase: &Purchase) -> Result<Holds, Failure> {
        let dialect = Arc::clone(&self.till.wire.dialect);
        let (mti, repeat) = (Mti::literal(b"0220"), Mti::literal(b"0221"));
        let first = purchase.request(&dialect, mti)?;
        let again = purchase.request(&dialect, repeat)?;
        self.insist(purchase, purchase.stan, (mti, &first), (repeat, &again))
            .await;
        self.till.counts.advices.add();
        Ok(Holds::Advised)
    }

    /// Sends the first message, and then the other one, until one is answered 00.
    async fn insist(
        &mut self,
        purchase: &Purchase,
        stan: u32,
        first: (Mti, &Bytes),
        again: (Mti, &Bytes),
    ) {
        let (mut mti, mut message) = first;
        loop {
            match self
                .ask(purchase, stan, mti, message, TERMINAL_PATIENCE)
                .await
            {
                Reply::Answer(code) if code == "00" => return,
                Reply::Answer(_) => {
                    self.till.counts.refused.add();
                    sleep(PAUSE).await;
                }
                Reply::Silence => {}
            }
            self.till.counts.insisted.add();
            (mti, message) = again;
        }
    }

    /// One message and its answer. After silence the connection is closed, so that no late answer can be taken for
    /// another's.
    async fn ask(
        &mut self,
        purchase: &Purchase,
        stan: u32,
        mti: Mti,
        message: &Bytes,
        patience: Duration,
    ) -> Reply {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await,
        };
        if connection.send(message).await.is_err() {
            return Reply::Silence;
        }
        let deadline = Instant::now() + patience;
        loop {
            let Ok(Incoming::Message(answer)) = connection.receive(deadline).await else {
                return Reply::Silence;
            };
            match self.read(purchase, stan, mti, &answer) {
                Ok(code) => {
                    self.connection = Some(connection);
                    return Reply::Answer(code);
                }
                Err(why) => lock(&self.till.drawer)
                    .strangers
                    .push(format!("{} {mti} {stan:06}: {why}", self.name)),
            }
        }
    }

    /// The response code, if this is the answer to that request.
    fn read(
        &self,
        purchase: &Purchase,
        stan: u32,
        mti: Mti,
        answer: &Bytes,
    ) -> Result<String, String> {
        let dialect = &self.till.wire.dialect;
        let view = dialect
            .view(answer)
            .map_err(|error| error.explain(dialect).message)?;
        let found = |field| view.to_text(field).unwrap_or_default();
        if Some(view.mti()) != mti.response() {
            return Err(format!("answered with {}", view.mti()));
        }
        let code = found(39);
        let expected = [
            (11, format!("{stan:06}")),
            (41, self.name.clone()),
            (4, format!("{:012}", purchase.amount)),
            (37, purchase.reference.clone()),
        ];
        for (field, expected) in expected {
            // What the switch answers itself repeats less than what a bank answers.
            let may_lack = field == 37 || field == 4;
            let found = found(field);
            if (view.has(field) || !may_lack) && found.trim_end() != expected {
                return Err(format!("field {field} is {found}, not {expected}"));
            }
        }
        Ok(code)
    }

    /// A new connection, however long it takes.
    async fn connect(&mut self) -> Terminal {
        loop {
            let address = {
                let doors = self.till.doors.wait_for(Option::is_some).await;
                doors.ok().and_then(|doors| {
                    let addresses = doors.as_ref()?;
                    addresses.get(self.till.listener).copied()
                })
            };
            if let Some(address) = address
                && let Ok(connection) =
                    Terminal::connect(address, &self.till.wire, CONNECT_PATIENCE).await
            {
                return connection;
            }
            sleep(PAUSE).await;
        }
    }
}
