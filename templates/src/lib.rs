//! Texts as data, and what makes one readable Turkish (or English) line of an event.
//!
//! Texts live in `messages/<type>/<language>/sms.txt`; a clinic may put its own in its folder. All
//! of them are checked by [`Renderer::load`], which fails with file and line, so that
//! [`Renderer::render`] has nothing left to fail on for a valid event. `README.md` of this crate is
//! for people who write texts.

mod check;
mod clean;
mod clinic;
mod content;
mod economy;
mod error;
mod files;
mod fill;
mod filters;
mod load;
mod message;
mod moments;
mod money;
mod plan;
mod preview;
mod renderer;
mod sample;
mod scan;
mod segments;
pub mod turkish;
mod view;
mod words;

pub use check::{Finding, Severity, check};
pub use clinic::{ClinicFace, NameStyle};
pub use economy::RenderPolicy;
pub use error::{RenderError, TemplateError};
pub use fill::{Filled, ValueProblem, Wanted};
pub use message::{Message, Text};
pub use moments::Moment;
pub use money::format_money;
pub use preview::{Cost, Preview, PreviewError};
pub use renderer::Renderer;
pub use segments::{Encoding, Provider, Segments, count, count_for, outside_alphabets};
