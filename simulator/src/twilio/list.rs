//! `GET …/Messages.json`: newest first, by `To`, `From` and the day it was sent, in pages (facts twilio A2).

use serde::Serialize;

use super::error::{TwilioError, json_reply};
use super::message::{Course, MessageBody};
use super::{API_VERSION, Refusable, is_of, number_of, sid};
use crate::messages::{Entry, Ring};
use crate::reply::Reply;
use crate::request::Request;
use crate::script::TwilioAccount;
use crate::world::{Prepared, World};
use crate::{dates, number, seed};

/// Rows of a page (facts A2: 1 to 1000, 50 where none is asked for).
const ROWS: [u64; 2] = [1, 1_000];
const DEFAULT_ROWS: u64 = 50;
const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// No message is sent later than this after it was accepted: scheduled at most 35 days ahead, queued ten hours.
const MOST_AHEAD_MS: i64 = 37 * DAY_MS;

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// A key of the message log; 0 is nobody's.
    to: Option<u64>,
    /// Only WhatsApp or only SMS, where `to` was given.
    whatsapp: Option<bool>,
    from: Option<String>,
    /// First millisecond, and the one after the last, of `date_sent`.
    sent_from_ms: Option<i64>,
    sent_before_ms: Option<i64>,
    rows: u64,
    page: u64,
    before: u64,
    /// The filters as they were given, for the addresses of the pages.
    filters: Vec<(String, String)>,
}

#[derive(Serialize)]
struct ListBody<'a> {
    messages: Vec<MessageBody<'a>>,
    end: u64,
    first_page_uri: String,
    next_page_uri: Option<String>,
    page: u64,
    page_size: u64,
    previous_page_uri: Option<String>,
    start: u64,
    uri: String,
}

impl Asked {
    fn read(request: &Request) -> Refusable<Self> {
        let mut asked = Self { rows: DEFAULT_ROWS, before: u64::MAX, ..Self::default() };
        let mut token = None;
        let query = request.uri.query().unwrap_or("");
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let day = || dates::twilio_day(&value).ok_or(TwilioError::new(20422));
            match name.as_ref() {
                _ if value.is_empty() => continue,
                "To" => {
                    let on_whatsapp = value.strip_prefix("whatsapp:");
                    asked.whatsapp = Some(on_whatsapp.is_some());
                    asked.to = Some(number::e164(on_whatsapp.unwrap_or(&value)).unwrap_or(0));
                }
                "From" => asked.from = Some(value.clone().into_owned()),
                "DateSent" => {
                    asked.sent_from_ms = Some(day()?);
                    asked.sent_before_ms = Some(day()? + DAY_MS);
                }
                // `DateSent>=2026-01-15` and `DateSent<=…`: the comparison is the end of the name.
                "DateSent>" => asked.sent_from_ms = Some(day()?),
                "DateSent<" => asked.sent_before_ms = Some(day()? + DAY_MS),
                "PageSize" => {
                    asked.rows = value.parse().map_err(|_| TwilioError::new(20422))?;
                    continue;
                }
                "Page" => {
                    asked.page = value.parse().map_err(|_| TwilioError::new(20422))?;
                    continue;
                }
                "PageToken" => {
                    token = value.strip_prefix("PA").and_then(number_of);
                    asked.before = token.ok_or(TwilioError::new(20422))?;
                    continue;
                }
                _ => continue,
            }
            asked.filters.push((name.into_owned(), value.into_owned()));
        }
        let [least, most] = ROWS;
        if asked.rows > most {
            return Err(TwilioError::new(20007));
        }
        // A page is reached by following `next_page_uri`, never by its number alone.
        if asked.rows < least || (asked.page > 0 && token.is_none()) {
            return Err(TwilioError::new(20422));
        }
        Ok(asked)
    }

    fn uri(&self, account_sid: &str, page: u64, after: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        query.append_pair("PageSize", &self.rows.to_string());
        query.append_pair("Page", &page.to_string());
        if let Some(sid) = after {
            query.append_pair("PageToken", &format!("PA{sid}"));
        }
        format!("/{API_VERSION}/Accounts/{account_sid}/Messages.json?{}", query.finish())
    }

    fn fits(
        &self,
        prepared: &Prepared,
        ring: &Ring,
        (n, entry): (u64, &Entry),
        now_ms: i64,
    ) -> bool {
        let script = &prepared.script;
        let [low, high] = script.twilio.list_lag_ms;
        let lag_ms = seed::between(seed::mix(script.seed, 13), n, low, high) as i64;
        if now_ms < entry.at_ms.saturating_add(lag_ms) {
            return false;
        }
        if self.sent_from_ms.is_some() || self.sent_before_ms.is_some() {
            // A message that is not sent yet has no date to compare (facts A2).
            let Some(sent_ms) = Course::of(prepared, n, entry).at(entry, now_ms).sent_ms else {
                return false;
            };
            if self.sent_from_ms.is_some_and(|from| sent_ms < from)
                || self.sent_before_ms.is_some_and(|before| sent_ms >= before)
            {
                return false;
            }
        }
        if self.whatsapp.is_some_and(|wanted| wanted != entry.kind.is_whatsapp()) {
            return false;
        }
        self.from.as_deref().is_none_or(|from| from == ring.name(entry.sender))
    }
}

/// `GET …/Messages.json`.
pub(super) fn list(
    world: &World,
    prepared: &Prepared,
    account: &TwilioAccount,
    request: &Request,
) -> Refusable<Reply> {
    let asked = Asked::read(request)?;
    let (account_sid, now_ms) = (account.account_sid.as_str(), request.now_ms);
    let rows = asked.rows as usize;
    Ok(world.messages.with(|ring| {
        let mut found: Vec<(u64, &Entry)> = ring
            .newest_first(asked.to, asked.before)
            .take_while(|(_, entry)| {
                asked
                    .sent_from_ms
                    .is_none_or(|from| entry.at_ms.saturating_add(MOST_AHEAD_MS) >= from)
            })
            .filter(|(_, entry)| is_of(ring, entry, account_sid))
            .filter(|row| asked.fits(prepared, ring, *row, now_ms))
            .take(rows + 1)
            .collect();
        let more = found.len() > rows;
        found.truncate(rows);
        let last = found.last().map(|(n, entry)| sid(entry.at_ms, *n));
        let start = asked.page.saturating_mul(asked.rows);
        let next = last.filter(|_| more);
        let next_page = asked.page.saturating_add(1);
        let page = ListBody {
            end: start + (found.len() as u64).saturating_sub(1),
            first_page_uri: asked.uri(account_sid, 0, None),
            next_page_uri: next.map(|sid| asked.uri(account_sid, next_page, Some(&sid))),
            page: asked.page,
            page_size: asked.rows,
            // Pages are read forwards only; the way back is the first page.
            previous_page_uri: (asked.page > 0).then(|| asked.uri(account_sid, 0, None)),
            start,
            uri: asked.uri(account_sid, asked.page, None),
            messages: found
                .iter()
                .map(|row| MessageBody::of(prepared, ring, account_sid, *row, now_ms))
                .collect(),
        };
        json_reply(200, "200", &page)
    }))
}
