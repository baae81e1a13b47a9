//! From an event to the text that its person reads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::{Channel, ClinicId, Event, EventType, Language, Registry};
use tera::Tera;

use crate::check::Findings;
use crate::clean::clean;
use crate::clinic::ClinicFace;
use crate::economy::{RenderPolicy, lighter};
use crate::error::{RenderError, TemplateError};
use crate::fill::Mapped;
use crate::filters;
use crate::load::{self, Catalogue, short_name};
use crate::message::{Message, Text};
use crate::plan::Plan;
use crate::sample;
use crate::segments::Provider;
use crate::view::{BadField, Facts, Use, fill};
use crate::words::Words;

/// All texts, checked and ready. Rendering takes microseconds and no lock; share it in an `Arc`.
#[derive(Debug)]
pub struct Renderer {
    pub(crate) tera: Tera,
    pub(crate) built_in: Catalogue,
    pub(crate) clinics: HashMap<ClinicId, Catalogue>,
    pub(crate) notes: Vec<String>,
    policies: HashMap<ClinicId, RenderPolicy>,
    /// Approved templates of WhatsApp by their name in the configuration.
    pub(crate) mapped: HashMap<String, Mapped>,
}

/// One text: a type, a language, a channel, and perhaps a clinic.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) language: Language,
    pub(crate) channel: Channel,
    /// Its name, for records and in the engine (which would escape for the web only under a name
    /// that ends in `.html` or the like).
    pub(crate) label: String,
    pub(crate) version: String,
    pub(crate) plan: Arc<Plan>,
    pub(crate) uses: Vec<Use>,
    pub(crate) words: Words,
}

impl Renderer {
    /// Reads and checks every text: of each type of `registry`, in each language, for each channel
    /// of its policy that has texts (SMS), and whatever the clinics' `folders` put in their place.
    ///
    /// # Errors
    /// The first text that is missing, misspelt, refused or too long, with file and line.
    pub fn load(
        registry: &Registry,
        folders: &[(ClinicId, PathBuf)],
    ) -> Result<Self, TemplateError> {
        Self::load_with(registry, None, folders)
    }

