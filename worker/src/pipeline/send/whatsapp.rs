//! Approved templates over WhatsApp: at Meta, at Twilio.

use super::{no_client, status_callback};
use crate::pipeline::claim::Attempt;
use crate::pipeline::render::Letter;
use crate::pipeline::route::Route;
use crate::pipeline::validate::Work;
use crate::settings::{Provider, Template};
use crate::worker::Worker;
use providers::meta::{ButtonValue, TemplateMessage};
use providers::twilio::TwilioTemplate;
use providers::{FailedKind, Outcome};

/// Sends the values of a template.
pub(super) async fn send(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    attempt: &Attempt,
) -> Outcome {
    let (Some(template), Letter::Template { filled, .. }) = (route.template, letter) else {
        return no_client();
    };
    let values: Vec<&str> = filled.values.iter().map(templates::Text::expose).collect();
    let reference = format!("{}-{}", work.ntf, attempt.n);
    let outcome = match route.lane.provider {
        Provider::Whatsapp => {
            by_meta(worker, work, route, (template, &values), &reference, attempt).await
        }
        Provider::Twilio => {
            by_twilio(worker, work, route, (template, &values), &reference, attempt).await
        }
        Provider::Netgsm => no_client(),
    };
    if let Outcome::Failed(FailedKind::NextChannel, trouble) = &outcome
        && is_of_template(&trouble.code)
    {
        tracing::error!(
            alert = "template",
            template = filled.template,
            code = trouble.code,
            detail = trouble.detail,
            "WhatsApp does not take this template as it is: its messages go by the next channel; see `ulak doctor`"
        );
    }
    outcome
}

async fn by_meta(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    (template, values): (&Template, &[&str]),
    reference: &str,
    attempt: &Attempt,
) -> Outcome {
    let Some(client) = worker.whatsapp.get(&route.lane.account) else { return no_client() };
    let (body, of_buttons) = values.split_at(template.parameters.len().min(values.len()));
    let buttons = template.buttons.iter().zip(of_buttons);
    let buttons: Vec<ButtonValue<'_>> = buttons
        .map(|((button, _), value)| ButtonValue { index: button.index, kind: button.kind, value })
        .collect();
    let message = TemplateMessage {
        to: &work.event.recipient.phone,
        template: &template.template,
        language: &template.vendor_language,
        body,
        buttons: &buttons,
        reference,
    };
    client.send(message, attempt.fresh).await
}

async fn by_twilio(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    (template, values): (&Template, &[&str]),
    reference: &str,
    attempt: &Attempt,
) -> Outcome {
    let account = &route.lane.account;
    let Some(client) = worker.twilio_whatsapp.get(account) else { return no_client() };
    let now = worker.ledger.clock().now();
    let message = TwilioTemplate {
        to: &work.event.recipient.phone,
        content_sid: &template.template,
        variables: values,
        validity: (attempt.stops - now).to_std().unwrap_or_default(),
        reference,
        attempt: attempt.n,
        status_callback: status_callback(worker, account),
    };
    client.send_template(message, attempt.fresh).await
}

/// Codes that say that a template is paused, disabled or not what is configured: the next message of it fares no better
/// (`facts/netgsm_iys.md` A8, `facts/twilio_turkeysms_smsala.md` A7).
fn is_of_template(code: &str) -> bool {
    let Some((provider, number)) = code.split_once(':') else { return false };
    match (provider, number.parse::<u32>()) {
        ("meta", Ok(100 | 131_008 | 131_009 | 131_047 | 132_000..=132_999)) => true,
        ("twilio", Ok(code)) => {
            matches!(code, 21_654..=21_656 | 63_005 | 63_006 | 63_016 | 63_021 | 63_027..=63_030 | 63_040..=63_042)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_whatsapp_is_no_trouble_of_a_template() {
        for code in ["meta:132015", "meta:132001", "twilio:63041", "twilio:63028"] {
            assert!(is_of_template(code), "{code}");
        }
        for code in
            ["meta:131026", "twilio:63003", "twilio:63024", "timeout", "netgsm:132000", "meta:"]
        {
            assert!(!is_of_template(code), "{code}");
        }
    }
}
