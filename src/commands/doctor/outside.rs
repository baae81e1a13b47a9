//! Accounts at Netgsm and İYS, by calls that cost nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use ledger::Ledger;
use ledger::lanes::{Lane, LaneState};
use providers::iys::IysTrouble;
use providers::{LaneTrouble, Limits, ProbeTrouble, wall};
use schemas::Channel;
use worker::settings::{ConsentSource, Provider};
use worker::token::{self, NoToken};

use super::Finding;
use super::consents::enough_iys;

/// How long to wait for one of the requests to İYS that all processes share.
const PERMIT_PATIENCE: Duration = Duration::from_secs(5);

/// The database's clock beside those of whoever answered the checks before; by how much it is ahead of each, milliseconds.
pub(super) fn clock(ahead: &[(String, i64)]) -> Vec<Finding> {
    let Some(by) = wall::wrong_by_ms(ahead) else {
        return vec![];
    };
    let (by, word) = (by.unsigned_abs() / 1_000, if by > 0 { "ahead of" } else { "behind" });
    let said = format!(
        "the database's clock is {}:{:02}:{:02} {word} those of all who answered; quiet hours and due times go by it",
        by / 3_600,
        by / 60 % 60,
        by % 60
    );
    let todo = "set the clock and the zone of the database's machine by NTP";
    vec![Finding::fail("clock", said, todo)]
}

/// Whether each account's credentials are accepted, and the senders of its clinics approved.
pub(super) async fn netgsm(settings: &worker::Settings) -> Vec<Finding> {
    let mut findings = vec![];
    for (name, account) in &settings.netgsm {
        let check = format!("netgsm {name}");
        let mut senders: BTreeSet<String> = account.sender.iter().cloned().collect();
        for clinic in settings.clinics.values().filter(|clinic| clinic.netgsm == *name) {
            senders.extend(
                settings.lane(Channel::Sms, Provider::Netgsm, clinic).map(|lane| lane.sender),
            );
        }
        let client =
            match providers::netgsm::Client::new(account.account.clone(), Limits::default()) {
                Ok(client) => client,
                Err(error) => {
                    findings.push(Finding::fail(
                        check,
                        error.to_string(),
                        "mend the account's keys",
                    ));
                    continue;
                }
            };
        match client.headers().await {
            Ok(approved) => findings.extend(approval(&check, name, &senders, &approved)),
            Err(trouble) => {
                findings.push(refused(&check, name, &account.account.base_url, &trouble));
            }
        }
    }
    findings
}

fn approval(
    check: &str,
    account: &str,
    senders: &BTreeSet<String>,
    approved: &[String],
) -> Vec<Finding> {
    let missing: Vec<&String> = senders.iter().filter(|s| !approved.contains(s)).collect();
    if missing.is_empty() {
        let names: Vec<&str> = senders.iter().map(String::as_str).collect();
        let said = format!("credentials accepted; senders approved: {}", names.join(", "));
        return vec![Finding::ok(check, said)];
    }
    let list = if approved.is_empty() { "none".to_owned() } else { approved.join(", ") };
    missing
        .iter()
        .map(|sender| {
            Finding::fail(
                check,
                format!("sender {sender} is not approved for account {account} (approved: {list})"),
                "have it approved in Netgsm's panel, or set another sender in providers.netgsm or the clinic",
            )
        })
        .collect()
}

fn refused(check: &str, account: &str, base_url: &str, trouble: &ProbeTrouble) -> Finding {
    let key = if account == "default" {
        "providers.netgsm".to_owned()
    } else {
        format!("providers.netgsm.accounts.{account}")
    };
    let said = trouble.trouble().to_string();
    match trouble {
        ProbeTrouble::Lane(LaneTrouble::Credentials, _) => Finding::fail(
            check,
            format!("credentials refused ({said})"),
            format!(
                "check {key}.username and password: a sub-user with API rights, and this machine's address allowed in Netgsm's panel"
            ),
        ),
        ProbeTrouble::Lane(lane, _) => {
            Finding::fail(check, format!("{lane} ({said})"), "mend it in Netgsm's panel")
        }
        ProbeTrouble::Busy { .. } => Finding::warn(
            check,
            format!("not checked: Netgsm asks for patience ({said})"),
            "try again in a minute",
        ),
        ProbeTrouble::Silent(_) => Finding::fail(
            check,
            format!("no usable answer from {base_url} ({said})"),
            "check that this machine reaches it, and providers.netgsm.base_url",
        ),
        ProbeTrouble::Request(_) => Finding::fail(
            check,
            format!("the question was refused ({said})"),
            "report it to the project",
        ),
    }
}

