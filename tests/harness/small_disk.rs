//! A small disk of its own that a test fills and frees: a tmpfs, which only root may mount.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::services::Services;

/// The file that takes the room.
const BALLAST: &str = "ballast";

/// A mounted disk. It is gone when this is dropped; make it after what uses it, so that it goes first.
pub struct SmallDisk {
    at: PathBuf,
    /// Whose database lies on it and must stop before.
    database: Option<Services>,
}

fn run(program: &str, args: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(program).args(args).arg(path).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
}

impl SmallDisk {
    /// Mounts one over this folder; what is in the folder is put onto it. The error says why it cannot be done here.
    pub fn over(folder: &Path, mib: u32) -> Result<Self, String> {
        let at = folder.canonicalize().map_err(|error| error.to_string())?;
        let beside = at.with_extension("beside");
        run("cp", &["-a", &at.display().to_string()], &beside)?;
        let size = format!("size={mib}m");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], &at)?;
        let disk = Self { at, database: None };
        let all = format!("{}/.", beside.display());
        run("cp", &["-a", &all], &disk.at)?;
        std::fs::remove_dir_all(&beside).map_err(|error| error.to_string())?;
        Ok(disk)
    }

    /// The same under a PostgreSQL of a scenario's own.
    pub async fn under_database(services: &Services, mib: u32) -> Result<Self, String> {
        services.run("pg-stop", &[]).await;
        let disk = Self::over(&services.folder.join("data/pg"), mib);
        services.run("pg-start", &[]).await;
        disk.map(|mut disk| {
            disk.database = Some(services.clone());
            disk
        })
    }

    /// Fills it but for so many KiB.
    pub fn fill(&self, leave_kib: u64) {
        let path = self.at.join(BALLAST);
        let mut file = File::create(&path).expect("a file on it");
        let chunk = vec![0; 64 * 1024];
        while file.write_all(&chunk).is_ok() {}
        let length = file.metadata().expect("its length").len();
        file.set_len(length.saturating_sub(leave_kib * 1024)).expect("it can be shortened");
    }

    /// There is room again.
    pub fn free(&self) {
        std::fs::remove_file(self.at.join(BALLAST)).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // what it held is of no use any more, and nobody may be left who writes into it
        if let Some(services) = &self.database {
            let _ = services.run_now("pg-stop");
        }
        let gone = run("umount", &["--lazy"], &self.at);
        assert!(gone.is_ok() || std::thread::panicking(), "{gone:?}");
    }
}
