//! Consent sources: whether Netgsm's İYS service answers, and for how many messages a day a source's limits are enough.

use std::time::Duration;

use ledger::Ledger;
use providers::iys::MOST_NUMBERS;
use providers::{LaneTrouble, Limits, ProbeTrouble};
use worker::consent_netgsm;
use worker::settings::{ConsentSource, IysAccount, NetgsmAccount, NetgsmConsent};

use super::Finding;

/// How long to wait for one of the few questions a minute that all processes share.
const PLACE_PATIENCE: Duration = Duration::from_secs(8);
const SECONDS_A_DAY: u64 = 86_400;

/// Whether Netgsm's İYS service answers for each brand, by a question about a number that nobody has.
pub(super) async fn netgsm(settings: &worker::Settings, ledger: Option<&Ledger>) -> Vec<Finding> {
    if settings.consent_source != ConsentSource::Netgsm {
        return vec![];
    }
    let mut findings = vec![];
    for (name, account) in &settings.netgsm {
        let Some(consent) = &account.consent else { continue };
        findings.push(one(name, account, consent, ledger).await);
    }
    findings
}

async fn one(
    name: &str,
    account: &NetgsmAccount,
    consent: &NetgsmConsent,
    ledger: Option<&Ledger>,
) -> Finding {
    let lane = consent_netgsm::lane(name);
    let check = format!("netgsm-iys {name}");
    let service = providers::netgsm::Client::new(account.account.clone(), Limits::default())
        .and_then(|client| client.consents(&consent.brand_code));
    let service = match service {
        Ok(service) => service,
        Err(error) => return Finding::fail(check, error.to_string(), "mend the account's keys"),
    };
    // without a ledger no worker asks, so nobody's place is taken
    if let Some(ledger) = ledger {
        let cap = consent.max_per_minute;
        match consent_netgsm::place(ledger, &lane, cap, PLACE_PATIENCE).await {
            Ok(true) => {}
            Ok(false) => {
                let said = format!(
                    "not asked: the workers use up its questions a minute; {}",
                    enough_netgsm(cap)
                );
                return Finding::warn(check, said, "try again later");
            }
            Err(_) => {
                let said = "not asked: the ledger does not answer";
                return Finding::warn(check, said, "mend the database first");
            }
        }
    }
    verdict(check, name, consent, service.probe().await, &account.account.base_url)
}

fn verdict(
    check: String,
    name: &str,
    consent: &NetgsmConsent,
    answer: Result<(), ProbeTrouble>,
    base_url: &str,
) -> Finding {
    let trouble = match answer {
        Ok(()) => {
            let said = format!(
                "answers for brand {}; {}",
                consent.brand_code,
                enough_netgsm(consent.max_per_minute)
            );
            return Finding::ok(check, said);
        }
        Err(trouble) => trouble,
    };
    let section = match name {
        "default" => "providers.netgsm".to_owned(),
        name => format!("providers.netgsm.accounts.{name}"),
    };
    let said = trouble.trouble().to_string();
    match trouble {
        ProbeTrouble::Lane(LaneTrouble::Credentials, _) => Finding::fail(
            check,
            format!("credentials refused ({said})"),
            format!(
                "check {section}.username and password, and that this user may use the İYS service"
            ),
        ),
        ProbeTrouble::Lane(..) => Finding::fail(
            check,
            format!("brand {} refused ({said})", consent.brand_code),
            format!(
                "check {section}.iys_brand_code, and that Netgsm is the brand's partner at İYS"
            ),
        ),
        ProbeTrouble::Busy { .. } => Finding::warn(
            check,
            format!("asks for patience ({said}); {}", enough_netgsm(consent.max_per_minute)),
            format!("try again in a minute; if it stays so, lower {section}.iys_max_per_minute"),
        ),
        ProbeTrouble::Silent(_) => Finding::fail(
            check,
            format!("no usable answer from {base_url} ({said})"),
            "check that this machine reaches it, and providers.netgsm.base_url; messages wait meanwhile",
        ),
        ProbeTrouble::Request(_) => Finding::warn(
            check,
            format!("answers, and did not accept the probe's number ({said})"),
            "publish an event and look at `ulak log explain`; report this line to the project",
        ),
    }
}

/// For how many messages a day the cap of Netgsm's service is enough.
fn enough_netgsm(max_per_minute: Option<u32>) -> String {
    match max_per_minute.zip(consent_netgsm::messages_a_day(max_per_minute)) {
        Some((cap, messages)) => format!(
            "{cap} questions a minute are enough for {} messages a day ({} an hour)",
            thousands(messages.unsigned_abs()),
            thousands(messages.unsigned_abs() / 24)
        ),
        None => "iys_max_per_minute is none: no cap is kept".to_owned(),
    }
}

