//! Providers outside Türkiye: whether Twilio's accounts work, and on what legal basis each clinic uses them.

use providers::twilio::{AccountInfo, Auth, Balance, Client};
use providers::{LaneTrouble, Limits, ProbeTrouble};
use worker::settings::Provider;

use super::Finding;
use crate::config::DEFAULT_ACCOUNT;

/// Whether each account's credentials are accepted and it may send; asked only where `route.sms` names Twilio or a template of it is
/// mapped.
pub(super) async fn twilio(settings: &worker::Settings) -> Vec<Finding> {
    let mut findings = vec![];
    let has_template = || settings.templates.iter().any(|it| it.provider == Provider::Twilio);
    if !settings.sms_order.contains(&Provider::Twilio) && !has_template() {
        return findings;
    }
    for (name, account) in &settings.twilio {
        let check = format!("twilio {name}");
        let client = match Client::new(account.account.clone(), Limits::default()) {
            Ok(client) => client,
            Err(error) => {
                findings.push(Finding::fail(check, error.to_string(), "mend the account's keys"));
                continue;
            }
        };
        let asked = client.account().await;
        // some keys may send and not see the balance: no reason to say that they cannot send
        let left = client.balance().await.ok();
        findings.push(match (asked, left) {
            (Ok(info), left) => accepted(check, Some(info), left.as_ref()),
            // a Standard API key does everything but read the account itself
            (Err(ProbeTrouble::Lane(LaneTrouble::Credentials, _)), Some(left))
                if matches!(account.account.auth, Auth::Key { .. }) =>
            {
                accepted(check, None, Some(&left))
            }
            (Err(trouble), _) => refused(check, name, &account.account.base_url, &trouble),
        });
    }
    findings
}

/// `info`: what the account says of itself, if the key may read that.
fn accepted(check: String, info: Option<AccountInfo>, balance: Option<&Balance>) -> Finding {
    let left = balance
        .map(|left| format!("; balance {} {}", left.amount, left.currency))
        .unwrap_or_default();
    let state = match info {
        Some(_) => "the account is active",
        None => "a Standard API key cannot read whether the account is active",
    };
    let said = format!("credentials accepted, {state}{left}");
    if info.is_some_and(|info| info.trial) {
        let todo = "upgrade it in Twilio's console: a trial account reaches verified numbers only and puts a sentence of its own before each text";
        return Finding::warn(check, format!("{said}; it is a trial account"), todo);
    }
    if balance.is_some_and(|left| is_used_up(&left.amount)) {
        let todo = "recharge it in Twilio's console: without credit nothing is sent";
        return Finding::warn(check, said, todo);
    }
    Finding::ok(check, said)
}

/// Whether a decimal number is zero or less.
fn is_used_up(amount: &str) -> bool {
    amount.starts_with('-') || !amount.contains(|c: char| ('1'..='9').contains(&c))
}

/// Where an account's keys stand.
fn section(account: &str) -> String {
    if account == DEFAULT_ACCOUNT {
        "providers.twilio".to_owned()
    } else {
        format!("providers.twilio.accounts.{account}")
    }
}

fn refused(check: String, account: &str, base_url: &str, trouble: &ProbeTrouble) -> Finding {
    let key = section(account);
    let said = trouble.trouble().to_string();
    match trouble {
        ProbeTrouble::Lane(LaneTrouble::Credentials, _) => Finding::fail(
            check,
            format!("credentials refused ({said})"),
            format!("check {key}.account_sid, and auth_token or api_key and api_secret"),
        ),
        ProbeTrouble::Lane(lane, _) => {
            Finding::fail(check, format!("{lane} ({said})"), "mend it in Twilio's console")
        }
        ProbeTrouble::Busy { .. } => Finding::warn(
            check,
            format!("not checked: Twilio asks for patience ({said})"),
            "try again in a minute",
        ),
        ProbeTrouble::Silent(_) => Finding::fail(
            check,
            format!("no usable answer from {base_url} ({said})"),
            "check that this machine reaches it, and providers.twilio.base_url",
        ),
        ProbeTrouble::Request(_) => Finding::fail(
            check,
            format!("the question was refused ({said})"),
            "report it to the project",
        ),
    }
}

/// On what legal basis each clinic's messages may go abroad; nothing where no provider that is used is there.
pub(super) fn bases(settings: &worker::Settings) -> Vec<Finding> {
    let sms = settings.sms_order.iter().filter(|provider| provider.is_abroad());
    // without a mapped template nothing takes WhatsApp
    let whatsapp = settings.whatsapp_order.iter().filter(|provider| {
        settings.templates.iter().any(|template| template.provider == **provider)
    });
    let mut abroad: Vec<&str> = sms.chain(whatsapp).map(|provider| provider.as_str()).collect();
    abroad.sort_unstable();
    abroad.dedup();
    if abroad.is_empty() {
        return Vec::new();
    }
    let names = abroad.join(", ");
    let line = |(id, clinic): (&schemas::ClinicId, &worker::settings::Clinic)| {
        let said = match &clinic.transfer_abroad {
            Some(basis) => format!("clinic {id} may use {names}, on this basis: {basis}"),
            None => format!("clinic {id} does not use {names}: it has no transfer_abroad"),
        };
        Finding::ok("abroad", said)
    };
    settings.clinics.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn balance(amount: &str) -> Balance {
        Balance { amount: amount.to_owned(), currency: "USD".to_owned() }
    }

    #[test]
    fn an_account_that_may_send_is_ok_unless_it_is_on_trial_or_without_credit() {
        let status = |trial, left: Option<&Balance>| {
            accepted("twilio default".to_owned(), Some(AccountInfo { trial }), left).status
        };
        assert_eq!(status(false, None), Status::Ok);
        assert_eq!(status(false, Some(&balance("0.05"))), Status::Ok);
        assert_eq!(status(true, Some(&balance("10"))), Status::Warn);
        for used_up in ["0", "0.00", "-3.20"] {
            assert_eq!(status(false, Some(&balance(used_up))), Status::Warn, "{used_up}");
        }
    }

    #[test]
    fn an_account_is_mended_where_its_keys_stand() {
        assert_eq!(section("default"), "providers.twilio");
        assert_eq!(section("second"), "providers.twilio.accounts.second");
    }
}
