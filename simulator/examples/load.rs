//! Measures how many sends a second the simulator takes: `cargo run --release -p simulator --example load`.
//!
//! Arguments: seconds (5), connections (16), URL of a running simulator (none or `-`: one in this process),
//! vendor (`netgsm` or `twilio`).
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
    let url = arguments.next().filter(|url| url != "-");
    let twilio = arguments.next().is_some_and(|vendor| vendor == "twilio");
    let here = match &url {
        Some(_) => None,
        None => Some(Simulator::start_with("127.0.0.1:0", Script::default()).await?),
    };
    let address = match &here {
        Some(simulator) => simulator.address().to_string(),
        None => url.unwrap_or_default().replace("http://", ""),
    };
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|lane| {
            let counters = (Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(client(address.clone(), lane, twilio, counters))
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

/// Writes a request to another number each time.
fn write_request(request: &mut Vec<u8>, twilio: bool, n: u64) -> Result<(), Error> {
    const NETGSM: &str = "ODUwMTIzNDU2NzpuZXRnc20tc2VjcmV0";
    const TWILIO: &str = "U0swMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp0d2lsaW8ta2V5LXNlY3JldA==";
    let to = n % 1_000_000_000;
    let (path, authorization, kind, body) = if twilio {
        let text = "Say%C4%B1n+Ay%C5%9Fe%2C+12.03.2026+14%3A30+randevunuz+vard%C4%B1r.";
        (
            "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json",
            TWILIO,
            "application/x-www-form-urlencoded",
            format!("To=%2B905{to:09}&From=KLINIK&Body={text}&ValidityPeriod=3600"),
        )
    } else {
        (
            "/sms/rest/v2/send",
            NETGSM,
            "application/json",
            format!(
                r#"{{"msgheader":"KLINIK","encoding":"TR","iysfilter":"0","appname":"load","startdate":"","stopdate":"010120401200","messages":[{{"msg":"Sayın Ayşe, 12.03.2026 14:30 randevunuz vardır. Değişiklik için: 0212 000 00 00","no":"5{to:09}","referansID":"ntf_{n}-1"}}]}}"#
            ),
        )
    };
    request.clear();
    write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: simulator\r\nauthorization: Basic {authorization}\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends over one connection and demands that each message is accepted.
async fn client(
    address: String,
    lane: u64,
    twilio: bool,
    (done, stop): (Arc<AtomicU64>, Arc<AtomicBool>),
) -> Result<(), Error> {
    let accepted: &[u8] = if twilio { b"\"status\":\"queued\"" } else { b"\"code\":\"00\"" };
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer) = (Vec::new(), vec![0; 4096]);
    let mut n = lane * 10_000_000;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        write_request(&mut request, twilio, n)?;
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
        if !answer[..filled].windows(accepted.len()).any(|part| part == accepted) {
            let text = String::from_utf8_lossy(&answer[..filled]).into_owned();
            return Err(Error::other(format!("not accepted: {text}")));
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
