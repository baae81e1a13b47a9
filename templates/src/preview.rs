//! An event as its person would read it, and what it would cost: for `ulak template preview`.

use chrono::{DateTime, Utc};
use schemas::{Channel, Incoming, Refusal, Registry};
use thiserror::Error;

use crate::clinic::ClinicFace;
use crate::error::RenderError;
use crate::message::Text;
use crate::renderer::Renderer;
use crate::segments::{Encoding, Provider, Segments, count_for, outside_alphabets};

/// What a send would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The text. It holds a person's data.
    pub text: Text,
    /// Which text it was made from.
    pub template: String,
    /// Its version.
    pub template_version: String,
    /// Alphabet at Netgsm.
    pub encoding: Encoding,
    /// Unicode characters of the text.
    pub characters: u32,
    /// Characters of no SMS alphabet: why it is UCS-2. They may be parts of a name.
    pub outside_alphabets: Vec<char>,
    /// At each provider, in the order of [`Provider::ALL`].
    pub costs: Vec<Cost>,
}

/// What one provider would count and charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Whose rules.
    pub provider: Provider,
    /// By them.
    pub segments: Segments,
    /// Segments times the price of one, as exact as the price was given; in its currency.
    pub price: Option<String>,
}

/// Why there is no preview. None carries a value of the event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// The worker would refuse the event, in the same words.
    #[error("the event would be refused: {0}")]
    Refused(Box<Refusal>),
    /// What was given is one of Ulak's own copies by reference.
    #[error("this is a reference of Ulak's own, without data: give the event itself")]
    Reference,
    /// The event's type is not known.
    #[error("the event's type is not known")]
    UnknownType,
    /// The text cannot be written.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A price is no plain decimal.
    #[error("the price of a segment at {0} is no decimal: write it like 0.0525")]
    Price(&'static str),
}

impl Renderer {
    /// Reads `event_json` as the worker would, writes its text for `channel` as of `now`, and
    /// counts it at each provider. `prices` holds the price of one segment as a decimal string.
    ///
    /// # Errors
    /// See [`PreviewError`].
    pub fn preview_event(
        &self,
        registry: &Registry,
        event_json: &[u8],
        clinic: &ClinicFace,
        channel: Channel,
        now: DateTime<Utc>,
        prices: &[(Provider, &str)],
    ) -> Result<Preview, PreviewError> {
        let knows = |id: &str| id == clinic.id.as_str();
        let event = match registry.read(event_json, None, &knows) {
            Ok(Incoming::Event(event)) => event,
            Ok(Incoming::Reference(_)) => return Err(PreviewError::Reference),
            Err(refusal) => return Err(PreviewError::Refused(Box::new(refusal))),
        };
        let event_type = registry.get(&event.event_type).ok_or(PreviewError::UnknownType)?;
        let message = self.render(&event, event_type, clinic, channel, now)?;
        let mut costs = Vec::with_capacity(Provider::ALL.len());
        for provider in Provider::ALL {
            let segments = count_for(provider, message.text.expose());
            let given = prices.iter().find(|(of, _)| *of == provider);
            let price = given.map(|(_, price)| {
                times(segments.segments, price).ok_or(PreviewError::Price(provider.as_str()))
            });
            costs.push(Cost { provider, segments, price: price.transpose()? });
        }
        Ok(Preview {
            encoding: message.segments.encoding,
            characters: message.segments.characters,
            outside_alphabets: outside_alphabets(message.text.expose()),
            text: message.text,
            template: message.template,
            template_version: message.template_version,
            costs,
        })
    }
}

/// `3 × 0.0525` = `0.1575`, without a float. `None`: no plain decimal, or beyond all money.
fn times(count: u32, price: &str) -> Option<String> {
    let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    if fraction.is_empty() && price.contains('.') {
        return None;
    }
    let units: u128 = format!("{whole}{fraction}").parse().ok()?;
    let total = units.checked_mul(u128::from(count))?;
    let places = fraction.len();
    let text = format!("{total:0>width$}", width = places + 1);
    let (whole, fraction) = text.split_at(text.len() - places);
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_multiplied_exactly() {
        for (count, price, total) in [
            (3, "0.0525", Some("0.1575")),
            (2, "0.5", Some("1.0")),
            (1, "12", Some("12")),
            (4, "0.10", Some("0.40")),
            (0, "0.25", Some("0.00")),
            (2, "0,5", None),
            (2, "", None),
            (2, "-1", None),
            (2, ".5", None),
            (2, "1.", None),
            (2, "1e3", None),
        ] {
            assert_eq!(times(count, price).as_deref(), total, "{count} × {price}");
        }
        assert_eq!(times(9, &"9".repeat(60)), None);
    }
}
