//! A TCP port in front of a service, through which a test breaks the way to it: refused, cut, silent, slow, deaf in one direction,
//! cut after some bytes. Whoever connects cannot tell it from a network that does that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Bytes that are passed on at once.
const CHUNK: usize = 16 * 1024;
/// The same where everything is slow.
const SLOW_CHUNK: usize = 512;

/// How the way to the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Everything is passed on.
    Open,
    /// Every connection ends with a RST, those that come now too.
    Cut,
    /// Connections stand and new ones are taken, and nothing is passed on, in either direction. What was sent meanwhile is passed
    /// on when the way is open again, as TCP would.
    Silent,
    /// The same for what goes to the service; its own words still arrive.
    DeafService,
    /// The same for what comes from the service; it hears everything, and its answers are lost on the way.
    DeafClient,
    /// So long for every 512 bytes, in each direction.
    Slow(Duration),
    /// Every connection ends with a RST after so many more bytes, both directions together.
    CutAfter(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToService,
    FromService,
}

/// What all connections see. Each has the number of the time in which it began.
#[derive(Debug, Clone, Copy)]
struct State {
    way: Way,
    time: u64,
    /// Connections of times before it are reset.
    reset_before: u64,
    /// Connections of times before it are silent for ever.
    silent_before: u64,
}

impl State {
    fn stops(&self, direction: Direction, time: u64) -> bool {
        if time < self.silent_before {
            return true;
        }
        match self.way {
            Way::Silent => true,
            Way::DeafService => direction == Direction::ToService,
            Way::DeafClient => direction == Direction::FromService,
            Way::Open | Way::Cut | Way::Slow(_) | Way::CutAfter(_) => false,
        }
    }
}

/// A port in front of a service.
pub struct Proxy {
    address: SocketAddr,
    target: String,
    state: watch::Sender<State>,
    resets: Arc<AtomicUsize>,
    task: Option<AbortHandle>,
}

impl Proxy {
    /// Takes a port and leaves it closed: connections are refused.
    pub async fn closed(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = watch::Sender::new(State {
            way: Way::Open,
            time: 0,
            reset_before: 0,
            silent_before: 0,
        });
        Self { address, target: target.to_owned(), state, resets: Arc::default(), task: None }
    }

    /// Takes a port; everything is passed on.
    pub async fn to(target: &str) -> Self {
        let mut proxy = Self::closed(target).await;
        proxy.open().await;
        proxy
    }

    /// `host:port` to connect to.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// How the way is from now on, for connections that stand and for new ones.
    pub fn set(&self, way: Way) {
        self.state.send_modify(|state| state.way = way);
    }

    /// Ends all connections that stand with a RST; new ones find the way as it is.
    pub fn reset_all(&self) {
        self.state.send_modify(|state| {
            state.time += 1;
            state.reset_before = state.time;
        });
    }

    /// Nothing passes any more on the connections that stand, for ever and without a word; new ones find the way as it is. So it is
    /// when a machine loses its power and another one takes over its address.
    pub fn forget_all(&self) {
        self.state.send_modify(|state| {
            state.time += 1;
            state.silent_before = state.time;
        });
    }

    /// Connections that ended with a RST of ours so far.
    pub fn resets(&self) -> usize {
        self.resets.load(Ordering::Relaxed)
    }

    /// From now on connections are taken, and go to this service: one that was not there yet.
    pub async fn open_to(&mut self, target: &str) {
        target.clone_into(&mut self.target);
        self.open().await;
    }

    /// From now on connections are taken.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        let (target, state) = (self.target.clone(), self.state.subscribe());
        let resets = Arc::clone(&self.resets);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, state) = (target.clone(), state.clone());
                let resets = Arc::clone(&resets);
                tokio::spawn(async move {
                    if connection(client, &target, state).await == Ended::Reset {
                        resets.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        self.task = Some(task.abort_handle());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    ByItself,
    Reset,
}

/// Passes on until both sides have hung up, or the way is cut.
async fn connection(mut client: TcpStream, target: &str, state: watch::Receiver<State>) -> Ended {
    let time = state.borrow().time;
    let cut = async {
        let mut state = state.clone();
        let is_cut = |s: &State| s.way == Way::Cut || time < s.reset_before;
        // the proxy is gone: so is the way
        let _ = state.wait_for(is_cut).await;
    };
    // nobody can connect through a way that is cut, and the service must not see it either
    if state.borrow().way == Way::Cut {
        reset(&client);
        return Ended::Reset;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        reset(&client);
        return Ended::ByItself;
    };
    for socket in [&client, &server] {
        let _ = socket.set_nodelay(true);
    }
    let spent = AtomicU64::new(0);
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = Passage { direction: Direction::ToService, time, spent: &spent };
        let down = Passage { direction: Direction::FromService, time, spent: &spent };
        let up = up.pass(from_client, to_server, state.clone());
        let down = down.pass(from_server, to_client, state.clone());
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => {
                if both.is_ok() { Ended::ByItself } else { Ended::Reset }
            }
            () = cut => Ended::Reset,
        }
    };
    if ended == Ended::Reset {
        reset(&client);
        reset(&server);
    }
    ended
}

