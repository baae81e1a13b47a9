//! `ulak schedule preview`: what a fact would plan if it arrived at a given time and nothing were known before it. Nothing is read
//! from the ledger, and nothing is written.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, SecondsFormat, Utc};
use ledger::facts::FactGround;
use scheduler::facts::{Case, Desk, Line, Memory, Verdict, What, decide};
use scheduler::plan::{Rules, reminders};
use schemas::{Channel, ClinicId, Event, Fact, FactEvent, PhoneNumber, Refusal};
use serde_json::{Map, Value, json};
use templates::Renderer;

use super::{short, show, wall};
use crate::cli::Global;
use crate::cli::schedule::PreviewArgs;
use crate::commands::{Failure, Settings, say};
use crate::start;

/// Runs the command.
///
/// # Errors
/// The file is no fact of a clinic of this configuration, or would be refused.
pub(super) fn run(global: &Global, args: &PreviewArgs) -> Result<(), Failure> {
    let settings = Settings::read(global)?;
    PhoneNumber::load_rules();
    let given = read(&args.file)?;
    let clinic = whose(&settings, args, &given)?;
    let rules = start::plan_rules(&settings.config)
        .remove(&clinic)
        .with_context(|| format!("clinic {clinic} has no rules"))?;
    let now = ledger::Clock::default().now();
    let at = match args.at {
        Some(when) => when.at(now, rules.zone).context("--at is beyond the calendar")?,
        None => now,
    };
    let whole =
        whole(given, &clinic, at).map_err(|problem| anyhow!("{}: {problem}", name(args)))?;
    let body = whole.fact.to_string();
    let knows = |id: &str| id == clinic.as_str();
    let fact = settings.registry.read_fact(body.as_bytes(), None, &knows).map_err(|refusal| {
        anyhow!("{}: the fact would be refused: {}", name(args), refused(&refusal))
    })?;
    let plan = planned(&settings, &fact, &rules, at)
        .map_err(|problem| anyhow!("{}: {problem}", name(args)))?;
    let renderer = start::renderer(&settings)?;
    let worker = start::worker_settings(&settings.config);
    let writer = Writer { settings: &settings, worker: &worker, renderer: &renderer };
    let wanted = wanted(&fact, &rules, at);
    if !global.json {
        say(head(&fact, &rules, at, whole.made_up))?;
    }
    for line in &plan {
        let shown = Shown {
            line,
            wanted: wanted.get(line.rule.as_str()).copied(),
            text: writer.text(line),
            rules: &rules,
        };
        if global.json {
            say(shown.json())?;
        } else {
            for line in shown.lines() {
                say(line)?;
            }
        }
    }
    if plan.is_empty() && !global.json {
        say("Nothing is planned.")?;
    }
    Ok(())
}

fn name(args: &PreviewArgs) -> std::path::Display<'_> {
    args.file.display()
}

fn refused(refusal: &Refusal) -> String {
    let place = if refusal.path.is_empty() { "the body" } else { &refusal.path };
    format!("{} at {place}: {}", refusal.rule.as_str(), refusal.rule.meaning())
}

fn read(path: &Path) -> Result<Value, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
        bytes
    } else {
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?
    };
    // a parser's own words may repeat what it read
    let value: Option<Value> = serde_json::from_slice(&bytes).ok().filter(Value::is_object);
    value.ok_or_else(|| anyhow!("{}: is no JSON object in UTF-8", path.display()).into())
}

/// Whose rules apply: the file's source, else `--clinic`, else the only clinic there is.
fn whose(settings: &Settings, args: &PreviewArgs, given: &Value) -> Result<ClinicId, Failure> {
    let clinics = &settings.config.clinics;
    let of_source = given.get("source").and_then(Value::as_str);
    let of_source = of_source.map(ClinicId::of_source).transpose();
    let of_source =
        of_source.map_err(|_| anyhow!("{}: its source is not /clinics/ID", name(args)))?;
    let clinic = match (of_source, &args.clinic) {
        (Some(theirs), Some(ours)) if theirs != *ours => {
            return Err(anyhow!(
                "{} is a fact of clinic {theirs}; leave --clinic {ours} out",
                name(args)
            )
            .into());
        }
        (Some(clinic), _) => clinic,
        (None, Some(clinic)) => clinic.clone(),
        (None, None) => match clinics.keys().collect::<Vec<_>>().as_slice() {
            [one] => (*one).clone(),
            _ => return Err(anyhow!("{} names no clinic; add --clinic", name(args)).into()),
        },
    };
    if clinics.contains_key(&clinic) {
        return Ok(clinic);
    }
    let known: Vec<&str> = clinics.keys().map(ClinicId::as_str).collect();
    let known = if known.is_empty() {
        "there are none".to_owned()
    } else {
        format!("use one of {}", known.join(", "))
    };
    Err(anyhow!("clinic {clinic} is not configured; {known}").into())
}

