//! A TCP proxy in front of the broker that can be absent, deaf, or speak out of turn.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::AbortHandle,
};

/// A port of this machine where nobody listens.
pub async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Accepts connections and never answers.
pub async fn deaf(at: SocketAddr) -> AbortHandle {
    let listener = TcpListener::bind(at).await.unwrap();
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    task.abort_handle()
}

/// Passes everything on to the broker.
pub struct Proxy {
    pub address: SocketAddr,
    bad_ack: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub async fn start(at: SocketAddr, broker: &str) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (bad_ack, broker) = (Arc::new(AtomicBool::new(false)), broker.to_owned());
        let wanted = Arc::clone(&bad_ack);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&broker).await.unwrap();
                let (from_client, mut to_client) = client.into_split();
                let (mut from_server, to_server) = server.into_split();
                let wanted = Arc::clone(&wanted);
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_server, &mut to_client).await },
                );
                tokio::spawn(async move { pass_frames(from_client, to_server, &wanted).await });
            }
        });
        Self { address, bad_ack, task: task.abort_handle() }
    }

    /// With the next frame of a consuming client, also acks a delivery that never was.
    pub fn ack_a_wrong_tag(&self) {
        self.bad_ack.store(true, Ordering::SeqCst);
    }
}

/// Copies whole AMQP frames; behind one of a consuming channel it puts an ack of a tag that does not exist.
async fn pass_frames(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    bad_ack: &AtomicBool,
) -> Option<()> {
    let consuming = AtomicU16::new(0);
    let mut protocol_header = [0; 8];
    from.read_exact(&mut protocol_header).await.ok()?;
    to.write_all(&protocol_header).await.ok()?;
    loop {
        let mut frame = vec![0; 7];
        from.read_exact(&mut frame).await.ok()?;
        let size = u32::from_be_bytes(frame[3..7].try_into().unwrap()) as usize;
        frame.resize(7 + size + 1, 0);
        from.read_exact(&mut frame[7..]).await.ok()?;
        let channel = u16::from_be_bytes([frame[1], frame[2]]);
        if frame[0] == 1 && frame[7..11] == [0, 60, 0, 20] {
            consuming.store(channel, Ordering::SeqCst);
        }
        to.write_all(&frame).await.ok()?;
        let target = consuming.load(Ordering::SeqCst);
        if target != 0 && bad_ack.swap(false, Ordering::SeqCst) {
            let [high, low] = target.to_be_bytes();
            let mut ack = vec![1, high, low, 0, 0, 0, 13, 0, 60, 0, 80];
            ack.extend(999_999_u64.to_be_bytes());
            ack.extend([0, 0xCE]);
            to.write_all(&ack).await.ok()?;
        }
    }
}