/// Whether each İYS account gets in, by the shared token, and its brand is there.
pub(super) async fn iys(
    settings: &worker::Settings,
    ledger: Option<&Ledger>,
    lanes: &[Lane],
) -> Vec<Finding> {
    match settings.consent_source {
        ConsentSource::Iys => {}
        ConsentSource::Netgsm => {
            return vec![Finding::ok("iys", "not asked: consent.source is Netgsm's İYS service")];
        }
        ConsentSource::Registry => {
            return vec![Finding::ok("iys", "not asked: consent.source is the clinic's registry")];
        }
    }
    let mut findings = vec![];
    for (name, account) in &settings.iys {
        let check = format!("iys {name}");
        let Some(ledger) = ledger else {
            let said = "not checked: its token is in the ledger, which is not there";
            findings.push(Finding::warn(check, said, "mend the database first"));
            continue;
        };
        findings.push(one_iys(&check, name, account, ledger, lanes).await);
    }
    findings
}

async fn one_iys(
    check: &str,
    name: &str,
    account: &worker::settings::IysAccount,
    ledger: &Ledger,
    lanes: &[Lane],
) -> Finding {
    let lane = format!("iys/{name}");
    let mend = "check providers.iys username, password, iys_code and brand_code; İYS gives API users in its own panel";
    // another login with what was refused would use up one of the hour's ten for nothing
    let shut = lanes.iter().find(|l| l.lane == lane && l.state == LaneState::Closed);
    if let Some(shut) = shut.filter(|lane| lane.why.starts_with("account: ")) {
        return Finding::fail(
            check,
            format!("İYS refused the account ({}); not asked again", shut.why),
            mend,
        );
    }
    let client = match providers::iys::Client::new(account.account.clone(), Limits::default()) {
        Ok(client) => client,
        Err(error) => return Finding::fail(check, error.to_string(), "mend the account's keys"),
    };
    let (token, expires_at) = match token::shared(&client, ledger, &lane).await {
        Ok(token) => token,
        Err(NoToken::Refused(trouble)) => return iys_trouble(check, &trouble, mend),
        Err(NoToken::Budget) => {
            let said = "not checked: budget (the hour's logins are used up, or another process is logging in)";
            return Finding::warn(
                check,
                said,
                "try again later; workers keep using the token they have",
            );
        }
        Err(NoToken::Away) => {
            return Finding::warn(
                check,
                "not checked: the ledger does not answer",
                "mend the database first",
            );
        }
        Err(NoToken::Unreadable) => {
            return Finding::fail(
                check,
                "the shared token cannot be read",
                "are all processes of the same version?",
            );
        }
    };
    let caps = worker::caps::Caps::default();
    let permit = async {
        // what throttle answers have left of the cap
        let _ = caps.read(ledger).await;
        worker::consent::permit(ledger, &caps, account.max_per_s).await
    };
    if !matches!(tokio::time::timeout(PERMIT_PATIENCE, permit).await, Ok(Ok(_))) {
        let said = "not checked: budget (the workers use up İYS's requests a second)";
        return Finding::warn(check, said, "try again later");
    }
    match client.brands(&token).await {
        Ok(brands) if brands.iter().any(|brand| brand.code == account.account.brand_code) => {
            let code = &account.account.brand_code;
            let enough = enough_iys(account);
            Finding::ok(check, format!("credentials accepted; brand {code} is there; {enough}"))
        }
        Ok(brands) => {
            let codes: Vec<&str> = brands.iter().map(|brand| brand.code.as_str()).collect();
            let said = format!(
                "brand {} is not one of iys_code {} (its brands: {})",
                account.account.brand_code,
                account.account.iys_code,
                if codes.is_empty() { "none".to_owned() } else { codes.join(", ") }
            );
            Finding::fail(check, said, mend)
        }
        Err(IysTrouble::Reauth) => {
            let _ = ledger.drop_token(&lane, expires_at, false).await;
            let said =
                "the shared token was not accepted any more; the next question fetches another";
            Finding::warn(check, said, "run `ulak doctor` again")
        }
        Err(trouble) => iys_trouble(check, &trouble, mend),
    }
}

fn iys_trouble(check: &str, trouble: &IysTrouble, mend: &str) -> Finding {
    let todo = match trouble {
        IysTrouble::Silent(_) => {
            "check that this machine reaches providers.iys.base_url; messages wait meanwhile"
        }
        _ => mend,
    };
    Finding::fail(check, trouble.to_string(), todo)
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn every_sender_that_is_not_approved_is_named() {
        let senders = BTreeSet::from(["A".to_owned(), "B".to_owned(), "C".to_owned()]);
        let findings = approval("netgsm default", "default", &senders, &["B".to_owned()]);
        assert_eq!(findings.len(), 2);
        assert!(
            findings.iter().all(|f| f.status == Status::Fail && f.said.contains("(approved: B)"))
        );
        let all = approval("n", "default", &BTreeSet::from(["B".to_owned()]), &["B".to_owned()]);
        assert_eq!(all[0].status, Status::Ok);
    }
}
