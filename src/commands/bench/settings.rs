//! The configurations of the processes that are measured.

use std::fmt::Write as _;

use super::rows;

/// For a scheduler alone. Rows wait on no provider's lane yet, so there is an account that nobody ever calls.
pub fn scheduler(database: &str, broker: &str) -> String {
    let mut text = format!(
        "[database]\nurl = {database:?}\nmaster_key_file = \"master.key\"\n[broker]\nurl = {broker:?}\n\
         [scheduler]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [providers.netgsm]\nbase_url = \"http://127.0.0.1:9\"\nusername = \"bench\"\npassword = \"bench\"\nsender = \"BENCH\"\niys_brand_code = 1\n\
         [consent]\nsource = \"netgsm\"\n"
    );
    for clinic in rows::clinics() {
        // a String takes it all
        let _ = writeln!(text, "[clinics.{clinic}]\nname = \"Bench\"");
    }
    text
}

/// What the configuration of an installation that sends says.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// Address of the simulator.
    pub outside: &'a str,
    /// `worker.in_flight`.
    pub in_flight: u32,
    /// `worker.prefetch`.
    pub prefetch: u16,
    /// Whether İYS's limits are kept.
    pub iys_limits: bool,
    /// `providers.netgsm.max_per_s`.
    pub cap: Option<u32>,
    /// Whether Twilio sends, and a gateway takes its callbacks.
    pub twilio: bool,
}

/// Twilio's account at the simulator.
pub const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Its AuthToken, which signs callbacks.
pub const TWILIO_TOKEN: &str = "twilio-token";
/// `gateway.public_url`, which is signed and never called.
pub const PUBLIC_URL: &str = "https://hooks.invalid";

impl Sending<'_> {
    /// It, for this database and broker; both with their passwords.
    pub fn text(&self, database: &str, broker: &str) -> String {
        let Self { outside, in_flight, prefetch, .. } = self;
        let limit = |n: &str| if self.iys_limits { n.to_owned() } else { "\"none\"".to_owned() };
        let (per_s, single) = (limit("8"), limit("900"));
        let cap = self.cap.map_or_else(String::new, |cap| format!("max_per_s = {cap}\n"));
        let mut text = format!(
            "[database]\nurl = {database:?}\nmaster_key_file = \"master.key\"\n[broker]\nurl = {broker:?}\n\
             [worker]\nlisten = \"127.0.0.1:0\"\nin_flight = {in_flight}\nprefetch = {prefetch}\n\
             [scheduler]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
             [providers.netgsm]\nbase_url = {outside:?}\nusername = \"8501234567\"\npassword = \"netgsm-secret\"\nsender = \"KLINIK\"\n{cap}\
             [providers.iys]\nbase_url = {outside:?}\nusername = \"iys-user\"\npassword = \"iys-secret\"\niys_code = 100001\nbrand_code = 100001\n\
             max_per_s = {per_s}\nmax_single_per_hour = {single}\n"
        );
        if self.twilio {
            // a String takes it all
            let _ = writeln!(
                text,
                "[route]\nsms = [\"twilio\"]\n[gateway]\nlisten = \"127.0.0.1:0\"\npublic_url = {PUBLIC_URL:?}\n\
                 [providers.twilio]\nbase_url = {outside:?}\naccount_sid = {TWILIO_ACCOUNT:?}\nauth_token = {TWILIO_TOKEN:?}\nfrom = \"+13185550100\""
            );
        }
        for clinic in rows::clinics() {
            // a String takes it all
            let _ = writeln!(
                text,
                "[clinics.{clinic}]\nname = \"Özel Işık Kliniği\"\nphone = \"0216 123 45 67\"\nquiet_hours = \"none\"\ntransfer_abroad = \"a benchmark: nothing leaves this machine\""
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_an_installation_that_sends_has_its_limits() {
        let sending = Sending {
            outside: "http://127.0.0.1:1",
            in_flight: 7,
            prefetch: 3,
            iys_limits: false,
            cap: Some(50),
            twilio: true,
        };
        let text = sending.text("postgres://me@host/x", "amqp://guest:guest@host/%2f");
        let parsed: toml::Value = toml::from_str(&text).unwrap();
        assert_eq!(parsed["providers"]["netgsm"]["max_per_s"].as_integer(), Some(50));
        assert_eq!(parsed["providers"]["iys"]["max_per_s"].as_str(), Some("none"));
        assert_eq!(parsed["worker"]["in_flight"].as_integer(), Some(7));
        let text = Sending { iys_limits: true, cap: None, ..sending }.text("", "");
        let parsed: toml::Value = toml::from_str(&text).unwrap();
        assert_eq!(parsed["providers"]["iys"]["max_per_s"].as_integer(), Some(8));
        assert_eq!(parsed["providers"]["netgsm"].get("max_per_s"), None);
    }

    #[test]
    fn the_configuration_of_its_scheduler_can_be_read() {
        let text = scheduler("postgres://me@host/x", "amqp://guest:guest@host/%2f");
        let parsed: toml::Value = toml::from_str(&text).unwrap();
        assert_eq!(parsed["broker"]["url"].as_str(), Some("amqp://guest:guest@host/%2f"));
        assert_eq!(
            parsed["clinics"].as_table().map(toml::map::Map::len),
            Some(rows::clinics().count())
        );
    }
}
