//! The door through which a person at the same machine gives orders to a running switch: a socket in the journal's
//! directory, which only the switch's own user can open.
//!
//! One request a connection, one line of JSON each way. The door is for what cannot wait for a restart and has no other
//! way in; it knows no passwords, since who can open it can read the journal as well.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_engine::{ObligationKind, TransactionId};
use pointsman_switch::{Orders, SafAction};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// In the journal's directory.
const FILE_NAME: &str = "control";
/// A request is one short line.
const REQUEST_BYTES_MAX: u64 = 4_096;
/// Nobody types into this socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// Conversations at a time.
const CONVERSATIONS_MAX: usize = 8;

/// The open door. The socket's file goes with it.
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    listener: UnixListener,
}

impl Door {
    /// Opens it. The journal is ours alone, so that a socket that is there is a dead one's.
    pub(crate) fn open(directory: &Path) -> io::Result<Door> {
        let path = directory.join(FILE_NAME);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Door { path, listener })
    }

    /// Answers whoever comes, for ever.
    pub(crate) async fn serve(self, orders: Orders) {
        let seats = std::sync::Arc::new(tokio::sync::Semaphore::new(CONVERSATIONS_MAX));
        loop {
            let Ok(seat) = std::sync::Arc::clone(&seats).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let orders = orders.clone();
                    tokio::spawn(async move {
                        let talk = tokio::time::timeout(PATIENCE, converse(stream, &orders));
                        match talk.await {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => tracing::debug!(%error, "an order was cut off"),
                            Err(_) => tracing::debug!("an order did not come to an end"),
                        }
                        drop(seat);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "orders cannot be taken");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket stays behind");
        }
    }
}

async fn converse(mut stream: UnixStream, orders: &Orders) -> io::Result<()> {
    let by = match stream.peer_cred() {
        Ok(peer) => format!("uid {}", peer.uid()),
        Err(_) => "unknown".to_owned(),
    };
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(REQUEST_BYTES_MAX))
        .read_line(&mut line)
        .await?;
    let answer = match Request::read(&line) {
        Some(Request { tx, kind, action }) => {
            let transaction = TransactionId::from_raw(tx);
            let mut done = Vec::new();
            for kind in kinds(kind) {
                if orders.saf(transaction, kind, action, &by).await {
                    done.push(kind.label());
                }
            }
            json!({ "done": done })
        }
        None => json!({ "error": "not a request" }),
    };
    write.write_all(format!("{answer}\n").as_bytes()).await?;
    write.shutdown().await
}

/// One kind, or all of them.
fn kinds(kind: Option<ObligationKind>) -> Vec<ObligationKind> {
    kind.map_or_else(|| ObligationKind::ALL.to_vec(), |kind| vec![kind])
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) tx: u64,
    /// All that is owed for it, if none is named.
    pub(crate) kind: Option<ObligationKind>,
    pub(crate) action: SafAction,
}

impl Request {
    fn read(line: &str) -> Option<Request> {
        let value: Value = serde_json::from_str(line).ok()?;
        let kind = match value.get("kind").and_then(Value::as_str) {
            None => None,
            Some(name) => Some(kind_named(name)?),
        };
        Some(Request {
            tx: value.get("tx")?.as_u64()?,
            kind,
            action: match value.get("saf")?.as_str()? {
                "retry" => SafAction::Retry,
                "drop" => SafAction::Drop,
                _ => return None,
            },
        })
    }

    fn write(&self) -> String {
        let action = match self.action {
            SafAction::Retry => "retry",
            SafAction::Drop => "drop",
        };
        let mut request = json!({ "saf": action, "tx": self.tx });
        if let (Some(kind), Some(object)) = (self.kind, request.as_object_mut()) {
            object.insert("kind".to_owned(), kind.label().into());
        }
        format!("{request}\n")
    }
}

/// The kind with this name.
pub(crate) fn kind_named(name: &str) -> Option<ObligationKind> {
    ObligationKind::ALL
        .into_iter()
        .find(|kind| kind.label() == name)
}

/// Asks the switch that has this journal. Says for which kinds it was done.
pub(crate) async fn ask(directory: &Path, request: Request) -> io::Result<Vec<String>> {
    let talk = async {
        let mut stream = UnixStream::connect(directory.join(FILE_NAME)).await?;
        stream.write_all(request.write().as_bytes()).await?;
        let mut answer = String::new();
        let limit = REQUEST_BYTES_MAX;
        stream.take(limit).read_to_string(&mut answer).await?;
        let answer: Value = serde_json::from_str(&answer)?;
        let done = answer
            .get("done")
            .and_then(Value::as_array)
            .ok_or(io::ErrorKind::InvalidData)?;
        let done = done.iter().filter_map(Value::as_str).map(str::to_owned);
        Ok(done.collect())
    };
    match tokio::time::timeout(PATIENCE, talk).await {
        Ok(answer) => answer,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        for kind in [
            None,
            Some(ObligationKind::Reversal),
            Some(ObligationKind::Advice),
        ] {
            for action in [SafAction::Retry, SafAction::Drop] {
                let request = Request {
                    tx: u64::MAX,
                    kind,
                    action,
                };
                assert_eq!(Request::read(&request.write()), Some(request));
            }
        }
        for line in [
            "",
            "{}",
            "[]",
            "{\"saf\":\"retry\"}",
            "{\"saf\":\"burn\",\"tx\":1}",
            "{\"saf\":\"drop\",\"tx\":-1}",
        ] {
            assert_eq!(Request::read(line), None, "{line}");
        }
    }
}
