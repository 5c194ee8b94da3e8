//! A session, a link and a bank that approves everything, for the test and the benchmark of the hot path.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use pointsman_engine::{
    Instant, Link, LinkId, LinkLeg, LinkOutput, LinkProfile, LinkState, ListenerProfile,
    PresencePolicy, Session, SessionOutput,
};
use pointsman_iso8583::{Builder, Dialect, Stan};
use pointsman_routing::{RoutingTable, Rule};
use pointsman_test_support::canonical;

/// One terminal connection and one link between two dialects.
pub(crate) struct Pair {
    session: Session,
    link: Link<()>,
    link_dialect: Arc<Dialect>,
    listener_dialect: Arc<Dialect>,
    request: BytesMut,
    /// The terminal's number for the next purchase.
    number: u32,
    /// The bank's answer but for its trace number.
    answer: BytesMut,
    now: Instant,
}

/// What the parts of a transaction do, each called once for each transaction.
pub(crate) trait Watch {
    fn engine<T>(&mut self, part: impl FnOnce() -> T) -> T;
}

impl Pair {
    /// Signed on and idle.
    pub(crate) fn new(listener: &str, link: &str) -> Pair {
        let (listener, link_dialect) = (
            Dialect::builtin(listener).unwrap(),
            Dialect::builtin(link).unwrap(),
        );
        let rules = [Rule {
            bins: vec!["4".parse().unwrap()],
            link: LinkId(0),
        }];
        let profile = ListenerProfile {
            name: "pos".into(),
            routes: Arc::new(RoutingTable::build(&rules, None).unwrap()),
            links: [LinkLeg::new("bank".into(), &listener, &link_dialect)].into(),
            dialect: Arc::clone(&listener),
            in_flight_max: 1_024,
            message_bytes_max: usize::MAX,
            presence: PresencePolicy::Ignore,
        };
        let link_profile = LinkProfile {
            sign_on: false,
            // As many as a second has, so that the table of them stops growing.
            originals_max: 1_000,
            ..LinkProfile::new("bank".into(), Arc::clone(&link_dialect))
        };
        let mut link = Link::new(Arc::new(link_profile), Instant::ZERO);
        link.handle_connected(Instant::ZERO);
        assert_eq!(link.state(), LinkState::Connected);
        while link.poll_output().is_some() {}
        let request = canonical::PURCHASE.encode(&listener).unwrap();
        let answer = answer(&link_dialect);
        Pair {
            session: Session::new(Arc::new(profile)),
            link,
            link_dialect,
            listener_dialect: listener,
            request: BytesMut::from(&request[..]),
            number: 0,
            answer,
            now: Instant::ZERO,
        }
    }

    /// One purchase: to the bank and back.
    pub(crate) fn transaction(&mut self, watch: &mut impl Watch) {
        // A thousand a second, so that as many numbers rest at a time as would.
        self.now = self.now + Duration::from_millis(1);
        let now = self.now;
        self.number = self.number % 999_999 + 1;
        let view = self.listener_dialect.view(&self.request).unwrap();
        let slot = view.stan_slot().unwrap();
        slot.stamp(&mut self.request, Stan::new(self.number).unwrap());
        let Pair {
            session,
            link,
            request,
            answer,
            link_dialect,
            ..
        } = self;
        let frame = request.clone().freeze();
        let forward = watch.engine(|| {
            session.handle_frame(now, None, frame);
            std::iter::from_fn(|| session.poll_output()).find_map(|output| match output {
                SessionOutput::Forward(forward) => Some(forward),
                _ => None,
            })
        });
        let request = forward.expect("it is routed").into_request(());
        let sent = watch.engine(|| {
            link.handle_request(now, request);
            let mut sent = None;
            while let Some(output) = link.poll_output() {
                match output {
                    LinkOutput::Journal { number, .. } => link.handle_durable(number),
                    LinkOutput::Transmit { message, .. } => sent = Some(message),
                    _ => {}
                }
            }
            sent
        });
        let sent = sent.expect("it is sent");
        let view = link_dialect.view(&sent).unwrap();
        let slot = link_dialect.view(answer).unwrap().stan_slot().unwrap();
        slot.stamp(answer, view.stan().unwrap());
        let frame = answer.clone().freeze();
        let told = watch.engine(|| {
            link.handle_frame(now, frame);
            let mut told = None;
            while let Some(output) = link.poll_output() {
                match output {
                    LinkOutput::Journal { number, .. } => link.handle_durable(number),
                    LinkOutput::Answer { answer, .. } => told = Some(answer),
                    _ => {}
                }
            }
            told
        });
        let told = told.expect("it is answered");
        let reply = watch.engine(|| {
            session.handle_answer(now, told);
            std::iter::from_fn(|| session.poll_output()).find_map(|output| match output {
                SessionOutput::Reply { message, .. } => Some(message),
                _ => None,
            })
        });
        assert!(reply.is_some(), "it is told");
        drop((sent, reply));
        assert_eq!((session.in_flight(), link.in_flight()), (0, 0));
    }
}

fn answer(dialect: &Dialect) -> BytesMut {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, "0210".parse().unwrap());
    let purchase = canonical::PURCHASE.fields;
    for field in [3, 4, 7, 11, 12, 13, 37, 38, 39, 41, 42, 49] {
        let value = match field {
            38 => "APPR01",
            39 => "00",
            _ => {
                purchase
                    .iter()
                    .find(|(number, _)| *number == field)
                    .unwrap()
                    .1
            }
        };
        builder.text(field, value).unwrap();
    }
    builder.finish().unwrap();
    out
}
