#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| (fuzz_targets::find("config_value").expect("a target").run)(input));
