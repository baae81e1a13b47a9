//! `[clinics.<id>]`: who the clinics are, and their rules.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use schemas::{Channel, ClinicId, ConsentRule, ReminderRule};
use templates::{ClinicFace, NameStyle};

use super::process;
use super::reader::{Parsed, Reader, Reported};
use super::values::{self, QuietHours};

/// One clinic.
#[derive(Debug, Clone)]
pub struct Clinic {
    /// What its texts say about it: id, name, phone (as it is to be read; a landline is fine), address, zone of its
    /// wall clock, and how patients are greeted.
    pub face: ClinicFace,
    /// Its own sender name; `None`: the account's.
    pub sender: Option<String>,
    /// Whose account serves it at Netgsm.
    pub netgsm_account: String,
    /// Whose account serves it at Twilio, where it may be used.
    pub twilio_account: String,
    /// Whose number at Meta serves it, where it may be used.
    pub whatsapp_account: String,
    /// Whose account serves it at İYS.
    pub iys_account: String,
    /// Whether ş, ğ, ı … may become s, g, i where that saves a segment.
    pub fold_turkish: bool,
    /// Folder with its own texts and policies.
    pub folder: Option<PathBuf>,
    /// Its reminders of an appointment that brings none of its own, as they were written; empty: none.
    pub reminders: Vec<ReminderRule>,
    /// Whether a booking is confirmed.
    pub confirmation: bool,
    /// Whether a cancellation is told.
    pub cancellation_notice: bool,
    /// Whether it is told that an appointment was moved.
    pub change_notice: bool,
    /// No second accepted reminder for one appointment and start within this time.
    pub min_gap: Duration,
    /// The least time between a reminder and its appointment.
    pub min_notice: Duration,
    /// When nobody is written to, in the clinic's zone; `None`: any hour.
    pub quiet_hours: Option<QuietHours>,
    /// Consent rules that replace a type's own, by the type's name.
    pub consent: BTreeMap<String, ClinicConsent>,
    /// The legal basis, in words, for providers outside Türkiye; `None`: none of them is used.
    pub transfer_abroad: Option<String>,
    /// In which order its channels are tried; `None`: `route.channels`, else each type's own order.
    pub channels: Option<Vec<Channel>>,
    /// After how long without a receipt the next channel is tried, by type, where it is not the type's own; `None`: never.
    pub fallback_after: BTreeMap<String, Option<Duration>>,
}

/// A clinic's own consent rule for one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicConsent {
    /// The rule.
    pub rule: ConsentRule,
    /// The legal basis in words, recorded with each decision; a rule weaker than the type's own has one.
    pub basis: Option<String>,
}

/// The consent rules of all event types, by the type's name.
pub type TypeRules = BTreeMap<String, ConsentRule>;

const RULES: &[(&str, ConsentRule)] = &[
    ("required", ConsentRule::Required),
    ("not-refused", ConsentRule::NotRefused),
    ("none", ConsentRule::None),
];

pub(super) fn read(
    r: &mut Reader<'_>,
    types: &TypeRules,
) -> Result<BTreeMap<ClinicId, Clinic>, Reported> {
    let mut clinics = Vec::new();
    for name in r.names(&["clinics"]) {
        clinics.push(match ClinicId::parse(&name) {
            Ok(id) => clinic(r, id, types),
            Err(_) => Err(r.refuse_section(
                &["clinics", &name],
                "is no clinic id; use 1 to 63 characters of a-z 0-9 -, the first a letter or digit",
            )),
        });
    }
    clinics.into_iter().map(|clinic| clinic.map(|c| (c.face.id.clone(), c))).collect()
}

fn clinic(r: &mut Reader<'_>, id: ClinicId, types: &TypeRules) -> Result<Clinic, Reported> {
    let text_of_id = id.as_str().to_owned();
    let names = &[text_of_id.as_str()];
    let name = r.required("clinics.<id>.name", names, values::text(60));
    let phone = r.optional("clinics.<id>.phone", names, values::text(30));
    let address = r.optional("clinics.<id>.address", names, values::text(160));
    let zone = r.required("clinics.<id>.time_zone", names, values::zone);
    let sender = r.optional("clinics.<id>.sender", names, values::sender);
    let netgsm_account = r.required("clinics.<id>.accounts.netgsm", names, values::text(63));
    let twilio_account = r.required("clinics.<id>.accounts.twilio", names, values::text(63));
    let whatsapp_account = r.required("clinics.<id>.accounts.whatsapp", names, values::text(63));
    let iys_account = r.required("clinics.<id>.accounts.iys", names, values::text(63));
    let name_style = r.required("clinics.<id>.name_style", names, values::word(NAME_STYLES));
    let fold_turkish = r.required("clinics.<id>.fold_turkish", names, values::flag);
    let folder = r.optional("clinics.<id>.folder", names, values::text(4_096));
    let reminders = r.required("clinics.<id>.reminders", names, values::reminders);
    let confirmation = r.required("clinics.<id>.confirmation", names, values::flag);
    let cancellation_notice = r.required("clinics.<id>.cancellation_notice", names, values::flag);
    let change_notice = r.required("clinics.<id>.change_notice", names, values::flag);
    let min_gap = r.required("clinics.<id>.min_gap", names, values::duration("0s", "30d"));
    let min_notice = r.required("clinics.<id>.min_notice", names, values::duration("0s", "7d"));
    let quiet_hours = r.required("clinics.<id>.quiet_hours", names, values::quiet_hours);
    let transfer_abroad = r.optional("clinics.<id>.transfer_abroad", names, values::words(10, 300));
    let channels = r.optional("clinics.<id>.channels", names, process::channels);
    let fallback_after = fallback_after(r, names[0], types);
    let consent = consent(r, names[0], types);
    let face = ClinicFace {
        id,
        name: name?,
        phone: phone?,
        address: address?,
        zone: zone?,
        name_style: name_style?,
    };
    let folder = folder?.map(|path| r.beside("clinics.<id>.folder", names, path.as_ref()));
    Ok(Clinic {
        face,
        sender: sender?,
        netgsm_account: netgsm_account?,
        twilio_account: twilio_account?,
        whatsapp_account: whatsapp_account?,
        iys_account: iys_account?,
        fold_turkish: fold_turkish?,
        folder,
        reminders: reminders?,
        confirmation: confirmation?,
        cancellation_notice: cancellation_notice?,
        change_notice: change_notice?,
        min_gap: min_gap?,
        min_notice: min_notice?,
        quiet_hours: quiet_hours?,
        consent: consent?,
        transfer_abroad: transfer_abroad?,
        channels: channels?,
        fallback_after: fallback_after?,
    })
}

