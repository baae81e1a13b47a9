//! Personal data, opened: only for who may, only with a reason, and only once that is on record.

use crate::audit::call::Call;
use crate::audit::form::Form;
use crate::audit::guard::{Shell, Turned, form_guard};
use crate::audit::message;
use crate::audit::reason::LONGEST;
use crate::door::Door;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger::access::{Access, AccessKind, Right};
use ledger::record::Entry;
use ledger::report::Listed;
use ledger::{LedgerError, intake};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Shortest reason, characters: "test" is none.
const REASON_FROM: usize = 10;

/// What was opened. Does not print it.
#[derive(Default, Serialize)]
pub(super) struct Opened {
    /// The person's name.
    pub name: Option<String>,
    /// The number.
    pub phone: Option<String>,
    /// The texts by attempt.
    #[serde(skip)]
    pub texts: BTreeMap<u32, String>,
    /// The body of a refused event or of a fact.
    #[serde(skip)]
    pub body: Option<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened(…)")
    }
}

/// The reason of a form, or the key of what is wrong with it.
fn reason(form: &Form) -> Result<&str, &'static str> {
    let reason = form.get("reason");
    let length = reason.chars().filter(|c| !c.is_whitespace()).count();
    if length < REASON_FROM {
        return Err("open.fault.short");
    }
    if reason.chars().count() > LONGEST
        || reason.chars().any(|c| c.is_control() && c != '\n' && c != '\r')
    {
        return Err("open.fault.long");
    }
    if schemas::holds_a_number(reason) {
        return Err("reason.number");
    }
    Ok(reason)
}

pub(super) async fn message(
    State(door): State<Door>,
    id: Result<Path<String>, PathRejection>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    let (shell, form) = form_guard(&door, call, Right::Open, body).await?;
    let row = message::row_of(&shell, id).await?;
    let reason = match reason(&form) {
        Ok(reason) => reason,
        Err(key) => {
            let fault = Some((key, form.get("reason")));
            return message::show(&shell, &row, StatusCode::UNPROCESSABLE_ENTITY, None, fault)
                .await;
        }
    };
    let fields: &[&str] =
        if row.ntf.starts_with("bad_") { &["body"] } else { &["name", "phone", "text"] };
    record(&shell, &row.clinic, &row.ntf, reason, fields).await?;
    let opened = open(&shell, &row).await?;
    message::show(&shell, &row, StatusCode::OK, Some(&opened), None).await
}

/// The record comes before what is shown, and is part of the story that is told.
async fn record(
    shell: &Shell,
    clinic: &str,
    id: &str,
    reason: &str,
    fields: &[&str],
) -> Result<(), Turned> {
    let what = AccessKind::Opened {
        reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    shell.note(&Access::by(&shell.visitor, what).about(clinic, id)).await
}

/// Opens a message: whom it was for, and every text.
async fn open(shell: &Shell, row: &Listed) -> Result<Opened, Turned> {
    if row.ntf.starts_with("bad_") {
        let sealed = shell.asked(shell.ledger.refused_body(&row.ntf)).await?;
        let body = sealed
            .map(|sealed| shell.ledger.vault().open_own(&intake::body_place(&row.ntf), &sealed));
        let body = shell.asked(async { body.transpose() }).await?;
        let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
        return Ok(Opened { body, ..Opened::default() });
    }
    let Some(sealed) = shell.asked(shell.ledger.sealed_body(&row.ntf)).await? else {
        return Ok(Opened::default());
    };
    let records = shell.asked(shell.ledger.records(&row.ntf)).await?;
    let opened = || -> Result<Opened, LedgerError> {
        let key = shell.ledger.vault().data_key(&sealed.person, &sealed.wrapped)?;
        let mut opened = Opened::default();
        for record in &records {
            match &record.entry {
                Entry::Received { body, .. } => {
                    let body = key.open(&intake::body_place(&row.ntf), body)?;
                    (opened.name, opened.phone) = recipient(&body);
                }
                Entry::Claimed { attempt, text, .. } => {
                    let text = key.open(&intake::text_place(&row.ntf, *attempt), text)?;
                    opened.texts.insert(*attempt, String::from_utf8_lossy(&text).into_owned());
                }
                _ => {}
            }
        }
        Ok(opened)
    };
    shell.asked(async { opened() }).await
}

/// Whom an event is for.
fn recipient(body: &[u8]) -> (Option<String>, Option<String>) {
    let event: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    (field("/data/recipient/name"), field("/data/recipient/phone"))
}

pub(super) async fn fact(
    State(door): State<Door>,
    id: Result<Path<String>, PathRejection>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    let (shell, form) = form_guard(&door, call, Right::Open, body).await?;
    let told = message::fact_of(&shell, id).await?;
    let reason = match reason(&form) {
        Ok(reason) => reason,
        Err(key) => {
            let fault = Some((key, form.get("reason")));
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(message::show_fact(&shell, &told, status, None, fault));
        }
    };
    record(&shell, &told.row.clinic, &told.row.id, reason, &["body"]).await?;
    let mut opened = Opened::default();
    for step in &told.steps {
        let body = shell.asked(shell.ledger.fact_body(&told.row.id, &step.entry)).await?;
        if let Some(body) = body {
            (opened.name, opened.phone) = recipient(&body);
            opened.body = Some(String::from_utf8_lossy(&body).into_owned());
        }
    }
    let again = story::FactStory::of(&shell.ledger, &told.row, shell.call.tongue);
    let told = shell.asked(again).await?;
    Ok(message::show_fact(&shell, &told, StatusCode::OK, Some(&opened), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_an_event_is_for_is_read_and_a_body_without_anybody_names_nobody() {
        let body = br#"{"data":{"recipient":{"name":"A","phone":"+90"}}}"#;
        assert_eq!(recipient(body), (Some("A".to_owned()), Some("+90".to_owned())));
        assert_eq!(recipient(b"no json"), (None, None));
        assert!(
            !format!("{:?}", Opened { name: Some("Zed".to_owned()), ..Opened::default() })
                .contains("Zed")
        );
    }
}
