//! Netgsm takes messages of an account without credit and says only in its report that none of them went out. The lane closes, stays
//! closed as long as the balance says that nothing is left, and opens once it does.

use crate::harness::hooks;
use crate::harness::installation::Row;
use crate::harness::{Event, Installation, Options, Proxy, receipt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_credit_waits_for_its_top_up() {
    let mut options = Options::default();
    hooks::quick(&mut options.script);
    options.env.extend(hooks::netgsm());
    let topped_up = options.script.clone();
    options.script.netgsm.accounts[0].credit = Some(0);
    let mut door = Proxy::closed("nobody yet").await;
    let mut clinic = Installation::start(options).await;
    hooks::gateway(&mut clinic, &mut door, &[]).await;

    let first = receipt("first");
    clinic.publish(&first).await;
    let sent = clinic.until_accepted(1).await;
    clinic
        .until("the first to be asked about", async || (clinic.wanted().await == 1).then_some(()))
        .await;
    hooks::hint(&hooks::client(), &door, &[sent[0].jobid.clone()]).await;
    clinic.until_state(&first, "undelivered", "netgsm:status-14").await;
    let why = "SELECT coalesce(max(why), '') FROM lane WHERE state = 'closed'";
    clinic
        .until("the lane closes", async || {
            (clinic.text(why).await == "account: netgsm:status-14").then_some(())
        })
        .await;
    let (waits, burnt) = clinic.first_that_waits().await;

    // the account answers as before, and the probe sees that nothing is left on it
    clinic.run("UPDATE lane SET probe_at = 0").await;
    clinic
        .until("a probe that asks for the balance", async || {
            (clinic.text(why).await == "account: netgsm:no-credit").then_some(())
        })
        .await;
    assert_eq!(clinic.outside.accepted(), burnt, "nothing more was burnt on it");

    clinic.outside.set_script(topped_up).expect("a script");
    clinic.run("UPDATE lane SET probe_at = 0").await;
    clinic.until_state(&waits, "accepted", "").await;
    clinic.until_accepted(burnt as usize + 1).await;
    clinic.finish().await;
}

impl Installation {
    /// The first event that waits for the lane, and how many the provider took before: workers hear of a lane that another process closed within
    /// half a second.
    async fn first_that_waits(&self) -> (Event, u64) {
        for n in 1..100 {
            let event = receipt(&format!("next-{n}"));
            self.publish(&event).await;
            let is_over = |row: Row| (row.state != "sending").then_some(row);
            let row = self
                .until("an end or a wait", async || self.row(&event).await.and_then(is_over))
                .await;
            if (row.state.as_str(), row.why.as_str()) == ("waiting", "lane-closed") {
                return (event, self.outside.accepted());
            }
        }
        panic!("no worker hears that the lane is closed");
    }
}
