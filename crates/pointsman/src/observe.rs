//! What a running switch shows: logs on stderr, and Prometheus text at `/metrics`.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::exit::{Exit, Failure};

/// Seconds. A good answer of a bank takes 50 ms to 2 s, a POS gives up after 60 s, and the switch's own share shows
/// below 1 ms.
const LATENCY_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 15.0, 30.0, 60.0,
];
/// How often the exporter folds new samples into its buckets: without it they pile up until somebody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// Keeps the log's writer alive. Dropping it writes what is still queued.
#[derive(Debug)]
pub(crate) struct Logging {
    _writer: WorkerGuard,
    lost: ErrorCounter,
}

impl Logging {
    /// Lines thrown away because stderr did not take them in time.
    pub(crate) fn lost(&self) -> ErrorCounter {
        self.lost.clone()
    }
}

/// Starts logging to stderr through a bounded queue: whoever reads stderr slowly loses lines, and they are counted, but
/// never holds up a transaction. `filter` is what `POINTSMAN_LOG` or `--log` says, such as `info` or
/// `warn,pointsman_switch=debug`.
pub(crate) fn start_logging(filter: &str, format: LogFormat) -> Result<Logging, Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::usage(
            format!("log filter `{filter}` is not valid: {error}"),
            "use error, warn, info, debug or trace, alone or as target=level pairs",
        )
    })?;
    let json = match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    let logging = Logging {
        _writer: guard,
        lost: writer.error_counter(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(!json && io::stderr().is_terminal());
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| {
        Failure::new(
            Exit::Software,
            format!("cannot start logging: {error}"),
            "report this",
        )
    })?;
    Ok(logging)
}

/// Makes every counter of the process visible through the returned handle.
pub(crate) fn start_metrics() -> Result<PrometheusHandle, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Software,
            format!("cannot start the metrics: {error}"),
            "report this",
        )
    };
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full(pointsman_switch::LATENCY.to_owned()),
            LATENCY_BUCKETS,
        )
        .map_err(|error| broken(&error))?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| broken(&error))?;
    pointsman_switch::describe_metrics();
    Ok(handle)
}

/// Serves `/metrics` until the runtime ends. Returns where.
pub(crate) async fn serve_metrics(
    bind: SocketAddr,
    handle: PrometheusHandle,
    lost_lines: ErrorCounter,
) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(bind).await.map_err(|error| {
        Failure::new(
            Exit::Unavailable,
            format!("cannot bind {bind} for [metrics]: {error}"),
            "choose another address for `bind` in [metrics], or stop what uses this one",
        )
    })?;
    let address = listener.local_addr().unwrap_or(bind);
    let upkeep = handle.clone();
    let lost = metrics::counter!("pointsman_log_lines_lost_total");
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
            lost.absolute(lost_lines.dropped_lines() as u64);
        }
    });
    let router = Router::new().route("/metrics", get(move || async move { handle.render() }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the metrics endpoint ended");
        }
    });
    Ok(address)
}
