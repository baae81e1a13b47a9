//! `ulak template …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use templates::Provider;

/// What stands below `ulak template --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak template check                      every text of every type, language, channel and clinic
  ulak template check --folder ./texts     a clinic's own texts before they are used
  ulak template preview event.json         the exact text, its alphabet, its characters and segments
  ulak template preview event.json --price netgsm=0.0525

Both read the configuration for clinics and folders; neither needs a database or a broker.";

/// `ulak template …`
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Find everything that is wrong with the texts: file, line, what to do
    Check(CheckArgs),
    /// Show an event as its person would read it, and what it would cost
    Preview(PreviewArgs),
}

/// `ulak template check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A clinic's own folder, instead of those of the configuration
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// `ulak template preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// File with one event; - is standard input
    #[arg(value_name = "EVENT.json")]
    pub file: PathBuf,
    /// Price of one segment at a provider, to multiply by
    #[arg(long, value_name = "PROVIDER=PRICE", value_parser = price)]
    pub price: Vec<(Provider, String)>,
}

fn price(text: &str) -> Result<(Provider, String), String> {
    let allowed = || {
        let names: Vec<_> = Provider::ALL.iter().map(|p| p.as_str()).collect();
        format!("write PROVIDER=PRICE, such as netgsm=0.0525; providers: {}", names.join(", "))
    };
    let (name, price) = text.split_once('=').ok_or_else(allowed)?;
    let provider = Provider::ALL.into_iter().find(|p| p.as_str() == name).ok_or_else(allowed)?;
    Ok((provider, price.to_owned()))
}
