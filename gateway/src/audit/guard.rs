//! Who looks, and whether he may: asked of the ledger on every request, so that a session ends at once with its token.

use crate::audit::call::{Call, LONGEST_QUERY};
use crate::audit::cookies;
use crate::audit::form::{CSRF, Form};
use crate::audit::page;
use crate::audit::places::Place;
use crate::audit::settings::Reached;
use crate::door::{Door, within};
use crate::problem::Problem;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use ledger::access::{Access, AccessKind, Right, Visitor};
use ledger::{Ledger, LedgerError};

/// A request of somebody who may make it.
#[derive(Debug)]
pub(crate) struct Shell {
    /// The request.
    pub call: Call,
    /// Who makes it.
    pub visitor: Visitor,
    /// The ledger.
    pub ledger: Ledger,
}

/// The answer of a request that is turned away.
#[derive(Debug)]
pub(crate) struct Turned(Box<Response>);

impl Turned {
    /// Answers so.
    pub(crate) fn with(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// Finds out who looks, and whether he has this right.
///
/// # Errors
/// To the login; 403, which is recorded; 503 while the ledger is away.
pub(crate) async fn guard(door: &Door, call: Call, right: Right) -> Result<Shell, Turned> {
    let shell = visitor(door, call).await?;
    if shell.visitor.may(right) {
        return Ok(shell);
    }
    shell.note_denied(Some(right)).await;
    Err(Turned::with(page::refusal(&shell, StatusCode::FORBIDDEN, "denied.right")))
}

/// [`guard`] for a posted form: reads it, and takes it only if it is one of our own pages'.
///
/// # Errors
/// As [`guard`]; 403 for a form of elsewhere, which is recorded; 408, 413, 415 for a body that is none.
pub(crate) async fn form_guard(
    door: &Door,
    call: Call,
    right: Right,
    body: Body,
) -> Result<(Shell, Form), Turned> {
    let shell = guard(door, call, right).await?;
    with_form(shell, body).await
}

/// Reads the form of somebody who is known.
pub(super) async fn with_form(shell: Shell, body: Body) -> Result<(Shell, Form), Turned> {
    let form = posted(&shell.call, body).await?;
    if shell.call.is_from_elsewhere() || !shell.visitor.posted(form.get(CSRF)) {
        shell.note_denied(None).await;
        return Err(Turned::with(page::refusal(&shell, StatusCode::FORBIDDEN, "denied.form")));
    }
    Ok((shell, form))
}

/// Reads a form, whoever posted it.
pub(super) async fn posted(call: &Call, body: Body) -> Result<Form, Turned> {
    if !call.is_form() {
        return Err(Turned::with(page::stranger(
            call,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "error.media",
        )));
    }
    let read = Form::read(body, call.door().stop()).await;
    read.map_err(|problem| troubled(call, &problem))
}

/// Who looks, whatever he may.
///
/// # Errors
/// To the login, or 503 while the ledger is away.
pub(super) async fn visitor(door: &Door, call: Call) -> Result<Shell, Turned> {
    let reached = call.settings().reached;
    if reached == Reached::Nothing {
        return Err(Turned::with(page::off(&call)));
    }
    let ledger = ledger(door, &call)?;
    let Some(secret) = call.cookies.session(reached) else { return Err(to_login(&call, false)) };
    match asked(&call, ledger.visitor(&secret)).await? {
        Some(visitor) => Ok(Shell { call, visitor, ledger }),
        None => Err(to_login(&call, true)),
    }
}

/// The ledger, once it is there.
///
/// # Errors
/// 503 while it is not.
pub(super) fn ledger(door: &Door, call: &Call) -> Result<Ledger, Turned> {
    match door.opened() {
        Ok(open) => Ok(open.ledger.clone()),
        Err(problem) => Err(troubled(call, &problem)),
    }
}

/// Waits for the ledger as long as a request may. What is asked is boxed: it is large, and a page asks several times.
///
/// # Errors
/// A page with 503 while it is away, 500 where it cannot be understood.
pub(crate) fn asked<'a, T: Send>(
    call: &'a Call,
    asked: impl Future<Output = Result<T, LedgerError>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Turned>> {
    Box::pin(async move { within(asked).await.map_err(|problem| troubled(call, &problem)) })
}

/// A problem as a page.
pub(super) fn troubled(call: &Call, problem: &Problem) -> Turned {
    let status =
        StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let key = match problem.status() {
        408 => "error.slow",
        413 => "error.large",
        400 => "error.cut",
        503 => "error.away",
        _ => "error.defect",
    };
    Turned::with(page::stranger(call, status, key))
}

/// Nobody is known: to the login, and back here afterwards where that can be.
fn to_login(call: &Call, ended: bool) -> Turned {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if call.method != "POST" {
        // a place that is too long for the login's own query is not gone back to
        let next: String = form_urlencoded::byte_serialize(call.here().as_bytes()).collect();
        if next.len() < LONGEST_QUERY / 2 {
            query.append_pair("next", &call.here());
        }
    }
    if ended {
        query.append_pair("said", "login.ended");
    }
    let mut response = call.see(&format!("/audit/login?{}", query.finish()));
    if ended && let Some(cookie) = cookies::no_session(call.settings().reached) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Turned::with(response)
}

impl Shell {
    /// Whether this is a clinic that he may see.
    pub(crate) fn sees(&self, clinic: &str) -> bool {
        self.visitor.sees(clinic)
    }

    /// The clinic that a filter is held to: his own, else the one that he asks for, if any. `Err`: it is another one than his own.
    pub(crate) fn held_to(&self, wanted: &str) -> Result<Option<String>, ()> {
        let wanted = Some(wanted).filter(|wanted| !wanted.is_empty());
        match (&self.visitor.clinic, wanted) {
            (Some(own), Some(wanted)) if own != wanted => Err(()),
            (Some(own), _) => Ok(Some(own.clone())),
            (None, wanted) => Ok(wanted.map(str::to_owned)),
        }
    }

    /// The clinics that he may see: id and name, by name.
    pub(crate) fn clinics(&self) -> Vec<(String, String)> {
        let all = self.call.settings().clinics.iter();
        let seen = all.filter(|(id, _)| self.sees(id.as_str()));
        let mut seen: Vec<_> =
            seen.map(|(id, clinic)| (id.as_str().to_owned(), clinic.name.clone())).collect();
        seen.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        seen
    }

    /// Whether he has a right: for what a page offers. What it does is guarded by itself.
    pub(crate) fn may(&self, right: Right) -> bool {
        self.visitor.may(right)
    }

    /// Waits for the ledger as long as a request may.
    ///
    /// # Errors
    /// A page with 503 while it is away, 500 where it cannot be understood.
    pub(crate) fn asked<'a, T: Send>(
        &'a self,
        answer: impl Future<Output = Result<T, LedgerError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Turned>> {
        asked(&self.call, answer)
    }

    /// The same for a heavy question, once there is a place for it.
    ///
    /// # Errors
    /// A page with 503 also where there is no place in time.
    pub(crate) fn heavy<'a, T: Send + 'a>(
        &'a self,
        answer: impl Future<Output = Result<T, LedgerError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Turned>> {
        Box::pin(async move {
            let _place = self.place().await?;
            self.asked(answer).await
        })
    }

    /// A place for a heavy question.
    ///
    /// # Errors
    /// A page with 503: there is none in time.
    pub(super) async fn place(&self) -> Result<Place<'_>, Turned> {
        self.call.door().places().heavy().await.ok_or_else(|| self.busy())
    }

    /// The place of the one search that opens refused events.
    ///
    /// # Errors
    /// A page with 503: it is not free in time.
    pub(super) async fn turn(&self) -> Result<Place<'_>, Turned> {
        self.call.door().places().opening().await.ok_or_else(|| self.busy())
    }

    pub(super) fn busy(&self) -> Turned {
        Turned::with(page::stranger(&self.call, StatusCode::SERVICE_UNAVAILABLE, "error.busy"))
    }

    /// What is not there, or not his to see: 404 either way. `theirs`: it is another clinic's, which is recorded.
    pub(crate) async fn missing(&self, theirs: bool) -> Turned {
        if theirs {
            self.note_denied(None).await;
        }
        Turned::with(page::refusal(self, StatusCode::NOT_FOUND, "error.missing"))
    }

    /// Records something that was done, before its answer is shown.
    ///
    /// # Errors
    /// A page with 503: it is not on record, so nothing may be shown.
    pub(crate) async fn note(&self, access: &Access) -> Result<(), Turned> {
        self.asked(self.ledger.note_access(access)).await
    }

    /// Records a denial: without a right it was another clinic's, or a form of elsewhere. That it cannot be recorded opens nothing.
    pub(super) async fn note_denied(&self, right: Option<Right>) {
        let what = AccessKind::Denied { path: self.call.template.to_owned(), right };
        let denied = Access::by(&self.visitor, what);
        if let Err(problem) = within(self.ledger.note_access(&denied)).await {
            let (status, path) = (problem.status(), self.call.template);
            tracing::warn!(status, path, "a denial is not on record: the ledger does not take it");
        }
    }
}
