//! `ulak log export`: whatever a search finds, as a file of any size.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::access::{Access, AccessKind};
use ledger::export::{Export, OPENED};
use ledger::find::By;
use ledger::search::SearchFilter;
use serde_json::json;
use story::lookup::{self, Question, Where};

use super::super::desk::Desk;
use super::super::{Failure, say};
use crate::cli::records::ExportArgs;
use crate::{operator, start};

/// Rows that are counted at most for the bar; of more it says only how many are written.
const COUNTED: i64 = 10_000_000;

/// Runs the command.
///
/// # Errors
/// The ledger does not answer, the file is there already, or its disk is full.
pub(super) async fn run(desk: &Desk, args: &ExportArgs) -> Result<(), Failure> {
    let filter = filter(desk, args)?;
    let mut out = Out::open(args.output.as_deref())?;
    let noted = Noted::new(args, &filter);
    noted.opened(desk).await?;
    let bar = bar(desk, args, &filter).await;
    let mut export = Export::new(&desk.ledger, filter, args.format, args.open.is_some());
    let written = write(&mut export, &mut out, &bar).await;
    bar.finish_and_clear();
    // also of a file that was not finished: so much was taken away
    noted.exported(desk, export.rows()).await?;
    written?;
    if let Some(file) = &args.output {
        let rows = export.rows();
        if desk.json {
            say(json!({ "rows": rows, "file": file.display().to_string() }))?;
        } else {
            say(format_args!("{rows} row(s) written to {}", file.display()))?;
        }
    }
    Ok(())
}

async fn write(export: &mut Export, out: &mut Out, bar: &ProgressBar) -> Result<(), Failure> {
    while let Some(piece) = export.next().await.map_err(start::ledger_failure)? {
        out.write_all(&piece)?;
        bar.set_position(export.rows());
    }
    out.flush()?;
    Ok(())
}

/// What is asked for, ids and numbers as keyed hashes.
fn filter(desk: &Desk, args: &ExportArgs) -> Result<SearchFilter, Failure> {
    let (now, asked) = (desk.ledger.clock().now_ms(), &args.filter);
    let mut filter = SearchFilter {
        from: asked.since.map(|moment| moment.ms(now)),
        to: asked.until.map(|moment| moment.ms(now)),
        clinic: asked.clinic.as_ref().map(|clinic| clinic.as_str().to_owned()),
        event_type: desk.event_type(asked.event_type.as_deref())?,
        state: asked.state,
        channel: args.channel.clone(),
        provider: asked.provider.clone(),
        reason: asked.reason.clone(),
        event_id: args.event_id.clone(),
        ..SearchFilter::default()
    };
    let clinics = &desk.settings.config.clinics;
    let knows = |clinic: &schemas::ClinicId| clinics.contains_key(clinic);
    let of = Where { ledger: &desk.ledger, registry: &desk.settings.registry, knows: &knows };
    for question in questions(args)? {
        match lookup::by(of, &question).map_err(start::ledger_failure)? {
            Some(By::Appointment(key)) => filter.appointment = Some(key),
            Some(By::Things(keys)) => filter.things = keys,
            Some(By::Person(key)) => filter.person = Some(key),
            None => {}
        }
    }
    Ok(filter)
}

fn questions(args: &ExportArgs) -> Result<Vec<Question>, Failure> {
    let Some(clinic) = &args.filter.clinic else { return Ok(vec![]) };
    let mut questions = vec![];
    if let Some(id) = &args.appointment {
        questions.push(Question::Appointment(clinic.clone(), id.clone()));
    }
    if let Some(id) = &args.payment {
        questions.push(Question::Payment(clinic.clone(), id.clone()));
    }
    if let Some(phone) = &args.phone {
        let number = phone.number().ok_or_else(|| {
            anyhow!(
                "the value of --phone is not a phone number; use +905321234567 or '0532 123 45 67'"
            )
        })?;
        questions.push(Question::Phone(clinic.clone(), number.clone()));
    }
    Ok(questions)
}

/// Who takes personal data away, and why: recorded before the first row and after the last one.
struct Noted {
    why: Option<String>,
    words: String,
    clinic: String,
}

impl Noted {
    fn new(args: &ExportArgs, filter: &SearchFilter) -> Self {
        let clinic = filter.clinic.clone().unwrap_or_default();
        Self { why: args.open.clone(), words: filter.words(), clinic }
    }

    async fn note(&self, desk: &Desk, what: AccessKind) -> Result<(), Failure> {
        let clinic = self.clinic.clone();
        let access =
            Access { who: operator::name(), token: None, role: None, clinic, ntf: None, what };
        desk.ledger.note_access(&access).await.map_err(start::ledger_failure)
    }

    async fn opened(&self, desk: &Desk) -> Result<(), Failure> {
        let Some(reason) = self.why.clone() else { return Ok(()) };
        let fields = OPENED.map(str::to_owned).to_vec();
        self.note(desk, AccessKind::Opened { reason, fields }).await
    }

    /// A masked export is no more than a list: whoever may only read takes one too.
    async fn exported(&self, desk: &Desk, rows: u64) -> Result<(), Failure> {
        if self.why.is_none() {
            return Ok(());
        }
        self.note(desk, AccessKind::Exported { filter: self.words.clone(), rows }).await
    }
}

/// Where the rows go.
enum Out {
    File(BufWriter<File>),
    Standard(io::Stdout),
}

impl Out {
    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Standard(io::stdout())) };
        // nobody else's to read: it may hold names
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| {
            format!(
                "{} cannot be made; --output needs a file that is not there yet",
                path.display()
            )
        })?;
        Ok(Self::File(BufWriter::new(file)))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Standard(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Standard(stdout) => stdout.flush(),
        }
    }
}

/// A bar on a terminal to which the rows do not go; elsewhere nothing.
async fn bar(desk: &Desk, args: &ExportArgs, filter: &SearchFilter) -> ProgressBar {
    let shown =
        io::stderr().is_terminal() && (args.output.is_some() || !io::stdout().is_terminal());
    if !shown {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    // a count that takes too long is not worth waiting for
    let counted = desk.ledger.count_found(filter, COUNTED).await.ok();
    let counted = counted.filter(|rows| *rows < COUNTED).and_then(|rows| u64::try_from(rows).ok());
    let (bar, style) = match counted {
        Some(rows) => (ProgressBar::new(rows), "{bar:40} {pos} of {len} rows, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {pos} rows"),
    };
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
