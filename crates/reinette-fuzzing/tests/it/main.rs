//! A little fuzzing on every run; `fuzz/` is for hours of it.

use reinette_fuzzing::{Budget, FuzzTarget, fuzz};

const RUNS: u64 = 1000;

#[test]
fn parsers_of_foreign_bytes_survive_damage() {
    for target in &FuzzTarget::ALL {
        let runs = fuzz(target, 0x5eed, Budget::Runs(RUNS)).unwrap_or_else(|crash| {
            panic!("{}: {}: {:?}", target.name, crash.reason, String::from_utf8_lossy(&crash.input))
        });
        assert_eq!(runs, RUNS);
    }
}

#[test]
fn libfuzzer_has_the_same_targets() {
    let manifest = include_str!("../../../../fuzz/Cargo.toml");
    let names: Vec<&str> = manifest.lines().filter_map(|line| line.strip_prefix("name = ")).skip(1).collect();
    assert_eq!(names, FuzzTarget::ALL.map(|target| format!("{:?}", target.name)));
}
