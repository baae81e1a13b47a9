//! The files that texts are written in: built into the program, or in a clinic's folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use schemas::{Channel, Language};

use crate::error::TemplateError;

/// Every file under `messages/`, listed by `build.rs`: (path below it, content).
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// Languages in which every text is written; each is a folder.
pub(crate) const LANGUAGES: [Language; 2] = [Language::Tr, Language::En];

/// Channels whose texts are files of ours: `<channel>.txt`.
pub(crate) const CHANNELS: [Channel; 1] = [Channel::Sms];

/// Words for choices, beside the texts of one type and language.
pub(crate) const WORDS: &str = "words.json";

/// More than any text needs; a larger file is a mistake.
const LARGEST: u64 = 64 * 1024;

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// How errors name it.
    pub(crate) shown: String,
    pub(crate) content: String,
}

/// All files of one layer, by `<type>/<language>/<file>`.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, File>);

impl Files {
    pub(crate) fn built_in() -> Self {
        let files = BUILT_IN.iter().map(|(path, content)| {
            let shown = format!("templates/messages/{path}");
            ((*path).to_owned(), File { shown, content: (*content).to_owned() })
        });
        Self(files.collect())
    }

    /// Reads `<folder>/messages/<type>/<language>/{sms.txt,words.json}`. A folder without
    /// `messages` has no texts of its own; a folder that is not there is an error.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, TemplateError> {
        let mut files = BTreeMap::new();
        if !folder.is_dir() {
            return Err(TemplateError::new(
                folder.display().to_string(),
                "is not a folder that can be read: mend the folder in the configuration",
            ));
        }
        let messages = folder.join("messages");
        if messages.exists() {
            for (event_type, folder) in entries(&messages)? {
                for (language, folder) in entries(&folder)? {
                    for (name, file) in entries(&folder)? {
                        let content = read(&file)?;
                        let shown = file.display().to_string();
                        files.insert(
                            format!("{event_type}/{language}/{name}"),
                            File { shown, content },
                        );
                    }
                }
            }
        }
        Ok(Self(files))
    }

    /// Puts the files of other types beside these.
    pub(crate) fn add(&mut self, files: Self) -> Result<(), TemplateError> {
        let taken = |path: &str| path.split('/').next().is_some_and(|name| self.has_type(name));
        if let Some((_, file)) = files.0.iter().find(|(path, _)| taken(path)) {
            let problem = "belongs to a built-in type: put it into a clinic's folder instead";
            return Err(TemplateError::new(&file.shown, problem));
        }
        self.0.extend(files.0);
        Ok(())
    }

    pub(crate) fn get(&self, event_type: &str, language: &str, name: &str) -> Option<&File> {
        self.0.get(&format!("{event_type}/{language}/{name}"))
    }

    /// Whether there is any file for this type.
    pub(crate) fn has_type(&self, event_type: &str) -> bool {
        self.0.keys().any(|path| path.split('/').next() == Some(event_type))
    }

    /// A file that nothing would ever use is a misspelt one: an error for each.
    pub(crate) fn misplaced(&self, event_types: &[&str]) -> Vec<TemplateError> {
        let mut errors = Vec::new();
        for (path, file) in &self.0 {
            let parts: Vec<&str> = path.split('/').collect();
            let problem = match parts.as_slice() {
                [event_type, ..] if !event_types.contains(event_type) => {
                    format!(
                        "no event type is called `{event_type}`; there are {}",
                        event_types.join(", ")
                    )
                }
                [_, language, _] if !LANGUAGES.iter().any(|known| known.as_str() == *language) => {
                    format!("no language is called `{language}`; there are tr, en")
                }
                [_, _, name] if *name == WORDS || is_text(name) => continue,
                _ => format!("`{path}` is no text: expected <type>/<language>/sms.txt or {WORDS}"),
            };
            errors.push(TemplateError::new(&file.shown, problem));
        }
        errors
    }
}

fn is_text(name: &str) -> bool {
    CHANNELS.iter().any(|channel| name.strip_suffix(".txt") == Some(channel.as_str()))
}

/// What is in a folder, in order of name; hidden entries are editors' business.
fn entries(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>, TemplateError> {
    let failed = |problem: String| TemplateError::new(folder.display().to_string(), problem);
    if !folder.is_dir() {
        return Err(failed(
            "is a file where a folder is expected: messages/<type>/<language>/sms.txt".to_owned(),
        ));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(format!("cannot be read: {error}")))? {
        let entry = entry.map_err(|error| failed(format!("cannot be read: {error}")))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<String, TemplateError> {
    let failed = |problem: String| TemplateError::new(file.display().to_string(), problem);
    let size = fs::metadata(file)
        .map_err(|error| failed(format!("cannot be read: {error}")))
        .and_then(|meta| {
            if meta.is_file() { Ok(meta.len()) } else { Err(failed("is not a file".to_owned())) }
        })?;
    if size > LARGEST {
        return Err(failed(format!("has {size} bytes; a text has at most {LARGEST}")));
    }
    let bytes = fs::read(file).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let content = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        TemplateError::at(
            file.display().to_string(),
            (line, 1),
            "is not UTF-8: save it as UTF-8 (not Windows-1254)",
        )
    })?;
    Ok(content.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::short_name;

    #[test]
    fn every_built_in_file_has_a_use() {
        let registry = schemas::Registry::embedded().unwrap();
        let names: Vec<&str> = registry.types().map(|t| short_name(&t.name)).collect();
        assert_eq!(Files::built_in().misplaced(&names), []);
    }
}
