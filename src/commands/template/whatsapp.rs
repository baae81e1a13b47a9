//! The approved templates of WhatsApp that would carry an event, each with its values.

use chrono::{DateTime, Utc};
use schemas::{Channel, Incoming};
use serde_json::{Value, json};
use templates::Renderer;
use worker::settings::Template;

use crate::commands::Settings;
use crate::start;

/// A template that would carry the event.
pub(super) struct Carrier {
    template: Template,
    version: String,
    /// The values, each with its place; why they cannot be made, without a value of the event.
    values: Result<Vec<(String, String)>, String>,
}

/// The templates that would carry an event that a preview was made of, in the order in which their providers are used. Whether the person
/// has agreed to WhatsApp only the ledger knows.
pub(super) fn carriers(
    settings: &Settings,
    renderer: &Renderer,
    bytes: &[u8],
    now: DateTime<Utc>,
) -> Vec<Carrier> {
    let told = start::worker_settings(&settings.config);
    let Ok(Incoming::Event(event)) = settings.registry.read(bytes, None, &|_| true) else {
        return vec![];
    };
    let clinic = told.clinics.get(&event.clinic);
    let event_type = settings.registry.get(&event.event_type);
    let (Some(clinic), Some(event_type)) = (clinic, event_type) else { return vec![] };
    let lanes = told.lanes(Channel::Whatsapp, clinic);
    let language = event.recipient.language;
    let templates = lanes.iter().filter_map(|lane| {
        told.template(lane.provider, &event.clinic, &event.event_type, language)
    });
    let carrier = |template: &Template| {
        let filled = renderer.fill(&template.name, &event, event_type, &clinic.face, now);
        let filled = filled.map_err(|error| error.to_string());
        let version =
            filled.as_ref().map(|filled| filled.template_version.clone()).unwrap_or_default();
        let values = filled.map(|filled| {
            let text = |(index, text): (usize, &templates::Text)| {
                (place(template, index), text.expose().to_owned())
            };
            filled.values.iter().enumerate().map(text).collect()
        });
        Carrier { template: template.clone(), version, values }
    };
    templates.map(carrier).collect()
}

/// `{{1}}` or `button 0`.
fn place(template: &Template, index: usize) -> String {
    let button = index.checked_sub(template.parameters.len());
    match button.and_then(|button| template.buttons.get(button)) {
        Some((button, _)) => format!("button {}", button.index),
        None => format!("{{{{{}}}}}", index + 1),
    }
}

impl Carrier {
    pub(super) fn json(&self) -> Value {
        let values = self.values.as_ref();
        let list = |values: &Vec<(String, String)>| -> Vec<Value> {
            values.iter().map(|(place, text)| json!({ "place": place, "value": text })).collect()
        };
        json!({
            "name": self.template.name, "provider": self.template.provider.as_str(),
            "template": self.template.template, "language": self.template.vendor_language,
            "template_version": self.version, "values": values.ok().map(list),
            "no_values": values.err(),
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let template = &self.template;
        let mut lines = vec![
            String::new(),
            format!(
                "whatsapp    {} ({}), mapped as whatsapp.templates.{}",
                template.label(),
                if self.version.is_empty() { "no values" } else { &self.version },
                template.name
            ),
        ];
        match &self.values {
            Ok(values) => {
                lines.extend(values.iter().map(|(place, text)| format!("{place:<11} {text}")));
            }
            Err(why) => lines.push(format!("its values cannot be made: {why}")),
        }
        lines
    }
}
