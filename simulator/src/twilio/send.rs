//! `POST …/Messages.json`: what is refused, what is logged (facts twilio A1, A7, A8).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{TwilioError, json_reply};
use super::message::MessageBody;
use super::sender::{self, Chosen, Towards};
use super::{Refusable, callback, number_of, text};
use crate::lock::locked;
use crate::messages::{Draft, Job, Kind, Mark, NO_FILTER};
use crate::request::Request;
use crate::script::{TwilioAccount, TwilioScript};
use crate::world::{Prepared, World};
use crate::{dates, fill, number};

/// Longest validity, and the default (facts A1).
const MOST_VALIDITY_S: i64 = 36_000;
/// Most media of a message (facts A1).
const MOST_MEDIA: usize = 10;
/// A scheduled message: not earlier than 15 minutes from now, not later than 35 days (facts A1).
const SCHEDULE_MS: [i64; 2] = [15 * 60 * 1_000, 35 * 24 * 3_600 * 1_000];

/// The fields that this twin knows; others are ignored, as Twilio does.
#[derive(Debug, Default)]
struct Form<'a> {
    to: Option<Cow<'a, str>>,
    from: Option<Cow<'a, str>>,
    service: Option<Cow<'a, str>>,
    body: Option<Cow<'a, str>>,
    status_callback: Option<Cow<'a, str>>,
    validity: Option<Cow<'a, str>>,
    schedule_type: Option<Cow<'a, str>>,
    send_at: Option<Cow<'a, str>>,
    content_sid: Option<Cow<'a, str>>,
    content_variables: Option<Cow<'a, str>>,
    smart: bool,
    media: usize,
}

impl<'a> Form<'a> {
    /// Reads a form; any other content type has no fields.
    fn read(request: &'a Request) -> Self {
        let mut form = Self::default();
        if !request.is_form() {
            return form;
        }
        for (name, value) in form_urlencoded::parse(&request.body) {
            let field = match name.as_ref() {
                "To" => &mut form.to,
                "From" => &mut form.from,
                "MessagingServiceSid" => &mut form.service,
                "Body" => &mut form.body,
                "StatusCallback" => &mut form.status_callback,
                "ValidityPeriod" => &mut form.validity,
                "ScheduleType" => &mut form.schedule_type,
                "SendAt" => &mut form.send_at,
                "ContentSid" => &mut form.content_sid,
                "ContentVariables" => &mut form.content_variables,
                "SmartEncoded" => {
                    form.smart = value.eq_ignore_ascii_case("true");
                    continue;
                }
                "MediaUrl" => {
                    form.media += 1;
                    continue;
                }
                _ => continue,
            };
            if !value.is_empty() {
                field.get_or_insert(value);
            }
        }
        form
    }

    /// The text, after everything that has no text in this twin was refused.
    fn content<'b>(&'b self, account: &'b TwilioAccount, whatsapp: bool) -> Refusable<Content<'b>> {
        match (&self.content_sid, &self.content_variables) {
            (None, Some(_)) => return Err(TwilioError::new(21654)),
            (Some(sid), variables) => {
                return of_template(account, sid, variables.as_deref(), whatsapp);
            }
            (None, None) => {}
        }
        match self.media {
            0 => {}
            1..=MOST_MEDIA => return Err(TwilioError::new(21620)),
            _ => return Err(TwilioError::new(21623)),
        }
        let body = self.body.as_deref().ok_or(TwilioError::new(21602))?;
        let body = if self.smart { Cow::Owned(text::smart(body)) } else { Cow::Borrowed(body) };
        // Bytes first: most texts are far below, and then nobody has to count.
        if body.len() > text::MOST_CHARACTERS && body.chars().count() > text::MOST_CHARACTERS {
            return Err(TwilioError::new(21617));
        }
        // Nobody has written to this twin's WhatsApp senders in the last 24 hours: only a template may begin (facts A6).
        let end = if whatsapp { 63016 } else { 0 };
        Ok(Content { text: body, template: None, end })
    }