/// Without a word: what the kernel has not sent yet is thrown away.
fn reset(socket: &TcpStream) {
    // a socket that is gone needs no reset
    let _ = socket.set_zero_linger();
}

/// One direction of one connection.
struct Passage<'a> {
    direction: Direction,
    time: u64,
    /// Bytes of both directions since they are counted.
    spent: &'a AtomicU64,
}

impl Passage<'_> {
    /// Waits until something may pass, and says how.
    async fn may_pass(&self, state: &mut watch::Receiver<State>) -> std::io::Result<Way> {
        let open = state.wait_for(|s| !s.stops(self.direction, self.time)).await;
        open.map(|s| s.way).map_err(|_| std::io::Error::other("the proxy is gone"))
    }

    /// Passes on until the sender hangs up. An error ends the connection with a RST.
    async fn pass(
        self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        mut state: watch::Receiver<State>,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let way = self.may_pass(&mut state).await?;
            let most = if matches!(way, Way::Slow(_)) { SLOW_CHUNK } else { CHUNK };
            let read = from.read(&mut buffer[..most]).await?;
            // it may have become silent while nothing came
            let way = self.may_pass(&mut state).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            let mut passed = read;
            match way {
                Way::Slow(pause) => tokio::time::sleep(pause).await,
                Way::CutAfter(bytes) => {
                    let before = self.spent.fetch_add(read as u64, Ordering::Relaxed);
                    let left = bytes.saturating_sub(before);
                    passed = usize::try_from(left).unwrap_or(read).min(read);
                }
                Way::Open | Way::Cut | Way::Silent | Way::DeafService | Way::DeafClient => {}
            }
            to.write_all(&buffer[..passed]).await?;
            if passed < read {
                return Err(std::io::Error::other("so many bytes were passed on"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that repeats what it hears.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address.to_string()
    }

    async fn said(socket: &mut TcpStream, word: &[u8]) -> std::io::Result<Vec<u8>> {
        socket.write_all(word).await?;
        let mut heard = vec![0; word.len()];
        socket.read_exact(&mut heard).await?;
        Ok(heard)
    }

    async fn is_silent(socket: &mut TcpStream) -> bool {
        let limit = Duration::from_millis(100);
        tokio::time::timeout(limit, said(socket, b"a")).await.is_err()
    }

    #[tokio::test]
    async fn what_a_silent_way_kept_arrives_when_it_is_open_again() {
        let proxy = Proxy::to(&echo().await).await;
        let mut socket = TcpStream::connect(proxy.address()).await.expect("taken");
        assert_eq!(said(&mut socket, b"first").await.expect("passed on"), b"first");
        for way in [Way::Silent, Way::DeafService, Way::DeafClient] {
            proxy.set(way);
            assert!(is_silent(&mut socket).await, "{way:?}");
            proxy.set(Way::Open);
            let mut kept = [0; 1];
            socket.read_exact(&mut kept).await.expect("it was kept");
            assert_eq!(said(&mut socket, b"again").await.expect("passed on"), b"again");
        }
        assert_eq!(proxy.resets(), 0);
        proxy.forget_all();
        assert!(is_silent(&mut socket).await);
        let mut new = TcpStream::connect(proxy.address()).await.expect("taken");
        assert_eq!(said(&mut new, b"new").await.expect("passed on"), b"new");
        assert!(is_silent(&mut socket).await);
    }

    #[tokio::test]
    async fn a_cut_way_resets_and_one_that_is_cut_after_some_bytes_passes_just_those() {
        let proxy = Proxy::to(&echo().await).await;
        let mut socket = TcpStream::connect(proxy.address()).await.expect("taken");
        said(&mut socket, b"first").await.expect("passed on");
        proxy.set(Way::Cut);
        let mut nothing = [0; 1];
        let error = socket.read_exact(&mut nothing).await.expect_err("cut");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        proxy.set(Way::CutAfter(8));
        let mut socket = TcpStream::connect(proxy.address()).await.expect("taken");
        // four bytes there and four back
        said(&mut socket, b"four").await.expect("passed on");
        assert!(said(&mut socket, b"more").await.is_err());
        proxy.set(Way::Open);
        let mut socket = TcpStream::connect(proxy.address()).await.expect("taken");
        said(&mut socket, b"first").await.expect("passed on");
        proxy.reset_all();
        assert!(
            said(&mut socket, b"lost").await.is_err() || said(&mut socket, b"lost").await.is_err()
        );
    }
}
