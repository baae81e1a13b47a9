//! Every fuzz target as a property test, in every run of the tests.

use std::path::Path;

use fuzz_targets::{Shape, TARGETS, Target, corpus, find, mutate, run};

/// Every day the same inputs, unless somebody says otherwise.
const SEED: u64 = 20_261_122;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

/// The corpus, every regression case, and at least as many changed inputs as the target names.
fn holds(name: &str) {
    let target = find(name).expect("a target");
    for (path, input) in run::regressions(target) {
        if let Err(said) = run::one(target, &input) {
            panic!("{}: {said}", path.display());
        }
    }
    let seed = number("ULAK_FUZZ_SEED").unwrap_or(SEED);
    let inputs = number("ULAK_FUZZ_INPUTS").unwrap_or(0).max(target.in_ci);
    match run::run(target, seed, 0, inputs) {
        Ok(ran) => {
            println!(
                "{name}: {} inputs in {:.1} s, seed {seed}",
                ran.inputs,
                ran.took.as_secs_f64()
            );
            assert!(ran.inputs >= target.in_ci, "a run that shrank");
        }
        Err(failure) => panic!("{name}: {failure}"),
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        /// One test each, so that they run beside each other.
        mod keeps_its_promises_for_changed_inputs {
            $(#[test] fn $name() { super::holds(stringify!($name)); })*
        }

        #[test]
        fn no_target_is_left_out() {
            let named = [$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, named);
        }
    };
}

targets! {
    event fact canonical reopen phone person identifier money instant reminder_rule quiet_hours render segments suffix mask
    netgsm_send netgsm_report netgsm_account netgsm_consent iys_token iys_consent twilio_send twilio_list twilio_account
    twilio_callback twilio_status meta_webhook webhook_query http_events http_headers http_cursor config_value config_file import_csv import_xlsx import_parts record
    sealed broker_headers
}

#[test]
fn no_run_in_ci_is_smaller_than_it_may_be() {
    // only what one input costs milliseconds for, without optimisation, may be under a thousand
    for target in TARGETS {
        let fewest = if target.name == "config_file" { 300 } else { 1_000 };
        assert!(target.in_ci >= fewest, "{} runs {} inputs", target.name, target.in_ci);
    }
}

#[test]
fn every_target_is_one_of_cargo_fuzz_and_is_listed_with_its_parser() {
    let fuzz = corpus::root().join("fuzz");
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let (manifest, listed) = (read(&fuzz.join("Cargo.toml")), read(&fuzz.join("README.md")));
    for target in TARGETS {
        let name = target.name;
        let source = read(&fuzz.join("fuzz_targets").join(format!("{name}.rs")));
        assert!(source.contains(&format!("\"{name}\"")), "{name}: the source runs something else");
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
        assert!(listed.contains(&format!("`{name}`")), "{name} is not in fuzz/README.md");
    }
}

#[test]
fn one_seed_and_one_number_are_one_input_everywhere() {
    for target in TARGETS {
        let (one, other) = ((target.corpus)(), (target.corpus)());
        assert_eq!(one, other, "{}: its corpus changes from run to run", target.name);
        for index in [0, 1, 999_999] {
            assert_eq!(
                mutate::input(target, &one, 7, index),
                mutate::input(target, &other, 7, index)
            );
        }
        let many: std::collections::HashSet<_> =
            (0..200).map(|index| mutate::input(target, &one, 7, index)).collect();
        assert!(many.len() > 100, "{}: the same input again and again", target.name);
    }
}

#[test]
fn a_broken_promise_is_told_with_the_command_that_shows_it_again() {
    let breaks = Target {
        name: "breaks",
        run: |input| assert!(!input.contains(&b'7'), "a seven"),
        corpus: || vec![b"0123456".to_vec()],
        shape: Shape::Text,
        head: 0,
        in_ci: 0,
    };
    let failure = run::run(&breaks, SEED, 0, 10_000).expect_err("a seven comes soon");
    let told = failure.to_string();
    assert!(told.contains("a seven") && told.contains(file!()), "{told}");
    let (command, index) = failure.replay.rsplit_once(' ').expect("words");
    assert_eq!(command, format!("cargo run -p fuzz-targets -- breaks 1 {SEED}"));
    let index = index.parse().expect("a number");
    let again = run::run(&breaks, SEED, index, 1).expect_err("the same input");
    assert_eq!((again.input, again.replay), (failure.input, failure.replay));
}