    /// `ValidityPeriod` in seconds, if one was given (facts A1: 1 to 36000).
    fn validity_s(&self) -> Refusable<Option<i64>> {
        let Some(text) = &self.validity else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(seconds) if (1..=MOST_VALIDITY_S).contains(&seconds) => Ok(Some(seconds)),
            _ => Err(TwilioError::new(21624)),
        }
    }

    /// The time of a scheduled message (facts A1).
    fn send_at_ms(&self, now_ms: i64) -> Refusable<Option<i64>> {
        match (&self.schedule_type, &self.send_at) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(TwilioError::new(35126)),
            (Some(kind), _) if kind != "fixed" => Err(TwilioError::new(35126)),
            _ if self.service.is_none() => Err(TwilioError::new(35118)),
            (Some(_), None) => Err(TwilioError::new(35111)),
            (Some(_), Some(at)) => {
                let [least, most] = SCHEDULE_MS;
                dates::iso8601(at)
                    .filter(|at_ms| (now_ms + least..=now_ms + most).contains(at_ms))
                    .map(Some)
                    .ok_or(TwilioError::new(35114))
            }
        }
    }
}

/// What a message says.
struct Content<'a> {
    text: Cow<'a, str>,
    template: Option<&'a str>,
    /// The error code with which WhatsApp ends it; 0: none.
    end: u32,
}

/// The text of a content template with its variables, and whether WhatsApp takes it (facts A6: not before the 201).
fn of_template<'a>(
    account: &'a TwilioAccount,
    sid: &str,
    variables: Option<&str>,
    whatsapp: bool,
) -> Refusable<Content<'a>> {
    let given: BTreeMap<String, String> = match variables {
        None => BTreeMap::new(),
        Some(json) => serde_json::from_str(json).map_err(|_| TwilioError::new(21656))?,
    };
    let content = account.content(sid).ok_or(TwilioError::new(21655))?;
    let value = |name: &str| given.get(name).or_else(|| content.variables.get(name));
    let names = fill::names(&content.body);
    let fits = names.iter().all(|name| value(name).is_some())
        && given.keys().all(|name| names.contains(&name.as_str()));
    let end = match content.status.as_str() {
        _ if !whatsapp => 0,
        "rejected" => 63040,
        "paused" => 63041,
        "disabled" => 63042,
        "approved" if !fits => 63028,
        "approved" if !given.values().all(|value| fill::is_one_line(value)) => 63013,
        "approved" => 0,
        // Not approved: as if the text had been written freely.
        _ => 63016,
    };
    let text = fill::fill(&content.body, |name| value(name).map(String::as_str));
    Ok(Content { text: Cow::Owned(text), template: Some(&content.sid), end })
}

/// `POST …/Messages.json`. `end`: the error code with which a fault wants the accepted message to end; 0: none.
pub(super) fn send(
    world: &Arc<World>,
    prepared: &Arc<Prepared>,
    account: &TwilioAccount,
    request: &Request,
    end: u32,
) -> Refusable<crate::reply::Reply> {
    let form = Form::read(request);
    let rules = &prepared.script.twilio;
    let to_text = form.to.as_deref().ok_or(TwilioError::new(21604))?;
    let bare = to_text.strip_prefix("whatsapp:");
    let towards =
        Towards { turkish: bare.unwrap_or(to_text).starts_with("+90"), whatsapp: bare.is_some() };
    let content = form.content(account, towards.whatsapp)?;
    let from = form.from.as_deref();
    let to = match bare {
        Some(number) => on_whatsapp(number, from)?,
        None => recipient(prepared, account, to_text, from)?,
    };
    let chosen = sender::choose(account, rules, from, form.service.as_deref(), towards)?;
    let validity_s = form.validity_s()?;
    let send_at_ms = form.send_at_ms(request.now_ms)?;
    let callback = match form.status_callback.as_deref() {
        None => None,
        Some(url) => Some(callback::target(url).ok_or(TwilioError::new(21609))?),
    };
    let segments = if towards.whatsapp { 1 } else { text::segments(&content.text) };
    let (start_ms, overflow) = match send_at_ms {
        Some(at_ms) => (at_ms, 0),
        None => queue(world, rules, account, &chosen, (request.now_ms, segments))?,
    };
    let begin_ms = send_at_ms.unwrap_or(request.now_ms);
    let stop_ms = begin_ms.saturating_add(validity_s.unwrap_or(MOST_VALIDITY_S) * 1_000);
    let startdate = send_at_ms.map(dates::to_netgsm_send);
    let stopdate = validity_s.map(|_| dates::to_netgsm_send(stop_ms));
    let job = Job {
        at_ms: request.now_ms,
        account: &account.account_sid,
        sender: chosen.sender,
        startdate: startdate.as_deref(),
        stopdate: stopdate.as_deref(),
        start_ms,
        stop_ms: Some(stop_ms),
        turkish: false,
        filter: NO_FILTER,
        kind: if towards.whatsapp { Kind::TwilioWhatsApp } else { Kind::Twilio },
        service: chosen.service,
        template: content.template,
        error: [end, overflow, chosen.warning, content.end]
            .into_iter()
            .find(|code| *code != 0)
            .unwrap_or(0),
    };
    let mark = if send_at_ms.is_some() { Mark::Scheduled } else { Mark::Normal };
    let text = content.text.into_owned();
    let draft = Draft { to, text, reference: None, segments: segments as u16, mark };
    let (n, reply) = world.messages.with(|ring| {
        let sid = ring.append(&job, vec![draft]);
        let n = number_of(&sid).unwrap_or(0);
        let entry = ring.get(n).ok_or(TwilioError::new(20500))?;
        // The time of the log, not of the request: the answer to a create never shows a later status.
        let now_ms = entry.at_ms.min(request.now_ms);
        let body = MessageBody::of(prepared, ring, &account.account_sid, (n, entry), now_ms);
        Ok::<_, TwilioError>((n, json_reply(201, "201", &body)))
    })?;
    world.messages.ring_the_bell();
    if let Some(target) = callback {
        callback::begin(world, prepared, account, n, target);
    }
    Ok(reply)
}

