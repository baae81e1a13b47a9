//! What accepted messages cost, by account and channel.

use metrics::Prices;
use schemas::Channel;
use worker::settings::Provider;

use crate::config::Config;

/// The prices of the configuration. An account that has none is left out: its cost is not known.
pub fn prices(config: &Config) -> Prices {
    let mut prices = Prices::default();
    let netgsm = config.providers.netgsm.iter();
    let netgsm = netgsm.map(|(name, of)| (Provider::Netgsm, name, Channel::Sms, of.segment_price));
    let twilio = config.providers.twilio.iter().flat_map(|(name, of)| {
        [
            (Provider::Twilio, name, Channel::Sms, of.segment_price),
            (Provider::Twilio, name, Channel::Whatsapp, of.message_price),
        ]
    });
    let whatsapp = config.providers.whatsapp.iter();
    let whatsapp =
        whatsapp.map(|(name, of)| (Provider::Whatsapp, name, Channel::Whatsapp, of.message_price));
    for (provider, account, channel, price) in netgsm.chain(twilio).chain(whatsapp) {
        if let Some(price) = price {
            prices.set(provider.as_str(), account, channel.as_str(), price);
        }
    }
    prices
}
