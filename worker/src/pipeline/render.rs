//! The exact text.

use super::route::Route;
use super::validate::Work;
use crate::hold::{self, Place};
use crate::worker::Worker;
use templates::{Message, RenderError};

/// Renders the text of a message for the provider that sends it: what it costs there is what is paced, billed and recorded.
///
/// # Errors
/// When a field cannot be shown or the text is too long: never the clinic's value, only its place.
pub fn text(worker: &Worker, work: &Work<'_>, route: &Route) -> Result<Message, RenderError> {
    hold::panic_at(Place::Render, &work.event.id);
    let now = worker.ledger.clock().now();
    worker.renderer.render_for(
        route.lane.provider.counts(),
        &work.event,
        work.event_type,
        &work.clinic.face,
        route.channel,
        now,
    )
}
