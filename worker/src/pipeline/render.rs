//! What exactly is sent.

use super::route::Route;
use super::validate::Work;
use crate::hold::{self, Place};
use crate::settings::Template;
use crate::worker::Worker;
use std::borrow::Cow;
use std::fmt::Write as _;
use templates::{Filled, Message, RenderError};

/// What is sent to one person. It holds a person's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// A text of ours.
    Text(Message),
    /// The values of a template that its vendor approved: parameters first, then those of buttons.
    Template {
        /// The values.
        filled: Filled,
        /// How many of them are parameters.
        parameters: usize,
        /// The places of the buttons that the others are for.
        buttons: Vec<u8>,
    },
}

/// What stands for the alphabet of a template: its vendor writes the text.
const NO_ALPHABET: &str = "template";

impl Letter {
    /// What is billed and paced: a template counts as one segment.
    pub fn segments(&self) -> u32 {
        match self {
            Self::Text(message) => message.segments.segments,
            Self::Template { .. } => 1,
        }
    }

    /// The alphabet, for the record.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Text(message) => message.segments.encoding.as_str(),
            Self::Template { .. } => NO_ALPHABET,
        }
    }

    /// Which text or template, and its version.
    pub fn template(&self) -> (&str, &str) {
        match self {
            Self::Text(message) => (&message.template, &message.template_version),
            Self::Template { filled, .. } => (&filled.template, &filled.template_version),
        }
    }

    /// What the record keeps: the text, or the values that the person saw in the vendor's, one a line: `1=…`, `button 0=…`.
    pub fn sealed(&self) -> Cow<'_, str> {
        match self {
            Self::Text(message) => message.text.expose().into(),
            Self::Template { filled, parameters, buttons } => {
                let mut lines = String::new();
                for (index, value) in filled.values.iter().enumerate() {
                    let value = value.expose();
                    let line = match buttons.get(index.wrapping_sub(*parameters)) {
                        Some(place) if index >= *parameters => format!("button {place}={value}"),
                        _ => format!("{}={value}", index + 1),
                    };
                    let separator = if index == 0 { "" } else { "\n" };
                    // a String takes everything
                    let _ = write!(lines, "{separator}{line}");
                }
                lines.into()
            }
        }
    }
}

/// Renders a message for the provider that sends it: what it costs there is what is paced, billed and recorded.
///
/// # Errors
/// When a field cannot be shown or the text is too long: never the clinic's value, only its place.
pub fn letter(worker: &Worker, work: &Work<'_>, route: &Route<'_>) -> Result<Letter, RenderError> {
    hold::panic_at(Place::Render, &work.event.id);
    let now = worker.ledger.clock().now();
    let face = &work.clinic.face;
    if let Some(template) = route.template {
        let filled =
            worker.renderer.fill(&template.name, &work.event, work.event_type, face, now)?;
        return Ok(values(template, filled));
    }
    let counts = route.lane.counts();
    worker
        .renderer
        .render_for(counts, &work.event, work.event_type, face, route.channel, now)
        .map(Letter::Text)
}

fn values(template: &Template, filled: Filled) -> Letter {
    let parameters = template.parameters.len();
    let buttons = template.buttons.iter().map(|(button, _)| button.index).collect();
    Letter::Template { filled, parameters, buttons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use templates::Text;

    #[test]
    fn the_values_of_a_template_are_kept_one_a_line() {
        let values = ["Ayşe", "22 Kasım", "A-1"];
        let filled = Filled {
            template: "whatsapp:randevu/tr".to_owned(),
            template_version: "0123456789abcdef".to_owned(),
            values: values.iter().map(|value| Text::new((*value).to_owned())).collect(),
        };
        let letter = Letter::Template { filled, parameters: 2, buttons: vec![3] };
        assert_eq!(letter.sealed(), "1=Ayşe\n2=22 Kasım\nbutton 3=A-1");
        assert_eq!((letter.segments(), letter.encoding()), (1, "template"));
        assert!(!format!("{letter:?}").contains("Ayşe"));
    }
}
