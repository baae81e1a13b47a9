//! Every error code of Meta's table, returned by the twin, leads to the outcome that the table says. Each has a clinic, a number and a
//! lane of its own.

use std::fmt::Write as _;

use providers::meta::{Class, CodeRow, Codes};
use simulator::{Fault, FaultKind, MetaAccount, Operation, Provider};

use crate::harness::whatsapp::{
    self, BASIS, NETGSM, all_agree, at_meta, configure, first_attempt, until_sent,
};
use crate::harness::{Event, Installation, Row, reminder, scaled};

/// A code on the wire with its row.
struct Case {
    code: u32,
    subcode: Option<u32>,
    row: CodeRow,
    event: Event,
}

impl Case {
    /// Its clinic and its account.
    fn name(&self) -> String {
        format!("c{}{}", self.code, self.subcode.map(|it| format!("-{it}")).unwrap_or_default())
    }

    fn number(&self) -> String {
        format!("3{:08}{:03}", self.code, self.subcode.unwrap_or_default())
    }

    fn lane(&self) -> String {
        format!("whatsapp/{}/{}", self.name(), self.number())
    }
}

/// Each row, ranges at both ends.
fn cases() -> Vec<Case> {
    let codes = Codes::embedded().expect("the table");
    let ends = codes.rows().iter().flat_map(|row| {
        let last = (row.last() != row.code).then_some(row.last());
        [Some(row.code), last].into_iter().flatten().map(move |code| (code, row.clone()))
    });
    ends.map(|(code, row)| {
        let id = format!("code-{code}-{}", row.subcode.unwrap_or_default());
        let mut case = Case { code, subcode: row.subcode, row, event: reminder(&id) };
        case.event = case.event.clone().of_clinic(&case.name());
        case
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_of_meta_leads_to_its_outcome() {
    let cases = cases();
    assert!(cases.len() > 40, "{}", cases.len());
    let mut options = at_meta(scaled::options());
    let model = options.script.meta.accounts[0].clone();
    for case in &cases {
        // a number that Meta does not know: 100 with subcode 33 is its own answer to that
        if case.subcode.is_none() {
            let account = MetaAccount { phone_number_id: case.number(), ..model.clone() };
            options.script.meta.accounts.push(account);
        }
    }
    let clinic = whatsapp::prepare(options).await;
    let mut text = String::new();
    for case in &cases {
        let (name, number) = (case.name(), case.number());
        write!(
            text,
            "[providers.whatsapp.accounts.{name}]\nphone_number_id = \"{number}\"\naccess_token = \"meta-token\"\nbusiness_account_id = \"{}\"\n\
             [clinics.{name}]\nname = \"Klinik\"\nquiet_hours = \"none\"\ntransfer_abroad = \"{BASIS}\"\n[clinics.{name}.accounts]\nwhatsapp = \"{name}\"\n",
            model.business_account_id
        )
        .expect("a String");
    }
    configure(&clinic, &text);
    let clinic = clinic.launch(1, 1).await;
    let events: Vec<Event> = cases.iter().map(|case| case.event.clone()).collect();
    all_agree(&clinic, &events).await;
    for case in &cases {
        if case.subcode.is_some() {
            clinic.publish(&case.event).await;
            continue;
        }
        let kind = FaultKind::Code { code: case.code.to_string() };
        let fault = Fault::new(Provider::Meta, Operation::Send, kind).account(&case.number());
        clinic.outside.add_fault(fault).expect("a fault");
        clinic.publish(&case.event).await;
    }
    for case in &cases {
        leads(&clinic, case).await;
    }
    clinic.finish().await;
}

async fn leads(clinic: &Installation, case: &Case) {
    let event = &case.event;
    let code = format!("meta:{}", case.code);
    let said = match case.row.class {
        Class::Retry => {
            clinic.until_state(event, "waiting", "retry").await;
            "failed"
        }
        Class::NextChannel => {
            let row = until_sent(clinic, event).await;
            assert_eq!(row.attempts, 2, "{code}: {row:?}");
            "refused"
        }
        Class::LaneCredentials | Class::LaneSender | Class::LaneCredit | Class::LaneAccount => {
            let row = until_sent(clinic, event).await;
            assert_eq!(row.attempts, 2, "{code}: {row:?}");
            let why = whatsapp::until_closed(clinic, &case.lane()).await;
            assert_eq!(why, format!("account: {code}"));
            "failed"
        }
        Class::Unknown => {
            // Meta cannot be asked: a moment later it is unresolved
            let unknown = |row: &Row| matches!(row.state.as_str(), "unknown" | "unresolved");
            clinic.until(&code, async || clinic.row(event).await.filter(unknown)).await;
            "unknown"
        }
    };
    let first = first_attempt(clinic, event).await;
    assert_eq!(first, (case.lane(), said.to_owned(), code.clone()), "{:?}", case.row);
    let sql =
        format!("SELECT count(*) FROM attempt WHERE ntf = '{}' AND lane = '{NETGSM}'", event.ntf());
    let goes_on = !matches!(case.row.class, Class::Retry | Class::Unknown);
    assert_eq!(clinic.number(&sql).await > 0, goes_on, "{code}");
}
