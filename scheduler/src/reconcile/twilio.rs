//! Twilio's list of messages (`facts/twilio_turkeysms_smsala.md` A2): number, text, sender and when Twilio took it. It has no place
//! for our reference, and how long a new message takes to appear is documented nowhere.

use super::evidence::{AROUND_MS, Occasion, decided_at};
use super::judge::{Doubt, Edge, Evidence, Fit, Judgement, Proof, judge};
use super::turn::{ANSWER_WITHIN, Halt, Turn};
use super::windows::{LONGEST_ATTEMPT_MS, SKEW_MS, Stretch};
use ledger::intake::{body_place, text_place};
use ledger::protocol::Outcome;
use ledger::reconcile::UnknownAttempt;
use ledger::reconcile::looks::{Look, Seen, Times};
use ledger::record::Entry;
use ledger::{Ledger, LedgerError};
use providers::lane::channel_of;
use providers::twilio::{self, From, ListQuery, MessagePage, MessageRow};
use providers::{ClientError, Limits};
use schemas::{Channel, PhoneNumber, Registry};
use std::collections::BTreeMap;

/// Most pages of 50 messages to one number that a look reads.
const PAGES_AT_MOST: u32 = 40;

/// Asks the list of one account.
#[derive(Debug)]
pub struct Asker {
    client: twilio::Client,
    /// Questions a minute.
    pub per_min: u32,
}

/// What an attempt said to whom, opened.
struct Said {
    to: PhoneNumber,
    text: String,
}

/// What was read of one number.
#[derive(Debug, Default)]
struct Scan {
    rows: Vec<MessageRow>,
    gap: Option<String>,
}

impl Asker {
    /// An asker of this account.
    ///
    /// # Errors
    /// When the account's settings make no client.
    pub fn new(account: twilio::Account, per_min: u32) -> Result<Self, ClientError> {
        let limits = Limits { total: ANSWER_WITHIN, connections: 1, ..Limits::default() };
        Ok(Self { client: twilio::Client::new(account, limits)?, per_min })
    }

    /// The client, for other questions in the same budget.
    pub const fn client(&self) -> &twilio::Client {
        &self.client
    }

    /// When Twilio took the newest message that it lists of the account, milliseconds since 1970 UTC. `None`: it was not told.
    /// Asked before the numbers are: what is listed after it is newer still.
    ///
    /// # Errors
    /// When the hold or the ledger is lost.
    pub async fn newest(&self, turn: &mut Turn<'_>) -> Result<Option<i64>, Halt> {
        let page = turn.ask(self.client.list(ListQuery::of_account())).await?;
        let rows = page.map(|page| page.rows).unwrap_or_default();
        Ok(rows.iter().map(|row| row.created_at.timestamp_millis()).max())
    }

    /// Looks for attempts to one number.
    ///
    /// # Errors
    /// When the hold or the ledger is lost.
    pub async fn look(
        &self,
        turn: &mut Turn<'_>,
        registry: &Registry,
        due: &[UnknownAttempt],
        newest: Option<i64>,
        times: &Times,
    ) -> Result<Vec<Look>, Halt> {
        let ledger = turn.ledger();
        let Some(first) = due.first() else { return Ok(vec![]) };
        let Some(Said { to, .. }) = said(ledger, registry, first).await? else {
            return Ok(due.iter().map(cannot_be_opened).collect());
        };
        let scan = self.scan(turn, &to).await?;
        let now = ledger.clock().now_ms();
        let oldest = due.iter().map(|it| it.started_at).min().unwrap_or(now);
        // after the scan: whatever it showed of attempts that were answered meanwhile is known by now
        let known = ledger
            .known_refs(
                turn.account(),
                oldest.saturating_sub(AROUND_MS),
                now.saturating_add(AROUND_MS),
            )
            .await?;
        let from = oldest.saturating_sub(LONGEST_ATTEMPT_MS);
        let mut attempts = ledger.unknown_near(turn.account(), from, now).await?;
        attempts.retain(|attempt| attempt.number == first.number && !is_of_whatsapp(attempt));
        let mut texts = vec![];
        for attempt in &attempts {
            texts.push(said(ledger, registry, attempt).await?.map(|said| said.text));
        }
        let occasion = Occasion {
            due: due.iter().map(|attempt| attempt.ntf.as_str()).collect(),
            times,
            now,
            complete: scan.gap.is_none(),
        };
        let rows: Vec<&MessageRow> =
            scan.rows.iter().filter(|row| !known.contains_key(&row.state.sid)).collect();
        let mut doubts = vec![];
        for (place, attempt) in attempts.iter().enumerate() {
            let proof = self.proof(turn, decided_at(attempt, times), newest).await?;
            let edges = edges(&rows, attempt, &texts, place, self.client.sender());
            let last_look = occasion.is_last(attempt, proof);
            doubts.push(Doubt { edges, proof, last_look, under_way: attempt.under_way });
        }
        let outcomes: Vec<_> = rows.iter().map(|row| self.client.outcome_of(row)).collect();
        let kinds = outcomes.iter().map(kind).collect();
        let judged: Vec<Judgement> = judge(&Evidence { rows: kinds, doubts, gap: scan.gap });
        let seen = |_: &UnknownAttempt, row: usize| seen(&outcomes[row], &rows[row].state.sid);
        Ok(occasion.looks(&attempts, judged, seen))
    }

