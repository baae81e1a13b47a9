//! `ulak template …`: what is wrong with the texts, and what an event would read like.

mod whatsapp;

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use schemas::{Channel, ClinicId, PhoneNumber};
use serde_json::json;
use templates::{Finding, Preview, Provider, Severity};

use super::{Failure, Settings, say};
use crate::cli::Global;
use crate::cli::template::{CheckArgs, PreviewArgs, TemplateCommand};
use crate::config::ConfigError;
use crate::start;
use whatsapp::Carrier;

/// Runs the command.
///
/// # Errors
/// A text has an error, or the event would be refused.
pub fn run(global: &Global, command: &TemplateCommand) -> Result<(), Failure> {
    let settings = Settings::read(global)?;
    match command {
        TemplateCommand::Check(args) => check(global, &settings, args),
        TemplateCommand::Preview(args) => preview(global, &settings, args),
    }
}

fn check(global: &Global, settings: &Settings, args: &CheckArgs) -> Result<(), Failure> {
    let folders = match &args.folder {
        Some(folder) => {
            let anybody = ClinicId::parse("clinic").context("the name of a clinic")?;
            vec![(anybody, folder.clone())]
        }
        None => start::clinic_folders(&settings.config),
    };
    let findings =
        templates::check(&settings.registry, settings.config.types.folder.as_deref(), &folders);
    for finding in &findings {
        if global.json {
            say(finding_json(finding))?;
        } else {
            say(finding)?;
        }
    }
    let mut errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
    let of_whatsapp = if args.folder.is_none() { mapped_errors(settings) } else { vec![] };
    errors += of_whatsapp.len();
    for error in of_whatsapp {
        if global.json {
            say(json!({
                "file": error.key, "line": null, "column": null, "severity": "error",
                "what": error.problem,
            }))?;
        } else {
            say(format_args!("{}: error: {}", error.key, error.problem))?;
        }
    }
    if errors > 0 {
        return Err(anyhow!("{errors} error(s) in the texts; mend what stands above").into());
    }
    if !global.json {
        say(format_args!("The texts are in order ({} warning(s)).", findings.len()))?;
    }
    Ok(())
}

/// What is wrong with the values of mapped templates of WhatsApp.
fn mapped_errors(settings: &Settings) -> Vec<ConfigError> {
    match start::check_templates(settings) {
        Err(Failure::Config(errors)) => errors,
        // texts that do not load are above, each with its place
        Ok(()) | Err(Failure::Failed(_) | Failure::Said) => vec![],
    }
}

fn finding_json(finding: &Finding) -> serde_json::Value {
    json!({
        "file": finding.file, "line": finding.line, "column": finding.column,
        "severity": finding.severity.as_str(), "what": finding.what,
    })
}

fn preview(global: &Global, settings: &Settings, args: &PreviewArgs) -> Result<(), Failure> {
    let bytes = read(&args.file)?;
    let source = source_of(&bytes);
    let clinic = source
        .as_deref()
        .and_then(|source| ClinicId::of_source(source).ok())
        .and_then(|id| settings.config.clinics.get(&id))
        .with_context(|| {
            format!(
                "{}: its source names no clinic of the configuration; see `ulak config show`",
                args.file.display()
            )
        })?;
    PhoneNumber::load_rules();
    let renderer = start::renderer(settings)?;
    let prices: Vec<(Provider, &str)> =
        args.price.iter().map(|(p, price)| (*p, price.as_str())).collect();
    let now = ledger::Clock::default().now();
    let preview = renderer
        .preview_event(&settings.registry, &bytes, &clinic.face, Channel::Sms, now, &prices)
        .map_err(|error| anyhow!("{}: {error}", args.file.display()))?;
    let carriers = whatsapp::carriers(settings, &renderer, &bytes, now);
    if global.json {
        let mut json = preview_json(&preview);
        json["whatsapp"] = carriers.iter().map(Carrier::json).collect();
        return Ok(say(json)?);
    }
    for line in preview_lines(&preview) {
        say(line)?;
    }
    for line in carriers.iter().flat_map(Carrier::lines) {
        say(line)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok(bytes);
    }
    Ok(std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?)
}

fn source_of(bytes: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.get("source")?.as_str().map(str::to_owned)
}

fn preview_json(preview: &Preview) -> serde_json::Value {
    let costs: Vec<_> = preview
        .costs
        .iter()
        .map(|cost| json!({ "provider": cost.provider.as_str(), "encoding": cost.segments.encoding.as_str(), "segments": cost.segments.segments, "price": cost.price }))
        .collect();
    json!({
        "text": preview.text.expose(), "template": preview.template, "template_version": preview.template_version,
        "encoding": preview.encoding.as_str(), "characters": preview.characters, "costs": costs,
    })
}

fn preview_lines(preview: &Preview) -> Vec<String> {
    let mut lines = vec![
        preview.text.expose().to_owned(),
        String::new(),
        format!("template    {} ({})", preview.template, preview.template_version),
        format!("characters  {} in {}", preview.characters, preview.encoding.as_str()),
    ];
    if !preview.outside_alphabets.is_empty() {
        let outside: String = preview.outside_alphabets.iter().collect();
        lines.push(format!("outside     {outside}  (these make it UCS-2, which holds less)"));
    }
    for cost in &preview.costs {
        let price = cost.price.as_ref().map(|price| format!(", price {price}")).unwrap_or_default();
        let segments = &cost.segments;
        lines.push(format!(
            "{:<11} {} segment(s) {}{price}",
            cost.provider.as_str(),
            segments.segments,
            segments.encoding.as_str()
        ));
    }
    lines
}
