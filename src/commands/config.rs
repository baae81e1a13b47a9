//! `ulak config check` and `ulak config show`.

use super::{Failure, Settings, say};
use crate::cli::Global;
use crate::cli::config::ConfigCommand;
use crate::config::{ConfigError, Purpose};

/// Runs the command.
///
/// # Errors
/// What is wrong or missing in the configuration.
pub fn run(global: &Global, command: &ConfigCommand) -> Result<(), Failure> {
    let settings = Settings::read(global)?;
    match command {
        ConfigCommand::Check(args) => {
            let purposes = args
                .purpose
                .map_or(vec![Purpose::Worker, Purpose::Scheduler], |p| vec![p.purpose()]);
            check(global, &settings, &purposes)
        }
        ConfigCommand::Show => show(global, &settings),
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
