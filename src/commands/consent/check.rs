//! `ulak consent check`: what is known of a number, on what evidence, and what that allows. Who asked is recorded first.

use anyhow::anyhow;
use ledger::facts::WordBy;
use ledger::look::Keys;
use ledger::opt_in::{Words, WordsAsk};
use ledger::record::{Entry, WordEvidence};
use ledger::vault::Purpose;
use schemas::{Channel, ClinicId, ConsentRule, PhoneNumber, RecipientType};
use serde_json::{Value, json};
use worker::consent::Answer;
use worker::consent::check::{CheckError, Checked, outside};
use worker::settings::ConsentSource;

use super::{channels, clinic, number};
use crate::cli::consent::CheckArgs;
use crate::commands::desk::{Desk, instant, local};
use crate::commands::{Failure, say};
use crate::{operator, start};

/// What is known of a number.
struct Known {
    clinic: ClinicId,
    phone: PhoneNumber,
    words: Words,
    told: Vec<Told>,
    suppressed: Option<String>,
    source: &'static str,
    /// `None`: nobody outside was asked.
    checked: Option<Checked>,
}

/// A word with what its fact's records tell.
struct Told {
    word: WordEvidence,
    proof: Option<String>,
    by: Option<WordBy>,
}

pub(super) async fn run(desk: &Desk, args: &CheckArgs) -> Result<(), Failure> {
    let (id, _) = clinic(desk, args.clinic.as_ref())?;
    let phone = number(args.phone.number())?;
    let known = known(desk, args, id, phone).await?;
    if desk.json {
        say(known.json())?;
        return Ok(());
    }
    for line in known.lines() {
        say(line)?;
    }
    Ok(())
}

async fn known(
    desk: &Desk,
    args: &CheckArgs,
    clinic: ClinicId,
    phone: &PhoneNumber,
) -> Result<Known, Failure> {
    let hash = |purpose| desk.ledger.vault().hash(purpose, &[clinic.as_str(), phone.e164()]);
    let (key, person) = (hash(Purpose::Suppression), hash(Purpose::Person));
    let keys = Keys { suppression: key.clone(), person: person.clone(), ..Keys::default() };
    let seen = desk.ledger.surroundings(&[keys]).await.map_err(start::ledger_failure)?.pop();
    let seen = seen.unwrap_or_default();
    let words = desk.ledger.words(&[WordsAsk { key, person }]).await;
    let words = words.map_err(start::ledger_failure)?.pop().unwrap_or_default();
    let settings = start::worker_settings(&desk.settings.config);
    let source = match settings.consent_source {
        ConsentSource::Iys => "iys",
        ConsentSource::Netgsm => "netgsm",
        ConsentSource::Registry => "registry",
    };
    // before anybody outside is asked about the person
    let person = seen.person.map(|person| person.id);
    let note = |answer: String| {
        let who = operator::name();
        let entry = Entry::ConsentChecked {
            who,
            person: person.clone(),
            source: source.to_owned(),
            answer,
        };
        [(clinic.as_str().to_owned(), String::new(), entry)]
    };
    let checked = if args.offline {
        None
    } else {
        desk.ledger.note(&note("asked".to_owned())).await.map_err(start::ledger_failure)?;
        let kind = if args.merchant { RecipientType::Tacir } else { RecipientType::Bireysel };
        let of = settings.clinics.get(&clinic).ok_or_else(|| anyhow!("the clinic vanished"))?;
        outside(&settings, &desk.ledger, of, phone, kind).await.map_err(failure)?
    };
    let answer = checked.as_ref().map_or_else(|| "not asked".to_owned(), |one| said(&one.answer));
    desk.ledger.note(&note(answer)).await.map_err(start::ledger_failure)?;
    let mut told = vec![];
    for channel in channels(None) {
        told.push(tell(desk, words.evidence(channel)).await?);
    }
    let phone = phone.clone();
    let suppressed = seen.suppressed;
    Ok(Known { clinic, phone, words, told, suppressed, source, checked })
}

fn failure(error: CheckError) -> Failure {
    match error {
        CheckError::Ledger(error) => start::ledger_failure(error),
        error => anyhow!("{error}; mend the configuration, or ask with --offline").into(),
    }
}

/// Who wrote a word down, and where its proof lies.
async fn tell(desk: &Desk, word: WordEvidence) -> Result<Told, Failure> {
    let mut told = Told { word, proof: None, by: None };
    let Some(fact) = &told.word.fact else { return Ok(told) };
    for record in desk.ledger.records(fact).await.map_err(start::ledger_failure)? {
        if let Entry::ConsentSaid { evidence, by, .. } = record.entry {
            (told.proof, told.by) = (evidence, by);
        }
    }
    Ok(told)
}

/// What the source said, in one bounded word, or why it said nothing.
fn said(answer: &Answer) -> String {
    match answer {
        Answer::Said { word, .. } => (*word).to_owned(),
        Answer::Silent(code) => format!("silent: {code}"),
        Answer::NotBefore { why, .. } => format!("later: {why}"),
    }
}

