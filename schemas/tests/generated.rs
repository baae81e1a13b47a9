//! Bad bodies that no file could hold well: too large, too deep, not UTF-8, random.

use std::fs;

use proptest::prelude::*;
use schemas::{Refusal, Registry, Rule};

fn good() -> String {
    let path = format!(
        "{}/examples/ulak.appointment-reminder.v1/ok-full.json",
        env!("CARGO_MANIFEST_DIR")
    );
    fs::read_to_string(path).unwrap()
}

fn refused(body: &[u8]) -> Refusal {
    Registry::embedded().unwrap().read(body, None, &|_| true).unwrap_err()
}

#[test]
fn a_body_of_65_kib_is_too_large() {
    let body = good().replace("A-1042", &"x".repeat(65 * 1024));
    let refusal = refused(body.as_bytes());
    assert_eq!(
        (refusal.rule, refusal.path.as_str(), refusal.holds_person),
        (Rule::TooLarge, "", true)
    );
}

#[test]
fn ten_thousand_nested_arrays_cost_no_stack() {
    // A thread with a small stack, so that recursion would be seen even in a release build.
    let read = || {
        let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [
            nested.clone(),
            good().replace("\"A-1042\"", &nested),
            "[".repeat(60_000),
            "{\"data\":".repeat(8_000),
        ] {
            assert_eq!(refused(body.as_bytes()).rule, Rule::TooDeep);
        }
    };
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(read).unwrap().join().unwrap();
}

#[test]
fn windows_1254_is_not_utf8_and_still_a_persons_data() {
    let body: Vec<u8> = good()
        .chars()
        .map(|letter| match letter {
            'ş' => 0xfe,
            'ı' => 0xfd,
            'ğ' => 0xf0,
            'Ş' => 0xde,
            letter => u8::try_from(u32::from(letter)).unwrap(),
        })
        .collect();
    let refusal = refused(&body);
    assert_eq!(
        (refusal.rule, refusal.path.as_str(), refusal.holds_person),
        (Rule::NotUtf8, "", true)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_good_body_cut_or_flipped_anywhere_is_read_without_a_panic(at in 0usize..700, byte in any::<u8>()) {
        let registry = Registry::embedded().unwrap();
        let mut body = good().into_bytes();
        let at = at % body.len();
        let _ = registry.read(&body[..at], None, &|_| true);
        body[at] = byte;
        if let Err(refusal) = registry.read(&body, None, &|_| true) {
            prop_assert!(refusal.holds_person);
        }
    }
}
