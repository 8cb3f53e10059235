//! Fuzzes one target without libFuzzer.
//!
//!     cargo run -p reinette-fuzzing --example fuzz -- TARGET SECONDS [SEED]
//!
//! The seconds are those of the processor: a campaign on a busy machine takes longer and does as much.
//! The input of a crash is written to the file `crash-TARGET` in the current folder.
#![expect(clippy::print_stdout, reason = "an example that reports what it found")]

use std::process::ExitCode;
use std::time::Duration;

use reinette_fuzzing::{Budget, FuzzTarget, fuzz};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, seconds, seed @ ..] = arguments.as_slice() else {
        return Err("usage: fuzz TARGET SECONDS [SEED]".into());
    };
    let known = || FuzzTarget::ALL.map(|target| target.name).join(", ");
    let target = FuzzTarget::find(name).ok_or_else(|| format!("no target `{name}`: there are {}", known()))?;
    let seed = seed.first().map_or(Ok(1), |seed| seed.parse())?;
    match fuzz(target, seed, Budget::Time(Duration::from_secs(seconds.parse()?))) {
        Ok(runs) => println!("{name}: {runs} inputs survived"),
        Err(crash) => {
            let file = format!("crash-{name}");
            std::fs::write(&file, &crash.input)?;
            println!("{name}: run {} failed, {}; its input is in {file}", crash.run, crash.reason);
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
