//! WhatsApp: whether the numbers at Meta work, and whether the mapped templates are what their vendors approved.

use providers::meta::{Client, NumberInfo};
use providers::{LaneTrouble, Limits, ProbeTrouble};

use super::Finding;
use crate::approved::{self, Found, is_of_state};
use crate::commands::Settings;
use crate::config::{Config, DEFAULT_ACCOUNT};

/// Whether each number's token is accepted, and the number is the one that is meant.
pub(super) async fn numbers(config: &Config, told: &worker::Settings) -> Vec<Finding> {
    let mut findings = vec![];
    for (name, account) in &told.whatsapp {
        let check = format!("whatsapp {name}");
        let client = match Client::new(account.account.clone(), Limits::default()) {
            Ok(client) => client,
            Err(error) => {
                findings.push(Finding::fail(check, error.to_string(), "mend the account's keys"));
                continue;
            }
        };
        let phone = config.providers.whatsapp.get(name).and_then(|of| of.phone.as_deref());
        findings.push(match client.number().await {
            Ok(info) => accepted(check, &section(name), phone, &info),
            Err(trouble) => refused(check, &section(name), &account.account.base_url, &trouble),
        });
        if account.account.business_account_id.is_none() && !told.templates.is_empty() {
            let todo = format!("set {}.business_account_id", section(name));
            let said = "its templates cannot be compared with what Meta approved";
            findings.push(Finding::warn(format!("whatsapp {name}"), said, todo));
        }
    }
    findings
}

/// Where an account's keys stand.
fn section(account: &str) -> String {
    if account == DEFAULT_ACCOUNT {
        "providers.whatsapp".to_owned()
    } else {
        format!("providers.whatsapp.accounts.{account}")
    }
}

fn accepted(check: String, section: &str, phone: Option<&str>, info: &NumberInfo) -> Finding {
    let quality = if info.quality_rating.is_empty() { "not told" } else { &info.quality_rating };
    let said = format!("token accepted; number {}, quality {quality}", info.display_phone_number);
    if phone.is_some_and(|phone| digits(phone) != digits(&info.display_phone_number)) {
        let todo = format!("check {section}.phone_number_id and phone: they are of two numbers");
        return Finding::fail(check, format!("{said}; {section}.phone is another one"), todo);
    }
    if info.quality_rating.eq_ignore_ascii_case("red") {
        let todo = "look into Meta's WhatsApp manager: people block or report this number";
        return Finding::warn(check, said, todo);
    }
    Finding::ok(check, said)
}

/// The last ten digits: what is before them is written in many ways.
fn digits(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].iter().collect()
}

fn refused(check: String, section: &str, base_url: &str, trouble: &ProbeTrouble) -> Finding {
    let said = trouble.trouble().to_string();
    match trouble {
        ProbeTrouble::Lane(LaneTrouble::Credentials, _) => Finding::fail(
            check,
            format!("token refused ({said})"),
            format!("check {section}.access_token: a token of a system user that does not expire"),
        ),
        ProbeTrouble::Lane(lane, _) => Finding::fail(
            check,
            format!("{lane} ({said})"),
            format!("mend it in Meta's business manager, or check {section}.phone_number_id"),
        ),
        ProbeTrouble::Busy { .. } => Finding::warn(
            check,
            format!("not checked: Meta asks for patience ({said})"),
            "try again in a minute",
        ),
        ProbeTrouble::Silent(_) => Finding::fail(
            check,
            format!("no usable answer from {base_url} ({said})"),
            "check that this machine reaches it, and providers.whatsapp.base_url",
        ),
        ProbeTrouble::Request(_) => Finding::fail(
            check,
            format!("the question was refused ({said})"),
            format!("check {section}.phone_number_id"),
        ),
    }
}

/// What each account's mapped templates are at its vendor; nothing where none is mapped.
pub(super) async fn templates(settings: &Settings, told: &worker::Settings) -> Vec<Finding> {
    const CHECK: &str = "templates";
    let mut findings = vec![];
    if let Err(failure) = crate::start::check_templates(settings) {
        let todo = "mend the values of the template; `ulak template check` names them too";
        findings.extend(failure.lines().into_iter().map(|line| Finding::fail(CHECK, line, todo)));
    }
    for (account, found) in approved::look(told, approved::LONGEST).await {
        match found {
            Found::Agrees { count } => {
                let said = format!("{account}: {count} approved as they are mapped");
                findings.push(Finding::ok(CHECK, said));
            }
            Found::NotAsked(why) => {
                let said = format!("{account}: not compared with what is approved ({why})");
                findings.push(Finding::warn(CHECK, said, "mend the account, then ask again"));
            }
            Found::Misfits(misfits) => findings.extend(misfits.iter().map(|(name, misfit)| {
                let said = format!("{account}: whatsapp.templates.{name}: {misfit}");
                if is_of_state(misfit) {
                    let todo = "its messages take the next channel until it is approved again";
                    return Finding::warn(CHECK, said, todo);
                }
                Finding::fail(CHECK, said, "nothing starts with it: make both lists agree")
            })),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn info(number: &str, quality: &str) -> NumberInfo {
        NumberInfo { display_phone_number: number.to_owned(), quality_rating: quality.to_owned() }
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written_and_another_one_is_a_failure() {
        let status = |phone: Option<&str>, quality| {
            let info = info("+90 850 123 45 67", quality);
            accepted("whatsapp default".to_owned(), "providers.whatsapp", phone, &info).status
        };
        for phone in [None, Some("0850 123 45 67"), Some("+908501234567"), Some("8501234567")] {
            assert_eq!(status(phone, "GREEN"), Status::Ok, "{phone:?}");
        }
        assert_eq!(status(Some("0850 123 45 68"), "GREEN"), Status::Fail);
        assert_eq!(status(None, "RED"), Status::Warn);
        assert_eq!(status(None, ""), Status::Ok);
    }
}
