//! Lists `events/*.json`, so that a new event type is one new file and no Rust, and `facts/*.json`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    for folder in ["events", "facts"] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = fs::read_dir(root.join(folder))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        fs::write(out.join(format!("{folder}.rs")), list(&files))?;
    }
    Ok(())
}

/// A Rust expression: `&[(file name, text of the file), …]`.
fn list(files: &[PathBuf]) -> String {
    let mut text = String::from("&[\n");
    for path in files {
        let name = path.file_name().map_or(path.as_path(), Path::new);
        // `Debug` of a string is a Rust literal.
        let (name, path) = (name.display().to_string(), path.display().to_string());
        let _ = writeln!(text, "    ({name:?}, include_str!({path:?})),");
    }
    text.push(']');
    text
}
