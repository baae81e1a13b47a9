//! Reads and checks every text before anything is sent.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use schemas::{Channel, ClinicId, EventType, Language, Registry};
use sha2::{Digest, Sha256};
use tera::Tera;

use crate::check::Findings;
use crate::clean::clean;
use crate::content;
use crate::economy::{RenderPolicy, lighter, without_accents};
use crate::error::TemplateError;
use crate::files::{CHANNELS, File, Files, LANGUAGES, WORDS};
use crate::filters;
use crate::plan::Plan;
use crate::renderer::{Entry, Renderer, compose};
use crate::sample::{self, Sample};
use crate::scan;
use crate::segments::{self, Encoding};
use crate::view::{Facts, Use};
use crate::words::Words;

/// Texts of one layer (built in, or one clinic's), by event type.
pub(crate) type Catalogue = HashMap<String, Vec<Entry>>;

/// A type as the loader sees it.
struct Subject<'a> {
    event_type: &'a EventType,
    short: String,
    plan: Arc<Plan>,
}

/// A layer while it is loaded: its own files, over the built-in ones.
struct Layer<'a> {
    clinic: Option<&'a ClinicId>,
    own: &'a Files,
    built_in: &'a Files,
    /// Where a text that belongs to no clinic would be, for errors.
    home: String,
}

/// What one text is made from.
struct Draft<'a> {
    text: &'a File,
    words: Option<&'a File>,
    language: Language,
    channel: Channel,
}

/// Loads all texts. `findings` decides whether the first error ends it.
pub(crate) fn load(
    registry: &Registry,
    own_types: Option<&Path>,
    folders: &[(ClinicId, PathBuf)],
    findings: &mut Findings,
) -> Result<Renderer, TemplateError> {
    let subjects = subjects(registry)?;
    let names: Vec<&str> = subjects.iter().map(|subject| subject.short.as_str()).collect();
    let mut built_in = Files::built_in();
    if let Some(folder) = own_types
        && let Some(files) = place(Files::of_folder(folder), &names, findings)?
    {
        findings.take(built_in.add(files))?;
    }
    let mut own = Vec::with_capacity(folders.len());
    for (clinic, folder) in folders {
        if let Some(files) = place(Files::of_folder(folder), &names, findings)? {
            own.push((clinic, files));
        }
    }

    // The built-in types have their texts, so what is missing belongs to the operator's.
    let home = own_types.map_or_else(
        || "templates/messages".to_owned(),
        |folder| folder.join("messages").display().to_string(),
    );
    let mut renderer = Renderer::empty();
    let mut sources = BTreeMap::new();
    for subject in &subjects {
        let written = built_in.has_type(&subject.short);
        // A type may be one clinic's own: then that clinic's folder has its texts.
        if written || !own.iter().any(|(_, files)| files.has_type(&subject.short)) {
            let layer =
                Layer { clinic: None, own: &built_in, built_in: &built_in, home: home.clone() };
            let entries = layer.entries(subject, &mut sources, &mut renderer.notes, findings)?;
            renderer.built_in.insert(subject.event_type.name.clone(), entries);
        }
        for (clinic, files) in own.iter().filter(|(_, files)| files.has_type(&subject.short)) {
            let layer =
                Layer { clinic: Some(clinic), own: files, built_in: &built_in, home: home.clone() };
            let entries = layer.entries(subject, &mut sources, &mut renderer.notes, findings)?;
            let catalogue = renderer.clinics.entry((*clinic).clone()).or_default();
            catalogue.insert(subject.event_type.name.clone(), entries);
        }
    }
    renderer
        .tera
        .add_raw_templates(sources)
        .map_err(|error| TemplateError::of_engine("templates", &error))?;
    Ok(renderer)
}

/// A folder's files, each of them where something would use it.
fn place(
    files: Result<Files, TemplateError>,
    types: &[&str],
    findings: &mut Findings,
) -> Result<Option<Files>, TemplateError> {
    let Some(files) = findings.take(files)? else { return Ok(None) };
    for error in files.misplaced(types) {
        findings.take(Err::<(), _>(error))?;
    }
    Ok(Some(files))
}

