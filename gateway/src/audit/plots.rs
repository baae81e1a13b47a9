//! Plots as inline SVG, made here: no script and no style of their own, which the pages' policy forbids, and nothing but numbers that
//! also stand in the table beside them. Colours and strokes are classes in the style sheet.

mod draw;
mod scale;

use draw::Svg;
pub(super) use scale::Scale;

/// Size of every plot in its own units; the style sheet makes it as wide as there is room.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
/// Room for the numbers at the left and the days below.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// Labels of days that fit beside each other.
const LABELS: usize = 6;
/// Most points that are marked each; more would hide the line.
const MARKED: usize = 40;
/// Height of one lying bar with its words, and the room of the words.
const ROW: f64 = 26.0;
const WORDS: f64 = 190.0;
/// Characters of a lying bar's words; the table has all of them.
const WORDS_AT_MOST: usize = 26;

/// What a plot is called and says, for those who do not see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caption<'a> {
    /// Unique on its page, `[a-z-]`.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What it shows, in a sentence.
    pub desc: &'a str,
}

/// Numbers that belong together.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// Class of its marks in the style sheet.
    pub class: &'static str,
    /// What it is called.
    pub name: String,
    /// One for each day; `None`: not known.
    pub values: Vec<Option<f64>>,
}

/// How a number is written.
pub(super) type Words<'a> = &'a dyn Fn(f64) -> String;

/// A column a day, its parts stacked in the order of the series. Numbers below zero, and such as are none, count as nothing.
pub(super) fn columns(
    caption: Caption<'_>,
    days: &[String],
    series: &[Series],
    words: Words<'_>,
) -> String {
    let part = |of: &Series, day: usize| known(of.values.get(day)).unwrap_or(0.0).max(0.0);
    let total = |day: usize| series.iter().map(|of| part(of, day)).sum::<f64>();
    let highest = (0..days.len()).map(total).fold(0.0, f64::max);
    let scale = Scale::counts(highest);
    let mut svg = axes(caption, days, &scale, words);
    let pitch = (WIDTH - LEFT - RIGHT) / days.len().max(1) as f64;
    for (day, label) in days.iter().enumerate() {
        let (mut below, x) = (0.0, LEFT + pitch * (day as f64 + 0.1));
        for of in series {
            let value = part(of, day);
            if value <= 0.0 {
                continue;
            }
            let (from, to) = (height(scale.at(below)), height(scale.at(below + value)));
            let said = format!("{label}: {} {}", of.name, words(value));
            svg.rect(of.class, (x, to), (pitch * 0.8, from - to), &said);
            below += value;
        }
    }
    svg.end()
}

/// A line for each series. Where a number is not known the line is broken.
pub(super) fn lines(
    caption: Caption<'_>,
    days: &[String],
    series: &[Series],
    scale: &Scale,
    words: Words<'_>,
) -> String {
    let mut svg = axes(caption, days, scale, words);
    let pitch = (WIDTH - LEFT - RIGHT) / days.len().max(1) as f64;
    for of in series {
        let point = |day: usize| {
            let value = known(of.values.get(day))?;
            Some((LEFT + pitch * (day as f64 + 0.5), height(scale.at(value)), value))
        };
        let points: Vec<_> = (0..days.len()).map(point).collect();
        for run in points.split(Option::is_none) {
            let run: Vec<(f64, f64)> = run.iter().flatten().map(|(x, y, _)| (*x, *y)).collect();
            svg.line(of.class, &run);
        }
        // a lone point is no line: without its mark nobody would see it
        let all = days.len() <= MARKED;
        for (day, (x, y, value)) in points.iter().enumerate().filter_map(|(d, p)| Some((d, (*p)?)))
        {
            let alone = [day.checked_sub(1), Some(day + 1)]
                .iter()
                .all(|next| next.and_then(|next| points.get(next).copied().flatten()).is_none());
            if all || alone {
                let said = format!("{}: {} {}", days[day], of.name, words(value));
                svg.dot(of.class, (x, y), &said);
            }
        }
    }
    svg.end()
}

/// Lying bars with their words at the left, in the order given.
pub(super) fn bars(
    caption: Caption<'_>,
    class: &'static str,
    rows: &[(String, f64)],
    words: Words<'_>,
) -> String {
    let mut svg = Svg::begin(caption, (WIDTH, ROW * rows.len().max(1) as f64));
    let known = |value: f64| if value.is_finite() { value.max(0.0) } else { 0.0 };
    let longest = rows.iter().map(|(_, value)| known(*value)).fold(0.0, f64::max);
    // the number stands behind the bar
    let room = WIDTH - WORDS - 72.0;
    for (at, (name, value)) in rows.iter().enumerate() {
        let (value, y) = (known(*value), ROW * at as f64);
        let width = if longest > 0.0 { room * (value / longest) } else { 0.0 };
        let said = format!("{name}: {}", words(value));
        let middle = y + ROW / 2.0 + 4.0;
        svg.text("end", (WORDS - 8.0, middle), &short(name));
        svg.rect(class, (WORDS, y + 4.0), (width, ROW - 8.0), &said);
        svg.text("start", (WORDS + width + 6.0, middle), &words(value));
    }
    svg.end()
}

/// A number that can be drawn.
fn known(value: Option<&Option<f64>>) -> Option<f64> {
    value.copied().flatten().filter(|value| value.is_finite())
}

/// Where a share of the scale lies, from above.
fn height(share: f64) -> f64 {
    TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share)
}

/// Title, description, lines across with their numbers, days below.
fn axes(caption: Caption<'_>, days: &[String], scale: &Scale, words: Words<'_>) -> Svg {
    let mut svg = Svg::begin(caption, (WIDTH, HEIGHT));
    for tick in scale.ticks() {
        let y = height(scale.at(*tick));
        svg.line("axis", &[(LEFT, y), (WIDTH - RIGHT, y)]);
        svg.text("end", (LEFT - 6.0, y + 4.0), &words(*tick));
    }
    let pitch = (WIDTH - LEFT - RIGHT) / days.len().max(1) as f64;
    let every = days.len().div_ceil(LABELS).max(1);
    for (at, day) in days.iter().enumerate().step_by(every) {
        svg.text("middle", (LEFT + pitch * (at as f64 + 0.5), HEIGHT - 8.0), day);
    }
    svg
}

/// Words that fit beside a lying bar.
fn short(words: &str) -> String {
    if words.chars().count() <= WORDS_AT_MOST {
        return words.to_owned();
    }
    let kept: String = words.chars().take(WORDS_AT_MOST - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests;
