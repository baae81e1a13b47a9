//! Netgsm's delivery report (`facts/netgsm_iys.md` A4): number, segments and status of what was sent in a stretch of time; neither
//! text nor time of sending, and our reference only where the account echoes it.

use super::evidence::{AROUND_MS, Occasion, decided_at, proof};
use super::judge::{Doubt, Edge, Evidence, Fit, judge};
use super::turn::{ANSWER_WITHIN, Halt, Turn};
use super::windows::{Group, LONGEST_ATTEMPT_MS, SKEW_MS, Stretch};
use chrono::{DateTime, Utc};
use ledger::protocol::Outcome;
use ledger::reconcile::looks::{Look, Seen, Times};
use ledger::reconcile::{Control, KnownRefs, UnknownAttempt};
use ledger::vault::Purpose;
use providers::netgsm::{self, ReportPage, ReportQuery, ReportRow, StatusClass};
use providers::{ClientError, Limits};
use schemas::PhoneNumber;
use std::collections::HashSet;

/// Most pages of 100 rows that one look reads: at ten a minute they take as long as an attempt is looked for.
const PAGES_AT_MOST: u32 = 150;
/// Control messages that are looked for at a time: one of them may never be in a report.
const CONTROLS: i64 = 3;
/// Where none is later than all attempts, those that are later than some.
const CONTROLS_BETWEEN: i64 = 200;
/// A further control message is looked for only if it is this near to the first one, milliseconds.
const CONTROLS_NEAR_MS: i64 = 60_000;

/// Asks the report of one account.
#[derive(Debug)]
pub struct Asker {
    client: netgsm::Client,
    /// Reports repeat our reference.
    echoes: bool,
    /// Questions a minute.
    pub per_min: u32,
}

/// What was read.
#[derive(Debug, Default)]
struct Scan {
    rows: Vec<ReportRow>,
    gap: Option<String>,
}

impl Asker {
    /// An asker of this account.
    ///
    /// # Errors
    /// When the account's settings make no client.
    pub fn new(account: netgsm::Account, echoes: bool, per_min: u32) -> Result<Self, ClientError> {
        let limits = Limits { total: ANSWER_WITHIN, connections: 1, ..Limits::default() };
        Ok(Self { client: netgsm::Client::new(account, limits)?, echoes, per_min })
    }

    /// The client, for other questions in the same budget.
    pub const fn client(&self) -> &netgsm::Client {
        &self.client
    }

    /// Looks for the attempts of a group.
    ///
    /// # Errors
    /// When the hold or the ledger is lost.
    pub async fn look(
        &self,
        turn: &mut Turn<'_>,
        group: &Group,
        times: &Times,
    ) -> Result<Vec<Look>, Halt> {
        let ledger = turn.ledger();
        let controls = controls(turn, group, times).await?;
        let stretch = with_controls(group.stretch, &controls);
        let scan = self.scan(turn, stretch).await?;
        // after the scan: whatever it showed of attempts that were answered meanwhile is known by now
        let known = ledger
            .known_refs(
                turn.account(),
                stretch.from.saturating_sub(AROUND_MS),
                stretch.to.saturating_add(AROUND_MS),
            )
            .await?;
        let from = stretch.from.saturating_sub(LONGEST_ATTEMPT_MS);
        let mut attempts = ledger.unknown_near(turn.account(), from, stretch.to).await?;
        attempts.retain(|attempt| Stretch::of(attempt).meets(stretch));
        let due = group.attempts.iter().map(|attempt| attempt.ntf.as_str()).collect();
        let mut occasion =
            Occasion { due, times, now: ledger.clock().now_ms(), complete: scan.gap.is_none() };
        let hash = |row: &ReportRow| {
            let number = row.number.as_ref()?;
            let place = ["netgsm", self.client.account(), number.e164()];
            Some(ledger.vault().hash(Purpose::Number, &place))
        };
        let books = Books::of(&scan.rows, &known, &attempts, self.echoes, hash);
        let gap = scan.gap.clone().or_else(|| books.gap.map(str::to_owned));
        occasion.complete = gap.is_none();
        let shown = shown(&scan.rows, &controls, hash);
        let doubts = attempts.iter().map(|attempt| {
            let proof = proof(decided_at(attempt, times), &controls, &shown);
            let last_look = occasion.is_last(attempt, proof);
            let edges = books.edges(attempt, self.echoes);
            Doubt { edges, proof, last_look, under_way: attempt.under_way }
        });
        let kinds = books.rows.iter().map(|row| u8::from(is_refused(row.row.status.class)));
        let evidence = Evidence { rows: kinds.collect(), doubts: doubts.collect(), gap };
        let judged = judge(&evidence);
        Ok(occasion.looks(&attempts, judged, |attempt, row| books.rows[row].seen(attempt)))
    }

