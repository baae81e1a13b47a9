#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| (fuzz_targets::find("meta_webhook").expect("a target").run)(input));
