//! The table: alive on a terminal, plain lines elsewhere, and with each text at the end.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::expected::Expected;
use super::say;
use super::watch::{Place, Watch};

/// Width of the first column.
const NAME: usize = 24;
/// Width of the second.
const STATE: usize = 13;

/// What is on its way, while it is.
pub struct Live {
    bars: Vec<ProgressBar>,
    said: Vec<bool>,
    on_terminal: bool,
    all: MultiProgress,
}

impl Live {
    /// One line an event.
    pub fn new(watch: &Watch<'_>) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        let all = MultiProgress::new();
        let mut bars = vec![];
        if on_terminal {
            for (expected, _) in watch.all() {
                let bar = all.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(
                        style.tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "✓"]),
                    );
                }
                bar.set_message(format!("{:<NAME$}", expected.event));
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.push(bar);
            }
        }
        let said = vec![false; watch.all().count()];
        Self { bars, said, on_terminal, all }
    }

    /// Shows what has changed.
    pub fn update(&mut self, watch: &Watch<'_>) {
        for (i, (expected, place)) in watch.all().enumerate() {
            if place.as_foreseen == self.said[i] && !self.on_terminal {
                continue;
            }
            let line = line(expected, place);
            if let Some(bar) = self.bars.get(i).filter(|bar| !bar.is_finished()) {
                if place.as_foreseen {
                    bar.finish_with_message(line);
                } else {
                    bar.set_message(line);
                }
            } else if !self.on_terminal && place.as_foreseen {
                // a line that nobody reads any more is no failure of the demo
                let _ = say(line);
            }
            self.said[i] = place.as_foreseen;
        }
    }

    /// Takes the live lines away: the table follows.
    pub fn end(self) {
        let _ = self.all.clear();
    }
}

fn line(expected: &Expected, place: &Place) -> String {
    let why = if place.why.is_empty() { String::new() } else { format!(" ({})", place.why) };
    let attempts =
        if place.attempts > 1 { format!(" {} attempts", place.attempts) } else { String::new() };
    let shows =
        if expected.shows.is_empty() { String::new() } else { format!("  — {}", expected.shows) };
    format!("{:<NAME$} {:<STATE$}{attempts}{why}{shows}", expected.event, place.state)
}

/// The whole table, section by section, with the exact texts.
///
/// # Errors
/// Nobody reads it any more.
pub fn show(watch: &Watch<'_>) -> anyhow::Result<()> {
    heading("What became of each event, and the exact text that the provider got")?;
    let mut section = "";
    for (expected, place) in watch.all() {
        if expected.section != section {
            section = &expected.section;
            say(format_args!("\n{section}"))?;
        }
        let mark = if place.as_foreseen { " " } else { "!" };
        say(format_args!("{mark} {}", line(expected, place)))?;
        for (provider, text) in &place.texts {
            say(format_args!("    {provider}: {text}"))?;
        }
        if !place.as_foreseen {
            say(format_args!(
                "    NOT AS FORESEEN: expected {} {} with {} text(s), found {} {} with {}",
                expected.state,
                expected.why,
                expected.texts,
                if place.state.is_empty() { "nothing" } else { &place.state },
                place.why,
                place.texts.len()
            ))?;
        }
    }
    Ok(())
}

/// A line that begins something.
///
/// # Errors
/// Nobody reads it any more.
pub fn heading(line: &str) -> anyhow::Result<()> {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (on, off) = if colours { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    say(format_args!("\n{on}{line}{off}"))?;
    Ok(())
}
