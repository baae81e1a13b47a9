//! `ulak import`: the appointments of a CSV or Excel file as facts. What would be done is shown first; `--apply` does it.

pub(super) mod columns;
mod fact;
mod fate;
pub(super) mod fold;
#[doc(hidden)]
pub mod outside;
pub(super) mod row;
pub(super) mod sheet;
mod told;
pub(super) mod when;
mod work;

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bus::{Bus, BusSettings};
use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::clock::Clock;
use ledger::vault::{Secret32, Vault, new_lookup_key};
use ledger::{Ledger, LedgerError};
use schemas::{ClinicId, PhoneNumber};

use super::{Failure, Settings, note, publish, runtime};
use crate::cli::Global;
use crate::cli::import::ImportArgs;
use crate::config::{Clinic, Purpose};
use crate::start;
use columns::Columns;
use fact::{Maker, Names, repeated};
use row::Visit;
use sheet::{Line, Sheet};
use told::{Fate, Sum, Teller, Told};
use work::{Entry, Way, Work};

/// Rows that are asked about and written together.
const SLICE: usize = 50;
/// How long a person at a terminal waits for the broker.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the command.
///
/// # Errors
/// The file is no list of appointments, ledger or broker are not there, or rows were left out; the others are done then.
pub fn run(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let settings = Settings::read(global)?;
    let (clinic, described) = clinic(&settings, args.clinic.as_ref())?;
    if args.apply {
        settings.config.check_for(Purpose::Records, &settings.types).map_err(Failure::Config)?;
    }
    let mut sheet = Sheet::open(&args.file, args.sheet.as_deref())?;
    let file = File::read(&mut sheet, args)?;
    let teller = Teller {
        json: global.json,
        applied: args.apply,
        zone: described.face.zone,
        columns: &file.columns,
    };
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    teller.head(&name, &sheet.format(), clinic.as_str())?;
    let as_of = changed_at(&args.file);
    let import = Import { settings: &settings, clinic: &clinic, args, teller: &teller, as_of };
    let sum = runtime()?.block_on(import.run(&file))?;
    teller.sum(&sum)?;
    if sum.left_out == 0 {
        return Ok(());
    }
    Err(anyhow!(
        "{} of {} rows were left out, each for the reason beside its line; mend them and import the file again, what is known already stays as it is",
        sum.left_out,
        sum.rows
    )
    .into())
}

/// What is read of a file.
struct File {
    columns: Columns,
    lines: Vec<Line>,
}

impl File {
    fn read(sheet: &mut Sheet, args: &ImportArgs) -> anyhow::Result<Self> {
        let shown = args.file.display();
        let first = sheet.first(columns::HEADER_WITHIN).with_context(|| shown.to_string())?;
        let columns = Columns::find(&first, &args.maps).with_context(|| shown.to_string())?;
        let used: Vec<usize> = columns.all().map(|(_, column, _)| column).collect();
        let lines = sheet.below(columns.header, &used).with_context(|| shown.to_string())?;
        if lines.is_empty() {
            return Err(anyhow!("{shown}: there is no row below the headers"));
        }
        Ok(Self { columns, lines })
    }
}

/// When the file was last changed: its rows are as of then. A file that does not say so is of now.
fn changed_at(file: &Path) -> Option<DateTime<Utc>> {
    let changed = std::fs::metadata(file).and_then(|about| about.modified()).ok()?;
    Some(DateTime::<Utc>::from(changed))
}

/// The clinic that is named, or the only one.
fn clinic<'a>(
    settings: &'a Settings,
    named: Option<&ClinicId>,
) -> Result<(ClinicId, &'a Clinic), Failure> {
    let clinics = &settings.config.clinics;
    let known: Vec<&str> = clinics.keys().map(ClinicId::as_str).collect();
    let found = match named {
        Some(id) => clinics.get_key_value(id),
        None if clinics.len() == 1 => clinics.iter().next(),
        None => None,
    };
    let problem = || match (named, known.as_slice()) {
        (_, []) => anyhow!("no clinic is configured; describe one under [clinics.<id>]"),
        (Some(id), _) => {
            anyhow!("{id} is no clinic of this installation; use one of {}", known.join(", "))
        }
        (None, _) => {
            anyhow!("say whose appointments these are: --clinic with one of {}", known.join(", "))
        }
    };
    let (id, clinic) = found.ok_or_else(problem)?;
    Ok((id.clone(), clinic))
}

/// One import.
struct Import<'a> {
    settings: &'a Settings,
    clinic: &'a ClinicId,
    args: &'a ImportArgs,
    teller: &'a Teller<'a>,
    as_of: Option<DateTime<Utc>>,
}

