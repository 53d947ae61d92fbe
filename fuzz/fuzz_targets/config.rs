#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nile_instance::fuzzed::config(data));
