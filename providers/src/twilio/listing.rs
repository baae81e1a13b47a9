//! The list of messages: what reconciliation asks (A2).

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, Utc};
use reqwest::Url;
use schemas::PhoneNumber;

use super::message::MessageRow;
use super::wire::WHATSAPP;
use crate::fields::Fields;

/// Most rows asked for on one page. Twilio allows 1,000 and gives 50 unasked (A2); 50 of the
/// longest texts, each character escaped, are about half a MiB.
pub const MOST_PER_PAGE: u16 = 50;

/// Which messages of the account to list.
///
/// The list has no filter on text or reference, and its dates are dates of *sending*: a message
/// that still waits may be missing from a range (A2). To find an attempt, ask by `to` alone and
/// compare [`created_at`](MessageRow::created_at) and [`text`](MessageRow::text); how long a new
/// message takes to appear is documented nowhere, so look more than once.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery<'a> {
    /// Only messages to this number; `None`: to anybody.
    pub to: Option<&'a PhoneNumber>,
    /// Whether `to` is meant on WhatsApp: Twilio lists `whatsapp:+E164` and `+E164` apart.
    pub on_whatsapp: bool,
    /// Only messages sent from then on. The filter knows days of UTC only: the whole day is asked
    /// for.
    pub sent_after: Option<DateTime<Utc>>,
    /// Only messages sent until then; asked for to the end of the following day of UTC, since the
    /// documentation leaves open whether a day's bound counts from its morning or its night.
    pub sent_before: Option<DateTime<Utc>>,
    /// Rows on a page, 1 to [`MOST_PER_PAGE`].
    pub per_page: u16,
}

impl<'a> ListQuery<'a> {
    /// Every message to one number.
    pub const fn of_number(to: &'a PhoneNumber) -> Self {
        Self { to: Some(to), ..Self::of_account() }
    }

    /// Every message to one number on WhatsApp.
    pub const fn of_whatsapp(to: &'a PhoneNumber) -> Self {
        Self { to: Some(to), on_whatsapp: true, ..Self::of_account() }
    }

    /// Every message of the account, such as for the proof that the list is up to date.
    pub const fn of_account() -> Self {
        Self {
            to: None,
            on_whatsapp: false,
            sent_after: None,
            sent_before: None,
            per_page: MOST_PER_PAGE,
        }
    }

    /// The query of the first page. On the wire `>=` is the key `DateSent>` and its `=`.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let day = |at: DateTime<Utc>| at.date_naive();
        let written = |day: NaiveDate| day.format("%Y-%m-%d").to_string();
        let last = self.sent_before.map(|at| day(at).checked_add_days(Days::new(1)));
        let mut pairs = Vec::with_capacity(4);
        if let Some(to) = self.to {
            let channel = if self.on_whatsapp { WHATSAPP } else { "" };
            pairs.push(("To", format!("{channel}{}", to.e164())));
        }
        if let Some(at) = self.sent_after {
            pairs.push(("DateSent>", written(day(at))));
        }
        if let Some(last) = last.flatten() {
            pairs.push(("DateSent<", written(last)));
        }
        pairs.push(("PageSize", self.per_page.clamp(1, MOST_PER_PAGE).to_string()));
        pairs
    }
}

/// Where the next page is; only [`Client::list_next`](super::Client::list_next) reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct NextPage(Vec<(String, String)>);

impl NextPage {
    /// `None` unless it is a page of the same list. Host and scheme are not taken over: the next
    /// page is asked for where the first one was.
    pub(super) fn parse(uri: &str, path: &str) -> Option<Self> {
        let here = Url::parse("http://here.invalid").ok()?;
        let next = here.join(uri).ok()?;
        let pairs: Vec<_> = next.query_pairs().into_owned().collect();
        (next.path().ends_with(path) && !pairs.is_empty()).then_some(Self(pairs))
    }

    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl fmt::Debug for NextPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextPage(***)")
    }
}

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The outbound messages that could be read, in Twilio's order.
    pub rows: Vec<MessageRow>,
    /// Entries that could not be read: a scan with any of them proves no absence.
    pub unreadable: usize,
    /// The page after this one; `None` only where Twilio said that there is none.
    pub next: Option<NextPage>,
}

impl MessagePage {
    /// `None` if the body has no list of messages, or does not say whether a page follows. `path`
    /// is that of the list.
    pub(super) fn parse(body: &[u8], path: &str) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let (objects, mut unreadable) = fields.objects("messages")?;
        let next = match fields.text("next_page_uri") {
            Some(uri) => Some(NextPage::parse(&uri, path)?),
            None if fields.is_null("next_page_uri") => None,
            None => return None,
        };
        let mut rows = Vec::with_capacity(objects.len());
        for object in &objects {
            match MessageRow::of_fields(object) {
                Some(row) if row.state.status.is_inbound() => {}
                Some(row) => rows.push(row),
                None => unreadable += 1,
            }
        }
        Some(Self { rows, unreadable, next })
    }
}
