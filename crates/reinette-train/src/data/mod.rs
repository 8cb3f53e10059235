//! Training data as tokens.

mod encoder;
mod order;

pub use encoder::{Encoder, LearnedTool};
pub(crate) use order::{Order, Position};

use crate::TrainError;
use crate::batch::Example;
use crate::config::Config;
use reinette_data::lines::Records;
use reinette_data::{DataError, Random};
use std::hash::Hasher as _;
use std::path::Path;
use twox_hash::XxHash3_64;

/// What a run learns from, as tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataSet {
    /// Examples, with how often an epoch sees each.
    pub(crate) train: Vec<(Example, f64)>,
    pub(crate) validation: Vec<Example>,
}

impl DataSet {
    /// Reads all files; examples to validate with are chosen by `seed` where there is no file of them.
    ///
    /// # Errors
    /// If a file cannot be read, or a line is not as it should be.
    pub(crate) fn read(config: &Config, encoder: &mut Encoder) -> Result<Self, TrainError> {
        let Config { data: ref config, ref distillation, seed, .. } = *config;
        let mut set = Self::default();
        for source in &config.train {
            let examples = read_file(&source.path, encoder, distillation.weight)?;
            set.train.extend(examples.into_iter().map(|example| (example, source.weight)));
        }
        let mut random = Random::new(seed, u64::from(u32::from_be_bytes(*b"held")));
        if let Some(path) = &config.validation {
            set.validation = read_file(path, encoder, distillation.weight)?;
        } else {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the examples")]
            let held = (set.train.len() as f64 * config.validation_share) as usize;
            random.shuffle(&mut set.train);
            let kept = set.train.len() - held.min(set.train.len().saturating_sub(1));
            set.validation = set.train.drain(kept..).map(|(example, _)| example).collect();
        }
        random.shuffle(&mut set.validation);
        set.validation.truncate(config.validation_examples);
        Ok(set)
    }

    /// Whether any example has a rejected answer.
    pub(crate) fn has_preferences(&self) -> bool {
        let train = self.train.iter().map(|(example, _)| example);
        train.chain(&self.validation).any(|example| example.rejected.is_some())
    }

    /// Tells whether a checkpoint was made with the same data.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = XxHash3_64::new();
        let weighted = self.train.iter().map(|(example, weight)| (example, weight.to_bits()));
        for (example, weight) in weighted.chain(self.validation.iter().map(|example| (example, 0))) {
            hasher.write(&weight.to_le_bytes());
            hasher.write(&(example.prompt_tokens as u64).to_le_bytes());
            hasher.write(&(example.tokens.len() as u64).to_le_bytes());
            for earlier in &example.earlier {
                hasher.write(&(earlier.start as u64).to_le_bytes());
                hasher.write(&(earlier.end as u64).to_le_bytes());
            }
            let rejected = example.rejected.iter().flatten();
            example.tokens.iter().chain(rejected).for_each(|token| hasher.write(&token.to_le_bytes()));
            for (token, share) in example.taught.iter().flatten() {
                hasher.write(&token.to_le_bytes());
                hasher.write(&share.to_le_bytes());
            }
        }
        hasher.finish()
    }
}

/// Reads the examples of a file, record by record.
fn read_file(path: &Path, encoder: &mut Encoder, weight: f64) -> Result<Vec<Example>, TrainError> {
    let mut examples = Vec::new();
    for record in Records::open(path)? {
        let (line, text) = record?;
        let wrong = |problem| DataError::Line { file: path.display().to_string(), line, problem };
        examples.push(encoder.read(&text, weight).map_err(wrong)?);
    }
    if examples.is_empty() { Err(TrainError::NoData { path: path.to_owned() }) } else { Ok(examples) }
}
