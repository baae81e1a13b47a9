//! What the pages know of the installation.

use chrono_tz::Europe::Istanbul;
use chrono_tz::Tz;
use metrics::Prices;
use schemas::ClinicId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The pages' part of the configuration.
#[derive(Debug, Clone, Default)]
pub struct PageSettings {
    /// Over what they are reached; decides about cookies, and whether there are pages at all.
    pub reached: Reached,
    /// Each clinic as it is shown.
    pub clinics: BTreeMap<ClinicId, ClinicPage>,
    /// The lanes that the clinics use, also those of the consent source.
    pub lanes: BTreeSet<String>,
    /// What a segment or message costs now, where that is configured.
    pub prices: Prices,
}

/// A clinic as it is shown.
#[derive(Debug, Clone)]
pub struct ClinicPage {
    /// Its name.
    pub name: String,
    /// Its zone: times are written and read in it.
    pub zone: Tz,
}

/// Over what the pages are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reached {
    /// HTTPS, by a proxy before the door (`gateway.public_url`): cookies are `Secure`.
    Https,
    /// Plain HTTP on this machine only.
    Loopback,
    /// Plain HTTP from other machines, also by a proxy on this one: a session could be read on its way, so there are no pages.
    #[default]
    Nothing,
}

impl Reached {
    /// Decides by the address that is listened on and the address that is told to the outside.
    pub fn of(listen: SocketAddr, public_url: Option<&str>) -> Self {
        let told = public_url.map(|url| url.split_once("://").unwrap_or(("", url)));
        if told.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https")) {
            Self::Https
        } else if listen.ip().to_canonical().is_loopback()
            // a proxy without HTTPS passes on to this machine what came over a network in clear
            && told.is_none_or(|(_, rest)| is_here(rest))
        {
            Self::Loopback
        } else {
            Self::Nothing
        }
    }
}

/// Whether the host of an address, given without its scheme, is this machine.
fn is_here(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}

impl PageSettings {
    /// The zone of a clinic; Türkiye's for one that is not configured any more.
    pub(crate) fn zone(&self, clinic: &str) -> Tz {
        self.clinic(clinic).map_or(Istanbul, |clinic| clinic.zone)
    }

    /// A clinic's name, or its id where it is not configured any more.
    pub(crate) fn name<'a>(&'a self, clinic: &'a str) -> &'a str {
        self.clinic(clinic).map_or(clinic, |clinic| &clinic.name)
    }

    fn clinic(&self, clinic: &str) -> Option<&ClinicPage> {
        self.clinics.get(&ClinicId::parse(clinic).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_never_crosses_a_network_in_clear() {
        for (listen, public_url, reached) in [
            ("127.0.0.1:8080", None, Reached::Loopback),
            ("[::1]:8080", None, Reached::Loopback),
            ("[::ffff:127.0.0.1]:8080", None, Reached::Loopback),
            ("127.0.0.1:8080", Some("http://ulak.example.com"), Reached::Nothing),
            ("127.0.0.1:8080", Some("http://localhost@ulak.example.com/"), Reached::Nothing),
            ("127.0.0.1:8080", Some("http://192.0.2.7:8080/x"), Reached::Nothing),
            ("127.0.0.1:8080", Some("http://[2001:db8::1]:8080"), Reached::Nothing),
            ("127.0.0.1:8080", Some("http://localhost.example.com"), Reached::Nothing),
            ("127.0.0.1:8080", Some("http://LOCALHOST:8080/x"), Reached::Loopback),
            ("127.0.0.1:8080", Some("http://127.0.0.1"), Reached::Loopback),
            ("127.0.0.1:8080", Some("HTTP://[::1]:8080/"), Reached::Loopback),
            ("0.0.0.0:8080", Some("http://localhost:8080"), Reached::Nothing),
            ("127.0.0.1:8080", Some("https://ulak.example.com"), Reached::Https),
            ("0.0.0.0:8080", Some("HTTPS://ulak.example.com"), Reached::Https),
            ("0.0.0.0:8080", Some("http://ulak.example.com"), Reached::Nothing),
            ("0.0.0.0:8080", None, Reached::Nothing),
            ("[::]:8080", None, Reached::Nothing),
            ("192.0.2.7:8080", Some("httpsx://ulak.example.com"), Reached::Nothing),
        ] {
            assert_eq!(Reached::of(listen.parse().unwrap(), public_url), reached, "{listen}");
        }
    }
}
