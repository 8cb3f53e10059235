#![no_main]

use reinette_testkit::FuzzTarget;

libfuzzer_sys::fuzz_target!(|input: &[u8]| FuzzTarget::ModelFile.run(input));
