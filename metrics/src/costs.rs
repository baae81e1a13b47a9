//! What accepted messages cost, by the prices of the configuration.

use crate::book::{Book, Labels};
use crate::price::{MICROS, Price, Prices};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A counter of money: millionths inside, so that no cent is lost, told in units of its currency.
#[derive(Debug, Clone, Default)]
pub(crate) struct Amount(Arc<AtomicU64>);

/// An amount by its labels.
pub(crate) type Amounts = Family<Labels, Amount>;

impl TypedMetric for Amount {
    const TYPE: MetricType = MetricType::Counter;
}

impl EncodeMetric for Amount {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let units = self.0.load(Ordering::Relaxed) as f64 / MICROS as f64;
        encoder.encode_counter::<NoLabelSet, f64, u64>(&units, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// What is counted of money.
#[derive(Debug)]
pub struct Costs {
    amounts: Amounts,
    accounts: OnceLock<Vec<Account>>,
}

/// An account with a price, on one channel.
#[derive(Debug)]
struct Account {
    /// `provider/account`
    name: String,
    channel: &'static str,
    price: Price,
    amount: Amount,
}

impl Costs {
    pub(crate) fn new(book: &mut Book) -> Self {
        let amounts = book.amount(
            "ulak_cost_total",
            &["account", "currency"],
            "What accepted messages cost, in units of the currency: segments (WhatsApp: messages) times the price that the configuration gives the account (`segment_price`, `message_price`). Counted as ulak_segments_total is; accounts without a price are left out, so their cost is unknown and not 0.",
        );
        Self { amounts, accounts: OnceLock::new() }
    }

    /// What this process's accounts take. Told once. Each is there from then on, at 0: what grows from nothing grows unseen.
    pub fn has_prices(&self, prices: &Prices) {
        let accounts = prices.iter().map(|(name, channel, price)| {
            let currency = price.currency().to_string();
            let labels = vec![("account", name.to_owned()), ("currency", currency)];
            let amount = self.amounts.get_or_create_owned(&labels);
            Account { name: name.to_owned(), channel, price, amount }
        });
        let _ = self.accounts.set(accounts.collect());
    }

    /// The provider accepted a message of `segments` segments (a template: 1) on this channel.
    pub fn accepted(&self, provider: &str, account: &str, channel: &str, segments: u32) {
        let same = |of: &&Account| {
            let name = of.name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/'));
            of.channel == channel && name == Some(account)
        };
        let Some(of) = self.accounts.get().and_then(|all| all.iter().find(same)) else { return };
        of.amount.0.fetch_add(of.price.times(segments), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Metrics, Price, Prices};

    fn lines(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text();
        let lines = text.lines().filter(|line| line.contains("ulak_cost"));
        lines.filter(|line| !line.starts_with("# HELP")).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_accepted_costs_its_segments_and_an_unknown_price_is_no_zero() {
        let metrics = Metrics::new([]);
        metrics.costs.accepted("netgsm", "default", "sms", 1);
        let mut prices = Prices::default();
        for (provider, channel, price) in [
            ("netgsm", "sms", "0.1 TRY"),
            ("twilio", "sms", "0.05 USD"),
            ("twilio", "whatsapp", "0.0025 USD"),
            ("whatsapp", "whatsapp", "0.9 TRY"),
        ] {
            prices.set(provider, "default", channel, Price::parse(price).unwrap());
        }
        metrics.costs.has_prices(&prices);
        for (provider, account, channel, segments) in [
            ("netgsm", "second", "sms", 9),
            ("netgsm", "default", "whatsapp", 9),
            ("netgs", "default", "sms", 9),
            ("twilio", "default", "sms", 2),
            ("twilio", "default", "whatsapp", 1),
        ] {
            metrics.costs.accepted(provider, account, channel, segments);
        }
        // 0.1 a million times is 100000, to the last digit
        for _ in 0..1_000_000 {
            metrics.costs.accepted("netgsm", "default", "sms", 1);
        }
        let mut said = lines(&metrics);
        said.sort();
        assert_eq!(
            said,
            [
                "# TYPE ulak_cost_total counter",
                "ulak_cost_total{account=\"netgsm/default\",currency=\"TRY\"} 100000.0",
                "ulak_cost_total{account=\"twilio/default\",currency=\"USD\"} 0.1025",
                "ulak_cost_total{account=\"whatsapp/default\",currency=\"TRY\"} 0.0",
            ]
        );
    }
}