    /// As [`load`](Self::load), with the texts of an operator's own types: those of `<own>/messages/` stand beside
    /// the built-in ones, and a clinic's folder may put others in their place.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(
        registry: &Registry,
        own: Option<&Path>,
        folders: &[(ClinicId, PathBuf)],
    ) -> Result<Self, TemplateError> {
        load::load(registry, own, folders, &mut Findings::first_error())
    }

    pub(crate) fn empty() -> Self {
        Self {
            tera: filters::engine(),
            built_in: Catalogue::new(),
            clinics: HashMap::new(),
            notes: Vec::new(),
            policies: HashMap::new(),
            mapped: HashMap::new(),
        }
    }

    /// What a clinic gives up for a cheaper text; without it the default.
    pub fn set_policy(&mut self, clinic: ClinicId, policy: RenderPolicy) {
        self.policies.insert(clinic, policy);
    }

    /// What operators should know about texts that work, one line each: for the log at start.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Writes the text of `event` for `channel`, counted as [`Provider::Netgsm`] does. `now` is the
    /// moment of the send (`bugün`, `yarın`).
    ///
    /// # Errors
    /// See [`RenderError`]; none carries a value of the event.
    pub fn render(
        &self,
        event: &Event,
        event_type: &EventType,
        clinic: &ClinicFace,
        channel: Channel,
        now: DateTime<Utc>,
    ) -> Result<Message, RenderError> {
        self.render_for(Provider::Netgsm, event, event_type, clinic, channel, now)
    }

    /// As [`render`](Self::render), for the provider that sends it: its count, and what the clinic gives up for a
    /// cheaper text judged by that count. The limit of the type is measured at Netgsm whoever sends, for it is
    /// written for the domestic alphabets: a text that fits is never refused because the next provider counts otherwise.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_for(
        &self,
        provider: Provider,
        event: &Event,
        event_type: &EventType,
        clinic: &ClinicFace,
        channel: Channel,
        now: DateTime<Utc>,
    ) -> Result<Message, RenderError> {
        let facts = Facts {
            data: &event.data,
            person: &event.recipient.name,
            clinic,
            language: event.recipient.language,
            now,
        };
        self.message(event_type, channel, facts, provider)
    }

    /// Writes a made-up event of a type, every field present, as this clinic's patients would read
    /// it: to look at a text without an event.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn preview(
        &self,
        event_type: &EventType,
        clinic: &ClinicFace,
        language: Language,
        channel: Channel,
    ) -> Result<Message, RenderError> {
        let entry = self.entry(event_type, clinic, language, channel)?;
        let sample =
            sample::full(&entry.plan).ok_or_else(|| no_template(event_type, language, channel))?;
        let facts =
            Facts { data: &sample.data, person: &sample.person, clinic, language, now: sample.now };
        self.message(event_type, channel, facts, Provider::Netgsm)
    }

    /// The clinic's own text, else the built-in one.
    pub(crate) fn entry<'a>(
        &'a self,
        event_type: &EventType,
        clinic: &ClinicFace,
        language: Language,
        channel: Channel,
    ) -> Result<&'a Entry, RenderError> {
        let find = |catalogue: &'a Catalogue| {
            let entries = catalogue.get(&event_type.name)?;
            entries.iter().find(|entry| entry.language == language && entry.channel == channel)
        };
        self.clinics
            .get(&clinic.id)
            .and_then(find)
            .or_else(|| find(&self.built_in))
            .ok_or_else(|| no_template(event_type, language, channel))
    }

    fn message(
        &self,
        event_type: &EventType,
        channel: Channel,
        facts: Facts<'_>,
        provider: Provider,
    ) -> Result<Message, RenderError> {
        let entry = self.entry(event_type, facts.clinic, facts.language, channel)?;
        let text = compose(&self.tera, entry, facts).map_err(|f| f.at_render(entry))?;
        if text.is_empty() {
            return Err(RenderError::Empty { template: entry.label.clone() });
        }
        let max = event_type.policy.max_segments;
        let policy = self.policies.get(&facts.clinic.id).copied().unwrap_or_default();
        let abroad = (provider != Provider::Netgsm).then(|| text.clone());
        let (text, segments) = lighter(text, policy, Provider::Netgsm);
        if segments.segments > max {
            let template = entry.label.clone();
            return Err(RenderError::TooLong { template, segments: segments.segments, max });
        }
        let (text, segments) =
            abroad.map_or((text, segments), |raw| lighter(raw, policy, provider));
        Ok(Message {
            text: Text::new(text),
            template: entry.label.clone(),
            template_version: entry.version.clone(),
            segments,
        })
    }
}

fn no_template(event_type: &EventType, language: Language, channel: Channel) -> RenderError {
    let short = short_name(&event_type.name);
    RenderError::NoTemplate { template: format!("{short}/{}/{channel}", language.as_str()) }
}

/// Why a text could not be composed; becomes an error of loading or of rendering.
pub(crate) enum Failure {
    Field(BadField),
    Engine(tera::Error),
}

impl Failure {
    pub(crate) fn at_load(&self, file: &str, what: &str) -> TemplateError {
        match self {
            Self::Field(BadField { field, problem }) => {
                TemplateError::new(file, format!("field {field} {problem} ({what})"))
            }
            Self::Engine(error) => {
                let mut found = TemplateError::of_engine(file, error);
                found.problem = format!(
                    "{} ({what}; a name that may be absent belongs into {{% if name %}})",
                    found.problem
                );
                found
            }
        }
    }

    fn at_render(self, entry: &Entry) -> RenderError {
        self.of_template(&entry.label)
    }

    pub(crate) fn of_template(self, label: &str) -> RenderError {
        match self {
            Self::Field(BadField { field, problem }) => {
                RenderError::Field { template: label.to_owned(), field, problem }
            }
            Self::Engine(error) => RenderError::of_engine(label, &error),
        }
    }
}

/// View, engine, one clean line.
pub(crate) fn compose(tera: &Tera, entry: &Entry, facts: Facts<'_>) -> Result<String, Failure> {
    let view = fill(&entry.uses, &entry.plan, &entry.words, facts).map_err(Failure::Field)?;
    let raw = tera.render(&entry.label, &view).map_err(Failure::Engine)?;
    Ok(clean(&raw))
}
