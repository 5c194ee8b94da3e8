//! What the switch says about itself at `/metrics`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was read at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    text: String,
}

impl Metrics {
    /// `None` if nobody answers.
    pub(crate) async fn read(from: SocketAddr) -> Option<Metrics> {
        let read = async {
            let mut stream = TcpStream::connect(from).await.ok()?;
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await
                .ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await.ok()?;
            text.starts_with("HTTP/1.1 200").then_some(Metrics { text })
        };
        timeout(PATIENCE, read).await.ok().flatten()
    }

    /// Each series of a metric: what stands in its braces, and its value.
    pub(crate) fn series<'m>(&'m self, name: &'m str) -> impl Iterator<Item = (&'m str, f64)> {
        self.text.lines().filter_map(move |line| {
            let labels = line.strip_prefix(name)?.strip_prefix('{')?;
            let (labels, value) = labels.rsplit_once("} ")?;
            Some((labels, value.parse().ok()?))
        })
    }

    /// The sum of the series that have this among their labels.
    pub(crate) fn sum(&self, name: &str, label: &str) -> u64 {
        self.series(name)
            .filter(|(labels, _)| labels.contains(label))
            .map(|(_, value)| value as u64)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_apart() {
        let metrics = Metrics {
            text: "# HELP owed x\nowed{link=\"alpha\"} 3\nowed{link=\"bravo\"} 0\nowed_oldest{link=\"alpha\"} 7\n"
                .to_owned(),
        };
        let series: Vec<_> = metrics.series("owed").collect();
        assert_eq!(series, [("link=\"alpha\"", 3.0), ("link=\"bravo\"", 0.0)]);
        assert_eq!(metrics.sum("owed", "link=\"alpha\""), 3);
        assert_eq!(metrics.sum("owed", ""), 3);
    }
}
