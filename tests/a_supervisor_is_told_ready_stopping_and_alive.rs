//! `sd_notify`: a process says when it is ready for the first time, that it lives, and that it stops; nothing of it while it cannot
//! run. A database that is away is no reason to be restarted.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use simulator::Script;
use tokio::time::Instant;

use crate::harness::services::random_name;
use crate::harness::{Embedded, Installation, Options, PATIENCE};

/// A process that is silent for so long is restarted; here it is only looked at.
const WATCHDOG: Duration = Duration::from_millis(900);

/// What stands in for systemd.
struct Supervisor {
    socket: tokio::net::UnixDatagram,
    variables: [(&'static str, String); 2],
}

impl Supervisor {
    fn at_a_path(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        Self::of(socket, path.to_str().expect("UTF-8").to_owned())
    }

    /// As a container has it.
    fn at_an_abstract_name() -> Self {
        let name = format!("ulak-e2e-{}", random_name());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        Self::of(UnixDatagram::bind_addr(&address).expect("bound"), format!("@{name}"))
    }

    fn of(socket: UnixDatagram, name: String) -> Self {
        socket.set_nonblocking(true).expect("set");
        let socket = tokio::net::UnixDatagram::from_std(socket).expect("a runtime");
        let patience = WATCHDOG.as_micros().to_string();
        Self { socket, variables: [("NOTIFY_SOCKET", name), ("WATCHDOG_USEC", patience)] }
    }

    fn env(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    async fn next(&self) -> String {
        let mut told = [0; 1_024];
        let length = self.socket.recv(&mut told).await.expect("a datagram");
        String::from_utf8(told[..length].to_vec()).expect("UTF-8")
    }

    /// Waits for this line; everything that was told before it is returned.
    async fn until(&self, wanted: &str) -> Vec<String> {
        let mut before = vec![];
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let told = self.next().await;
                let is = told.lines().any(|line| line == wanted);
                before.push(told);
                if is {
                    return;
                }
            }
        });
        assert!(waited.await.is_ok(), "not told {wanted:?} in a minute, but {before:?}");
        before
    }

    /// What is there already.
    fn drain(&self) {
        let mut told = [0; 1_024];
        while self.socket.try_recv(&mut told).is_ok() {}
    }
}

fn says(told: &[String], line: &str) -> bool {
    told.iter().any(|told| told.lines().any(|told| told == line))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_ready_when_its_ledger_is_and_alive_before() {
    let mut clinic = Installation::prepare(Options::default()).await;
    let supervisor = Supervisor::at_a_path(&clinic.folder);
    let mut worker = clinic.process("worker", &supervisor.env());
    // nobody has migrated: it waits, and lives
    let waiting = supervisor.until("STATUS=not ready: waiting for the ledger").await;
    assert!(!says(&waiting, "READY=1"), "{waiting:?}");
    for _ in 0..3 {
        let alive = supervisor.until("WATCHDOG=1").await;
        assert!(!says(&alive, "READY=1"), "{alive:?}");
    }
    let clinic_is = clinic.ulak(&["migrate"]).await;
    assert_eq!(clinic_is.code, 0, "{}", clinic_is.stderr);
    supervisor.until("READY=1").await;

    // stopped where it stands it says nothing, however long; going on, it lives
    worker.frozen().await;
    supervisor.drain();
    let silence = tokio::time::timeout(2 * WATCHDOG, supervisor.next()).await;
    assert!(silence.is_err(), "it was frozen and said {silence:?}");
    worker.thawed();
    let began = Instant::now();
    supervisor.until("WATCHDOG=1").await;
    assert!(began.elapsed() < WATCHDOG, "{:?}", began.elapsed());

    worker.signal(Signal::TERM);
    let told = supervisor.until("STOPPING=1").await.pop().expect("it was told");
    assert!(
        told.contains("\nSTATUS=stopping") && told.contains("\nEXTEND_TIMEOUT_USEC="),
        "{told}"
    );
    let status = worker.ended().await;
    assert!(status.success(), "{status}:\n{}", worker.tail());
    clinic.gone.push(worker);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_tells_an_abstract_socket_too() {
    let mut clinic = Installation::start(Options { schedulers: 0, ..Options::default() }).await;
    let supervisor = Supervisor::at_an_abstract_name();
    let mut scheduler = clinic.process("scheduler", &supervisor.env());
    supervisor.until("READY=1").await;
    supervisor.until("WATCHDOG=1").await;
    scheduler.signal(Signal::TERM);
    supervisor.until("STOPPING=1").await;
    let status = scheduler.ended().await;
    assert!(status.success(), "{status}:\n{}", scheduler.tail());
    clinic.gone.push(scheduler);
    clinic.finish().await;
}

/// A supervisor that reads nothing, or is not there, holds nothing up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_machine_tells_it_and_needs_nobody_who_listens() {
    let mut machine = Embedded::prepare(Script::default(), &[]).await;
    let supervisor = Supervisor::at_a_path(&machine.folder);
    // it reads meanwhile, as systemd does
    let (env, told) = (supervisor.env(), supervisor.until("READY=1"));
    tokio::join!(machine.up(&env), told);
    machine.stopped().await;
    supervisor.until("STOPPING=1").await;
    drop(supervisor);
    machine.up(&[("NOTIFY_SOCKET", "/nowhere/notify")]).await;
    machine.stopped().await;
    machine.up(&[]).await;
    machine.finish().await;
}
