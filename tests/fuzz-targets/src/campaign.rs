//! Long runs without coverage as guide: inputs of the corpora, changed at random and where something begins, millions a
//! second. Every execution can be found again by its seed and its batch.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use crate::mutate::{Random, mutate, mutate_at};
use crate::{Target, corpus, dialects};

/// Executions with one seed.
pub const BATCH: u64 = 10_000;

/// How much is asked for; a campaign ends with the batch in which one of the limits is reached.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What all the choices follow from.
    pub seed: u64,
    /// The first batch, to go on where another campaign ended.
    pub first_batch: u64,
    /// Executions.
    pub executions: u64,
    /// Time.
    pub time: Duration,
}

/// What was done.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Calls of the target.
    pub executions: u64,
    /// Bytes that it was given.
    pub bytes: u64,
    /// How long it took.
    pub time: Duration,
}

/// An input on which a target broke a law.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The batch it is in.
    pub batch: u64,
    /// The input.
    pub input: Vec<u8>,
}

/// Runs the target on changes of its corpus and of `more` inputs. `watch` is told each batch before it begins, so that one that hangs can be named.
///
/// # Errors
/// If the corpus cannot be read; inside, if a law was broken.
pub fn run(
    target: &Target,
    more: Vec<Vec<u8>>,
    limits: Limits,
    watch: impl Fn(u64),
) -> io::Result<Result<Done, Broken>> {
    let inputs = corpus(target.corpus)?.into_iter().chain(more);
    let seeds: Vec<Seed> = inputs.map(Seed::of).collect();
    let start = Instant::now();
    let (mut executions, mut bytes) = (0, 0);
    let mut input = Vec::new();
    let mut batch = limits.first_batch;
    while executions < limits.executions && start.elapsed() < limits.time {
        watch(batch);
        let mut random = Random::new(limits.seed ^ batch.rotate_left(32));
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..BATCH {
                change(&seeds, &mut random, &mut input);
                bytes += input.len() as u64;
                (target.run)(&input);
            }
        }));
        if outcome.is_err() {
            return Ok(Err(Broken { batch, input }));
        }
        executions += BATCH;
        batch += 1;
    }
    Ok(Ok(Done {
        executions,
        bytes,
        time: start.elapsed(),
    }))
}

/// An input to start from, and where its elements begin, their values begin and they end, if it is a message.
struct Seed {
    input: Vec<u8>,
    places: Vec<usize>,
}

impl Seed {
    fn of(input: Vec<u8>) -> Seed {
        let mut places = Vec::new();
        // One or two bytes of choice stand before the message.
        for choices in 1..=2 {
            let (Some(selector), Some(message)) = (input.first(), input.get(choices..)) else {
                continue;
            };
            let (partial, _) = dialects::chosen(*selector).partial(message);
            let Some(view) = partial.view() else {
                continue;
            };
            let ranges = view.fields().iter().filter_map(|number| {
                Some([
                    view.element_range(number)?.start,
                    view.wire_range(number)?.start,
                ])
            });
            places.extend(ranges.flatten().map(|place| place + choices));
            // Its bitmaps and what stands before them.
            places.extend(choices..places.first().copied().unwrap_or(choices));
            places.push(partial.end() + choices);
        }
        places.retain(|place| *place < input.len());
        Seed { input, places }
    }
}

/// Puts a changed seed into `input`: one to four changes, half of them where something begins.
fn change(seeds: &[Seed], random: &mut Random, input: &mut Vec<u8>) {
    let seed = &seeds[random.below(seeds.len())];
    let other = &seeds[random.below(seeds.len())].input;
    input.clear();
    input.extend_from_slice(&seed.input);
    for _ in 0..=random.below(4).saturating_sub(random.below(3)) {
        if seed.places.is_empty() || random.below(2) == 0 {
            mutate(input, other, random);
        } else {
            let place = seed.places[random.below(seed.places.len())];
            mutate_at(input, place, other, random);
        }
    }
}
