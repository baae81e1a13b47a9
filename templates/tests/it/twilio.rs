//! Twilio's own calculator (npm `sms-segments-calculator`) judges what a text costs there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use templates::{Encoding, Provider, count_for};

use crate::node;

/// A folder under `target/` with the pinned package, installed once.
fn installed() -> PathBuf {
    let tests = node::tests_folder();
    let lock = fs::read(tests.join("package-lock.json")).unwrap();
    let version = data_encoding::HEXLOWER.encode(&Sha256::digest(&lock)[..8]);
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let home = cache.join(format!("twilio-{version}"));
    if home.is_dir() {
        return home;
    }
    // Beside its place, then moved: another run never sees half of it.
    let fresh = tempfile::tempdir_in(&cache).unwrap();
    for file in ["package.json", "package-lock.json"] {
        fs::copy(tests.join(file), fresh.path().join(file)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(fresh.path())
        .output()
        .unwrap_or_else(|error| {
            panic!("npm installs the judge of this test and cannot be run: {error}")
        });
    assert!(
        npm.status.success(),
        "the npm registry gave no sms-segments-calculator, the judge of this test: {}",
        String::from_utf8_lossy(&npm.stderr)
    );
    let fresh = fresh.keep();
    if fs::rename(&fresh, &home).is_err() {
        // Another run was faster.
        assert!(home.is_dir(), "{} cannot be made", home.display());
        fs::remove_dir_all(&fresh).unwrap();
    }
    home
}

/// Texts of signs that are one character each, as ours are after cleaning but for some emoji.
fn texts() -> Vec<String> {
    let mut texts = vec![String::new(), " ".to_owned()];
    // Every character of the scripts alone; a combining mark or a control is none by itself.
    let scripts = (0x20_u32..0x2600).filter_map(char::from_u32);
    let alone = |c: &char| !matches!(c, '\u{300}'..='\u{36f}' | '\u{7f}'..='\u{9f}');
    texts.extend(scripts.filter(alone).map(String::from));
    for (letter, around) in [
        ("a", 155..=165),
        ("a", 300..=310),
        ("a", 455..=465),
        ("ş", 65..=75),
        ("ş", 130..=140),
        ("â", 195..=205),
        ("€", 70..=90),
        ("€", 148..=158),
        ("😀", 30..=40),
        ("😀", 64..=70),
    ] {
        for length in around {
            texts.push(letter.repeat(length));
            texts.push(format!("a{}", letter.repeat(length)));
            texts.push(format!("{}b", letter.repeat(length)));
            texts.push(format!("{}{{}}", letter.repeat(length)));
        }
    }
    let mut runner = TestRunner::deterministic();
    let alphabet =
        "abcdefghijklmnopqrstuvwxyzABCÇĞİÖŞÜçğıöşü0123456789 .,:;'\"!?-@£$^{}\\[]~|€âîû😀🦷";
    for letters in [alphabet, "abcxyz .,öüÖÜÇ^{}[]~|€", "şığ ab😀"] {
        let letters: Vec<char> = letters.chars().collect();
        let strategy = proptest::collection::vec(proptest::sample::select(letters), 0..700);
        for _ in 0..400 {
            let chars = strategy.new_tree(&mut runner).unwrap().current();
            texts.push(chars.into_iter().collect());
        }
    }
    texts
}

#[test]
fn twilio_counts_as_we_do() {
    let texts = texts();
    let judged = node::ask("twilio.mjs", &[&installed()], &json!(texts));
    let judged = judged.as_array().unwrap();
    assert_eq!(judged.len(), texts.len());
    let mut wrong = Vec::new();
    for (text, judged) in texts.iter().zip(judged) {
        let ours = count_for(Provider::Twilio, text);
        let encoding = if ours.encoding == Encoding::Gsm7 { "GSM-7" } else { "UCS-2" };
        if judged["encoding"] != encoding || judged["segments"] != ours.segments {
            wrong.push(format!("{text:?}: {ours:?}, Twilio {judged}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        texts.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[test]
fn turkish_letters_are_dear_at_twilio_only() {
    let text = "Sayın Ayşe, 12.03.2026 14:30 randevunuz vardır. Değişiklik için: 0212 000 00 00";
    let twilio = count_for(Provider::Twilio, text);
    assert_eq!((twilio.encoding, twilio.units, twilio.segments), (Encoding::Ucs2, 79, 2));
    assert_eq!(count_for(Provider::Netgsm, text), templates::count(text));
    assert_eq!(templates::count(text).segments, 1);
    // No suffix of the operators there.
    assert_eq!(count_for(Provider::Twilio, &"a".repeat(160)).segments, 1);
    assert_eq!(count_for(Provider::Netgsm, &"a".repeat(160)).segments, 2);
}
