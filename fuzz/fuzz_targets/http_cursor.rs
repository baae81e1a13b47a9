#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| (fuzz_targets::find("http_cursor").expect("a target").run)(input));
