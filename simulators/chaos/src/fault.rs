//! What may happen to a message on its way, and how often.

use std::fmt;
use std::time::Duration;

use pointsman_iso8583::{Mti, MtiClass};

use crate::dice::Dice;

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    ToBank,
    ToSwitch,
}

/// A point of the protocol: what passes, and in which direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Point {
    pub(crate) direction: Direction,
    pub(crate) kind: Passing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passing {
    Request,
    Advice,
    Reversal,
    Management,
    /// What cannot be read, such as the garbage that a bank sends.
    Unreadable,
}

impl Point {
    pub(crate) fn new(direction: Direction, mti: Option<Mti>) -> Self {
        let kind = match mti {
            None => Passing::Unreadable,
            Some(mti) => match mti.class() {
                MtiClass::Reversal => Passing::Reversal,
                MtiClass::NetworkManagement => Passing::Management,
                _ if mti.is_advice() || mti.as_str().as_bytes().get(2) == Some(&b'3') => {
                    Passing::Advice
                }
                _ => Passing::Request,
            },
        };
        Point { direction, kind }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Passing::Request => "request",
            Passing::Advice => "advice",
            Passing::Reversal => "reversal",
            Passing::Management => "network management",
            Passing::Unreadable => "unreadable message",
        };
        match self.direction {
            Direction::ToBank => f.write_str(kind),
            Direction::ToSwitch => write!(f, "answer to {kind}"),
        }
    }
}

/// What is done with a message.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fault {
    /// The connection is cut instead of passing it on, with half of it passed on, or right behind it.
    Cut(Place),
    /// It and what follows it come later.
    Delay(Duration),
    /// The same for so long that everything in flight times out; the other direction goes on.
    Hold(Duration),
    /// Byte by byte.
    Dribble,
    /// It never arrives.
    Swallow,
    /// It arrives twice.
    Duplicate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Before,
    Amid,
    After,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Cut(Place::Before) => "cut before",
            Fault::Cut(Place::Amid) => "cut amid",
            Fault::Cut(Place::After) => "cut after",
            Fault::Delay(_) => "delayed",
            Fault::Hold(_) => "held",
            Fault::Dribble => "dribbled",
            Fault::Swallow => "swallowed",
            Fault::Duplicate => "duplicated",
        })
    }
}

/// How often what happens, for each message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Odds {
    /// Faults per message of requests and their answers.
    common: f64,
    /// Faults per message of what is rarer, and matters more.
    rare: f64,
}

impl Odds {
    /// About so many faults a second on a link where so many purchases a second pass, each with its answer.
    pub(crate) fn new(faults_per_second: f64, purchases_per_second: f64) -> Self {
        let common = (faults_per_second / (2.0 * purchases_per_second).max(1.0)).min(0.1);
        Odds {
            common,
            rare: (common * 4.0).clamp(0.01, 0.1),
        }
    }

    /// What happens to a message at this point; most often nothing.
    pub(crate) fn draw(&self, point: Point, dice: &mut Dice) -> Option<Fault> {
        let odds = match point.kind {
            Passing::Request => self.common,
            Passing::Advice | Passing::Reversal | Passing::Management | Passing::Unreadable => {
                self.rare
            }
        };
        if !dice.chance(odds) {
            return None;
        }
        let ms = Duration::from_millis;
        Some(match dice.below(20) {
            0..=2 => Fault::Cut(Place::Before),
            3..=5 => Fault::Cut(Place::Amid),
            6..=8 => Fault::Cut(Place::After),
            9..=11 => Fault::Delay(dice.between(ms(5), ms(400))),
            12 => Fault::Hold(dice.between(ms(1_100), ms(2_500))),
            13..=14 => Fault::Dribble,
            // A bank that gets a request twice would have been asked twice: only answers are doubled.
            15..=17 if point.direction == Direction::ToSwitch => Fault::Duplicate,
            _ => Fault::Swallow,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_names() {
        for (direction, mti, name) in [
            (Direction::ToBank, "0200", "request"),
            (Direction::ToBank, "0201", "request"),
            (Direction::ToSwitch, "0210", "answer to request"),
            (Direction::ToBank, "0221", "advice"),
            (Direction::ToSwitch, "0230", "answer to advice"),
            (Direction::ToBank, "0421", "reversal"),
            (Direction::ToSwitch, "0430", "answer to reversal"),
            (Direction::ToSwitch, "0810", "answer to network management"),
        ] {
            let point = Point::new(direction, Some(mti.parse().unwrap()));
            assert_eq!(point.to_string(), name, "{mti}");
        }
    }

    #[test]
    fn every_fault_happens_and_no_request_is_doubled() {
        let mut dice = Dice::new(7, 0);
        let odds = Odds::new(1_000.0, 1.0);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20_000 {
            for direction in [Direction::ToBank, Direction::ToSwitch] {
                let point = Point::new(direction, Some(Mti::literal(b"0200")));
                if let Some(fault) = odds.draw(point, &mut dice) {
                    assert!(fault != Fault::Duplicate || direction == Direction::ToSwitch);
                    seen.insert(fault.to_string());
                }
            }
        }
        assert_eq!(seen.len(), 8, "{seen:?}");
    }
}
