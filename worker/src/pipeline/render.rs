//! The exact text.

use super::validate::Work;
use crate::hold::{self, Place};
use crate::worker::Worker;
use schemas::Channel;
use templates::{Message, RenderError};

/// Renders the text of a message.
///
/// # Errors
/// When a field cannot be shown or the text is too long: never the clinic's value, only its place.
pub fn text(worker: &Worker, work: &Work<'_>) -> Result<Message, RenderError> {
    hold::panic_at(Place::Render, &work.event.id);
    let now = worker.ledger.clock().now();
    worker.renderer.render(&work.event, work.event_type, &work.clinic.face, Channel::Sms, now)
}
