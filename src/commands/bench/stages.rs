//! Where a worker's time goes: the sums and counts of its histogram of stages at `/metrics`, if it serves one.

use std::collections::BTreeMap;

/// The histogram, one series a stage.
const SUM: &str = "ulak_stage_duration_seconds_sum";
const COUNT: &str = "ulak_stage_duration_seconds_count";

/// Seconds and runs of each stage so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums(BTreeMap<String, (f64, f64)>);

impl Sums {
    /// From the text of `/metrics`; empty if it has no such histogram.
    pub fn read(metrics: &str) -> Self {
        let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for line in metrics.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Some((name, labels)) = series.split_once('{') else { continue };
            let of_stage = labels.split_once("stage=\"").and_then(|(_, rest)| rest.split_once('"'));
            let (Some((stage, _)), Ok(value)) = (of_stage, value.parse::<f64>()) else { continue };
            match name {
                SUM => sums.entry(stage.to_owned()).or_default().0 += value,
                COUNT => sums.entry(stage.to_owned()).or_default().1 += value,
                _ => {}
            }
        }
        Self(sums)
    }

    /// Mean microseconds of a run through each stage from this instant until `later`.
    pub fn means_us(&self, later: &Self) -> BTreeMap<String, f64> {
        let mean = |(stage, (seconds, runs)): (&String, &(f64, f64))| {
            let before = self.0.get(stage).copied().unwrap_or_default();
            let runs = runs - before.1;
            (runs > 0.0).then(|| (stage.clone(), (seconds - before.0) / runs * 1e6))
        };
        later.0.iter().filter_map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_has_its_mean_and_other_metrics_are_left_out() {
        let text = "# HELP ulak_stage_duration_seconds x\n\
            ulak_stage_duration_seconds_bucket{stage=\"claim\",le=\"0.1\"} 3\n\
            ulak_stage_duration_seconds_sum{stage=\"claim\"} 0.5\nulak_stage_duration_seconds_count{stage=\"claim\"} 100\n\
            ulak_stage_duration_seconds_sum{stage=\"ack\"} 0\nulak_stage_duration_seconds_count{stage=\"ack\"} 0\n\
            ulak_stage_duration_seconds_sum{worker=\"1\",stage=\"render\"} 0.002\n\
            ulak_stage_duration_seconds_count{worker=\"1\",stage=\"render\"} 100\n\
            ulak_consent_age_seconds_sum 9\nulak_consent_age_seconds_count 1\nnonsense\n";
        let later = Sums::read(text);
        let means = Sums::default().means_us(&later);
        let rounded: Vec<(&str, f64)> =
            means.iter().map(|(stage, us)| (stage.as_str(), us.round())).collect();
        assert_eq!(rounded, [("claim", 5_000.0), ("render", 20.0)]);
        let before = "ulak_stage_duration_seconds_sum{stage=\"claim\"} 0.25\n\
            ulak_stage_duration_seconds_count{stage=\"claim\"} 75\n\
            ulak_stage_duration_seconds_sum{stage=\"render\"} 0.002\n\
            ulak_stage_duration_seconds_count{stage=\"render\"} 100\n";
        let means = Sums::read(before).means_us(&later);
        assert_eq!(means.into_iter().collect::<Vec<_>>(), [("claim".to_owned(), 10_000.0)]);
    }
}
