//! What processes have used: processor time and memory, from `/proc`. Nothing is known where there is none.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Signal, kill_process};

/// Ticks in which Linux tells processor time to user space, a second, whatever the kernel counts in.
const TICKS_PER_S: u64 = 100;

/// A process by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pid(pub u32);

/// What `/proc/<pid>/stat` says that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    own: Duration,
    /// Of children that have ended and were waited for.
    of_children: Duration,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // the name is in brackets and may hold any character
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let time = |ticks: u64| Duration::from_millis(ticks * 1_000 / TICKS_PER_S);
        Some(Self {
            name: name.to_owned(),
            parent: u32::try_from(number(1)?).ok()?,
            own: time(number(11)? + number(12)?),
            of_children: time(number(13)? + number(14)?),
        })
    }
}

impl Pid {
    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    fn stat(self) -> Option<Stat> {
        Stat::parse(&std::fs::read_to_string(self.file("stat")).ok()?)
    }

    /// Processor time so far, of all its threads.
    pub fn cpu(self) -> Option<Duration> {
        self.stat().map(|stat| stat.own)
    }

    /// Stops it where it stands, until [`Pid::goes_on`].
    pub fn halts(self) -> anyhow::Result<()> {
        self.signalled(Signal::STOP)
    }

    /// Lets it go on.
    pub fn goes_on(self) -> anyhow::Result<()> {
        self.signalled(Signal::CONT)
    }

    fn signalled(self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0).ok().and_then(rustix::process::Pid::from_raw);
        Ok(kill_process(pid.context("no process")?, signal)?)
    }

    fn status_kib(self, field: &str) -> Option<f64> {
        let status = std::fs::read_to_string(self.file("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    }

    /// Memory that it holds now, MiB.
    pub fn rss_mib(self) -> Option<f64> {
        self.status_kib("VmRSS").map(|kib| kib / 1_024.0)
    }

    /// The most that it ever held, MiB.
    pub fn rss_peak_mib(self) -> Option<f64> {
        self.status_kib("VmHWM").map(|kib| kib / 1_024.0)
    }
}

/// The process that listens on a port of this machine; `None`: none does, or its files may not be looked at.
pub fn listener(port: u16) -> Option<Pid> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let inode = tables.iter().flatten().find_map(|table| listening(table, port))?;
    let wanted = format!("socket:[{inode}]");
    let holds = |pid: &Pid| {
        let files = std::fs::read_dir(pid.file("fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|to| to.to_str() == Some(wanted.as_str()))
    };
    pids()?.into_iter().find(holds)
}

/// The socket that listens on a port, from the text of `/proc/net/tcp`.
fn listening(table: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    let wanted = format!("{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, of) = fields.get(1)?.rsplit_once(':')?;
        if of != wanted || *fields.get(3)? != LISTEN {
            return None;
        }
        fields.get(9)?.parse().ok()
    })
}

/// All processes.
fn pids() -> Option<Vec<Pid>> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    Some(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid)).collect())
}

/// All processes of a server of PostgreSQL on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    postmaster: Pid,
}

impl Server {
    /// The server one of whose processes this is; `None`: it is on another machine, or cannot be told.
    pub fn of_backend(backend: i64) -> Option<Self> {
        let is_postgres = |stat: &Stat| stat.name.starts_with("postgres");
        let stat = Pid(u32::try_from(backend).ok()?).stat().filter(is_postgres)?;
        let postmaster = Pid(stat.parent);
        postmaster.stat().filter(is_postgres).map(|_| Self { postmaster })
    }

    /// Processor time of all of them so far, also of those that have ended, but for `others`.
    pub fn cpu(self, others: &[i64]) -> Option<Duration> {
        let of_server = self.postmaster.stat()?;
        let mut all = of_server.own + of_server.of_children;
        for pid in pids()? {
            match pid.stat() {
                Some(stat)
                    if stat.parent == self.postmaster.0 && !others.contains(&i64::from(pid.0)) =>
                {
                    all += stat.own;
                }
                _ => {}
            }
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_of_the_process() {
        let line = "4711 (a) b (c) S 42 1 1 0 -1 4194560 9 8 7 6 150 50 30 20 20 0 12 0 99 1 2 3";
        let stat = Stat::parse(line).expect("a stat");
        assert_eq!((stat.name.as_str(), stat.parent), ("a) b (c", 42));
        assert_eq!(
            (stat.own, stat.of_children),
            (Duration::from_secs(2), Duration::from_millis(500))
        );
        assert_eq!(Stat::parse("4711 (a) S 42"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_listening_socket_is_found_by_its_port_and_a_connected_one_is_not() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 111 1 x\n\
            1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 x\n";
        assert_eq!(listening(table, 8080), Some(222));
        assert_eq!(listening(table, 8081), None);
        assert_eq!(listening("", 8080), None);
    }

    #[test]
    fn whoever_listens_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        assert_eq!(listener(port), Some(Pid(std::process::id())));
        drop(socket);
        assert_eq!(listener(port), None);
    }

    #[test]
    fn this_process_has_used_memory_and_is_no_postgresql() {
        let own = Pid(std::process::id());
        let (now, most) = (own.rss_mib().expect("VmRSS"), own.rss_peak_mib().expect("VmHWM"));
        // the kernel adds up what its threads counted in steps: the two may differ by a few pages
        assert!(now > 1.0 && most > now - 1.0, "{now} {most}");
        assert!(own.cpu().is_some());
        assert!(Server::of_backend(i64::from(own.0)).is_none());
        assert!(Server::of_backend(-1).is_none());
    }
}