/// For how many messages a day İYS's limits are enough, by consent rule: one answers for a thousand numbers, the other for one.
pub(super) fn enough_iys(account: &IysAccount) -> String {
    let per_day = account.max_per_s.map(|cap| u64::from(cap) * SECONDS_A_DAY);
    let required = match (account.max_per_s, per_day) {
        (Some(cap), Some(requests)) => {
            let numbers = MOST_NUMBERS as u64;
            format!(
                "{} messages a day ({cap} requests a second of {} numbers)",
                thousands(requests.saturating_mul(numbers)),
                thousands(numbers)
            )
        }
        _ => "any number of messages (no limit is kept)".to_owned(),
    };
    let single = account.max_single_per_hour.map(|cap| u64::from(cap) * 24);
    let refused = match (account.max_single_per_hour, single.into_iter().chain(per_day).min()) {
        (Some(cap), Some(messages)) => format!(
            "{} messages a day ({} questions an hour)",
            thousands(messages),
            thousands(u64::from(cap))
        ),
        (None, Some(messages)) => format!("{} messages a day", thousands(messages)),
        _ => "any number of messages (no limit is kept)".to_owned(),
    };
    format!("enough with rule required for {required}, with rule not-refused for {refused}")
}

/// A number with commas, as people read it.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use providers::Trouble;

    use super::super::Status;
    use super::*;

    fn consent(max_per_minute: Option<u32>) -> NetgsmConsent {
        NetgsmConsent { brand_code: "100001".to_owned(), max_per_minute }
    }

    fn found(name: &str, answer: Result<(), ProbeTrouble>) -> Finding {
        verdict("netgsm-iys".to_owned(), name, &consent(Some(10)), answer, "https://x")
    }

    fn trouble(code: &str) -> Trouble {
        Trouble { code: code.to_owned(), detail: "words".to_owned() }
    }

    fn iys(max_per_s: Option<u32>, max_single_per_hour: Option<u32>) -> IysAccount {
        let account = providers::iys::Account {
            name: "default".to_owned(),
            base_url: "https://x".to_owned(),
            username: "u".to_owned(),
            password: "p".into(),
            iys_code: "1".to_owned(),
            brand_code: "1".to_owned(),
        };
        IysAccount { account, max_per_s, max_single_per_hour }
    }

    #[test]
    fn a_service_that_answers_is_ok_and_says_for_how_many_messages_it_is_enough() {
        let finding = found("default", Ok(()));
        assert_eq!(finding.status, Status::Ok);
        assert_eq!(
            finding.said,
            "answers for brand 100001; 10 questions a minute are enough for 13,980 messages a day (582 an hour)"
        );
        assert!(enough_netgsm(None).contains("no cap"));
    }

    #[test]
    fn each_trouble_of_the_service_says_what_to_do() {
        let credentials = ProbeTrouble::Lane(LaneTrouble::Credentials, trouble("netgsm:30"));
        let finding = found("second", Err(credentials));
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.todo.unwrap().contains("providers.netgsm.accounts.second.username"));
        let brand = ProbeTrouble::Lane(LaneTrouble::Account, trouble("netgsm:51"));
        let finding = found("default", Err(brand));
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.said.contains("brand 100001 refused (netgsm:51"));
        assert!(finding.todo.unwrap().contains("providers.netgsm.iys_brand_code"));
        let busy = ProbeTrouble::Busy { after: None, trouble: trouble("netgsm:80") };
        let finding = found("default", Err(busy));
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.said.contains("13,980 messages a day"));
        assert_eq!(
            found("default", Err(ProbeTrouble::Silent(trouble("timeout")))).status,
            Status::Fail
        );
        assert_eq!(
            found("default", Err(ProbeTrouble::Request(trouble("netgsm:70")))).status,
            Status::Warn
        );
    }

    #[test]
    fn the_limits_of_iys_are_said_for_each_rule() {
        assert_eq!(
            enough_iys(&iys(Some(8), Some(900))),
            "enough with rule required for 691,200,000 messages a day (8 requests a second of 1,000 numbers), \
             with rule not-refused for 21,600 messages a day (900 questions an hour)"
        );
        assert!(
            enough_iys(&iys(None, None)).ends_with("any number of messages (no limit is kept)")
        );
        assert!(enough_iys(&iys(Some(1), None)).ends_with("not-refused for 86,400 messages a day"));
    }

    #[test]
    fn numbers_are_written_with_commas() {
        for (number, written) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), written);
        }
    }
}
