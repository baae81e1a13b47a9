//! Measures how many Netgsm sends a second the simulator takes: `cargo run --release -p simulator --example load`.
//!
//! Arguments: seconds (5), connections (16), URL of a running simulator (none: one in this process).
//! Client and server share the machine, so the number is a floor.

use std::io::{Error, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use simulator::{Script, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let connections: u64 = arguments.next().map_or(Ok(16), |text| text.parse())?;
    let here = match arguments.next() {
        Some(_) => None,
        None => Some(Simulator::start_with("127.0.0.1:0", Script::default()).await?),
    };
    let address = match &here {
        Some(simulator) => simulator.address().to_string(),
        None => std::env::args().nth(3).unwrap_or_default().replace("http://", ""),
    };
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|lane| {
            tokio::spawn(client(address.clone(), lane, Arc::clone(&done), Arc::clone(&stop)))
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (sent, took) = (done.load(Ordering::Relaxed), begun.elapsed().as_secs_f64());
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    let per_s = sent as f64 / took;
    writeln!(
        std::io::stdout(),
        "{sent} sends in {took:.1} s over {connections} connections: {per_s:.0}/s"
    )?;
    Ok(())
}

/// Sends over one connection, each to another number, and demands code 00.
async fn client(
    address: String,
    lane: u64,
    done: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Result<(), Error> {
    const AUTHORIZATION: &str = "ODUwMTIzNDU2NzpuZXRnc20tc2VjcmV0";
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::new(), vec![0; 4096]);
    let mut n = lane * 10_000_000;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let body = format!(
            r#"{{"msgheader":"KLINIK","encoding":"TR","iysfilter":"0","appname":"load","startdate":"","stopdate":"010120401200","messages":[{{"msg":"Sayın Ayşe, 12.03.2026 14:30 randevunuz vardır. Değişiklik için: 0212 000 00 00","no":"5{:09}","referansID":"ntf_{n}-1"}}]}}"#,
            n % 1_000_000_000
        );
        request.clear();
        write!(
            request,
            "POST /sms/rest/v2/send HTTP/1.1\r\nhost: simulator\r\nauthorization: Basic {AUTHORIZATION}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream.write_all(&request).await?;
        let mut filled = 0;
        // The answer is small and its last byte is the brace of its body.
        loop {
            let read = stream.read(&mut answer[filled..]).await?;
            filled += read;
            if read == 0 || answer[..filled].ends_with(b"}") {
                break;
            }
        }
        if !answer[..filled].windows(11).any(|part| part == br#""code":"00""#) {
            let text = String::from_utf8_lossy(&answer[..filled]).into_owned();
            return Err(Error::other(format!("not accepted: {text}")));
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
