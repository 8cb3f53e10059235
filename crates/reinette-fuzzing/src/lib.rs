//! What fuzzers run, and a small fuzzer of our own that every toolchain can run.
//!
//! - [`FuzzTarget`]: a parser of foreign bytes; [`FuzzTarget::ALL`] is the table of them. libFuzzer runs the same ones
//!   (`fuzz/`) and finds more.
//! - [`fuzz`]: damages seeds of a target, for a [`Budget`]; deterministic, and needs nothing.
//!
//! Invariants: a target takes any bytes and returns; a panic, a hang or an exhausted memory ([`Crash`]) is a bug of its
//! parser. This crate knows parsers of every floor, so that no crate's tests import it but its own.

mod campaign;
mod home;
mod models;

pub use campaign::{Budget, Crash, fuzz};

/// A parser of foreign bytes, and what to begin with.
#[derive(Debug)]
pub struct FuzzTarget {
    /// The name of the binary under `fuzz/`.
    pub name: &'static str,
    run: fn(&[u8]) -> String,
    seeds: fn() -> Vec<Vec<u8>>,
    /// Words that the parser knows, to be put into inputs.
    words: &'static [&'static str],
}

impl FuzzTarget {
    /// All of them.
    pub const ALL: [FuzzTarget; 10] = [
        models::MODEL_FILE,
        models::ADAPTER,
        models::CHAT_TEMPLATE,
        models::TOKENS,
        models::SCHEMA,
        home::USERS_FILES,
        home::TIME,
        home::CALCULATION,
        home::SETTINGS,
        home::STORE,
    ];

    /// The target called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        const { &Self::ALL }.iter().find(|target| target.name == name)
    }

    /// Feeds the parser with `input`; gives what became of it, as far as it tells kinds of inputs apart.
    ///
    /// # Panics
    /// When the parser has a bug.
    pub fn run(&self, input: &[u8]) -> String {
        (self.run)(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_lead_deep_into_the_parsers() {
        let outcomes = |target: FuzzTarget| -> Vec<String> {
            let seeds = (target.seeds)();
            seeds.iter().map(|seed| target.run(seed)).collect()
        };
        assert_eq!(outcomes(models::ADAPTER), ["Ok(true)"]);
        let decoders = outcomes(models::MODEL_FILE).into_iter().filter(|outcome| outcome.ends_with(" Ok(true)"));
        assert_eq!(decoders.count(), reinette_testkit::ARCHITECTURES.len());
        assert!(outcomes(models::SCHEMA).iter().all(|outcome| !outcome.contains("no JSON")));
        let changes = outcomes(home::USERS_FILES).into_iter().filter(|outcome| outcome.contains("change of 1"));
        assert_eq!(changes.count(), 9);
        assert_eq!(outcomes(home::STORE), ["Ok(()) None None"]);
    }
}
