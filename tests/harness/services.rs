//! The private RabbitMQ and PostgreSQL of `scripts/services`: a vhost and a database for each installation.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

/// A value that `scripts/test` puts into the environment. Without it a test fails; nothing is skipped.
pub fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/test"))
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Eight random bytes as text: names of this run's things.
pub fn random_name() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("randomness");
    HEXLOWER.encode(&bytes)
}

fn ctl(args: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/services"));
    command.arg("ctl").arg(needed("ULAK_SERVICES_DIR")).args(args).stdin(Stdio::null());
    command
}

/// `rabbitmqctl ARGS…` on the private node; its standard output.
pub async fn rabbitmqctl(args: &[&str]) -> String {
    let mut command = ctl(args);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("not cancelled")
        .expect("scripts/services starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "scripts/services ctl {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A vhost of its own; deleted when it is dropped.
pub struct Vhost {
    name: String,
}

impl Vhost {
    /// Makes one.
    pub async fn create() -> Self {
        let vhost = Self { name: format!("ulak-e2e-{}", random_name()) };
        rabbitmqctl(&["add_vhost", &vhost.name]).await;
        rabbitmqctl(&["set_permissions", "-p", &vhost.name, "guest", ".*", ".*", ".*"]).await;
        vhost
    }

    /// `host:port` of the broker.
    pub fn address() -> String {
        let url = needed("AMQP_URL");
        let rest = url.split_once('@').map_or(url.as_str(), |(_, rest)| rest);
        rest.split('/').next().expect("host and port").to_owned()
    }

    /// Its URL, by this way to the broker and with this password.
    pub fn url_by(&self, address: &str, password: &str) -> String {
        format!("amqp://guest:{password}@{address}/{}", self.name)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(&Self::address(), "guest")
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let mut command = ctl(&["delete_vhost", &self.name]);
        // The whole node goes away when the run is over: a vhost that stays is no failure of a test.
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// An empty database of its own; dropped when this is.
pub struct Database {
    name: String,
}

impl Database {
    /// Makes one.
    pub async fn create() -> Self {
        let database = Self { name: format!("ulak_e2e_{}", random_name()) };
        let mut admin = PgConnection::connect(&needed("DATABASE_URL")).await.expect("PostgreSQL");
        let create = format!("CREATE DATABASE {}", database.name);
        sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.expect("CREATE DATABASE");
        database
    }

    /// `host:port` of the server.
    pub fn address() -> String {
        let url = needed("DATABASE_URL");
        let rest = url.split_once('@').map_or(url.as_str(), |(_, rest)| rest);
        rest.split('/').next().expect("host and port").to_owned()
    }

    /// Its URL, by this way to the server, as this role (`name` or `name:password`).
    pub fn url_by(&self, address: &str, role: &str) -> String {
        format!("postgres://{role}@{address}/{}", self.name)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(&Self::address(), "postgres")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, text) =
            (needed("DATABASE_URL"), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // The test's own runtime is blocked by this drop, so another one does it.
        let done = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&server).await.ok()?;
                sqlx::query(AssertSqlSafe(text)).execute(&mut admin).await.ok()
            })
        });
        let dropped = done.join().is_ok_and(|result| result.is_some());
        assert!(dropped || std::thread::panicking(), "{} was not dropped", self.name);
    }
}

/// A folder that a test may fill; deleted when it is dropped.
pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("ulak e2e ").tempdir().expect("a folder");
    let path = folder.path().to_owned();
    (folder, path)
}
