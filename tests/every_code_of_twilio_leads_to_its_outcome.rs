//! Every error code of Twilio's table, returned by the twin, leads to the outcome that the table says: as the answer to the send, or as
//! the end of a message that was taken. Those that may close a lane have a clinic, an account and a lane of their own.

use std::fmt::Write as _;

use providers::receipt::Remedy;
use providers::twilio::{Class, CodeRow, Codes};
use simulator::{Fault, FaultKind, Operation, Provider, TwilioAccount};

use crate::harness::hooks;
use crate::harness::whatsapp::{
    self, BASIS, NETGSM, all_agree, at_twilio, configure, first_attempt,
};
use crate::harness::{Event, Installation, Proxy, Row, reminder, scaled};

/// A sender that is not registered yet: delivered all the same (A7).
const DELIVERED_WITH_A_WARNING: u32 = 30_018;

/// A row with what belongs to it.
struct Case {
    row: CodeRow,
    event: Event,
}

impl Case {
    /// Its clinic and its account.
    fn name(&self) -> String {
        if is_alone(&self.row) { format!("c{}", self.row.code) } else { "atasehir".to_owned() }
    }

    fn account(&self) -> String {
        if is_alone(&self.row) { self.name() } else { "default".to_owned() }
    }

    fn sid(&self) -> String {
        format!("AC{:032}", self.row.code)
    }

    fn lane(&self) -> String {
        format!("twilio/{}/whatsapp:+13185550100", self.account())
    }
}

/// Whether its answers would close a lane that others use: the account's trouble at once, what is no answer after a few. Codes of a
/// delivery come after a good answer.
fn is_alone(row: &CodeRow) -> bool {
    let of_a_delivery = matches!(row.code, 30_000..=30_999 | 63_000..=63_999);
    match row.class {
        Class::LaneCredentials | Class::LaneSender | Class::LaneAccount => true,
        Class::Retry | Class::Failover | Class::Unknown | Class::Nothing => !of_a_delivery,
        Class::Refused | Class::NextChannel => false,
    }
}