/// A fact as it would be published.
#[derive(Debug)]
struct Whole {
    fact: Value,
    /// Nobody was named, so somebody was made up.
    made_up: bool,
}

/// The fact that a file holds, with what it leaves out filled in.
fn whole(given: Value, clinic: &ClinicId, at: DateTime<Utc>) -> Result<Whole, String> {
    if let Some(event_type) = given.get("type").and_then(Value::as_str)
        && given.get("data").is_some()
    {
        if event_type.starts_with("clinic.") {
            return Ok(Whole { fact: given, made_up: false });
        }
        return Err(format!(
            "{} is no fact but a notification; `ulak template preview` shows its text",
            event_type.escape_debug()
        ));
    }
    let mut data = match given {
        Value::Object(given) if given.contains_key("starts_at") => {
            Map::from_iter([("appointment".to_owned(), Value::Object(given))])
        }
        Value::Object(given) => given,
        _ => Map::new(),
    };
    let (event_type, thing) = if data.contains_key("appointment") {
        ("clinic.appointment-booked.v1", "appointment")
    } else if data.get("payment").is_some_and(|payment| payment.get("refunded_at").is_some()) {
        ("clinic.payment-refunded.v1", "payment")
    } else if data.contains_key("payment") {
        ("clinic.payment-received.v1", "payment")
    } else {
        return Err(
            "holds no fact: give one as it is published, or {\"appointment\":{\"starts_at\":\"2026-11-22T14:30:00+03:00\"}}"
                .to_owned(),
        );
    };
    if let Some(thing) = data.get_mut(thing).and_then(Value::as_object_mut) {
        thing.entry("id").or_insert_with(|| "preview".into());
    }
    let made_up = !data.contains_key("recipient");
    if made_up {
        data.insert(
            "recipient".to_owned(),
            json!({ "name": "Ayşe Yılmaz", "phone": "+905321234567" }),
        );
    }
    let fact = json!({
        "specversion": "1.0", "id": "preview", "source": clinic.source(), "type": event_type,
        "time": at.to_rfc3339_opts(SecondsFormat::Secs, true), "data": data,
    });
    Ok(Whole { fact, made_up })
}

/// What would be planned, rule by rule.
fn planned(
    settings: &Settings,
    fact: &FactEvent,
    rules: &Rules,
    at: DateTime<Utc>,
) -> Result<Vec<Line>, String> {
    let desk = Desk { registry: &settings.registry, thing: &|_, _| String::new() };
    let verdict = decide(&Case {
        fact,
        digest: "",
        content: "",
        ground: &FactGround::default(),
        memory: &Memory::default(),
        rules,
        desk: &desk,
        now: at,
    });
    match verdict {
        Verdict::Apply(follows) => Ok(follows.plan),
        Verdict::Refuse(refusal) => {
            Err(format!("the fact would be refused: {}", refused(&refusal)))
        }
        // both need something that is known
        Verdict::Stale(why) => Err(format!("the fact would be stale: {why}")),
        Verdict::Known { .. } => Err("the fact would be known already".to_owned()),
    }
}

/// The moment that each reminder's rule names.
fn wanted(fact: &FactEvent, rules: &Rules, at: DateTime<Utc>) -> BTreeMap<String, DateTime<Utc>> {
    let (Fact::Booked(visit) | Fact::Rescheduled(visit)) = &fact.fact else {
        return BTreeMap::new();
    };
    reminders(visit.starts_at, visit.reminders.as_deref(), rules, at)
        .into_iter()
        .map(|planned| (planned.rule, planned.wanted))
        .collect()
}

