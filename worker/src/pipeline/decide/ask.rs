//! Gathers what the decision needs, asks for consent only where the answer decides, and keeps the evidence.

use super::{Case, Consent, Decision, decide, depends_on_consent};
use crate::consent::{Answer, opt_in};
use crate::measure;
use crate::pipeline::route::Route;
use crate::pipeline::validate::Work;
use crate::settings::ConsentSource;
use crate::worker::Worker;
use ledger::LedgerError;
use ledger::record::ConsentEvidence;
use schemas::ConsentRule;

/// Decides, with the consent answer for the route's channel, and says on what evidence.
///
/// # Errors
/// When the registry decides and the ledger does not answer.
pub async fn with_consent(
    worker: &Worker,
    work: &mut Work<'_>,
    route: &Route<'_>,
) -> Result<(Decision, ConsentEvidence), LedgerError> {
    if opt_in::is_needed(worker, route.channel) {
        // not what most messages carry along
        Box::pin(opt_in::look(worker, work)).await?;
    }
    let policy = &work.event_type.policy;
    let own = work.clinic.consent.get(&work.event.event_type);
    let rule = own.map_or(policy.consent, |own| own.rule);
    let mut evidence = ConsentEvidence {
        rule: rule.as_str().to_owned(),
        rule_version: Some(work.event_type.version.clone()),
        rule_from: if own.is_some() { "clinic" } else { "type" }.to_owned(),
        basis: own.and_then(|own| own.basis.clone()),
        source: None,
        brand: None,
        asked_at: None,
        request_id: None,
        answer: None,
        word: None,
        opt_in: None,
    };
    let kept = work.consent.take();
    let mut answered = None;
    let mut case = Case {
        now: worker.ledger.clock().now(),
        ntf: &work.ntf,
        expires_at: work.event.expires_at(policy),
        appointment: work
            .event
            .appointment
            .as_ref()
            .map(|a| (a.version, a.starts_at.timestamp_millis())),
        visit: policy.visit,
        quiet_hours: work.clinic.quiet_hours.filter(|_| policy.quiet_hours),
        zone: work.clinic.face.zone,
        rule,
        consent: Consent::NotAsked,
        opt_in: opt_in::of(work.words.as_ref(), route.channel),
        lane_blocked: route.blocked,
        seen: &work.seen,
    };
    if depends_on_consent(&case) {
        // an answer that is young enough is used again after a claim that wrote nothing (PROTOCOL rule 2); not the registry's: what was
        // said since may be why nothing was written
        let kept = kept.filter(|_| worker.settings.consent_source != ConsentSource::Registry);
        match kept.filter(|(consent, _)| consent.holds_at(case.now)) {
            Some((consent, of_then)) => {
                case.consent = consent;
                evidence = of_then;
            }
            None => {
                case.consent = ask(worker, work, route, rule, &mut evidence).await;
                measure::consent(worker, case.consent, &evidence);
            }
        }
        case.now = worker.ledger.clock().now();
        answered = Some((case.consent, evidence.clone()));
    }
    let decision = decide(&case);
    evidence.opt_in = opt_in::evidence(work.words.as_ref(), route.channel);
    work.consent = answered;
    Ok((decision, evidence))
}

async fn ask(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    rule: ConsentRule,
    evidence: &mut ConsentEvidence,
) -> Consent {
    let answer = match worker.settings.consent_source {
        ConsentSource::Registry => {
            let Some(words) = &work.words else { return Consent::Silent };
            let asked_at = worker.ledger.clock().now();
            return opt_in::answer(words, route.channel, rule, asked_at, evidence);
        }
        ConsentSource::Iys => iys(worker, work, rule, evidence).await,
        ConsentSource::Netgsm => netgsm(worker, work, rule, evidence).await,
    };
    let Some(answer) = answer else { return Consent::Silent };
    match answer {
        Answer::Said { allowed, word, asked_at, request_id } => {
            evidence.asked_at = Some(asked_at.timestamp_millis());
            evidence.request_id = request_id;
            evidence.answer = Some(word.to_owned());
            if allowed { Consent::Given { asked_at } } else { Consent::NotGiven }
        }
        Answer::NotBefore { at, why } => {
            evidence.answer = Some(why.to_owned());
            Consent::NotBefore(at)
        }
        Answer::Silent(code) => {
            evidence.answer = Some(format!("silent: {code}"));
            Consent::Silent
        }
    }
}

/// İYS itself. `None`: it cannot be asked now.
async fn iys(
    worker: &Worker,
    work: &Work<'_>,
    rule: ConsentRule,
    evidence: &mut ConsentEvidence,
) -> Option<Answer> {
    let recipient = &work.event.recipient;
    evidence.source = Some("iys".to_owned());
    let Some(asker) = worker.iys.get(&work.clinic.iys) else {
        tracing::error!(alert = "no-iys-account", clinic = %work.event.clinic, "no İYS account is configured for this clinic: its messages wait");
        return None;
    };
    evidence.brand = Some(asker.brand().to_owned());
    if worker.lanes.closed(asker.lane()) {
        return None;
    }
    Some(match rule {
        ConsentRule::NotRefused => {
            asker.not_refused(&recipient.phone, recipient.recipient_type).await
        }
        _ => asker.with_consent(&recipient.phone, recipient.recipient_type).await,
    })
}

/// İYS through Netgsm's service. `None`: it cannot be asked now.
async fn netgsm(
    worker: &Worker,
    work: &Work<'_>,
    rule: ConsentRule,
    evidence: &mut ConsentEvidence,
) -> Option<Answer> {
    let recipient = &work.event.recipient;
    evidence.source = Some("netgsm".to_owned());
    let Some(asker) = worker.netgsm_iys.get(&work.clinic.netgsm) else {
        tracing::error!(alert = "no-iys-account", clinic = %work.event.clinic, "this clinic's Netgsm account has no iys_brand_code: its messages wait");
        return None;
    };
    evidence.brand = Some(asker.brand().to_owned());
    if worker.lanes.closed(asker.lane()) {
        return None;
    }
    Some(asker.ask(&recipient.phone, recipient.recipient_type, rule).await)
}