    /// Every page of the report of a stretch.
    async fn scan(&self, turn: &mut Turn<'_>, stretch: Stretch) -> Result<Scan, Halt> {
        let mut scan = Scan::default();
        let Some((from, to)) = instant(stretch.from).zip(instant(stretch.to)) else {
            scan.gap = Some("its time cannot be asked for".to_owned());
            return Ok(scan);
        };
        let query = ReportQuery::Range { from, to };
        let mut first: Option<Vec<(String, Option<String>)>> = None;
        for page in 0..PAGES_AT_MOST {
            let read = match turn.ask(self.client.report(query, page)).await? {
                Ok(read) => read,
                Err(why) => {
                    scan.gap = Some(why);
                    return Ok(scan);
                }
            };
            if read.unreadable > 0 {
                scan.gap = Some("rows of the report cannot be read".to_owned());
            }
            let last = read.last;
            if first.is_none() {
                first = Some(names(&read));
            }
            scan.take(read);
            if last {
                // one page is one answer: nothing can have moved within it
                let unchanged =
                    page == 0 || self.is_unchanged(turn, query, first.as_deref()).await?;
                if !unchanged && scan.gap.is_none() {
                    scan.gap = Some("the report changed while it was read".to_owned());
                }
                return Ok(scan);
            }
        }
        scan.gap = Some(format!("the report has more than {PAGES_AT_MOST} pages"));
        Ok(scan)
    }

    async fn is_unchanged(
        &self,
        turn: &mut Turn<'_>,
        query: ReportQuery<'_>,
        first: Option<&[(String, Option<String>)]>,
    ) -> Result<bool, Halt> {
        let again = turn.ask(self.client.report(query, 0)).await?;
        Ok(again.is_ok_and(|page| Some(names(&page).as_slice()) == first))
    }
}

impl Scan {
    /// Adds a page. A row that a later one pushed onto the next page comes twice.
    fn take(&mut self, page: ReportPage) {
        for row in page.rows {
            let again = self.rows.iter().rev().take(100).any(|it| name(it) == name(&row));
            if !again {
                self.rows.push(row);
            }
        }
    }
}

/// What of a row must not change; its status may.
fn name(row: &ReportRow) -> (&str, Option<&str>) {
    (&row.jobid, row.number.as_ref().map(PhoneNumber::e164))
}

fn names(page: &ReportPage) -> Vec<(String, Option<String>)> {
    page.rows.iter().map(|row| (row.jobid.clone(), name(row).1.map(str::to_owned))).collect()
}

fn instant(ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms)
}

/// Messages that would prove that the report is newer than the attempts.
async fn controls(turn: &Turn<'_>, group: &Group, times: &Times) -> Result<Vec<Control>, Halt> {
    let deadlines = || group.attempts.iter().map(|attempt| decided_at(attempt, times));
    let (Some(first), Some(last)) = (deadlines().min(), deadlines().max()) else {
        return Ok(vec![]);
    };
    let ledger = turn.ledger();
    let later = ledger.controls_after(turn.account(), last, CONTROLS).await?;
    if !later.is_empty() || first == last {
        return Ok(later);
    }
    Ok(ledger.controls_after(turn.account(), first, CONTROLS_BETWEEN).await?)
}

/// The stretch with the control messages in it. Between an attempt and the first message that was accepted after it the account was
/// silent, so this adds time and hardly a row.
fn with_controls(stretch: Stretch, controls: &[Control]) -> Stretch {
    let Some(first) = controls.first() else { return stretch };
    let near = controls
        .iter()
        .filter(|it| it.ended_at.saturating_sub(first.ended_at) <= CONTROLS_NEAR_MS)
        .map(|it| it.ended_at.saturating_add(SKEW_MS));
    near.fold(stretch, Stretch::up_to)
}

