//! `ulak config check` and `ulak config show`.

use super::{Failure, Settings, say};
use crate::cli::Global;
use crate::cli::config::{ConfigCommand, ShowArgs};
use crate::config::{ConfigError, DEFAULT, Purpose};
use crate::start;

/// Runs the command.
///
/// # Errors
/// What is wrong or missing in the configuration.
pub fn run(global: &Global, command: &ConfigCommand) -> Result<(), Failure> {
    if let ConfigCommand::Show(ShowArgs { manual: true }) = command {
        // needs no configuration: it says how to write one
        return Ok(say(DEFAULT.trim_end())?);
    }
    let settings = Settings::read(global)?;
    match command {
        ConfigCommand::Check(args) => {
            let one = args.purpose.map(|p| [p.purpose()]);
            let purposes = one.as_ref().map_or(settings.config.processes(), |one| &one[..]);
            check(global, &settings, purposes)
        }
        ConfigCommand::Show(_) => show(global, &settings),
    }
}

fn check(global: &Global, settings: &Settings, purposes: &[Purpose]) -> Result<(), Failure> {
    let mut errors: Vec<ConfigError> = Vec::new();
    for purpose in purposes {
        let missing =
            settings.config.check_for(*purpose, &settings.types).err().unwrap_or_default();
        for error in missing {
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
    }
    if purposes.iter().any(|it| matches!(it, Purpose::Up | Purpose::Worker)) {
        match start::check_templates(settings) {
            Err(Failure::Config(of_templates)) => errors.extend(of_templates),
            other => other?,
        }
    }
    if !errors.is_empty() {
        return Err(Failure::Config(errors));
    }
    let clinics = settings.config.clinics.len();
    if global.json {
        say(serde_json::json!({ "ok": true, "clinics": clinics }))?;
    } else {
        say(format_args!("The configuration is complete. Clinics: {clinics}."))?;
    }
    Ok(())
}

fn show(global: &Global, settings: &Settings) -> Result<(), Failure> {
    for value in settings.config.values() {
        if global.json { say(value.json())? } else { say(value)? }
    }
    Ok(())
}