const NAME_STYLES: &[(&str, NameStyle)] =
    &[("first", NameStyle::First), ("initials", NameStyle::Initials), ("full", NameStyle::Full)];

/// A clinic's consent rules: only for types that there are, and a weaker one only with its legal basis.
fn consent(
    r: &mut Reader<'_>,
    id: &str,
    types: &TypeRules,
) -> Result<BTreeMap<String, ClinicConsent>, Reported> {
    let mut rules = BTreeMap::new();
    let mut trouble = None;
    for table in ["consent", "consent_basis"] {
        trouble = known_types(r, id, table, types).err().or(trouble);
    }
    for (name, own) in types {
        let names = &[id, name.as_str()];
        let rule = r.optional("clinics.<id>.consent.<type>", names, values::word(RULES));
        let basis = r.optional("clinics.<id>.consent_basis.<type>", names, values::text(500));
        match (rule, basis) {
            (Ok(Some(rule)), Ok(basis)) => {
                if basis.is_none() && strength(rule) < strength(*own) {
                    let problem = format!(
                        "is weaker than the type's own rule \"{}\"; give its legal basis in words as \
                         clinics.{id}.consent_basis.\"{name}\", it is recorded with each decision",
                        word_of(*own)
                    );
                    trouble = Some(r.refuse_key("clinics.<id>.consent.<type>", names, &problem));
                }
                rules.insert(name.clone(), ClinicConsent { rule, basis });
            }
            (Ok(None), Ok(Some(_))) => {
                let problem =
                    "stands beside no rule; set consent for the type as well, or remove it";
                trouble = Some(r.refuse_key("clinics.<id>.consent_basis.<type>", names, problem));
            }
            (Ok(None), Ok(None)) => {}
            (Err(reported), _) | (_, Err(reported)) => trouble = Some(reported),
        }
    }
    trouble.map_or(Ok(rules), Err)
}

/// After how long each type's next channel is tried at this clinic: only for types that there are.
fn fallback_after(
    r: &mut Reader<'_>,
    id: &str,
    types: &TypeRules,
) -> Result<BTreeMap<String, Option<Duration>>, Reported> {
    let known = known_types(r, id, "fallback_after", types);
    let mut all = Ok(BTreeMap::new());
    for name in types.keys() {
        let names = &[id, name.as_str()];
        match r.optional("clinics.<id>.fallback_after.<type>", names, fallback) {
            Ok(Some(after)) => {
                if let Ok(all) = &mut all {
                    all.insert(name.clone(), after);
                }
            }
            Ok(None) => {}
            Err(reported) => all = Err(reported),
        }
    }
    known.and(all)
}

fn fallback(value: &Value) -> Parsed<Option<Duration>> {
    if value.as_str().is_some_and(|text| text.trim() == "none") {
        return Ok(None);
    }
    let after = values::duration("1m", "7d")(value);
    after.map(Some).map_err(|allowed| format!("{allowed}, or \"none\""))
}

/// Refuses what stands in a clinic's table of types and is none.
fn known_types(
    r: &mut Reader<'_>,
    id: &str,
    table: &str,
    types: &TypeRules,
) -> Result<(), Reported> {
    let mut trouble = Ok(());
    for name in r.names(&["clinics", id, table]) {
        if !types.contains_key(&name) {
            let allowed = values::choices(types);
            let problem = format!("is no event type; use one of {allowed}");
            trouble = Err(r.refuse_section(&["clinics", id, table, &name], &problem));
        }
    }
    trouble
}

/// How much a rule asks for.
fn strength(rule: ConsentRule) -> u8 {
    match rule {
        ConsentRule::None => 0,
        ConsentRule::NotRefused => 1,
        ConsentRule::Required => 2,
    }
}

fn word_of(rule: ConsentRule) -> &'static str {
    match rule {
        ConsentRule::None => "none",
        ConsentRule::NotRefused => "not-refused",
        ConsentRule::Required => "required",
    }
}
