//! `/audit/access`: who saw and did what.

use crate::audit::call::Call;
use crate::audit::guard::{Shell, Turned, guard};
use crate::audit::page;
use crate::audit::when::{self, When};
use crate::door::Door;
use axum::extract::State;
use axum::response::Response;
use chrono_tz::Europe::Istanbul;
use ledger::access::{AccessFilter, AccessKind, Accessed, Right};
use schemas::{FactId, NotificationId};
use serde::Serialize;
use tera::Context;

/// Rows of a page.
const ROWS: i64 = 100;

/// One line.
#[derive(Serialize)]
struct Line {
    at: When,
    who: String,
    role: Option<&'static str>,
    clinic: Option<String>,
    did: String,
    /// A denial or a failed login: worth a second look.
    denied: bool,
    /// The message or the fact that it is about: id and page.
    about: Option<(String, String)>,
}

pub(super) async fn get(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::SeeAccess).await?;
    let (from, to) = (shell.call.asked("from"), shell.call.asked("to"));
    let token = Some(shell.call.asked("token")).filter(|token| !token.is_empty());
    let filter = AccessFilter {
        from: when::read(from, Istanbul, false),
        to: when::read(to, Istanbul, true),
        clinic: shell.visitor.clinic.clone(),
        token: token.map(str::to_owned),
        ntf: None,
    };
    let after = shell.call.asked("after").parse().ok();
    let (found, next) = shell.heavy(shell.ledger.accesses(&filter, after, ROWS)).await?;
    let lines: Vec<Line> = found.into_iter().map(|one| line(&shell, one)).collect();
    let query = |more: Option<i64>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("from", from), ("to", to), ("token", token.unwrap_or_default())] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(more) = more {
            query.append_pair("after", &more.to_string());
        }
        format!("/audit/access?{}", query.finish())
    };
    let mut context = Context::new();
    context.insert("from", from);
    context.insert("to", to);
    context.insert("token", token.unwrap_or_default());
    context.insert("lines", &lines);
    context.insert("next", &next.map(|next| query(Some(next))));
    context.insert("first", &after.map(|_| query(None)));
    Ok(page::page(&shell, "access.html", context))
}

fn line(shell: &Shell, one: Accessed) -> Line {
    let access = one.access;
    let about = access.ntf.as_deref().filter(|id| !id.is_empty());
    Line {
        at: when::shown(one.at, Istanbul, shell.call.tongue),
        role: access.role.map(page::role),
        clinic: (!access.clinic.is_empty())
            .then(|| shell.call.settings().name(&access.clinic).to_owned()),
        did: story::did(shell.call.tongue, &access.what),
        denied: matches!(access.what, AccessKind::Denied { .. } | AccessKind::LogInFailed { .. }),
        about: about.and_then(|id| Some((id.to_owned(), place(id)?))),
        who: access.who,
    }
}

/// The page of what a record is about.
fn place(id: &str) -> Option<String> {
    if NotificationId::parse(id).is_some() {
        return Some(format!("/audit/messages/{id}"));
    }
    FactId::parse(id).map(|_| format!("/audit/facts/{id}"))
}