impl Import<'_> {
    async fn run(&self, file: &File) -> Result<Sum, Failure> {
        PhoneNumber::load_rules();
        let ledger = self.ledger().await?;
        let way = match (&ledger, self.args.apply, &self.settings.config.broker.url) {
            (Some(_), true, Some(url)) => {
                let broker = BusSettings::new(url.secret(), "import");
                let bus = Bus::start(broker, publish::topology(&self.settings.registry));
                Way::Broker(Box::new(bus.map_err(anyhow::Error::from)?))
            }
            (Some(_), true, None) => Way::Ledger,
            _ => Way::Dry,
        };
        let done = match connected(&way).await {
            Ok(()) => self.rows(file, ledger.as_ref(), &way).await,
            Err(error) => Err(error.into()),
        };
        if let Way::Broker(bus) = way {
            bus.close().await;
        }
        if let Some(ledger) = ledger {
            ledger.close().await;
        }
        done
    }

    /// The ledger; in a dry run none where there is none, or no key to it.
    async fn ledger(&self) -> Result<Option<Ledger>, Failure> {
        if self.settings.config.database.master_key.is_none() && !self.args.apply {
            return Ok(None);
        }
        let told = start::ledger_settings(&self.settings.config, "import", 2)?;
        match Ledger::open(&told).await {
            Ok(ledger) => Ok(Some(ledger)),
            Err(error @ (LedgerError::Schema(_) | LedgerError::Away(_))) if !self.args.apply => {
                note(&format!("ulak: what is known already is not shown: {error}"));
                Ok(None)
            }
            Err(error) => Err(start::Said::by(&self.settings.config).ledger_failure(error)),
        }
    }

    async fn rows(&self, file: &File, ledger: Option<&Ledger>, way: &Way) -> Result<Sum, Failure> {
        let now = ledger.map_or_else(|| Clock::default().now(), |ledger| ledger.clock().now());
        let own = if ledger.is_none() { Some(throwaway()?) } else { None };
        let vault = ledger.map(Ledger::vault).or(own.as_ref()).context("no key")?;
        let registry = &self.settings.registry;
        let maker = Maker {
            registry,
            vault,
            clinic: self.clinic,
            as_of: self.as_of.unwrap_or(now),
            now,
            again: self.args.again,
        };
        let rules = start::plan_rules(&self.settings.config);
        let rules = rules.get(self.clinic).context("the clinic's rules vanished")?;
        let applier = ledger.map(|ledger| work::applier(ledger, registry, &self.settings.config));
        let bar = progress(file.lines.len());
        let entries = entries(file, &maker, self.teller.zone);
        let work = Work { maker, rules, known: ledger.zip(applier.as_ref()), way };
        let mut sum = Sum::default();
        for slice in entries.chunks(SLICE) {
            let outcomes = work.rows(slice).await?;
            bar.suspend(|| {
                slice.iter().zip(outcomes).try_for_each(|(entry, outcome)| {
                    // without a ledger the names that are made here hold nowhere else
                    let names = entry.names.as_ref().filter(|_| ledger.is_some());
                    let told = Told {
                        line: entry.line,
                        visit: entry.visit.as_ref(),
                        appointment: names
                            .map(|names| names.appointment.as_str())
                            .or_else(|| entry.visit.as_ref().and_then(|visit| visit.id.as_deref())),
                        fact: outcome.fact,
                        fate: outcome.fate,
                        plan: outcome.plan,
                        stopped: outcome.stopped,
                    };
                    sum.add(&told);
                    self.teller.row(&told)
                })
            })?;
            bar.inc(slice.len() as u64);
        }
        bar.finish_and_clear();
        Ok(sum)
    }
}

/// Every row, read, named and held against the others of the file.
fn entries(file: &File, maker: &Maker<'_>, zone: chrono_tz::Tz) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(file.lines.len());
    for line in &file.lines {
        entries.push(match row::read(line, &file.columns, zone) {
            Ok(visit) => {
                let names = maker.names(&visit);
                Entry { line: line.number, visit: Some(visit), names: Some(names), fate: None }
            }
            Err(bad) => Entry {
                line: line.number,
                visit: None,
                names: None,
                fate: Some(Fate::LeftOut(bad)),
            },
        });
    }
    let named: Vec<(usize, (&Visit, &Names))> = entries
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| Some((place, (entry.visit.as_ref()?, entry.names.as_ref()?))))
        .collect();
    let (places, visits): (Vec<usize>, Vec<(&Visit, &Names)>) = named.into_iter().unzip();
    let repeated: Vec<(usize, Fate)> = repeated(&visits)
        .into_iter()
        .map(|(place, what)| {
            let fate = what.map_or_else(Fate::LeftOut, |line| Fate::Repeated { line });
            (places[place], fate)
        })
        .collect();
    for (place, fate) in repeated {
        entries[place].fate = Some(fate);
    }
    entries
}

/// A key for names that nobody keeps: where there is no ledger, nothing can be known of them.
fn throwaway() -> Result<Vault, Failure> {
    let key = Secret32::random().map_err(start::ledger_failure)?;
    let wrapped = new_lookup_key(&key).map_err(start::ledger_failure)?;
    Vault::open(key, &wrapped).map_err(start::ledger_failure)
}

/// Waits for the broker, if there is one to wait for.
async fn connected(way: &Way) -> anyhow::Result<()> {
    let Way::Broker(bus) = way else { return Ok(()) };
    match tokio::time::timeout(PATIENCE, bus.ready()).await {
        Ok(ready) => Ok(ready?),
        Err(_) => Err(anyhow!(
            "RabbitMQ does not answer at broker.url within {PATIENCE:?}; nothing was imported"
        )),
    }
}

/// A bar on a terminal; elsewhere nothing.
pub(super) fn progress(rows: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::new(rows as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} left") {
        bar.set_style(style);
    }
    bar
}
