#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nile_socketio::fuzzed::packet(data));
