//! Event types that an operator brings: files of a folder, read at the start.

use std::fs;
use std::path::{Path, PathBuf};

use super::{EventType, Registry, RegistryError, event_type, policy_schema};

/// Queues of Ulak itself: a type whose events would go there cannot be.
const QUEUES_OF_ULAK: [&str; 5] =
    ["ulak.facts", "ulak.unroutable", "ulak.returned", "ulak.dead-letter", "ulak.dead"];

/// More than any schema needs; a larger file is a mistake.
const LARGEST: u64 = 256 * 1024;

impl Registry {
    /// The types that were built in, and those of `<folder>/events/<type>.v<n>.json`. What begins with a dot is
    /// passed over; any other file there is a mistake.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it is no event type, or one that there is already.
    pub fn with_folder(folder: &Path) -> Result<Self, RegistryError> {
        let mut registry = Self::embedded()?;
        let policy = policy_schema()?;
        for path in files(&folder.join("events"))? {
            let shown = path.display().to_string();
            let text = read(&path)?;
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let own = event_type(file, &shown, &text, &policy)?;
            registry.may_have(&own).map_err(|what| trouble(&path, what))?;
            registry.types.insert(own.name.clone(), own);
        }
        Ok(registry)
    }

    fn may_have(&self, own: &EventType) -> Result<(), String> {
        if self.types.contains_key(&own.name) {
            return Err(format!("{} is built in: give yours another name or version", own.name));
        }
        if self.facts.contains_key(&own.name) {
            return Err(format!(
                "{} is a fact, which asks for no message by itself: give the type another name",
                own.name
            ));
        }
        if QUEUES_OF_ULAK.contains(&own.queue.as_str()) {
            return Err(format!(
                "{} is a queue of Ulak itself: give the type another name",
                own.queue
            ));
        }
        Ok(())
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let unread = |error| {
        trouble(folder, format!("cannot be read ({error}); types.folder has a folder events in it"))
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, RegistryError> {
    let unread = |error| trouble(path, format!("cannot be read ({error})"));
    let length = fs::metadata(path).map_err(unread)?.len();
    if length > LARGEST {
        return Err(trouble(
            path,
            format!("has {length} bytes; no schema needs more than {LARGEST}"),
        ));
    }
    fs::read_to_string(path).map_err(unread)
}

fn trouble(path: &Path, what: String) -> RegistryError {
    RegistryError { file: path.display().to_string(), key: String::new(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMINDER: &str = include_str!("../../events/ulak.appointment-reminder.v1.json");

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("events")).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join("events").join(name), text).unwrap();
        }
        folder
    }

    fn refused(files: &[(&str, &str)]) -> String {
        let folder = folder(files);
        let error = Registry::with_folder(folder.path()).map(|_| ()).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn an_own_type_stands_beside_the_built_in_ones() {
        let files = [("klinik.visit-survey.v1.json", REMINDER), (".klinik.swp", "no JSON")];
        let own = folder(&files);
        let registry = Registry::with_folder(own.path()).unwrap();
        assert_eq!(registry.get("klinik.visit-survey.v1").unwrap().queue, "klinik.visit-survey");
        assert_eq!(registry.types().count(), Registry::embedded().unwrap().types().count() + 1);
    }

    #[test]
    fn what_cannot_be_a_type_stops_the_start_and_names_the_file() {
        for (file, text, said) in [
            ("ulak.payment-receipt.v1.json", REMINDER, "is built in"),
            ("ulak.facts.v1.json", REMINDER, "is a queue of Ulak itself"),
            ("clinic.payment-received.v1.json", REMINDER, "is a fact"),
            ("klinik.survey.json", REMINDER, "must be <type>.v<n>.json"),
            ("klinik.survey.v1.yaml", REMINDER, "must be <type>.v<n>.json"),
            ("klinik.survey.v1.json", "{", "EOF while parsing"),
            ("klinik.survey.v1.json", "{}", "mend the file"),
        ] {
            let error = refused(&[(file, text)]);
            assert!(error.starts_with(&format!("events/{file}: ")), "{error}");
            assert!(error.contains(said), "{error}");
        }
        let nowhere = tempfile::tempdir().unwrap();
        let error = Registry::with_folder(nowhere.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("types.folder has a folder events in it"), "{error}");
    }
}
