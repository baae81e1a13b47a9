//! Every key there is, as data: the reader refuses what is not here, and the manual is tested against it.

/// How a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Plain,
    /// Never; has a `…_file` twin.
    Secret,
    /// With its password masked; has a `…_file` twin.
    Address,
    /// What holds no secret and has no twin, but is not repeated when it is wrong: a service's address (which may have
    /// been written with a password), an id (which may be the secret beside it, in the wrong place).
    Service,
}

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its path; `<id>`, `<acc>`, `<type>` and `<name>` stand for a name that the user chooses.
    pub path: &'static str,
    /// How its value may be shown.
    pub kind: Kind,
    /// The default as TOML, for keys of entries that the user names; all others stand in `default.toml`.
    pub default: Option<&'static str>,
    /// Environment variables that users of the service already have; one of them is enough.
    pub aliases: &'static [&'static str],
}

impl Key {
    /// Whether `<path>_file` may give the value.
    pub fn has_twin(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::Address)
    }

    /// The path's segments.
    pub fn segments(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('.')
    }
}

const fn key(path: &'static str) -> Key {
    Key { path, kind: Kind::Plain, default: None, aliases: &[] }
}

const fn kind(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, default: None, aliases: &[] }
}

const fn entry(path: &'static str, default: &'static str) -> Key {
    Key { path, kind: Kind::Plain, default: Some(default), aliases: &[] }
}

