//! Rows of the current filter as a file: streamed, in memory that does not grow with the rows, and on record. Masked: who needs a
//! name or a text opens a message with a reason.

use crate::audit::call::Call;
use crate::audit::filter::Filter;
use crate::audit::guard::{Shell, Turned, guard};
use crate::audit::search;
use crate::door::Door;
use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::stream;
use ledger::access::{Access, AccessKind, Right, SessionSecret};
use ledger::export::{Export, Format};
use ledger::{Ledger, LedgerError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// Tries of one piece while the ledger is away.
const TRIES: u32 = 5;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long it is asked again whether the session still stands.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) async fn csv(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    file(&door, call, Format::Csv).await
}

pub(super) async fn jsonl(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    file(&door, call, Format::Jsonl).await
}

async fn file(door: &Door, call: Call, format: Format) -> Result<Response, Turned> {
    let shell = guard(door, call, Right::Export).await?;
    let read = Filter::read(&shell, &|name| shell.call.asked(name).to_owned());
    let Ok(filter) = read else { return Err(shell.missing(true).await) };
    if !filter.faults.is_empty() {
        return search::show(&shell, &filter, Some(&[])).await;
    }
    if shell.call.method == "HEAD" {
        return Ok((headers(&shell, format), ()).into_response());
    }
    let Some(session) = shell.call.cookies.session(shell.call.settings().reached) else {
        return Err(shell.missing(false).await);
    };
    // whoever finds no place for the first piece is told so while there still is an answer to tell it with
    drop(shell.place().await?);
    let place = door.places().file().ok_or_else(|| shell.busy())?;
    let filter = filter.search.seen_by(&shell.visitor);
    let clinic = filter.clinic.clone().unwrap_or_default();
    let by = |what| Access { clinic: clinic.clone(), ..Access::by(&shell.visitor, what) };
    let words = filter.words();
    // on record before the first byte; how much it was follows once it has ended, however it ended
    let begins = AccessKind::Acted { what: format!("export {format}: {words}") };
    shell.note(&by(begins)).await?;
    let taken = Taken {
        export: Export::new(&shell.ledger, filter, format, false),
        door: door.clone(),
        ledger: shell.ledger.clone(),
        session,
        looked: Instant::now(),
        access: Some((by(AccessKind::LoggedIn), words)),
        _place: Some(place),
    };
    let headers = headers(&shell, format);
    let pieces = stream::unfold(taken, async |mut taken| {
        let piece = taken.piece().await.transpose()?;
        Some((piece, taken))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn headers(shell: &Shell, format: Format) -> HeaderMap {
    let day = shell.ledger.clock().now().format("%Y%m%d-%H%M%S");
    let name = format!("attachment; filename=\"ulak-{day}.{format}\"");
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (CONTENT_DISPOSITION, name),
    ])
}

/// A file in the making, and the record of how much of it was taken.
struct Taken {
    export: Export,
    door: Door,
    ledger: Ledger,
    session: SessionSecret,
    /// When the session was asked for last.
    looked: Instant,
    /// `None`: it is on record.
    access: Option<(Access, String)>,
    /// Kept until the file is taken.
    _place: Option<OwnedSemaphorePermit>,
}

/// How a file goes on.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Piece(Bytes),
    End,
    /// The session is over, and so is the file.
    Over,
}

impl Taken {
    /// The next piece. One that fails for good ends the answer in the middle, so that nobody takes a part for the whole; so does the
    /// end of the session.
    async fn piece(&mut self) -> Result<Option<Bytes>, BoxError> {
        let mut tries = 1;
        loop {
            match self.step().await {
                Ok(Step::Piece(piece)) => return Ok(Some(piece)),
                Ok(Step::End) => return Ok(None),
                Ok(Step::Over) => {
                    tracing::info!(rows = self.export.rows(), "an export ended with its session");
                    return Err("the session is over".into());
                }
                Err(error) if tries >= TRIES || !error.is_away() => {
                    tracing::warn!(%error, rows = self.export.rows(), "an export ended early");
                    return Err(error.into());
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
            tries += 1;
        }
    }

    /// May be repeated where it fails: a piece is written once, and the end is on record once.
    async fn step(&mut self) -> Result<Step, LedgerError> {
        if self.looked.elapsed() >= AGAIN {
            let visitor = self.ledger.visitor(&self.session).await?;
            if !visitor.is_some_and(|visitor| visitor.may(Right::Export)) {
                return Ok(Step::Over);
            }
            self.looked = Instant::now();
        }
        let place = self.door.places().heavy_at_last().await;
        let piece = self.export.next().await?;
        drop(place);
        if let Some(piece) = piece {
            return Ok(Step::Piece(piece.into()));
        }
        if let Some(access) = self.ended() {
            self.ledger.note_access(&access).await?;
            self.access = None;
        }
        Ok(Step::End)
    }

    /// The record of its end, until it is on record.
    fn ended(&self) -> Option<Access> {
        let (access, filter) = self.access.clone()?;
        let rows = self.export.rows();
        Some(Access { what: AccessKind::Exported { filter, rows }, ..access })
    }
}

impl Drop for Taken {
    /// Whoever goes away in the middle has taken what came until then.
    fn drop(&mut self) {
        let Some(access) = self.ended() else { return };
        let ledger = self.ledger.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = ledger.note_access(&access).await {
                    tracing::warn!(%error, "how much an export took is not on record");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::access::{LogIn, Role};
    use ledger::search::SearchFilter;
    use ledger::tokens::{TokenAsk, TokenSecret};
    use ledger::vault::Secret32;
    use ledger::{LedgerSettings, migrate};
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn an_export_ends_with_its_session() {
        let folder = tempfile::tempdir().unwrap();
        let settings = LedgerSettings {
            url: format!("sqlite://{}", folder.path().join("ulak.db").display()).into(),
            master_key: Secret32::new([7; 32]),
            connections: 2,
            max_mib: None,
            name: "gateway test".to_owned(),
        };
        migrate(&settings).await.unwrap();
        let ledger = Ledger::open(&settings).await.unwrap();
        let ask = TokenAsk {
            role: Role::Auditor,
            clinic: None,
            label: "tester".to_owned(),
            lasts_ms: Some(60_000),
        };
        let token = ledger.create_token_of(&ask, "tester@here").await.unwrap().token;
        let token = TokenSecret::parse(&token).unwrap();
        let came = ledger.log_in(&token, "here").await.unwrap();
        let LogIn::In { secret: session, visitor } = came else { panic!("{came:?}") };
        let registry = schemas::Registry::embedded().unwrap();
        let door = Door::new(crate::Settings::default(), registry.into(), CancellationToken::new());
        let filter = SearchFilter::default();
        let mut taken = Taken {
            export: Export::new(&ledger, filter, Format::Csv, false),
            door,
            ledger: ledger.clone(),
            session,
            looked: Instant::now(),
            access: None,
            _place: None,
        };
        ledger.log_out(&visitor).await.unwrap();
        // it is not asked with each piece
        assert!(matches!(taken.step().await.unwrap(), Step::Piece(_)));
        taken.looked -= AGAIN;
        assert_eq!(taken.step().await.unwrap(), Step::Over);
        assert!(taken.piece().await.is_err());
    }
}
