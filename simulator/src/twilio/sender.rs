//! Who may send to whom: `From` and Messaging Services (facts twilio A1, A8).

use super::error::TwilioError;
use crate::number;
use crate::script::{TwilioAccount, TwilioScript, UnregisteredSender};

/// Longest alphanumeric sender (facts A1).
const MOST_LETTERS: usize = 11;

/// The sender of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen<'a> {
    pub sender: &'a str,
    /// Sid of the Messaging Service that was asked for.
    pub service: Option<&'a str>,
    /// Error code of a warning that the message carries; 0: none.
    pub warning: u32,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Towards {
    /// To a number in Türkiye.
    pub turkish: bool,
    /// Over WhatsApp.
    pub whatsapp: bool,
}

/// Chooses the sender, or says why there is none.
pub(super) fn choose<'a>(
    account: &'a TwilioAccount,
    rules: &TwilioScript,
    from: Option<&'a str>,
    service: Option<&str>,
    towards: Towards,
) -> Result<Chosen<'a>, TwilioError> {
    let Some(sid) = service else {
        let sender = from.ok_or(TwilioError::new(21603))?;
        let warning = may_send(account, rules, sender, towards)?;
        return Ok(Chosen { sender, service: None, warning });
    };
    if !is_sid(sid, "MG") {
        return Err(TwilioError::new(21705));
    }
    let service = account
        .messaging_services
        .iter()
        .find(|service| service.sid == sid)
        .ok_or(TwilioError::new(21701))?;
    if let Some(sender) = from {
        let warning = may_send(account, rules, sender, towards)?;
        return Ok(Chosen { sender, service: Some(&service.sid), warning });
    }
    if service.senders.is_empty() {
        return Err(TwilioError::new(21704));
    }
    service
        .senders
        .iter()
        .find_map(|sender| {
            let warning = may_send(account, rules, sender, towards).ok()?;
            Some(Chosen { sender, service: Some(&service.sid), warning })
        })
        .ok_or(TwilioError::new(21703))
}

/// Two letters and 32 hexadecimal digits.
pub(super) fn is_sid(text: &str, letters: &str) -> bool {
    text.strip_prefix(letters).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn may_send(
    account: &TwilioAccount,
    rules: &TwilioScript,
    from: &str,
    towards: Towards,
) -> Result<u32, TwilioError> {
    let wrong = |code, what| TwilioError::saying(code, format!("The 'From' {from} is {what}"));
    if from.starts_with("whatsapp:") != towards.whatsapp {
        return Err(TwilioError::new(21910));
    }
    if towards.whatsapp {
        return if account.owns(from) { Ok(0) } else { Err(TwilioError::new(63007)) };
    }
    if from.starts_with('+') {
        if number::e164(from).is_none() {
            return Err(wrong(
                21212,
                "not a valid phone number, shortcode, or alphanumeric sender ID.",
            ));
        }
        let own = account.from.iter().any(|number| number == from);
        return if own { Ok(0) } else { Err(no_sender_of_ours(from)) };
    }
    if !from.is_empty() && from.bytes().all(|byte| byte.is_ascii_digit()) {
        // A short code, which neither the account nor Türkiye has.
        return Err(no_sender_of_ours(from));
    }
    let is_alphanumeric =
        from.len() <= MOST_LETTERS && from.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_alphanumeric || from.is_empty() {
        return Err(wrong(
            21212,
            "not a valid phone number, shortcode, or alphanumeric sender ID.",
        ));
    }
    if ["SMS", "INFO"].iter().any(|generic| from.eq_ignore_ascii_case(generic)) {
        return Err(wrong(21212, "too generic for an alphanumeric sender ID."));
    }
    if account.alphanumeric.iter().any(|own| own == from) {
        return Ok(0);
    }
    match rules.unregistered_sender {
        UnregisteredSender::Warning30018 if towards.turkish => Ok(30018),
        UnregisteredSender::Code21657 if towards.turkish => Err(TwilioError::new(21657)),
        _ => Err(no_sender_of_ours(from)),
    }
}

fn no_sender_of_ours(from: &str) -> TwilioError {
    TwilioError::saying(
        21606,
        format!(
            "The 'From' phone number provided ({from}) is not a valid message-capable Twilio phone number for \
             this destination."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMS: Towards = Towards { turkish: true, whatsapp: false };

    fn code(from: Option<&str>, service: Option<&str>) -> Result<(String, u32), u32> {
        let rules = TwilioScript::default();
        choose(&rules.accounts[0], &rules, from, service, SMS)
            .map(|chosen| (chosen.sender.to_owned(), chosen.warning))
            .map_err(|error| error.code)
    }

    #[test]
    fn a_sender_is_the_accounts_own_and_an_alphanumeric_one_is_registered() {
        for (from, wanted) in [
            (Some("KLINIK"), Ok(("KLINIK".to_owned(), 0))),
            (Some("+13185550100"), Ok(("+13185550100".to_owned(), 0))),
            (Some("+13185550101"), Err(21606)),
            (Some("+1"), Err(21212)),
            (Some("12345"), Err(21606)),
            (Some("DENTIST"), Err(21657)),
            (Some("klinik"), Err(21657)),
            (Some("INFO"), Err(21212)),
            (Some("KLİNİK"), Err(21212)),
            (Some("TWELVELETTER"), Err(21212)),
            (Some("MY CLINIC"), Err(21212)),
            (Some("whatsapp:+13185550100"), Err(21910)),
            (Some(""), Err(21212)),
            (None, Err(21603)),
        ] {
            assert_eq!(code(from, None), wanted, "{from:?}");
        }
    }

    #[test]
    fn a_service_takes_the_first_of_its_pool_that_may_send() {
        let good = "MG00000000000000000000000000000001";
        assert_eq!(code(None, Some(good)), Ok(("KLINIK".to_owned(), 0)));
        assert_eq!(code(Some("+13185550100"), Some(good)), Ok(("+13185550100".to_owned(), 0)));
        assert_eq!(code(None, Some("MG00000000000000000000000000000002")), Err(21701));
        assert_eq!(code(None, Some("MG1")), Err(21705));
        let mut rules = TwilioScript::default();
        rules.accounts[0].messaging_services[0].senders.clear();
        let empty = choose(&rules.accounts[0], &rules, None, Some(good), SMS);
        assert_eq!(empty.map_err(|error| error.code), Err(21704));
    }

    #[test]
    fn on_whatsapp_only_a_sender_there_may_send_and_a_pool_is_searched_for_one() {
        let mut rules = TwilioScript::default();
        let pool = &mut rules.accounts[0].messaging_services[0].senders;
        let service = Some("MG00000000000000000000000000000001");
        let towards = Towards { whatsapp: true, ..SMS };
        pool.push("whatsapp:+13185550100".to_owned());
        let choose = |from, service| {
            choose(&rules.accounts[0], &rules, from, service, towards)
                .map(|chosen| chosen.sender.to_owned())
                .map_err(|error| error.code)
        };
        let good = Ok("whatsapp:+13185550100".to_owned());
        assert_eq!(choose(Some("whatsapp:+13185550100"), None), good);
        assert_eq!(choose(None, service), good);
        assert_eq!(choose(Some("whatsapp:+13185550101"), None), Err(63007));
        assert_eq!(choose(Some("KLINIK"), None), Err(21910));
        assert_eq!(choose(None, None), Err(21603));
    }
}