/// The key of a recipient on WhatsApp, given without its `whatsapp:`.
fn on_whatsapp(number: &str, from: Option<&str>) -> Refusable<u64> {
    if from.is_some_and(|from| !from.starts_with("whatsapp:")) {
        return Err(TwilioError::new(21910));
    }
    number::e164(number).ok_or(TwilioError::new(21211))
}

/// The key of a recipient to whom the account may send (facts A1, A7, A8).
fn recipient(
    prepared: &Prepared,
    account: &TwilioAccount,
    to: &str,
    from: Option<&str>,
) -> Refusable<u64> {
    let invalid =
        || TwilioError::saying(21211, format!("The 'To' number {to} is not a valid phone number."));
    let key = number::e164(to).ok_or_else(invalid)?;
    if from == Some(to) {
        return Err(invalid());
    }
    if !account.countries.iter().any(|prefix| to.starts_with(prefix.as_str())) {
        return Err(TwilioError::saying(
            21408,
            format!(
                "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}."
            ),
        ));
    }
    if let Some(national) = to.strip_prefix("+90") {
        match national.as_bytes().first() {
            Some(b'5') => {}
            Some(b'2' | b'3' | b'4' | b'8') => {
                let words = format!("To number: {to}, is not a mobile number");
                return Err(TwilioError::saying(21614, words));
            }
            _ => return Err(invalid()),
        }
    }
    if prepared.is_opted_out(key) {
        return Err(TwilioError::new(21610));
    }
    Ok(key)
}

/// When the sender's queue lets a message go, and the error code of one that overflows a service's queue.
///
/// A sender over ten hours behind takes no more: 21611, and with a service the later 30001 (facts A7).
fn queue(
    world: &World,
    rules: &TwilioScript,
    account: &TwilioAccount,
    chosen: &Chosen<'_>,
    (now_ms, segments): (i64, u32),
) -> Refusable<(i64, u32)> {
    let per_s = i64::from(rules.sender_segments_per_s);
    if per_s == 0 {
        return Ok((now_ms, 0));
    }
    let mut state = locked(&world.twilio);
    let key = format!("{}/{}", account.account_sid, chosen.sender);
    let free_ms = state.senders.entry(key).or_insert(now_ms);
    let start_ms = (*free_ms).max(now_ms);
    if start_ms - now_ms > MOST_VALIDITY_S * 1_000 {
        let refused = TwilioError::new(21611);
        return if chosen.service.is_some() { Ok((start_ms, 30001)) } else { Err(refused) };
    }
    *free_ms = start_ms + i64::from(segments) * 1_000 / per_s;
    Ok((start_ms, 0))
}
