//! A TCP port at which nobody answers until it is opened: a service that is absent, and then there.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A port in front of a service.
pub struct Proxy {
    address: SocketAddr,
    target: String,
    task: Option<AbortHandle>,
}

impl Proxy {
    /// Takes a port and leaves it closed: connections are refused.
    pub async fn closed(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        Self { address, target: target.to_owned(), task: None }
    }

    /// `host:port` to connect to.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on everything is passed on to the service.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        let target = self.target.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let target = target.clone();
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(target).await {
                        // Either side may hang up: that is theirs to judge.
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
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