/// The control messages that the report shows: each by its own row, since a job may have several (ADR 0011).
fn shown<'a>(
    rows: &[ReportRow],
    controls: &'a [Control],
    hash: impl Fn(&ReportRow) -> Option<String>,
) -> HashSet<&'a str> {
    let shows = |control: &Control, row: &ReportRow| {
        row.jobid == control.provider_ref
            && hash(row).is_some_and(|number| number == control.number)
    };
    let there = controls.iter().filter(|control| rows.iter().any(|row| shows(control, row)));
    there.map(|control| control.provider_ref.as_str()).collect()
}

/// Rows that no known attempt explains.
struct Books<'a> {
    rows: Vec<BookRow<'a>>,
    gap: Option<&'static str>,
}

struct BookRow<'a> {
    row: &'a ReportRow,
    /// Keyed hash of account and number.
    number: Option<String>,
}

impl<'a> Books<'a> {
    fn of(
        rows: &'a [ReportRow],
        known: &KnownRefs,
        attempts: &[UnknownAttempt],
        echoes: bool,
        hash: impl Fn(&ReportRow) -> Option<String>,
    ) -> Self {
        let ours: HashSet<String> = attempts.iter().map(reference).collect();
        let mut books = Self { rows: vec![], gap: None };
        for row in rows {
            let is_ours = row.reference.as_ref().is_some_and(|it| ours.contains(it));
            let is_anothers = echoes && row.reference.is_some();
            if !is_ours && is_anothers {
                continue;
            }
            let number = hash(row);
            // a known job may have other messages, whose answer was lost: known is a row by job and number (ADR 0011)
            let is_known = known
                .get(&row.jobid)
                .zip(number.as_ref())
                .is_some_and(|(numbers, number)| numbers.contains(number));
            if !is_ours && is_known {
                continue;
            }
            if number.is_none() && !is_ours {
                books.gap = Some("a row of the report has no number that can be read");
                continue;
            }
            books.rows.push(BookRow { row, number });
        }
        books
    }

    fn edges(&self, attempt: &UnknownAttempt, echoes: bool) -> Vec<Edge> {
        let own = reference(attempt);
        let fits = self.rows.iter().map(|row| row.fit(attempt, &own, echoes));
        let mut edges: Vec<Edge> =
            fits.enumerate().filter_map(|(row, fit)| fit.map(|fit| Edge { row, fit })).collect();
        // its own reference is proof, of the first row that has it; the others are not needed
        let proven = edges.iter().copied().find(|edge| self.rows[edge.row].has_reference(&own));
        if let Some(proven) = proven {
            edges = vec![proven];
        }
        edges
    }
}

impl BookRow<'_> {
    fn has_reference(&self, reference: &str) -> bool {
        self.row.reference.as_deref() == Some(reference)
    }

    /// How the row fits an attempt whose reference is `own`.
    fn fit(&self, attempt: &UnknownAttempt, own: &str, echoes: bool) -> Option<Fit> {
        if self.has_reference(own) {
            return Some(Fit::Likely);
        }
        let names_another = self.row.reference.is_some();
        let same_number = self.number.as_deref() == Some(attempt.number.as_str());
        if !same_number || (echoes && names_another) {
            return None;
        }
        // an echo that is missing or not to be trusted, or segments that are counted otherwise than by us, must not make a
        // message absent
        let counts_alike = self.row.segments.is_none_or(|segments| segments == attempt.segments);
        Some(if !echoes && !names_another && counts_alike { Fit::Likely } else { Fit::Maybe })
    }

    fn seen(&self, attempt: &UnknownAttempt) -> Seen {
        let class = self.row.status.class;
        let outcome = if is_refused(class) {
            Outcome::Refused { next_channel: false }
        } else {
            Outcome::Accepted
        };
        let by = if self.has_reference(&reference(attempt)) {
            "reference"
        } else {
            "number, time and segments"
        };
        Seen::Found {
            outcome,
            code: format!("found: {}", class.as_str()),
            detail: format!("Netgsm's report has it, by its {by}"),
            provider_ref: Some(self.row.jobid.clone()),
        }
    }
}

/// What Netgsm was told as `referansID`.
fn reference(attempt: &UnknownAttempt) -> String {
    format!("{}-{}", attempt.ntf, attempt.n)
}

/// What ends it as refused; everything else means that Netgsm has it, and what became of it is a matter of receipts.
const fn is_refused(class: StatusClass) -> bool {
    matches!(class, StatusClass::BadNumber | StatusClass::Blacklisted | StatusClass::IysRefused)
}

#[cfg(test)]
mod tests;
