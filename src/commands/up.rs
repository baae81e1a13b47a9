//! `ulak up`: scheduler, worker and HTTP door in one process. Its first start writes the configuration.

use super::{Failure, Settings};
use crate::cli::Global;
use crate::config::Purpose;
use crate::process::{self, Extent, Process};
use crate::{first_start, start, work};

/// What is particular to this process.
pub(crate) const UP: Process = Process {
    purpose: Purpose::Up,
    name: "up",
    connections: 16,
    listen: |config| (config.gateway.listen, "gateway.listen"),
    extent: Extent::Whole,
};

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, another process works with the same file or address, broker or ledger refuse this process for
/// good, or work was cut off.
pub fn run(global: &Global) -> Result<(), Failure> {
    let sources = match first_start::look(global)? {
        first_start::Found::Nothing(place) => return place.write(global.json),
        first_start::Found::Configured(sources) => sources,
    };
    let settings = Settings::from_sources(&sources)
        .and_then(|settings| settings.complete_for(UP.purpose))
        .map_err(|failure| first_start::explain(failure, &sources))?;
    process::run(settings, &UP, start::renderer, work::both)
}
