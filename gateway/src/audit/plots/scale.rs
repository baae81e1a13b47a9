//! Scales: where a number lies between the lowest and the highest line of a plot, and which lines there are.

/// Lines that people read durations by, milliseconds: 1 ms, 10 ms, 0.1 s, 1 s, 10 s, 1 min, 10 min, 1 h, 6 h, 1 d, 7 d.
const DURATIONS: [f64; 11] = [
    1.0,
    10.0,
    100.0,
    1_000.0,
    10_000.0,
    60_000.0,
    600_000.0,
    3_600_000.0,
    21_600_000.0,
    86_400_000.0,
    604_800_000.0,
];
/// Steps between two lines of a linear scale that are tried for.
const STEPS: f64 = 4.0;

/// A scale with its lines, lowest first. There are always two of them at least.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::audit) struct Scale {
    ticks: Vec<f64>,
    logarithmic: bool,
}

impl Scale {
    /// From zero to something even above the highest number; whole numbers.
    pub fn counts(highest: f64) -> Self {
        let highest = if highest.is_finite() { highest.max(1.0) } else { 1.0 };
        let rough = highest / STEPS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .iter()
            .map(|even| even * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough)
            .max(1.0);
        let steps = (highest / step).ceil().max(1.0) as u32;
        Self { ticks: (0..=steps).map(|n| f64::from(n) * step).collect(), logarithmic: false }
    }

    /// From 0 to 1, in quarters.
    pub fn shares() -> Self {
        Self { ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0], logarithmic: false }
    }

    /// Durations in milliseconds, of which the longest may be a million times the shortest.
    pub fn durations(all: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for one in all.filter(|one| one.is_finite()) {
            (least, most) = (least.min(one), most.max(one));
        }
        let last = DURATIONS.len() - 1;
        let from = DURATIONS.iter().rposition(|tick| *tick <= least).unwrap_or(0).min(last - 1);
        let to = DURATIONS.iter().position(|tick| *tick >= most).unwrap_or(last).max(from + 1);
        Self { ticks: DURATIONS[from..=to].to_vec(), logarithmic: true }
    }

    /// Its lines, lowest first.
    pub fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// Where a number lies, from 0 to 1; what is beyond either end lies on it.
    pub fn at(&self, value: f64) -> f64 {
        let (Some(low), Some(high)) = (self.ticks.first(), self.ticks.last()) else { return 0.0 };
        let share = if self.logarithmic {
            (value.max(*low) / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }
}
