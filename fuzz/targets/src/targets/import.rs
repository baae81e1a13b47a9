//! Files for `ulak import`: text in any encoding, workbooks, workbooks whose parts were changed one by one.

use std::io::{Cursor, Read as _, Write as _};

use chrono_tz::Tz::Europe__Istanbul;
use schemas::PhoneNumber;
use ulak::commands::import::outside;

use crate::check::{PLANTED, one_line};

/// Any file that does not begin as a workbook.
pub(super) fn csv(input: &[u8]) {
    if !input.starts_with(b"PK\x03\x04") {
        read(input.to_vec());
    }
}

/// The bytes of a workbook.
pub(super) fn xlsx(input: &[u8]) {
    read(input.to_vec());
}

fn read(bytes: Vec<u8>) {
    match outside::read(bytes, Europe__Istanbul) {
        Ok(read) => {
            one_line("the kind of a file", &read.format);
            for (name, phone) in &read.people {
                assert!(PhoneNumber::parse(phone).is_ok() && !name.chars().any(char::is_control));
            }
            for said in &read.refused {
                one_line("what is said of a row", said);
                assert!(PLANTED.iter().all(|planted| !said.contains(planted)), "{said}");
            }
        }
        Err(said) => {
            assert!(!said.is_empty() && said.chars().count() <= 2_000, "{said:?}");
            assert!(PLANTED.iter().all(|planted| !said.contains(planted)), "{said}");
        }
    }
}

/// Divides the parts of a workbook that is written as text.
const DIVIDER: &str = "\n--- part ";

/// A workbook's parts as one text.
pub(crate) fn parts_of(book: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(book)).expect("a workbook");
    let mut text = String::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).expect("a part");
        let name = part.name().expect("a name").into_owned();
        if name.starts_with("docProps") || name.contains("theme") {
            continue;
        }
        let mut content = String::new();
        part.read_to_string(&mut content).expect("XML");
        text.push_str(&format!("{DIVIDER}{name}\n{content}"));
    }
    text.into_bytes()
}

/// A workbook that is put together out of its parts, so that changes reach the XML behind the compression.
pub(super) fn parts(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    for part in text.split(DIVIDER).skip(1) {
        let (name, content) = part.split_once('\n').unwrap_or((part, ""));
        // a name that is there already, or that no archive can hold, is left out
        if archive.start_file(name, stored).is_ok() {
            archive.write_all(content.as_bytes()).expect("memory");
        }
    }
    if let Ok(book) = archive.finish() {
        read(book.into_inner());
    }
}
