//! Every binary is this file: it runs the target of its own name.
#![no_main]

use reinette_fuzzing::FuzzTarget;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let target = FuzzTarget::find(env!("CARGO_BIN_NAME")).expect("the binary is named after a target");
    target.run(input);
});