const fn alias(path: &'static str, kind: Kind, aliases: &'static [&'static str]) -> Key {
    Key { path, kind, default: None, aliases }
}

/// All keys, in the order of the manual (`default.toml`).
pub const KEYS: &[Key] = &[
    kind("database.url", Kind::Address),
    key("database.max_mib"),
    kind("database.master_key", Kind::Secret),
    kind("broker.url", Kind::Address),
    key("gateway.listen"),
    kind("gateway.public_url", Kind::Service),
    key("worker.listen"),
    key("worker.in_flight"),
    key("worker.prefetch"),
    key("worker.quick_retries"),
    key("worker.request_deadline_s"),
    key("worker.drain_s"),
    key("scheduler.listen"),
    kind("providers.netgsm.base_url", Kind::Service),
    alias("providers.netgsm.username", Kind::Plain, &["NETGSM_USERNAME"]),
    alias("providers.netgsm.password", Kind::Secret, &["NETGSM_PASSWORD"]),
    alias("providers.netgsm.sender", Kind::Plain, &["NETGSM_SENDER_NAME"]),
    key("providers.netgsm.max_per_s"),
    key("providers.netgsm.segment_price"),
    key("providers.netgsm.appname"),
    key("providers.netgsm.send_reference"),
    key("providers.netgsm.echoes_reference"),
    key("providers.netgsm.bare_503_is_failed"),
    key("providers.netgsm.batch"),
    key("providers.netgsm.queries_per_min"),
    key("providers.netgsm.iys_brand_code"),
    key("providers.netgsm.iys_max_per_minute"),
    kind("providers.netgsm.webhook_token", Kind::Secret),
    kind("providers.netgsm.accounts.<acc>.base_url", Kind::Service),
    key("providers.netgsm.accounts.<acc>.username"),
    kind("providers.netgsm.accounts.<acc>.password", Kind::Secret),
    key("providers.netgsm.accounts.<acc>.sender"),
    key("providers.netgsm.accounts.<acc>.max_per_s"),
    key("providers.netgsm.accounts.<acc>.segment_price"),
    key("providers.netgsm.accounts.<acc>.appname"),
    key("providers.netgsm.accounts.<acc>.send_reference"),
    key("providers.netgsm.accounts.<acc>.echoes_reference"),
    key("providers.netgsm.accounts.<acc>.bare_503_is_failed"),
    key("providers.netgsm.accounts.<acc>.batch"),
    key("providers.netgsm.accounts.<acc>.queries_per_min"),
    key("providers.netgsm.accounts.<acc>.iys_brand_code"),
    key("providers.netgsm.accounts.<acc>.iys_max_per_minute"),
    kind("providers.netgsm.accounts.<acc>.webhook_token", Kind::Secret),
    kind("providers.twilio.base_url", Kind::Service),
    alias("providers.twilio.account_sid", Kind::Service, &["TWILIO_ACCOUNT_SID"]),
    alias("providers.twilio.auth_token", Kind::Secret, &["TWILIO_AUTH_TOKEN"]),
    alias("providers.twilio.api_key", Kind::Service, &["TWILIO_API_KEY"]),
    alias("providers.twilio.api_secret", Kind::Secret, &["TWILIO_API_SECRET"]),
    alias("providers.twilio.from", Kind::Plain, &["TWILIO_FROM", "TWILIO_FROM_NUMBER"]),
    alias(
        "providers.twilio.messaging_service_sid",
        Kind::Service,
        &["TWILIO_MESSAGING_SERVICE_SID"],
    ),
    alias("providers.twilio.whatsapp_from", Kind::Plain, &["TWILIO_WHATSAPP_FROM"]),
    kind("providers.twilio.webhook_token", Kind::Secret),
    key("providers.twilio.max_per_s"),
    key("providers.twilio.segment_price"),
    key("providers.twilio.message_price"),
    key("providers.twilio.queries_per_min"),
    kind("providers.twilio.accounts.<acc>.base_url", Kind::Service),
    kind("providers.twilio.accounts.<acc>.account_sid", Kind::Service),
    kind("providers.twilio.accounts.<acc>.auth_token", Kind::Secret),
    kind("providers.twilio.accounts.<acc>.api_key", Kind::Service),
    kind("providers.twilio.accounts.<acc>.api_secret", Kind::Secret),
    key("providers.twilio.accounts.<acc>.from"),
    kind("providers.twilio.accounts.<acc>.messaging_service_sid", Kind::Service),
    key("providers.twilio.accounts.<acc>.whatsapp_from"),
    kind("providers.twilio.accounts.<acc>.webhook_token", Kind::Secret),
    key("providers.twilio.accounts.<acc>.max_per_s"),
    key("providers.twilio.accounts.<acc>.segment_price"),
    key("providers.twilio.accounts.<acc>.message_price"),
    key("providers.twilio.accounts.<acc>.queries_per_min"),
    kind("providers.whatsapp.base_url", Kind::Service),
    key("providers.whatsapp.version"),
    kind("providers.whatsapp.phone_number_id", Kind::Service),
    kind("providers.whatsapp.business_account_id", Kind::Service),
    alias("providers.whatsapp.phone", Kind::Plain, &["WHATSAPP_PHONE_NUMBER"]),
    kind("providers.whatsapp.access_token", Kind::Secret),
    kind("providers.whatsapp.app_secret", Kind::Secret),
    kind("providers.whatsapp.verify_token", Kind::Secret),
    kind("providers.whatsapp.webhook_token", Kind::Secret),
    key("providers.whatsapp.max_per_s"),
    key("providers.whatsapp.message_price"),
    kind("providers.whatsapp.accounts.<acc>.base_url", Kind::Service),
    key("providers.whatsapp.accounts.<acc>.version"),
    kind("providers.whatsapp.accounts.<acc>.phone_number_id", Kind::Service),
    kind("providers.whatsapp.accounts.<acc>.business_account_id", Kind::Service),
    key("providers.whatsapp.accounts.<acc>.phone"),
    kind("providers.whatsapp.accounts.<acc>.access_token", Kind::Secret),
    kind("providers.whatsapp.accounts.<acc>.app_secret", Kind::Secret),
    kind("providers.whatsapp.accounts.<acc>.verify_token", Kind::Secret),
    kind("providers.whatsapp.accounts.<acc>.webhook_token", Kind::Secret),
    key("providers.whatsapp.accounts.<acc>.max_per_s"),
    key("providers.whatsapp.accounts.<acc>.message_price"),
    kind("providers.iys.base_url", Kind::Service),
    key("providers.iys.username"),
    kind("providers.iys.password", Kind::Secret),
    key("providers.iys.iys_code"),
    key("providers.iys.brand_code"),
    key("providers.iys.max_per_s"),
    key("providers.iys.max_single_per_hour"),
    key("providers.iys.accounts.<acc>.username"),
    kind("providers.iys.accounts.<acc>.password", Kind::Secret),
    key("providers.iys.accounts.<acc>.iys_code"),
    key("providers.iys.accounts.<acc>.brand_code"),
    key("clinics.<id>.name"),
    key("clinics.<id>.phone"),
    key("clinics.<id>.address"),
    entry("clinics.<id>.time_zone", "\"Europe/Istanbul\""),
    key("clinics.<id>.sender"),
    entry("clinics.<id>.accounts.netgsm", "\"default\""),
    entry("clinics.<id>.accounts.twilio", "\"default\""),
    entry("clinics.<id>.accounts.whatsapp", "\"default\""),
    entry("clinics.<id>.accounts.iys", "\"default\""),
    entry("clinics.<id>.name_style", "\"first\""),
    entry("clinics.<id>.fold_turkish", "false"),
    key("clinics.<id>.folder"),
    entry("clinics.<id>.reminders", "[\"24h\", \"2h\"]"),
    entry("clinics.<id>.confirmation", "false"),
    entry("clinics.<id>.cancellation_notice", "false"),
    entry("clinics.<id>.change_notice", "false"),
    entry("clinics.<id>.min_gap", "\"6h\""),
    entry("clinics.<id>.min_notice", "\"90m\""),
    entry("clinics.<id>.quiet_hours", "\"20:00-09:00\""),
    key("clinics.<id>.consent.<type>"),
    key("clinics.<id>.consent_basis.<type>"),
    key("clinics.<id>.transfer_abroad"),
    key("clinics.<id>.channels"),
    key("clinics.<id>.fallback_after.<type>"),
    key("whatsapp.templates.<name>.type"),
    entry("whatsapp.templates.<name>.language", "\"tr\""),
    entry("whatsapp.templates.<name>.provider", "\"whatsapp\""),
    key("whatsapp.templates.<name>.template"),
    key("whatsapp.templates.<name>.vendor_language"),
    key("whatsapp.templates.<name>.parameters"),
    key("whatsapp.templates.<name>.buttons"),
    key("whatsapp.templates.<name>.clinics"),
    key("types.folder"),
    key("consent.source"),
    key("route.sms"),
    key("route.whatsapp"),
    key("route.channels"),
    key("reconcile.settle"),
    key("reconcile.give_up"),
    key("log.format"),
    key("log.level"),
    kind("telemetry.otlp_endpoint", Kind::Service),
];

/// The key of this path (`<…>` for names), if there is one.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Every path that may be written: the keys' own and those of their `…_file` twins.
pub fn writable() -> impl Iterator<Item = (&'static Key, String)> {
    KEYS.iter().flat_map(|key| {
        let twin = key.has_twin().then(|| format!("{}_file", key.path));
        std::iter::once(key.path.to_owned()).chain(twin).map(move |path| (key, path))
    })
}

/// Whether `segment` of a key's path stands for a name that the user chooses.
pub fn is_name(segment: &str) -> bool {
    segment.starts_with('<')
}

/// The key that `written` most resembles, with the user's own names put in.
pub fn nearest(written: &[String]) -> String {
    let text = written.join(".");
    writable()
        .map(|(_, path)| {
            path.split('.')
                .enumerate()
                .map(|(i, segment)| match written.get(i) {
                    Some(name) if is_name(segment) => name.clone(),
                    _ => segment.to_owned(),
                })
                .collect::<Vec<_>>()
                .join(".")
        })
        // Ties (and hopeless cases) go to the first in the manual's order.
        .fold((f64::MIN, String::new()), |best, candidate| {
            let likeness = strsim::sorensen_dice(&text, &candidate);
            if likeness > best.0 { (likeness, candidate) } else { best }
        })
        .1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(written: &str) -> String {
        nearest(&written.split('.').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_nearest_key_is_the_one_a_person_meant() {
        assert_eq!(near("worker.inflight"), "worker.in_flight");
        assert_eq!(near("databse.url"), "database.url");
        assert_eq!(near("netgsm.password"), "providers.netgsm.password");
        assert_eq!(near("clinics.atasehir.quiet_hour"), "clinics.atasehir.quiet_hours");
        assert_eq!(
            near("providers.netgsm.accounts.second.pasword"),
            "providers.netgsm.accounts.second.password"
        );
        assert_eq!(near("database.masterkey_file"), "database.master_key_file");
    }

    #[test]
    fn no_key_is_listed_twice() {
        let mut paths: Vec<String> = writable().map(|(_, path)| path).collect();
        let all = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), all);
    }
}
