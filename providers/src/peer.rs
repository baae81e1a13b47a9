//! A scripted TCP peer for tests: what a connection does is said byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the peer does with one whole request.
#[derive(Clone)]
pub(crate) enum Then {
    /// Writes these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Writes these bytes and closes.
    SayAndClose(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Never answers.
    Hang,
}

/// A peer that answers the requests it sees, over all connections, by a list.
pub(crate) struct Peer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
    ended: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Peer {
    /// After the last of `script` the peer hangs.
    pub(crate) async fn start(script: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let script = Arc::new(Mutex::new(script.into_iter()));
        let (ending, ended) = watch::channel(0);
        let task = tokio::spawn({
            let (seen, connections) = (Arc::clone(&seen), Arc::clone(&connections));
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    *connections.lock().unwrap() += 1;
                    let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                    let ending = ending.clone();
                    tokio::spawn(async move {
                        serve(stream, seen, script).await;
                        ending.send_modify(|ended| *ended += 1);
                    });
                }
            }
        });
        Self { address, seen, connections, ended, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every byte received so far, one entry a request; an unfinished one is the last entry of
    /// its connection.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Waits until so many connections have ended, and all that came over them stands in `seen`.
    pub(crate) async fn until_ended(&self, connections: usize) {
        let mut ended = self.ended.clone();
        let enough = ended.wait_for(|ended| *ended >= connections);
        tokio::time::timeout(Duration::from_secs(10), enough).await.unwrap().unwrap();
    }

    /// The JSON body of the only request seen.
    pub(crate) fn only_body(&self) -> serde_json::Value {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        serde_json::from_str(seen[0].split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<std::vec::IntoIter<Then>>>,
) {
    while let Some(request) = request(&mut stream, &seen).await {
        seen.lock().unwrap().push(request);
        let then = script.lock().unwrap().next().unwrap_or(Then::Hang);
        match then {
            Then::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
            Then::SayAndClose(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Then::Close => return,
            Then::Hang => {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// One whole request; what came of an unfinished one goes to `seen`.
async fn request(stream: &mut TcpStream, seen: &Mutex<Vec<String>>) -> Option<String> {
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |n| n.trim().parse::<usize>().unwrap());
            if got.len() >= end + 4 + length {
                return Some(String::from_utf8(got).unwrap());
            }
        }
        if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
            if !got.is_empty() {
                seen.lock().unwrap().push(String::from_utf8_lossy(&got).into_owned());
            }
            return None;
        }
    }
}

/// An HTTP/1.1 answer with a JSON body and further head lines (each ending in CRLF).
pub(crate) fn answer(status: u16, head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{head}\r\n{body}", body.len())
        .into_bytes()
}
