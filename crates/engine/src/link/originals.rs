//! What a terminal's repeat or reversal refers to: the transactions of the last day, and what became of them.
//!
//! Of each transaction the table holds some hashes and its fate, 72 bytes; what the bank said is read back from the
//! journal for the rare terminal that asks twice. A terminal that uses a number again names the newer transaction: the
//! older one is forgotten, as nobody could refer to it any more.

use alloc::collections::VecDeque;
use core::hash::Hasher;
use core::num::NonZeroU32;
use core::time::Duration;

use hashbrown::HashTable;
use pointsman_iso8583::{Mti, Stan, TextBuffer, View};
use siphasher::sip::SipHasher13;

use super::in_flight::SlotId;
use super::journal::Reference;
use crate::{Cause, Instant, TransactionId};

/// A transaction that can be referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) reference: Reference,
    pub(super) transaction: TransactionId,
    /// Under which the link sent it.
    pub(super) stan: Option<Stan>,
    pub(super) mti: Mti,
    pub(super) fate: Fate,
    pub(super) until: Instant,
    pub(super) about: About,
}

/// What a reversal must not contradict, as far as it is known: after a restart it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    amount: Option<u64>,
    /// Hashes, not zero.
    card: Option<NonZeroU32>,
    sent: Option<NonZeroU32>,
}

impl About {
    pub(super) fn of(request: &View<'_>, text: &mut TextBuffer) -> About {
        let pan = request.pan();
        About {
            amount: request.amount().map(|amount| amount.get()),
            card: pan.and_then(|pan| hashed(pan.expose().as_bytes())),
            sent: request
                .text(7, text)
                .and_then(|sent| hashed(sent.as_bytes())),
        }
    }

    /// Is the reversal of something else: of another card, of more than there was, of a message of another class or of one
    /// that was sent at another time? A number that came round again names the newer transaction, and a reversal of the
    /// older one must not undo that. An amount may be less: of a partial approval it is.
    pub(super) fn is_contradicted_by(&self, reversal: &View<'_>, original: Mti) -> bool {
        let card = reversal
            .pan()
            .and_then(|pan| hashed(pan.expose().as_bytes()));
        let other_card = self
            .card
            .zip(card)
            .is_some_and(|(known, said)| known != said);
        let more = self
            .amount
            .zip(reversal.amount())
            .is_some_and(|(known, said)| said.get() > known);
        // ISO 8583-1:1987, field 90: message type, STAN, and field 7 of the original; zeros are nothing. What has not been
        // seen has no class.
        let data = reversal.to_text(90).unwrap_or_default();
        let class = data
            .as_bytes()
            .get(1)
            .copied()
            .filter(|class| *class != b'0');
        let [_, known_class, ..] = original.digits();
        let other_class = known_class != b'0' && class.is_some_and(|class| class != known_class);
        let sent = data
            .get(10..20)
            .filter(|sent| sent.bytes().any(|byte| byte != b'0'))
            .and_then(|sent| hashed(sent.as_bytes()));
        let other_time = self
            .sent
            .zip(sent)
            .is_some_and(|(known, said)| known != said);
        other_card || more || other_class || other_time
    }
}

fn hashed(value: &[u8]) -> Option<NonZeroU32> {
    let mut hash = hasher();
    hash.write(value);
    NonZeroU32::new(hash.finish() as u32 | 1)
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The bank has not answered.
    Open(SlotId),
    /// The bank answered, and the terminal was told or will be. `again`: it has asked again since, and got the same.
    Answered { approved: bool, again: bool },
    /// The switch answered, and has a reversal on record.
    Declined(Cause),
    /// It is undone, or will be.
    Reversed,
    /// Its reversal came and it did not: it must not be sent any more.
    ReversedUnseen,
    /// An advice, on record and on its way.
    Accepted,
    /// The switch approved it by itself; its advice is on record. `again`: as above.
    StoodIn { again: bool },
}

#[derive(Debug, Default)]
pub(super) struct Originals {
    table: HashTable<Original>,
    /// In the order in which they may be forgotten.
    order: VecDeque<(Instant, Reference)>,
    /// The same for what was not sent, which is not kept for a day.
    brief: VecDeque<(Instant, Reference)>,
}

impl Originals {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// What the terminal calls by this name.
    pub(super) fn named(&self, name: u64) -> Option<&Original> {
        self.table
            .find(name, |original| original.reference.name == name)
    }

    /// Remembers a transaction, in the place of an older one with its name.
    pub(super) fn remember(&mut self, original: Original) {
        self.order.push_back((original.until, original.reference));
        self.insert(original);
    }

