//! Our side of callbacks and webhooks.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request that came to our side: its path, its headers in lower case, its form.
pub struct Came {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub form: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A server of one answer a connection.
pub struct Listener {
    socket: TcpListener,
}

impl Listener {
    pub async fn new() -> Self {
        Self { socket: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.socket.local_addr().unwrap())
    }

    /// Takes the next request and answers it with a status.
    pub async fn take(&self, status: u16) -> Came {
        self.answer(|_| (status, String::new())).await
    }

    /// Takes the next request and answers it with what this says about it.
    pub async fn answer(&self, what: impl FnOnce(&Came) -> (u16, String)) -> Came {
        let came = async {
            let (mut stream, _) = self.socket.accept().await.unwrap();
            let mut text = Vec::new();
            let (head, length) = loop {
                let mut part = [0; 4096];
                let read = stream.read(&mut part).await.unwrap();
                text.extend_from_slice(&part[..read]);
                let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8(text[..end].to_vec()).unwrap();
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse::<usize>().unwrap())
                });
                break (head, end + 4 + length.unwrap_or(0));
            };
            while text.len() < length {
                let mut part = [0; 4096];
                let read = stream.read(&mut part).await.unwrap();
                text.extend_from_slice(&part[..read]);
            }
            let mut lines = head.lines();
            let mut line = lines.next().unwrap().split(' ').map(str::to_owned);
            let (method, path) = (line.next().unwrap(), line.next().unwrap());
            let headers = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let body = &text[text.len() - (length - head.len() - 4)..];
            let form = form_urlencoded::parse(body).into_owned().collect();
            let came = Came { method, path, headers, form, body: body.to_vec() };
            let (status, body) = what(&came);
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            came
        };
        tokio::time::timeout(Duration::from_secs(10), came).await.unwrap()
    }
}
