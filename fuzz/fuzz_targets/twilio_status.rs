#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| (fuzz_targets::find("twilio_status").expect("a target").run)(input));
