//! What processes have used: processor time and memory, from `/proc`. Nothing is known where there is none.

use std::path::PathBuf;
use std::time::Duration;

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
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).map(Pid) else {
                continue;
            };
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
    fn this_process_has_used_memory_and_is_no_postgresql() {
        let own = Pid(std::process::id());
        let (now, most) = (own.rss_mib().expect("VmRSS"), own.rss_peak_mib().expect("VmHWM"));
        assert!(now > 1.0 && most >= now, "{now} {most}");
        assert!(own.cpu().is_some());
        assert!(Server::of_backend(i64::from(own.0)).is_none());
        assert!(Server::of_backend(-1).is_none());
    }
}
