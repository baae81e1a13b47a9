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

/// A RabbitMQ node and a PostgreSQL server of `scripts/services`.
#[derive(Debug, Clone)]
pub struct Services {
    /// `amqp://…`.
    pub amqp: String,
    /// `postgres://…`.
    pub database: String,
    /// Their folder.
    pub folder: PathBuf,
}

impl Services {
    /// Those of this run, which all scenarios share.
    pub fn shared() -> Self {
        Self {
            amqp: needed("AMQP_URL"),
            database: needed("DATABASE_URL"),
            folder: needed("ULAK_SERVICES_DIR").into(),
        }
    }

    fn script(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = Command::new(root().join("scripts/services"));
        command.arg(verb).arg(&self.folder).args(args).stdin(Stdio::null());
        command
    }

    /// `scripts/services VERB` from where nothing can be awaited; whether it went well.
    pub fn run_now(&self, verb: &str) -> bool {
        let mut command = self.script(verb, &[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// `scripts/services VERB`; its standard output.
    pub async fn run(&self, verb: &str, args: &[&str]) -> String {
        let mut command = self.script(verb, args);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("not cancelled")
            .expect("scripts/services starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "scripts/services {verb} {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn host_and_port(url: &str) -> String {
    let rest = url.split_once('@').map_or(url, |(_, rest)| rest);
    rest.split('/').next().expect("host and port").to_owned()
}

/// A vhost of its own; deleted when it is dropped.
pub struct Vhost {
    /// Its name.
    pub name: String,
    services: Services,
}

impl Vhost {
    /// Makes one.
    pub async fn create_on(services: &Services) -> Self {
        let name = format!("ulak-e2e-{}", random_name());
        let vhost = Self { name, services: services.clone() };
        services.run("ctl", &["add_vhost", &vhost.name]).await;
        let permissions = ["set_permissions", "-p", &vhost.name, "guest", ".*", ".*", ".*"];
        services.run("ctl", &permissions).await;
        vhost
    }

    /// `host:port` of the shared broker.
    pub fn address() -> String {
        host_and_port(&needed("AMQP_URL"))
    }

    /// `host:port` of the broker of these services.
    pub fn address_on(services: &Services) -> String {
        host_and_port(&services.amqp)
    }

    /// Its URL, by this way to the broker and with this password.
    pub fn url_by(&self, address: &str, password: &str) -> String {
        format!("amqp://guest:{password}@{address}/{}", self.name)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(&host_and_port(&self.services.amqp), "guest")
    }

    /// Version of the broker: `3.10.8`.
    pub async fn version(&self) -> String {
        self.services.run("ctl", &["version"]).await.trim().to_owned()
    }

    /// `rabbitmqctl VERB --vhost …`; its standard output.
    pub async fn ctl(&self, verb: &str, args: &[&str]) -> String {
        let mut all = vec![verb, "--vhost", &self.name];
        all.extend(args);
        self.services.run("ctl", &all).await
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let mut command = self.services.script("ctl", &["delete_vhost", &self.name]);
        // The whole node goes away when the run is over: a vhost that stays is no failure of a test.
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// An empty database of its own; dropped when this is.
pub struct Database {
    name: String,
    server: String,
}

impl Database {
    /// Makes one.
    pub async fn create_on(services: &Services) -> Self {
        let name = format!("ulak_e2e_{}", random_name());
        let database = Self { name, server: services.database.clone() };
        let mut admin = PgConnection::connect(&database.server).await.expect("PostgreSQL");
        let create = format!("CREATE DATABASE {}", database.name);
        sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.expect("CREATE DATABASE");
        database
    }

    /// `host:port` of the shared server.
    pub fn address() -> String {
        host_and_port(&needed("DATABASE_URL"))
    }

    /// `host:port` of the server of these services.
    pub fn address_on(services: &Services) -> String {
        host_and_port(&services.database)
    }

    /// Its URL, by this way to the server, as this role (`name` or `name:password`).
    pub fn url_by(&self, address: &str, role: &str) -> String {
        format!("postgres://{role}@{address}/{}", self.name)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(&host_and_port(&self.server), "postgres")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, text) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
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
