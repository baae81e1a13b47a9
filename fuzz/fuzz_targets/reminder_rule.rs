#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| (fuzz_targets::find("reminder_rule").expect("a target").run)(input));
