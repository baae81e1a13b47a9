//! The auditors' pages of a machine, as people of each role use them.

use std::ops::Deref;

use ledger::report::Listed;

use super::browser::{Browser, Wishes};
use super::cli::Said;
use super::{Embedded, clock, reminder};

/// A browser at the pages of one door.
pub struct Pages {
    browser: Browser,
    root: String,
}

/// Says what a command of the command line said: `ulak token create …`.
fn made(said: &Said) -> String {
    let made = said.json().pop().expect("one line");
    made["token"].as_str().unwrap_or_else(|| panic!("no token: {made}")).to_owned()
}

/// A token for the pages. `ulak` runs the command line of an installation.
pub async fn token(
    ulak: impl AsyncFn(&[&str]) -> Said,
    role: &str,
    clinic: Option<&str>,
) -> String {
    let mut args = vec!["token", "create", "--role", role, "--days", "1", "--label", "e2e"];
    args.extend(clinic);
    made(&ulak(&args).await)
}

/// Makes a dead letter of a reminder that is planned for later; its notification.
pub async fn given_up(machine: &Embedded) -> String {
    let visit = reminder("given-up")
        .set("/type", "clinic.appointment-booked.v1")
        .set("/data/appointment/starts_at", clock::written(clock::turkey(9 * 24 * 60)));
    machine.post(&visit).await;
    let is_planned = |row: &Listed| row.event_id.contains("A-given-up");
    let planned = machine
        .until("a planned reminder", async || machine.rows().await.into_iter().find(is_planned))
        .await;
    let ledger = machine.ledger().await;
    let parked = ledger.dead_letter(std::slice::from_ref(&planned.ntf), "crash-loop").await;
    assert_eq!(parked.expect("an answer").len(), 1, "{planned:?}");
    ledger.close().await;
    planned.ntf
}

impl Pages {
    /// A new browser, before anything is looked at.
    pub async fn of(door: &str) -> Self {
        Self::with(door, Wishes::default()).await
    }

    /// The same to these wishes.
    pub async fn with(door: &str, wishes: Wishes) -> Self {
        Self { browser: Browser::start_with(wishes).await, root: door.to_owned() }
    }

    /// Goes to a path.
    pub async fn at(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.root)).await;
    }

    /// Logs in with a token; ends at the search.
    pub async fn log_in(&self, token: &str) {
        self.at("/audit/login").await;
        self.browser.fill("input[name=token]", token).await;
        self.browser.go_by("main button[type=submit]").await;
        assert_eq!(self.path().await, "/audit", "{}", self.browser.source().await);
    }

    /// Where it is: path and query.
    pub async fn place(&self) -> String {
        let url = self.browser.url().await;
        url.strip_prefix(&self.root)
            .unwrap_or_else(|| panic!("away from {}: {url}", self.root))
            .to_owned()
    }

    /// Where it is, without the query.
    pub async fn path(&self) -> String {
        let place = self.place().await;
        place.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    /// Ends the browser.
    pub async fn close(self) {
        self.browser.close().await;
    }
}

impl Deref for Pages {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}
