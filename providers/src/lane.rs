//! What the name of a lane says: `<provider>/<account>/<sender>`. The lanes of consent sources (`iys/<account>`, `netgsm-iys/<account>`) are
//! nobody's here: no message goes out on them.

use schemas::Channel;

use crate::twilio;

/// A provider of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Netgsm, in Türkiye: SMS.
    Netgsm,
    /// Twilio, in the USA: SMS, and WhatsApp.
    Twilio,
    /// Meta's Cloud API, in Ireland and the USA: WhatsApp.
    Whatsapp,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Netgsm, Self::Twilio, Self::Whatsapp];

    /// Its name in lanes, rate keys and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Netgsm => "netgsm",
            Self::Twilio => "twilio",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// The provider of a lane; `None`: no message goes there, it is a consent source's.
    pub fn of_lane(lane: &str) -> Option<Self> {
        let (name, _) = lane.split_once('/')?;
        Self::ALL.into_iter().find(|provider| provider.as_str() == name)
    }

    /// Whether a person's data leaves Türkiye with a message: only for a clinic that names its legal basis.
    pub const fn is_abroad(self) -> bool {
        match self {
            Self::Netgsm => false,
            Self::Twilio | Self::Whatsapp => true,
        }
    }
}

/// The channel of a lane; `None`: no message goes there. A sender of Twilio's on WhatsApp is written as Twilio writes it
/// (`facts/twilio_turkeysms_smsala.md` A6): `twilio/default/whatsapp:+14155552345`.
pub fn channel_of(lane: &str) -> Option<Channel> {
    match Provider::of_lane(lane)? {
        Provider::Netgsm => Some(Channel::Sms),
        Provider::Whatsapp => Some(Channel::Whatsapp),
        Provider::Twilio => {
            let sender = lane.splitn(3, '/').nth(2).unwrap_or_default();
            let whatsapp = sender.starts_with(twilio::WHATSAPP);
            Some(if whatsapp { Channel::Whatsapp } else { Channel::Sms })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_says_its_provider_and_its_channel() {
        for (lane, provider, channel) in [
            ("whatsapp/default/106540352242922", Some(Provider::Whatsapp), Some(Channel::Whatsapp)),
            (
                "twilio/default/whatsapp:+14155552345",
                Some(Provider::Twilio),
                Some(Channel::Whatsapp),
            ),
            ("twilio/default/KLINIK", Some(Provider::Twilio), Some(Channel::Sms)),
            ("netgsm/default/KLINIK", Some(Provider::Netgsm), Some(Channel::Sms)),
            ("netgsm-iys/default", None, None),
            ("iys/default", None, None),
            ("none", None, None),
        ] {
            assert_eq!((Provider::of_lane(lane), channel_of(lane)), (provider, channel), "{lane}");
        }
    }
}
