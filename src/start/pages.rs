//! What the auditors' pages know of the configuration, and what is said of them at the start.

use std::collections::BTreeSet;

use gateway::{ClinicPage, PageSettings, Reached};
use schemas::Channel;

use crate::config::Config;

/// The pages' part of the configuration.
pub(super) fn page_settings(config: &Config) -> PageSettings {
    let clinics = config.clinics.iter().map(|(id, clinic)| {
        let face = &clinic.face;
        (id.clone(), ClinicPage { name: face.name.clone(), zone: face.zone })
    });
    PageSettings {
        reached: reached(config),
        clinics: clinics.collect(),
        lanes: lanes(config),
        prices: super::prices(config),
    }
}

/// The lanes that the clinics use, also those of the consent source.
fn lanes(config: &Config) -> BTreeSet<String> {
    let worker = super::worker_settings(config);
    let mut lanes = BTreeSet::new();
    for clinic in worker.clinics.values() {
        for channel in [Channel::Sms, Channel::Whatsapp] {
            lanes.extend(worker.lanes(channel, clinic).into_iter().map(|lane| lane.name));
        }
        if worker.has_consent_account(clinic) {
            lanes.insert(worker.consent_lane(clinic));
        }
    }
    lanes
}

fn reached(config: &Config) -> Reached {
    Reached::of(config.gateway.listen, config.gateway.public_url.as_deref())
}

/// Says where the auditors' pages are, or why there are none.
pub fn tell_of_pages(config: &Config) {
    match reached(config) {
        Reached::Https | Reached::Loopback => {
            tracing::info!(
                "auditors' pages at /audit; `ulak token create --role …` lets somebody in"
            );
        }
        Reached::Nothing => tracing::warn!(
            listen = %config.gateway.listen,
            "the auditors' pages are off: other machines reach them without https, so a session could be read on its way; give \
             gateway.public_url an https address, or leave it out and let gateway.listen be of this machine only"
        ),
    }
}
