//! What Ulak tells back: every example is what its schema promises, and nothing that could be a person fits into one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("outcomes")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Each schema with its name.
fn schemas() -> Vec<(String, Value)> {
    let paths = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file());
    files
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), json(&path)))
        .collect()
}

#[test]
fn every_example_of_an_outcome_is_what_its_schema_promises() {
    let schemas = schemas();
    assert_eq!(schemas.len(), 2);
    for (name, schema) in schemas {
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut examples = 0;
        for entry in fs::read_dir(folder().join("examples").join(&name)).unwrap() {
            let path = entry.unwrap().path();
            let outcome = json(&path);
            let errors: Vec<String> =
                validator.iter_errors(&outcome["data"]).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
            assert_eq!(outcome["type"], name.as_str());
            assert_eq!(outcome["specversion"], "1.0");
            examples += 1;
        }
        assert!(examples >= 2, "{name}");
    }
}

#[test]
fn an_outcome_has_no_place_for_a_person() {
    for (name, schema) in schemas() {
        assert_eq!(schema["additionalProperties"], false, "{name}");
        let validator = jsonschema::validator_for(&schema).unwrap();
        let example = folder().join("examples").join(&name);
        let path = fs::read_dir(example).unwrap().next().unwrap().unwrap().path();
        for field in ["name", "phone", "recipient", "text", "detail", "body", "value"] {
            let mut data = json(&path)["data"].clone();
            data[field] = "Ayşe".into();
            assert!(!validator.is_valid(&data), "{name} has room for {field}");
        }
    }
}