fn subjects(registry: &Registry) -> Result<Vec<Subject<'_>>, TemplateError> {
    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for event_type in registry.types() {
        let short = short_name(&event_type.name).to_owned();
        let failed = |problem| TemplateError::new(format!("schema {}", event_type.name), problem);
        if let Some(other) = subjects.iter().find(|other| other.short == short) {
            return Err(failed(format!(
                "its texts would be in messages/{short}, as those of {}",
                other.event_type.name
            )));
        }
        let plan = Arc::new(Plan::of(event_type).map_err(failed)?);
        subjects.push(Subject { event_type, short, plan });
    }
    Ok(subjects)
}

/// Folder of a type's texts: `ulak.appointment-reminder.v1` → `appointment-reminder`; from version
/// 2 on the version stays, so that two versions can have texts side by side.
pub(crate) fn short_name(name: &str) -> &str {
    let name = name.strip_prefix("ulak.").unwrap_or(name);
    name.strip_suffix(".v1").unwrap_or(name)
}

impl Layer<'_> {
    /// Loads all texts of a type in this layer.
    fn entries(
        &self,
        subject: &Subject<'_>,
        sources: &mut BTreeMap<String, String>,
        notes: &mut Vec<String>,
        findings: &mut Findings,
    ) -> Result<Vec<Entry>, TemplateError> {
        let mut entries = Vec::new();
        let channels = &subject.event_type.policy.channels;
        for channel in CHANNELS.into_iter().filter(|channel| channels.contains(channel)) {
            for language in LANGUAGES {
                let draft = findings.take(self.draft(subject, language, channel))?.flatten();
                let Some(draft) = draft else { continue };
                findings.read(draft.text, draft.words);
                let made = findings.take(self.entry(subject, &draft))?;
                let Some((entry, source, note)) = made else { continue };
                if findings.thorough {
                    findings.take(try_longest(&entry, &source, draft.text, subject))?;
                }
                sources.insert(entry.label.clone(), source);
                notes.extend(note);
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Finds the files of one text. `None`: this clinic uses the built-in text as it is.
    fn draft(
        &self,
        subject: &Subject<'_>,
        language: Language,
        channel: Channel,
    ) -> Result<Option<Draft<'_>>, TemplateError> {
        let (short, folder) = (subject.short.as_str(), language.as_str());
        let name = format!("{channel}.txt");
        let own_text = self.own.get(short, folder, &name);
        let own_words = self.own.get(short, folder, WORDS);
        let Some(text) = own_text.or_else(|| self.built_in.get(short, folder, &name)) else {
            let home = match self.clinic {
                Some(clinic) => format!("folder of clinic {clinic}: messages"),
                None => self.home.clone(),
            };
            return Err(TemplateError::new(
                format!("{home}/{short}/{folder}/{name}"),
                format!("is missing: {} needs a text in each language", subject.event_type.name),
            ));
        };
        if self.clinic.is_some() && own_text.is_none() && own_words.is_none() {
            return Ok(None);
        }
        let words = own_words.or_else(|| self.built_in.get(short, folder, WORDS));
        Ok(Some(Draft { text, words, language, channel }))
    }

    /// Checks one text and makes it ready; also gives back its source for the engine, and a note
    /// for operators if it is needlessly dear.
    fn entry(
        &self,
        subject: &Subject<'_>,
        draft: &Draft<'_>,
    ) -> Result<(Entry, String, Option<String>), TemplateError> {
        let (file, source) = (draft.text.shown.as_str(), draft.text.content.as_str());
        if let Some(refused) = scan::refused_name(source) {
            let problem = format!("`{}` {}", refused.name, refused.reason);
            return Err(TemplateError::at(file, refused.place, problem));
        }
        let label = self.label(subject, draft);
        let mut trial = filters::engine();
        trial
            .add_raw_template(&label, source)
            .map_err(|error| TemplateError::of_engine(file, &error))?;
        let uses = uses(&trial, &label, draft.text, &subject.plan)?;
        let words = words_of(draft, &subject.plan, &uses)?;
        let entry = Entry {
            language: draft.language,
            channel: draft.channel,
            label,
            version: version(draft),
            plan: Arc::clone(&subject.plan),
            uses,
            words,
        };
        try_out(&trial, &entry, file, subject.event_type.policy.max_segments)?;
        let dear = segments::outside_alphabets(&without_accents(&clean(source)));
        let note = (!dear.is_empty()).then(|| {
            let found: String = dear.iter().collect();
            format!(
                "{file}: no SMS alphabet has {found}: every message of this text costs as UCS-2"
            )
        });
        Ok((entry, source.to_owned(), note))
    }

    fn label(&self, subject: &Subject<'_>, draft: &Draft<'_>) -> String {
        let label = format!("{}/{}/{}", subject.short, draft.language.as_str(), draft.channel);
        match self.clinic {
            Some(clinic) => format!("{clinic}:{label}"),
            None => label,
        }
    }
}

/// The names that a text uses, each known to its type.
pub(crate) fn uses(
    trial: &Tera,
    label: &str,
    text: &File,
    plan: &Plan,
) -> Result<Vec<Use>, TemplateError> {
    let names = trial
        .get_template_variables(label)
        .map_err(|error| TemplateError::of_engine(&text.shown, &error))?;
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    let mut uses = Vec::with_capacity(names.len());
    for name in names {
        if let Some(reason) = content::forbidden_field(name) {
            return Err(TemplateError {
                file: text.shown.clone(),
                place: scan::place_of_name(&text.content, name),
                problem: format!("`{name}` may stand in no text: {reason}"),
            });
        }
        let Some(found) = plan.source(name) else {
            return Err(TemplateError {
                file: text.shown.clone(),
                place: scan::place_of_name(&text.content, name),
                problem: plan.unknown_name(name),
            });
        };
        uses.push(Use { name: name.to_owned(), source: found.clone() });
    }
    Ok(uses)
}

fn words_of(draft: &Draft<'_>, plan: &Plan, uses: &[Use]) -> Result<Words, TemplateError> {
    let Some(file) = draft.words else {
        let words = Words::default();
        words.check_complete(
            &draft.text.shown.replace(&format!("{}.txt", draft.channel), WORDS),
            plan,
            uses,
        )?;
        return Ok(words);
    };
    let words = Words::parse(&file.shown, &file.content)?;
    words.check_known(&file.shown, plan)?;
    words.check_complete(&file.shown, plan, uses)?;
    Ok(words)
}

/// Renders the text with every sample: what would fail for some event fails now.
fn try_out(trial: &Tera, entry: &Entry, file: &str, max: u32) -> Result<(), TemplateError> {
    for sample in sample::all(&entry.plan, &entry.uses) {
        let Sample { what, data, person, clinic, now } = &sample;
        let facts = Facts { data, person, clinic, language: entry.language, now: *now };
        let text = compose(trial, entry, facts).map_err(|failure| failure.at_load(file, what))?;
        if text.is_empty() {
            return Err(TemplateError::new(file, format!("is empty {what}")));
        }
        check_length(text, what, file, max)?;
    }
    Ok(())
}

fn check_length(text: String, what: &str, file: &str, max: u32) -> Result<(), TemplateError> {
    let (_, counted) = lighter(text, RenderPolicy::default(), segments::Provider::Netgsm);
    if counted.segments <= max {
        return Ok(());
    }
    let why = if counted.encoding == Encoding::Ucs2 {
        " (UCS-2: a character is in no SMS alphabet)"
    } else {
        ""
    };
    let problem = format!(
        "needs {} segments {what}{why}; max_segments of its type is {max}: shorten it",
        counted.segments
    );
    Err(TemplateError::new(file, problem))
}

/// The length with the longest names, dates and amounts: a message over its limit is refused.
fn try_longest(
    entry: &Entry,
    source: &str,
    text: &File,
    subject: &Subject<'_>,
) -> Result<(), TemplateError> {
    let mut trial = filters::engine();
    trial
        .add_raw_template(&entry.label, source)
        .map_err(|error| TemplateError::of_engine(&text.shown, &error))?;
    let Some(sample) = sample::longest(&entry.plan) else { return Ok(()) };
    let Sample { what, data, person, clinic, now } = &sample;
    let facts = Facts { data, person, clinic, language: entry.language, now: *now };
    let written =
        compose(&trial, entry, facts).map_err(|failure| failure.at_load(&text.shown, what))?;
    check_length(written, what, &text.shown, subject.event_type.policy.max_segments)
}

fn version(draft: &Draft<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(draft.text.content.as_bytes());
    if let Some(words) = draft.words {
        hash.update(words.content.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize()[..8])
}