fn cases() -> Vec<Case> {
    let codes = Codes::embedded().expect("the table");
    let case = |row: &CodeRow| {
        let event = reminder(&format!("code-{}", row.code));
        let mut case = Case { row: row.clone(), event };
        case.event = case.event.clone().of_clinic(&case.name());
        case
    };
    codes.rows().iter().map(case).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_of_twilio_leads_to_its_outcome() {
    let cases = cases();
    assert!(cases.len() > 100, "{}", cases.len());
    let mut door = Proxy::closed("nobody yet").await;
    let public = hooks::url(&door);
    let mut options = at_twilio(scaled::options()).set("ULAK_GATEWAY__PUBLIC_URL", public);
    hooks::quick(&mut options.script);
    let model = options.script.twilio.accounts[0].clone();
    for case in cases.iter().filter(|case| is_alone(&case.row)) {
        let account = TwilioAccount { account_sid: case.sid(), api_keys: vec![], ..model.clone() };
        options.script.twilio.accounts.push(account);
    }
    let clinic = whatsapp::prepare(options).await;
    let mut text = String::new();
    for case in cases.iter().filter(|case| is_alone(&case.row)) {
        let (name, sid) = (case.name(), case.sid());
        write!(
            text,
            "[providers.twilio.accounts.{name}]\naccount_sid = \"{sid}\"\nauth_token = \"twilio-token\"\nfrom = \"+13185550100\"\n\
             whatsapp_from = \"+13185550100\"\nwebhook_token = \"webhook-token-{:08}\"\n\
             [clinics.{name}]\nname = \"Klinik\"\nquiet_hours = \"none\"\ntransfer_abroad = \"{BASIS}\"\n[clinics.{name}.accounts]\ntwilio = \"{name}\"\n",
            case.row.code
        )
        .expect("a String");
    }
    configure(&clinic, &text);
    let mut clinic = clinic.launch(1, 1).await;
    hooks::gateway(&mut clinic, &mut door, &[]).await;
    let events: Vec<Event> = cases.iter().map(|case| case.event.clone()).collect();
    all_agree(&clinic, &events).await;
    for case in &cases {
        let kind = FaultKind::Code { code: case.row.code.to_string() };
        let fault =
            Fault::new(Provider::Twilio, Operation::Send, kind).number(case.event.national());
        clinic.outside.add_fault(fault).expect("a fault");
        clinic.publish(&case.event).await;
    }
    for case in &cases {
        let (lane, outcome, code) = until_answered(&clinic, case).await;
        assert_eq!(lane, case.lane());
        if outcome == "accepted" {
            ends(&clinic, case).await;
        } else {
            // HTTP 429 and 5xx say as much as the code in them (A1)
            let by_status = matches!(case.row.code, 20_429 | 20_500 | 20_503);
            let own = format!("twilio:{}", case.row.code);
            assert!(
                code == own || by_status && code.starts_with("http:"),
                "{code}: {:?}",
                case.row
            );
            leads(&clinic, case, &outcome).await;
        }
    }
    clinic.finish().await;
}

/// The first attempt once its outcome is written. A callback may be quicker than the worker's own word, and is the outcome then (ADR 0012).
async fn until_answered(clinic: &Installation, case: &Case) -> (String, String, String) {
    let ntf = case.event.ntf();
    let sql =
        format!("SELECT count(*) FROM attempt WHERE ntf = '{ntf}' AND n = 1 AND state <> 'open'");
    let what = format!("an answer to {}", case.row.code);
    clinic.until(&what, async || (clinic.number(&sql).await == 1).then_some(())).await;
    let (lane, outcome, code) = first_attempt(clinic, &case.event).await;
    let taken = format!(
        "SELECT count(*) FROM attempt WHERE ntf = '{ntf}' AND n = 1 AND state = 'accepted'"
    );
    let by_callback = outcome.is_empty() && clinic.number(&taken).await == 1;
    (lane, if by_callback { "accepted".to_owned() } else { outcome }, code)
}

/// The code was the answer: nothing was taken.
async fn leads(clinic: &Installation, case: &Case, outcome: &str) {
    let (event, row) = (&case.event, &case.row);
    let (states, said, goes_on): (&[&str], _, _) = match row.class {
        Class::Retry | Class::Failover => (&["waiting"], "failed", false),
        Class::NextChannel => (&["accepted", "delivered"], "refused", true),
        Class::LaneCredentials | Class::LaneSender | Class::LaneAccount => {
            (&["accepted", "delivered"], "failed", true)
        }
        Class::Refused => (&["refused"], "refused", false),
        // nobody tells of it: a moment later it is unresolved
        Class::Unknown | Class::Nothing => (&["unknown", "unresolved"], "unknown", false),
    };
    assert_eq!(outcome, said, "{row:?}");
    let fits = |row: &Row| states.contains(&row.state.as_str());
    let what = format!("{states:?} after {}", row.code);
    let ended = clinic.until(&what, async || clinic.row(event).await.filter(fits)).await;
    assert!(!goes_on || ended.attempts == 2, "{row:?}: {ended:?}");
    assert_eq!(by_text(clinic, event).await, goes_on, "{row:?}");
    if row.class.lane().is_some() {
        let why = whatsapp::until_closed(clinic, &case.lane()).await;
        assert_eq!(why, format!("account: twilio:{}", row.code));
    }
}

/// Twilio took the message, and it ended with the code: a callback says so.
async fn ends(clinic: &Installation, case: &Case) {
    let (event, row) = (&case.event, &case.row);
    if row.code == DELIVERED_WITH_A_WARNING {
        clinic.until_state(event, "delivered", "").await;
        return;
    }
    match row.remedy() {
        Remedy::NextChannel => {
            clinic
                .until(&format!("a text after {}", row.code), async || {
                    by_text(clinic, event).await.then_some(())
                })
                .await;
        }
        Remedy::Stop | Remedy::Unclear => {
            let ended = clinic
                .until(&format!("the end of {}", row.code), async || {
                    let receipts = clinic.receipts(&event.ntf()).await;
                    (!receipts.is_empty()).then_some(())?;
                    clinic.row(event).await
                })
                .await;
            assert_eq!(ended.attempts, 1, "{row:?}: {ended:?}");
            assert!(!by_text(clinic, event).await, "{row:?}");
        }
    }
}

/// Whether the event became a text at Netgsm.
async fn by_text(clinic: &Installation, event: &Event) -> bool {
    let (ntf, lane) = (event.ntf(), NETGSM);
    let sql = format!("SELECT count(*) FROM attempt WHERE ntf = '{ntf}' AND lane = '{lane}'");
    clinic.number(&sql).await > 0
}