impl Known {
    /// Whether a message on a channel may go by a rule; `None`: nobody can tell now.
    fn allows(&self, channel: Channel, rule: ConsentRule) -> Option<bool> {
        let opted_in = channel != Channel::Whatsapp || self.words.given(channel);
        if self.suppressed.is_some() || !opted_in {
            return Some(false);
        }
        if rule == ConsentRule::None {
            return Some(true);
        }
        if self.source == "registry" {
            return Some(match rule {
                ConsentRule::Required => self.words.given(channel),
                ConsentRule::NotRefused | ConsentRule::None => !self.words.refused(channel),
            });
        }
        match &self.checked.as_ref()?.answer {
            Answer::Said { word, .. } => Some(match rule {
                ConsentRule::Required => matches!(*word, "onay" | "listed"),
                ConsentRule::NotRefused | ConsentRule::None => {
                    !matches!(*word, "ret" | "not-a-recipient")
                }
            }),
            Answer::Silent(_) | Answer::NotBefore { .. } => None,
        }
    }

    fn json(&self) -> Value {
        let registry: Vec<Value> = self
            .told
            .iter()
            .map(|told| {
                let by = told.by.as_ref();
                json!({
                    "channel": told.word.channel, "said": told.word.said,
                    "said_at": told.word.said_at.map(instant), "fact": told.word.fact,
                    "evidence": told.proof, "who": by.map(|by| &by.who), "why": by.map(|by| &by.why),
                    "place": by.and_then(|by| by.place.as_ref()),
                })
            })
            .collect();
        let (mut asked_at, mut request) = (None, None);
        if let Some(Checked { answer: Answer::Said { asked_at: at, request_id, .. }, .. }) =
            &self.checked
        {
            (asked_at, request) = (Some(instant(at.timestamp_millis())), request_id.clone());
        }
        let allows = |channel| {
            json!({
                "required": self.allows(channel, ConsentRule::Required),
                "not-refused": self.allows(channel, ConsentRule::NotRefused),
                "none": self.allows(channel, ConsentRule::None),
            })
        };
        json!({
            "clinic": self.clinic.as_str(), "phone": self.phone.to_string(), "registry": registry,
            "suppressed": self.suppressed, "source": self.source,
            "brand": self.checked.as_ref().map(|one| &one.brand),
            "answer": self.checked.as_ref().map(|one| said(&one.answer)), "asked_at": asked_at, "request_id": request,
            "allows": { "sms": allows(Channel::Sms), "whatsapp": allows(Channel::Whatsapp) },
        })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} at clinic {}", self.phone, self.clinic)];
        lines.extend(self.told.iter().map(Told::line));
        lines.push(match &self.suppressed {
            Some(why) => format!("  on the list of those who are not contacted: {why}"),
            None => "  not on the list of those who are not contacted".to_owned(),
        });
        lines.push(match (&self.checked, self.source) {
            (Some(one), source) => {
                format!("  {source}, brand {}: {}", one.brand, heard(&one.answer))
            }
            (None, "registry") => {
                "  consent.source is the registry: nobody outside is asked".to_owned()
            }
            (None, source) => format!("  {source}: not asked"),
        });
        for channel in channels(None) {
            let by_rule = |rule: ConsentRule| {
                let word = match self.allows(channel, rule) {
                    Some(true) => "may go",
                    Some(false) => "may not go",
                    None => "waits for the answer",
                };
                format!("{} {word}", rule.as_str())
            };
            let rules = [ConsentRule::Required, ConsentRule::NotRefused, ConsentRule::None];
            lines.push(format!(
                "  {} by rule: {}{}",
                channel.as_str(),
                rules.map(by_rule).join(", "),
                if channel == Channel::Whatsapp && !self.words.given(channel) {
                    "; without an opt-in nothing goes"
                } else {
                    ""
                }
            ));
        }
        lines
    }
}

impl Told {
    fn line(&self) -> String {
        let word = &self.word;
        let Some(at) = word.said_at else {
            return format!("  registry, {}: nothing was ever said", word.channel);
        };
        let mut line = format!("  registry, {}: {} on {}", word.channel, word.said, local(at));
        let by = self.by.as_ref();
        let parts = [
            word.fact.clone(),
            self.proof.as_ref().map(|proof| format!("proof {proof}")),
            by.map(|by| format!("by {}: {}", by.who, by.why)),
            by.and_then(|by| by.place.clone()),
        ];
        for part in parts.into_iter().flatten() {
            line.push_str(", ");
            line.push_str(&part);
        }
        line
    }
}

/// The answer of whoever was asked, in words.
fn heard(answer: &Answer) -> String {
    match answer {
        Answer::Said { word, asked_at, request_id, .. } => {
            let request =
                request_id.as_ref().map(|id| format!(", record {id}")).unwrap_or_default();
            format!("{word}, asked {}{request}", local(asked_at.timestamp_millis()))
        }
        Answer::Silent(code) => format!("no answer ({code}); messages would wait"),
        Answer::NotBefore { at, why } => {
            format!("not asked before {} ({why})", local(at.timestamp_millis()))
        }
    }
}