    /// Every message to a number, newest first.
    async fn scan(&self, turn: &mut Turn<'_>, to: &PhoneNumber) -> Result<Scan, Halt> {
        let mut scan = Scan::default();
        let query = ListQuery::of_number(to);
        let mut page = match turn.ask(self.client.list(query)).await? {
            Ok(page) => page,
            Err(why) => {
                scan.gap = Some(why);
                return Ok(scan);
            }
        };
        let first = sids(&page);
        for _ in 1..PAGES_AT_MOST {
            let Some(next) = scan.take(page) else { return Ok(scan) };
            page = match turn.ask(self.client.list_next(&next)).await? {
                Ok(page) => page,
                Err(why) => {
                    scan.gap = Some(why);
                    return Ok(scan);
                }
            };
            if page.next.is_none() {
                scan.take(page);
                let again = turn.ask(self.client.list(query)).await?;
                let unchanged = again.is_ok_and(|page| sids(&page) == first);
                if !unchanged && scan.gap.is_none() {
                    scan.gap = Some("the list changed while it was read".to_owned());
                }
                return Ok(scan);
            }
        }
        scan.gap = Some(format!("the list has more than {PAGES_AT_MOST} pages"));
        Ok(scan)
    }

    async fn proof(
        &self,
        turn: &Turn<'_>,
        decided_at: i64,
        newest: Option<i64>,
    ) -> Result<Proof, LedgerError> {
        let after = decided_at.saturating_add(SKEW_MS);
        if newest.is_some_and(|newest| newest >= after) {
            return Ok(Proof::Shown);
        }
        let ledger = turn.ledger();
        let later = ledger.controls_after(turn.account(), decided_at, 1).await?;
        Ok(if later.is_empty() { Proof::None } else { Proof::NotShown })
    }
}

impl Scan {
    /// Adds a page; what follows it, if anything does.
    fn take(&mut self, page: MessagePage) -> Option<twilio::NextPage> {
        if page.unreadable > 0 {
            self.gap = Some("entries of the list cannot be read".to_owned());
        }
        for row in page.rows {
            if !self.rows.iter().any(|it| it.state.sid == row.state.sid) {
                self.rows.push(row);
            }
        }
        page.next
    }
}

fn sids(page: &MessagePage) -> Vec<String> {
    page.rows.iter().map(|row| row.state.sid.clone()).collect()
}

/// Whether an attempt went out over WhatsApp: its lane is `twilio/<account>/whatsapp:<number>`.
pub fn is_of_whatsapp(attempt: &UnknownAttempt) -> bool {
    channel_of(&attempt.lane) == Some(Channel::Whatsapp)
}

/// Attempts by number: each is a list of its own.
pub fn by_number(attempts: Vec<UnknownAttempt>) -> Vec<Vec<UnknownAttempt>> {
    let mut numbers: BTreeMap<String, Vec<UnknownAttempt>> = BTreeMap::new();
    for attempt in attempts {
        numbers.entry(attempt.number.clone()).or_default().push(attempt);
    }
    let mut numbers: Vec<_> = numbers.into_values().collect();
    numbers.sort_by_key(|attempts| attempts.iter().map(|it| it.started_at).min());
    numbers
}

