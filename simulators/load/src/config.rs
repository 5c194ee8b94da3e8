//! What is to be run.

use std::net::SocketAddr;
use std::time::Duration;

use pointsman_sim_common::Wire;

use crate::mix::Mix;

/// A load to be run.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// The listener.
    pub to: SocketAddr,
    /// How it speaks.
    pub wire: Wire,
    /// What is sent.
    pub mix: Mix,
    /// When it is sent.
    pub pace: Pace,
    /// Connections, each of which is a terminal with an identifier of its own.
    pub connections: usize,
    /// Requests that one connection may have open at once.
    pub in_flight_max: usize,
    /// Ends after so long, if set.
    pub duration: Option<Duration>,
    /// Ends after so many requests, if set.
    pub count: Option<u64>,
    /// An answer that takes longer is given up.
    pub timeout: Duration,
    /// All connections must stand within this time for the load to start.
    pub connect_timeout: Duration,
    /// Threads that the connections are spread over.
    pub threads: usize,
    /// Field 41 of the first connection is this and its number, with zeros between; at most 8 characters.
    pub terminal_prefix: String,
    /// Field 42.
    pub acceptor: String,
    /// What cards and amounts are drawn from.
    pub seed: u64,
    /// How often progress is told.
    pub progress_every: Duration,
}

/// When requests are sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// At a constant rate, whether or not answers come.
    Open {
        /// Requests per second.
        rate: f64,
        /// Time to reach it in, from nothing.
        ramp: Duration,
    },
    /// As answers come: each connection keeps `in_flight_max` requests open.
    Closed,
}

impl LoadConfig {
    /// One second of 100 requests per second over ten connections; every field is there to be changed.
    #[must_use]
    pub fn new(to: SocketAddr, wire: Wire, mix: Mix) -> Self {
        LoadConfig {
            to,
            wire,
            mix,
            pace: Pace::Open {
                rate: 100.0,
                ramp: Duration::ZERO,
            },
            connections: 10,
            in_flight_max: 64,
            duration: Some(Duration::from_secs(1)),
            count: None,
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            threads: 1,
            terminal_prefix: "T".to_owned(),
            acceptor: "LOADTEST".to_owned(),
            seed: 0,
            progress_every: Duration::from_secs(1),
        }
    }
}
