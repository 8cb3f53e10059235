//! A little fuzzing on every run; `fuzz/` is for hours of it.

use reinette_testkit::{Budget, FuzzTarget, fuzz};

#[test]
fn parsers_of_foreign_bytes_survive_damage() {
    for target in FuzzTarget::ALL {
        let runs = fuzz(target, 0x5eed, Budget::Runs(3000)).unwrap_or_else(|crash| {
            panic!("{} did not survive {:?}", target.name(), String::from_utf8_lossy(&crash.input))
        });
        assert_eq!(runs, 3000);
    }
}