    /// The same for what was not sent. All of it is kept equally long.
    pub(super) fn remember_briefly(&mut self, original: Original) {
        self.brief.push_back((original.until, original.reference));
        self.insert(original);
    }

    fn insert(&mut self, original: Original) {
        let name = original.reference.name;
        match self
            .table
            .find_mut(name, |known| known.reference.name == name)
        {
            Some(known) => *known = original,
            None => {
                self.table
                    .insert_unique(name, original, |known| known.reference.name);
            }
        }
    }

    /// Something became of it, unless its name is another's by now.
    pub(super) fn became(
        &mut self,
        reference: Option<Reference>,
        transaction: TransactionId,
        fate: Fate,
    ) {
        let Some(Reference { name, .. }) = reference else {
            return;
        };
        if let Some(known) = self
            .table
            .find_mut(name, |known| known.reference.name == name)
            && known.transaction == transaction
        {
            known.fate = fate;
        }
    }

    /// Forgets what is a day old and not open, and the oldest beyond `max`. Says how many were forgotten too early.
    pub(super) fn forget(&mut self, now: Instant, max: usize) -> usize {
        let mut early = 0;
        while self.brief.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((until, reference)) = self.brief.pop_front() {
                self.forget_one(until, reference);
            }
        }
        while let Some(&(until, reference)) = self.order.front() {
            let crowded = self.order.len() > max;
            if until > now && !crowded {
                break;
            }
            self.order.pop_front();
            if self.forget_one(until, reference) {
                early += usize::from(until > now);
            }
        }
        early
    }

    /// Forgets it unless its name is another's by now, or it is to be kept longer.
    fn forget_one(&mut self, until: Instant, reference: Reference) -> bool {
        let entry = self.table.find_entry(reference.name, |known| {
            known.reference == reference && known.until <= until
        });
        match entry {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }
}

/// How a message names the transaction that it is: none where the terminal gives it no number (zero is what the switch
/// puts there itself).
pub(crate) fn reference(request: &View<'_>) -> Option<Reference> {
    let stan = request.stan().filter(|stan| stan.get() > 0)?;
    let mut content = hasher();
    let [_, class, ..] = request.mti().digits();
    content.write_u8(class);
    // ISO 8583-1:1987, fields 12 and 13: local time and date of the transaction, the same in every repeat. Field 7 says
    // when the message was sent, and stands in only where those are missing.
    let moment: &[u8] = if request.has(12) || request.has(13) {
        &[12, 13]
    } else {
        &[7]
    };
    for field in moment.iter().chain(&[3, 4, 49]) {
        feed(&mut content, request.wire(*field));
    }
    feed(
        &mut content,
        request.pan().as_ref().map(|pan| pan.expose().as_bytes()),
    );
    Some(Reference {
        name: name(request, stan.get()),
        content: content.finish(),
    })
}

/// How a reversal names its original: by the trace number in field 90, or by its own where the dialect has the same for
/// both.
pub(super) fn reversed(reversal: &View<'_>) -> Option<u64> {
    let in_original_data = reversal
        .to_text(90)
        .and_then(|text| text.get(4..10)?.parse().ok());
    // Six digits in 1993, twelve in 2003.
    let in_later_edition = || {
        let place = match reversal.mti().digits() {
            [b'1', ..] => 4..10,
            [b'2', ..] => 4..16,
            _ => return None,
        };
        reversal.to_text(56)?.get(place)?.parse().ok()
    };
    let own = || reversal.stan().map(Stan::get);
    let stan: u32 = in_original_data.or_else(in_later_edition).or_else(own)?;
    (stan > 0).then(|| name(reversal, stan))
}

fn name(message: &View<'_>, stan: u32) -> u64 {
    let mut name = hasher();
    feed(&mut name, message.wire(41));
    feed(&mut name, message.wire(42));
    name.write_u32(stan);
    name.finish()
}

/// Length first, so that no two lists of values look alike. Messages are shorter than 64 KiB.
fn feed(hasher: &mut SipHasher13, value: Option<&[u8]>) {
    hasher.write_u16(value.map_or(u16::MAX, |value| value.len() as u16));
    hasher.write(value.unwrap_or_default());
}

/// The same in every life of the switch: the journal holds these hashes. The key is no secret; who could make two
/// transactions look alike could only confuse its own terminal, whose number is part of the name.
fn hasher() -> SipHasher13 {
    SipHasher13::new_with_keys(0x706F_696E_7473_6D61, 0x6E20_7265_6665_7273)
}

/// How long a transaction is remembered: terminals repeat and reverse within a business day.
pub(super) const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
