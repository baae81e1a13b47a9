//! What a supervisor such as systemd is told (`sd_notify`): ready, stopping, alive. Without `NOTIFY_SOCKET` nobody is told anything.
//!
//! The protocol is one datagram of `NAME=value` lines (sd_notify(3)). The socket is a path, or with `@` in front a name in Linux's
//! abstract namespace, as containers use it; crates that speak it know only paths.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::health;

/// Pause between two looks whether the process is ready for the first time.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Who started this process and wants to know how it is.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    socket: Option<Arc<UnixDatagram>>,
    /// Longest silence before it restarts this process.
    patience: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names. One that cannot be reached is said, and is no reason not to work.
    pub fn of_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        let variable = |name| std::env::var(name).ok();
        let patience = patience(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        match connected(&name) {
            Ok(socket) => Self { socket: Some(Arc::new(socket)), patience },
            Err(error) => {
                tracing::warn!(%error, "the supervisor's NOTIFY_SOCKET cannot be reached: it is told nothing");
                Self::default()
            }
        }
    }

    /// Whether somebody listens.
    pub fn listens(&self) -> bool {
        self.socket.is_some()
    }

    /// What is going on, for `systemctl status`.
    pub fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    /// Everything that `/readyz` asks of is there. `false`: it was not told, because it reads slowly.
    fn ready(&self) -> bool {
        self.tell("READY=1\nSTATUS=ready")
    }

    /// The stop has begun; it takes at most `drain` and what the last words take.
    pub fn stopping(&self, drain: Duration) {
        let most = drain.saturating_add(Duration::from_secs(10)).as_micros();
        self.tell(&format!(
            "STOPPING=1\nSTATUS=stopping: finishing what is in flight, at most {} s\nEXTEND_TIMEOUT_USEC={most}",
            drain.as_secs()
        ));
    }

    fn tell(&self, lines: &str) -> bool {
        let Some(socket) = &self.socket else { return false };
        socket
            .send(lines.as_bytes())
            .inspect_err(|error| tracing::debug!(%error, "the supervisor was not told"))
            .is_ok()
    }

    /// Tells it when this process is ready for the first time, and until `stop` that it lives.
    pub fn follow(&self, health: &health::Parts, stop: &CancellationToken) {
        if !self.listens() {
            return;
        }
        tokio::spawn(self.clone().tell_when_ready(health.clone(), stop.clone()));
        if let Some(patience) = self.patience {
            tokio::spawn(self.clone().say_that_it_lives(patience));
        }
    }

    async fn tell_when_ready(self, health: health::Parts, stop: CancellationToken) {
        let mut said = String::new();
        loop {
            match health.look().await {
                Ok(()) if stop.is_cancelled() || self.ready() => return,
                Err(why) if why != said => {
                    self.status(&format!("not ready: {why}"));
                    said = why;
                }
                Ok(()) | Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Until the process ends, also while it drains. A database or broker that is away is no reason to be restarted, so nobody is
    /// asked: what counts is that timers fire, that a task is run by whichever thread is free, and that one that may block gets a
    /// thread too. Where one of these stands still, nothing is said.
    async fn say_that_it_lives(self, patience: Duration) {
        let mut beat = tokio::time::interval(patience / 3);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let runs = tokio::spawn(tokio::task::yield_now()).await.is_ok();
            if runs && tokio::task::spawn_blocking(|| ()).await.is_ok() {
                self.tell("WATCHDOG=1");
            }
        }
    }
}

/// How long silence is tolerated, if by this process.
fn patience(usec: Option<String>, pid: Option<String>) -> Option<Duration> {
    if pid.is_some_and(|pid| pid != std::process::id().to_string()) {
        return None;
    }
    let usec = usec?.parse().ok().filter(|usec| *usec > 0)?;
    Some(Duration::from_micros(usec))
}

fn connected(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match name.as_bytes() {
        [b'@', rest @ ..] => socket.connect_addr(&SocketAddr::from_abstract_name(rest)?)?,
        _ => socket.connect(name)?,
    }
    // a supervisor that does not read must not hold anything up
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_is_meant_is_watched() {
        let some = |text: &str| Some(text.to_owned());
        let me = std::process::id().to_string();
        let second = Some(Duration::from_secs(1));
        assert_eq!(patience(some("1000000"), None), second);
        assert_eq!(patience(some("1000000"), Some(me)), second);
        assert_eq!(patience(some("1000000"), some("1")), None);
        for wrong in [some("0"), some("soon"), some("-1"), None] {
            assert_eq!(patience(wrong, None), None);
        }
    }

    #[test]
    fn paths_and_abstract_names_are_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = format!("@ulak-supervisor-{}", std::process::id());
        let at_path = UnixDatagram::bind(&path).expect("bound");
        let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).expect("a name");
        let at_name = UnixDatagram::bind_addr(&address).expect("bound");
        for (listener, written) in [(at_path, path.as_os_str()), (at_name, OsStr::new(&name))] {
            let socket = Some(Arc::new(connected(written).expect("connected")));
            let supervisor = Supervisor { socket, patience: None };
            supervisor.stopping(Duration::from_secs(25));
            let mut told = [0; 200];
            let length = listener.recv(&mut told).expect("a datagram");
            let told = std::str::from_utf8(&told[..length]).expect("UTF-8");
            assert!(told.starts_with("STOPPING=1\nSTATUS=stopping"), "{told}");
            assert!(told.ends_with("EXTEND_TIMEOUT_USEC=35000000"), "{told}");
        }
        assert!(connected(OsStr::new("/nowhere/notify")).is_err());
    }

    #[tokio::test]
    async fn whoever_does_not_read_holds_nothing_up() {
        let (ours, _theirs) = UnixDatagram::pair().expect("a pair");
        ours.set_nonblocking(true).expect("set");
        let supervisor = Supervisor { socket: Some(Arc::new(ours)), patience: None };
        for _ in 0..10_000 {
            supervisor.status("again");
        }
        assert!(supervisor.listens() && !Supervisor::default().listens());
    }
}
