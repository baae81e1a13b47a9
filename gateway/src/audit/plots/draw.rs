//! Shapes and words as SVG text. Everything that is not ours is escaped here and nowhere else.

use super::Caption;
use std::fmt::Write as _;

/// A picture that is being drawn.
#[derive(Debug)]
pub(super) struct Svg(String);

impl Svg {
    /// Begins a picture of this width and height, with what it says to those who do not see it.
    pub fn begin(caption: Caption<'_>, (width, height): (f64, f64)) -> Self {
        let Caption { id, title, desc } = caption;
        let (title, desc) = (escaped(title), escaped(desc));
        Self(format!(
            "<svg class=\"plot\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\" focusable=\"false\" \
             aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{desc}</desc>"
        ))
    }

    /// A box with what it stands for; its corner is the left upper one.
    pub fn rect(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        said: &str,
    ) {
        let said = escaped(said);
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{said}</title></rect>"
        ));
    }

    /// A point with what it stands for.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), said: &str) {
        let said = escaped(said);
        self.add(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{said}</title></circle>"
        ));
    }

    /// A line through points; fewer than two are none.
    pub fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() < 2 {
            return;
        }
        self.add(format_args!("<polyline class=\"{class}\" points=\""));
        for (at, (x, y)) in points.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            self.add(format_args!("{space}{x:.1},{y:.1}"));
        }
        self.add(format_args!("\"/>"));
    }

    /// Words that begin, end, or have their middle at this point of the line they stand on. The caption and the table say the same
    /// to those who do not see them.
    pub fn text(&mut self, anchor: &'static str, (x, y): (f64, f64), words: &str) {
        let words = escaped(words);
        self.add(format_args!(
            "<text aria-hidden=\"true\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
        ));
    }

    /// The finished picture.
    pub fn end(mut self) -> String {
        self.0.push_str("</svg>");
        self.0
    }

    fn add(&mut self, what: std::fmt::Arguments<'_>) {
        // writing to a string cannot fail
        let _ = self.0.write_fmt(what);
    }
}

/// Text as HTML and XML take it, between tags and in quotes; what XML has no place for at all is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => safe.push(c),
        }
    }
    safe
}
