//! Preferring one answer to another.

use crate::TrainError;
use crate::adapter::{Adapter, Precision};
use crate::batch::Batch;
use crate::config::Config;
use crate::operations::AnswerLoss;
use reinette_engine::Model;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Its folder in that of a run.
const FOLDER: &str = "reference";

/// The model that preferences are measured against.
///
/// Paper: Direct Preference Optimization, arXiv:2305.18290.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The adapter as the run began with it.
    pub(crate) adapter: Adapter,
    /// How much the model is held to it.
    pub(crate) beta: f64,
}

impl Reference {
    /// Keeps the adapter with which a run begins in the run's folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn begin(run: &Path, adapter: &Adapter, config: &Config) -> Result<Self, TrainError> {
        let folder = run.join(FOLDER);
        fs::create_dir_all(&folder).map_err(TrainError::write(&folder))?;
        adapter.save(&folder, "", Precision::Exact)?;
        Ok(Self { adapter: adapter.clone(), beta: config.preference.beta })
    }

    /// The adapter with which a run began.
    ///
    /// # Errors
    /// If it cannot be read any more.
    pub(crate) fn load(run: &Path, model: &Model, config: &Config) -> Result<Self, TrainError> {
        let adapter = Adapter::load(&run.join(FOLDER), model, &config.model)?;
        Ok(Self { adapter, beta: config.preference.beta })
    }

    /// Makes the loss of each answer that is preferred to the one behind it, and of that one, the loss of the preference:
    /// `−ln σ(margin)`, where the margin is β times how much more likely the preferred one became, against the other, than
    /// it was with the reference. A pair weighs as much as its tokens do, so that it can stand beside examples of other
    /// forms; `right` tells of all its tokens whether the margin is above 0.
    pub(crate) fn prefer(&self, loss: &mut AnswerLoss, reference: &AnswerLoss, batch: &Batch) {
        let answers = places(&batch.outputs_per_answer);
        for preferred in &batch.preferred {
            let (chosen, rejected) = (answers[*preferred].clone(), answers[preferred + 1].clone());
            let gain = |answer: &Range<usize>| {
                let (before, now) = (&reference.costs[answer.clone()], &loss.costs[answer.clone()]);
                before.iter().sum::<f64>() - now.iter().sum::<f64>()
            };
            let margin = self.beta * (gain(&chosen) - gain(&rejected));
            let n_tokens = (chosen.len() + rejected.len()) as f64;
            let slope = n_tokens * self.beta / (1.0 + margin.exp());
            let cost = (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
            let is_right = margin > 0.0;
            for (answer, factor) in [(chosen, slope), (rejected, -slope)] {
                loss.costs[answer.clone()].fill(cost);
                loss.right[answer.clone()].fill(is_right);
                loss.scale_gradient(answer, factor);
            }
        }
    }
}

/// Where each answer's outputs are, by how many each has.
fn places(counts: &[usize]) -> Vec<Range<usize>> {
    let mut end = 0;
    let next = |count: &usize| {
        let start = end;
        end += count;
        start..end
    };
    counts.iter().map(next).collect()
}
