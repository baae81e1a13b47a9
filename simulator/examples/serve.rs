//! Serves the twins until Ctrl-C: `cargo run -p simulator --example serve -- 127.0.0.1:8090 [SCRIPT]`.

use std::io::Write;
use std::path::Path;

use simulator::{Script, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let script = match arguments.next() {
        Some(path) => Script::from_file(Path::new(&path))?,
        None => Script::default(),
    };
    let listener = TcpListener::bind(listen).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        // Without signals there is no way to stop it but to kill it.
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    serve(listener, script, shutdown).await?;
    Ok(())
}
