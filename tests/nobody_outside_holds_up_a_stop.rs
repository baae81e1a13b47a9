//! Connections with half a request, as anybody may open them without a token, do not decide how long a stop takes or how it ends.

use std::time::{Duration, Instant};

use simulator::Script;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Embedded;

/// Well below the 25 s that work has to finish by default.
const SOON: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_outside_holds_up_a_stop() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    let address = machine.door.trim_start_matches("http://").to_owned();
    let half = async |text: String| {
        let mut stream = TcpStream::connect(&address).await.expect("the door");
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    };
    let headers = half("GET /healthz HTTP/1.1\r\nhost".to_owned()).await;
    // its body never comes, although it is asked for
    let token = machine.token("atasehir");
    let mut body = half(format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n"
    ))
    .await;
    body.read_exact(&mut [0; 12]).await.expect("it reads the body");
    let began = Instant::now();
    machine.stopped().await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    drop((headers, body));
    machine.finish().await;
}
