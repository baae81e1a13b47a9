//! Three clinics with an account each. One account's credentials are refused, later another one's sender: only that lane waits, for
//! hours; the others' messages take one attempt each and nothing is burnt. After the mend everything that waited goes, each once.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::process::Process;
use crate::harness::{Event, Installation, Options, receipt};

const CLINICS: [&str; 3] = ["atasehir", "besiktas", "kadikoy"];
const LANES: [&str; 3] = ["netgsm/default/KLINIK", "netgsm/other/OTHER", "netgsm/third/UCUNCU"];
const THIRD: &str = r#"
[providers.netgsm.accounts.third]
username = "8509999999"
password = "third-secret"
sender = "UCUNCU"
[clinics.kadikoy]
name = "Kadıköy Kliniği"
quiet_hours = "none"
[clinics.kadikoy.accounts]
netgsm = "third"
"#;
const EACH: usize = 100;
const WORKERS: usize = 2;
const IN_FLIGHT: i64 = 16;
const OPEN: &str = "SELECT count(*) FROM open";

fn script() -> Script {
    let mut script = Script::default();
    let mut third = script.netgsm.accounts[1].clone();
    (third.username, third.password) = ("8509999999".to_owned(), "third-secret".to_owned());
    third.senders = vec!["UCUNCU".to_owned()];
    script.netgsm.accounts.push(third);
    script
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_of_three_is_refused_and_only_its_lane_waits() {
    let options = Options { workers: WORKERS, script: script(), ..Options::default() }
        .set("ULAK_WORKER__IN_FLIGHT", IN_FLIGHT)
        .set("ULAK_TEST_CLOCK", 1);
    let clinic = Installation::prepare(options).await;
    let text = std::fs::read_to_string(&clinic.config).expect("the configuration");
    std::fs::write(&clinic.config, format!("{text}{THIRD}")).expect("written");
    let mut clinic = clinic.launch(WORKERS, 1).await;

    let refused = FaultKind::Code { code: "30".to_owned() };
    let refused = Fault::new(Provider::Netgsm, Operation::Any, refused).account("8507654321");
    clinic.outside.add_fault(refused).expect("a fault");
    let first = clinic.only_one_waits("credentials", 1).await;
    clinic.outside.clear_faults();
    clinic.everything_goes(Duration::from_mins(4 * 60 + 30), EACH * 3).await;

    let mut unapproved = script();
    unapproved.netgsm.accounts[2].senders = vec!["BASKA".to_owned()];
    clinic.outside.set_script(unapproved).expect("a script");
    let second = clinic.only_one_waits("sender", 2).await;
    clinic.outside.set_script(script()).expect("a script");
    clinic.everything_goes(Duration::from_mins(9 * 60 + 30), EACH * 6).await;

    let why: Vec<String> = clinic.reasons();
    assert_eq!(why, ["account: netgsm:30", "account: netgsm:40"], "two closings, two alerts");
    clinic.nobody_twice();
    for event in first.iter().chain(&second) {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.finish().await;
}

impl Installation {
    /// Publishes for every clinic. One lane's messages wait for hours, the others' are sent with one attempt each; the former are
    /// returned.
    async fn only_one_waits(&mut self, name: &str, which: usize) -> Vec<Event> {
        let of = |clinic: &str, n| receipt(&format!("{name}-{clinic}-{n}")).of_clinic(clinic);
        let all: Vec<Event> = (0..EACH).flat_map(|n| CLINICS.map(|clinic| of(clinic, n))).collect();
        let attempts = |lane: &str| format!("SELECT count(*) FROM attempt WHERE lane = '{lane}'");
        let mut before = vec![];
        for lane in LANES {
            before.push(self.number(&attempts(lane)).await);
        }
        let sent = self.outside.accepted();
        self.publish_all(&all).await;
        let lane = LANES[which];
        let wait = format!("SELECT count(*) FROM open WHERE lane = '{lane}' AND state = 'waiting'");
        self.until_number("rows on the refused lane", &wait, EACH as i64).await;
        self.until_sent(sent + 2 * EACH as u64).await;
        self.until("the others are done", async || {
            (self.number(OPEN).await == EACH as i64).then_some(())
        })
        .await;
        // hours: it is probed and stays closed, and nobody's attempt is spent on that
        let start = if which == 1 { Duration::ZERO } else { Duration::from_hours(5) };
        let burnt = self.number(&attempts(lane)).await - before[which];
        for quarter in 1..=8 {
            let ahead = start + quarter * Duration::from_mins(30);
            self.clock_is_ahead_and_probed(lane, ahead).await;
        }
        assert_eq!(self.number(&wait).await, EACH as i64, "all of it waits");
        for (n, lane) in LANES.iter().enumerate() {
            let made = self.number(&attempts(lane)).await - before[n];
            if n == which {
                assert_eq!(made, burnt, "hours cost no attempt");
                let at_once = WORKERS as i64 * IN_FLIGHT;
                assert!(burnt <= at_once, "{burnt} attempts on {lane} before it closed");
            } else {
                assert_eq!(made, EACH as i64, "one attempt each on {lane}");
            }
        }
        let closed = "SELECT count(*) FROM lane WHERE state <> 'open'";
        assert_eq!(self.number(closed).await, 1, "no other lane is in trouble");
        let books = self.balance().await;
        assert_eq!(books["states"]["dead-lettered"], 0, "{books}");
        all.into_iter().filter(|event| event.text("/source").ends_with(CLINICS[which])).collect()
    }

    /// After the mend: the next probe finds it.
    async fn everything_goes(&self, ahead: Duration, sent: usize) {
        self.clock_is_ahead(ahead).await;
        self.until_sent(sent as u64).await;
        self.until("nothing waits", async || (self.number(OPEN).await == 0).then_some(())).await;
        assert_eq!(self.outside.accepted(), sent as u64, "each once");
    }

    /// Why lanes closed, as ops were told, in order.
    fn reasons(&self) -> Vec<String> {
        let lines = self.workers.iter().flat_map(Process::lines);
        let parsed = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
        let alerts = parsed.filter(|line| line["alert"] == "lane-closed");
        let mut told: Vec<(String, String)> = alerts
            .map(|line| {
                (line["timestamp"].to_string(), line["why"].as_str().unwrap_or("").to_owned())
            })
            .collect();
        told.sort();
        told.into_iter().map(|(_, why)| why).collect()
    }
}