/// The first line, for people.
fn head(fact: &FactEvent, rules: &Rules, at: DateTime<Utc>, made_up: bool) -> String {
    let quiet = match rules.quiet {
        Some(quiet) => match quiet.span_at(at, rules.zone) {
            Some(span) => format!(", in quiet hours until {}", wall(span.ends, rules.zone)),
            None => String::new(),
        },
        None => ", no quiet hours".to_owned(),
    };
    let person = if made_up { "; a made-up person stands in" } else { "" };
    format!(
        "{} of clinic {}, arriving {}{quiet}{person}",
        fact.fact_type,
        fact.clinic,
        wall(at, rules.zone)
    )
}

/// Whoever writes the texts.
struct Writer<'a> {
    settings: &'a Settings,
    worker: &'a worker::Settings,
    renderer: &'a Renderer,
}

/// A text and what it costs.
#[derive(Debug)]
struct Made {
    text: String,
    template: String,
    segments: u32,
}

impl Writer<'_> {
    /// The text of a line that is sent; why it cannot be made, without a value of the event.
    fn text(&self, line: &Line) -> Option<Result<Made, String>> {
        let What::Make { event, at } = &line.what else { return None };
        Some(self.text_of(event, *at))
    }

    fn text_of(&self, event: &Event, at: DateTime<Utc>) -> Result<Made, String> {
        let event_type = self.settings.registry.get(&event.event_type);
        let clinic = self.worker.clinics.get(&event.clinic);
        let (Some(event_type), Some(clinic)) = (event_type, clinic) else {
            return Err("its type or clinic is not known".to_owned());
        };
        let first = self.worker.lanes(Channel::Sms, clinic).into_iter().next();
        let counts = first.map_or(templates::Provider::Netgsm, |lane| lane.counts());
        let message = self
            .renderer
            .render_for(counts, event, event_type, &clinic.face, Channel::Sms, at)
            .map_err(|error| error.as_str().to_owned())?;
        Ok(Made {
            text: message.text.expose().to_owned(),
            template: message.template,
            segments: message.segments.segments,
        })
    }
}

/// A line of the plan as it is shown.
struct Shown<'a> {
    line: &'a Line,
    /// The moment that its rule names.
    wanted: Option<DateTime<Utc>>,
    text: Option<Result<Made, String>>,
    rules: &'a Rules,
}

impl Shown<'_> {
    fn json(&self) -> Value {
        let utc = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let (event_type, at, skipped) = match &self.line.what {
            What::Make { event, at } => (Some(&event.event_type), Some(*at), None),
            What::Skip(why) => (None, None, Some(*why)),
        };
        let text = self.text.as_ref();
        let made = text.and_then(|text| text.as_ref().ok());
        json!({
            "rule": self.line.rule, "wanted": self.wanted.map(utc), "at": at.map(utc),
            "wall": at.map(|at| wall(at, self.rules.zone)), "skipped": skipped, "type": event_type,
            "text": made.map(|made| &made.text), "template": made.map(|made| &made.template),
            "segments": made.map(|made| made.segments),
            "no_text": text.and_then(|text| text.as_ref().err()),
        })
    }

    fn lines(&self) -> Vec<String> {
        let zone = self.rules.zone;
        let wanted = self.wanted.map(|wanted| wall(wanted, zone));
        let (event, at) = match &self.line.what {
            What::Skip(why) => {
                let moment = wanted.map(|at| format!("; its moment is {at}")).unwrap_or_default();
                return vec![format!(
                    "{:<12} skipped: {}{moment}",
                    self.line.rule,
                    show::skipped(why)
                )];
            }
            What::Make { event, at } => (event, wall(*at, zone)),
        };
        let moved = wanted.filter(|wanted| *wanted != at);
        let moved = moved.map(|from| format!(", moved from {from}")).unwrap_or_default();
        let mut lines =
            vec![format!("{:<12} {at}  {}{moved}", self.line.rule, short(&event.event_type))];
        lines.extend(self.text.as_ref().map(|text| match text {
            Ok(made) => format!("    {} ({} segment(s))", made.text, made.segments),
            Err(why) => format!("    (no text can be made: {why})"),
        }));
        lines
    }
}

#[cfg(test)]
mod tests;