/// How the rows fit one attempt: all of its number.
fn edges(
    rows: &[&MessageRow],
    attempt: &UnknownAttempt,
    texts: &[Option<String>],
    place: usize,
    sender: &From,
) -> Vec<Edge> {
    let stretch = Stretch::of(attempt);
    let own = texts[place].as_deref();
    let others = || texts.iter().enumerate().filter(|(it, _)| *it != place).map(|(_, text)| text);
    let fit = |row: &MessageRow| {
        let created = row.created_at.timestamp_millis();
        if created < stretch.from {
            return None;
        }
        let in_time = stretch.holds(created);
        if own.is_some_and(|own| row.text.is(own)) {
            // taken later than its request could have been, or from somebody else: not as it should be, and not nothing
            return Some(if in_time && sent_by(row, sender) { Fit::Likely } else { Fit::Maybe });
        }
        let is_anothers = others().flatten().any(|text| row.text.is(text));
        (in_time && !is_anothers).then_some(Fit::Maybe)
    };
    let edges = rows.iter().enumerate();
    edges.filter_map(|(row, it)| fit(it).map(|fit| Edge { row, fit })).collect()
}

/// Whether it may be from the account's sender; a messaging service chooses one, and later.
fn sent_by(row: &MessageRow, sender: &From) -> bool {
    match (sender, &row.from) {
        (From::MessagingService(_), _) | (_, None) => true,
        (From::Number(sender) | From::WhatsApp(sender), Some(from)) => {
            sender.eq_ignore_ascii_case(from)
        }
    }
}

fn kind(outcome: &providers::Outcome) -> u8 {
    match outcome {
        providers::Outcome::Accepted(_) => 0,
        providers::Outcome::Refused(_) => 1,
        providers::Outcome::Failed(..) => 2,
        providers::Outcome::Unknown(_) => 3,
    }
}

fn seen(outcome: &providers::Outcome, sid: &str) -> Seen {
    let found = |outcome, code: &str, detail: &str| Seen::Found {
        outcome,
        code: format!("found: {code}"),
        detail: detail.to_owned(),
        provider_ref: Some(sid.to_owned()),
    };
    match outcome {
        providers::Outcome::Accepted(it) => found(
            Outcome::Accepted,
            &it.code,
            it.warning.as_deref().unwrap_or("Twilio lists it, by its number, time and text"),
        ),
        providers::Outcome::Refused(it) => {
            found(Outcome::Refused { next_channel: false }, &it.code, &it.detail)
        }
        providers::Outcome::Failed(_, it) => {
            let failed = Outcome::Failed { keep_lease: false, useful: true };
            found(failed, &it.code, &it.detail)
        }
        // Twilio has it and does not say whether it left
        providers::Outcome::Unknown(it) => Seen::Nothing {
            why: format!("it is listed, and may or may not have left: {}", it.code),
        },
    }
}

fn cannot_be_opened(attempt: &UnknownAttempt) -> Look {
    let why = "its number and text cannot be opened any more".to_owned();
    let seen = Seen::CannotBeAsked { why };
    Look { ntf: attempt.ntf.clone(), n: attempt.n, looks: attempt.looks, seen }
}

/// Number and text of an attempt, as far as they can still be opened. What is damaged cannot: it must not hold up the others.
async fn said(
    ledger: &Ledger,
    registry: &Registry,
    attempt: &UnknownAttempt,
) -> Result<Option<Said>, LedgerError> {
    match opened(ledger, registry, attempt).await {
        Err(error) if !error.is_away() => {
            tracing::error!(ntf = attempt.ntf, %error, "an unknown attempt cannot be read");
            Ok(None)
        }
        said => said,
    }
}

async fn opened(
    ledger: &Ledger,
    registry: &Registry,
    attempt: &UnknownAttempt,
) -> Result<Option<Said>, LedgerError> {
    let Some(sealed) = ledger.sealed_body(&attempt.ntf).await? else { return Ok(None) };
    let key = ledger.vault().data_key(&sealed.person, &sealed.wrapped)?;
    let body = key.open(&body_place(&attempt.ntf), &sealed.sealed)?;
    let Ok(event) = registry.reopen(&body) else { return Ok(None) };
    let records = ledger.records(&attempt.ntf).await?;
    let sealed_text = records.iter().find_map(|record| match &record.entry {
        Entry::Claimed { attempt: n, text, .. } if *n == attempt.n => Some(text),
        _ => None,
    });
    let Some(sealed_text) = sealed_text else { return Ok(None) };
    let text = key.open(&text_place(&attempt.ntf, attempt.n), sealed_text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Some(Said { to: event.recipient.phone, text }))
}

#[cfg(test)]
mod tests;
