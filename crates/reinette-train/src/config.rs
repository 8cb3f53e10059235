//! What a run is made of: one typed, nested value, every part of which can be changed by its path.

use crate::TrainError;
use crate::decoder::Target;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Everything that decides a run, except the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is trained.
    pub model: ModelConfig,
    /// What it is trained on.
    pub data: DataConfig,
    /// How examples are put together.
    pub batch: BatchConfig,
    /// How one answer is preferred to another.
    #[serde(default)]
    pub preference: PreferenceConfig,
    /// How a teacher is followed.
    #[serde(default)]
    pub distillation: DistillationConfig,
    /// How parameters follow gradients.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// How long, and how fast when.
    pub schedule: ScheduleConfig,
    /// What is kept on the way.
    pub checkpoint: CheckpointConfig,
    /// Decides every random number.
    pub seed: u64,
}

/// What is trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The base model, a GGUF file.
    pub base: PathBuf,
    /// A safetensors file with Hugging Face's names, whose weights replace the quantised ones of that file.
    pub weights: Option<PathBuf>,
    /// How its weights are kept while training.
    pub base_weights: BaseWeights,
    /// What is computed twice to save memory.
    pub recompute: Recompute,
    /// How the model is changed.
    #[serde(default)]
    pub method: Method,
    /// The adapter; where all weights are trained, only its `first_layer` counts.
    pub adapter: AdapterConfig,
}

/// How a model is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Two thin matrices beside each projection (`LoRA`, arXiv:2106.09685).
    #[default]
    Lora,
    /// The same, and how long each row of the changed weights is (`DoRA`, arXiv:2402.09353): better at low ranks, a tenth
    /// slower.
    Dora,
    /// All weights, norms, biases and the embedding included: some 20 bytes of memory for each.
    Full,
}

/// How the frozen weights of the base are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseWeights {
    /// As numbers of 32 bits: fastest.
    #[default]
    Numbers,
    /// As the quantised blocks of the file, turned into numbers layer by layer (`QLoRA`, arXiv:2305.14314): with
    /// `recompute` `layers`, no more than one layer is there as numbers.
    Blocks,
}

/// What is computed again for gradients instead of being kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recompute {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything within each layer: a third more work, one layer's memory (arXiv:1604.06174).
    Layers,
}

/// What the adapter changes, and where it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterConfig {
    /// The folder of an adapter to go on from.
    pub start: Option<PathBuf>,
    /// The rank of its matrices.
    pub rank: usize,
    /// Their product is multiplied by `alpha / rank`; an adapter to go on from keeps its own.
    pub alpha: f32,
    /// The projections that it changes.
    pub targets: Vec<Target>,
    /// The lowest layer that is trained.
    pub first_layer: usize,
}

impl Default for AdapterConfig {
    fn default() -> Self {
        Self { start: None, rank: 16, alpha: 32.0, targets: Target::ALL.to_vec(), first_layer: 0 }
    }
}

/// What the adapter is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// JSON Lines files with their weights.
    pub train: Vec<SourceConfig>,
    /// A file of examples that are never trained on, to choose the best checkpoint by.
    pub validation: Option<PathBuf>,
    /// Without such a file, this share of the training examples is held back.
    pub validation_share: f64,
    /// At most so many validation examples are tried.
    pub validation_examples: usize,
    /// Examples with more tokens are refused.
    pub max_tokens: usize,
    /// A Jinja file that renders prompts; without one, that of the adapter to go on from, or else the user's words alone
    /// in the turns that the base model knows.
    pub chat_template: Option<PathBuf>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            train: Vec::new(),
            validation: None,
            validation_share: 0.05,
            validation_examples: 200,
            max_tokens: 2048,
            chat_template: None,
        }
    }
}

/// A file of examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The file.
    pub path: PathBuf,
    /// How often an epoch sees its examples: 2 is each twice, 0.5 is another half each time.
    pub weight: f64,
}

/// How examples are put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// Tokens from which one step learns, at least one example's.
    pub tokens: usize,
    /// Tokens that are computed together; a step accumulates the gradients of several such parts, one a thread.
    pub part_tokens: usize,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { tokens: 1024, part_tokens: 512 }
    }
}

/// How examples are learned from to which a teacher has added what it finds likely.
///
/// Paper: Distilling the Knowledge in a Neural Network, arXiv:1503.02531.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillationConfig {
    /// How much the teacher counts against the answer's own words: 1 is the teacher alone, 0 leaves it out.
    pub weight: f64,
}

impl Default for DistillationConfig {
    fn default() -> Self {
        Self { weight: 0.5 }
    }
}

/// How examples with a rejected answer are learned from: `DPO`, measured against the adapter that the run began with.
///
/// Paper: Direct Preference Optimization, arXiv:2305.18290.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferenceConfig {
    /// How much the model is held to where it began: greater is nearer.
    pub beta: f64,
}

impl Default for PreferenceConfig {
    fn default() -> Self {
        Self { beta: 0.1 }
    }
}

/// How parameters follow gradients, with clipping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// By which rule.
    pub kind: OptimizerKind,
    /// The greatest learning rate.
    pub learning_rate: f64,
    /// How much of the mean gradient is kept at each step.
    pub beta1: f64,
    /// How much of the mean squared gradient is kept at each step; not of Muon.
    pub beta2: f64,
    /// Added to the root of the mean square; not of Muon.
    pub epsilon: f64,
    /// What each parameter loses at each step, times the learning rate.
    pub weight_decay: f64,
    /// Longer gradients are shortened to this length.
    pub clip_norm: f64,
    /// How much is kept at each step of a mean of the parameters, which is what is validated and exported; 0 for no mean.
    /// In the first steps less is kept, so that the beginning is forgotten soon.
    pub ema_decay: f64,
}

/// A rule by which parameters follow gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// A mean of gradients, divided by the root of a mean of their squares.
    ///
    /// Paper: Decoupled Weight Decay Regularization, arXiv:1711.05101.
    #[default]
    AdamW,
    /// A mean of each matrix's gradients, turned into a matrix whose directions are all of one length: half of the memory.
    /// Steps are as long as `AdamW`'s usually are, so that learning rates are alike.
    ///
    /// Papers: Muon, <https://kellerjordan.github.io/posts/muon>; Muon is Scalable for LLM Training, arXiv:2502.16982.
    Muon,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::AdamW,
            learning_rate: 4e-4,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: 1.0,
            ema_decay: 0.0,
        }
    }
}

/// How long training takes, and how the learning rate changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// How often each example is seen, unless `steps` says how long.
    pub epochs: f64,
    /// How many steps are made.
    pub steps: Option<usize>,
    /// The share of steps over which the learning rate rises from nothing.
    pub warm_up: f64,
    /// What is left of the learning rate in the end, as a share of the greatest; half a cosine leads there.
    pub final_share: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { epochs: 3.0, steps: None, warm_up: 0.03, final_share: 0.05 }
    }
}

/// What is kept on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// A checkpoint is made after every so many steps, with a look at the validation examples.
    pub every: usize,
    /// How many of the last checkpoints are kept, besides the best.
    pub keep_last: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { every: 100, keep_last: 2 }
    }
}

impl Config {
    /// Changes one part: `optimizer.learning_rate=3e-4`. The value is JSON, or else a string.
    ///
    /// # Errors
    /// If there is no such part, or the value is not of its kind.
    pub fn set(&mut self, assignment: &str) -> Result<(), TrainError> {
        let problem = |problem: String| TrainError::Config(format!("--set {assignment}: {problem}"));
        let (path, value) = assignment.split_once('=').ok_or_else(|| problem("write PATH=VALUE".to_owned()))?;
        let mut whole = serde_json::to_value(&*self).map_err(|error| problem(error.to_string()))?;
        let mut place = &mut whole;
        for name in path.split('.') {
            let names = place.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>().join(", "));
            place = place.get_mut(name).ok_or_else(|| {
                problem(match names {
                    Some(names) => format!("there is no {name:?} here, only: {names}"),
                    None => format!("there is nothing below {name:?}"),
                })
            })?;
        }
        *place = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        *self = serde_json::from_value(whole).map_err(|error| problem(error.to_string()))?;
        Ok(())
    }

    /// The whole configuration as JSON, as it is written into the folder of a run.
    ///
    /// # Panics
    /// Never: it is plain data.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("the configuration is plain data") + "\n"
    }

    /// Refuses numbers with which nothing can be trained.
    ///
    /// # Errors
    /// If there is one; the message names it by its path.
    pub fn check(&self) -> Result<(), TrainError> {
        let Self { model, data, batch, preference, distillation, optimizer, schedule, checkpoint, .. } = self;
        let rules = [
            (
                model.method != Method::Full || model.adapter.start.is_none(),
                "model.adapter.start is of no use with model.method full: write it into the base first, with `reinette train export`",
            ),
            (batch.tokens > 0 && batch.part_tokens > 0, "batch.tokens and batch.part_tokens must not be 0"),
            ((2..=1 << 20).contains(&data.max_tokens), "data.max_tokens must be 2 to 1048576"),
            ((0.0..0.9).contains(&data.validation_share), "data.validation_share must be 0 to 0.9"),
            (
                data.train.iter().all(|source| (0.0..=1000.0).contains(&source.weight)),
                "weights in data.train must be 0 to 1000",
            ),
            (
                optimizer.learning_rate.is_finite() && optimizer.learning_rate >= 0.0,
                "optimizer.learning_rate must not be negative",
            ),
            (
                (0.0..1.0).contains(&optimizer.beta1) && (0.0..1.0).contains(&optimizer.beta2),
                "optimizer.beta1 and beta2 must be 0 to 1, exclusive",
            ),
            ((0.0..=1.0).contains(&distillation.weight), "distillation.weight must be 0 to 1"),
            (preference.beta.is_finite() && preference.beta > 0.0, "preference.beta must be positive"),
            ((0.0..1.0).contains(&optimizer.ema_decay), "optimizer.ema_decay must be 0 to 1, exclusive"),
            (optimizer.epsilon > 0.0 && optimizer.clip_norm > 0.0, "optimizer.epsilon and clip_norm must be positive"),
            (schedule.epochs > 0.0 && schedule.epochs <= 1e6, "schedule.epochs must be positive"),
            (schedule.steps != Some(0), "schedule.steps must not be 0"),
            (
                (0.0..=1.0).contains(&schedule.warm_up) && (0.0..=1.0).contains(&schedule.final_share),
                "schedule.warm_up and final_share must be 0 to 1",
            ),
            (checkpoint.every > 0 && checkpoint.keep_last > 0, "checkpoint.every and keep_last must not be 0"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(TrainError::Config(rule.to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_changed_by_its_path() {
        let mut config = Config::default();
        config.set("optimizer.learning_rate=3e-4").unwrap();
        config.set("model.adapter.rank=8").unwrap();
        config.set("model.adapter.start=adapters/everyday").unwrap();
        config.set("schedule.steps=10").unwrap();
        config.set("model.adapter.targets=[\"q_proj\"]").unwrap();
        let mut expected = Config::default();
        expected.optimizer.learning_rate = 3e-4;
        expected.model.adapter.rank = 8;
        expected.model.adapter.start = Some("adapters/everyday".into());
        expected.schedule.steps = Some(10);
        expected.model.adapter.targets = vec![Target::QProj];
        assert_eq!(config, expected);
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let mut config = Config::default();
        let message = config.set("optimizer.lr=1").unwrap_err().to_string();
        assert!(message.contains("\"lr\"") && message.contains("learning_rate"), "{message}");
        for wrong in ["optimizer.learning_rate=fast", "seed", "seed.x=1", "model.adapter.rank=-1", "model=1"] {
            assert!(config.set(wrong).is_err(), "{wrong}");
        }
        assert_eq!(config, Config::default());
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for (assignment, name) in [
            ("batch.tokens=0", "batch.tokens"),
            ("optimizer.beta2=1", "beta2"),
            ("optimizer.ema_decay=1", "ema_decay"),
            ("preference.beta=0", "preference.beta"),
            ("schedule.steps=0", "schedule.steps"),
            ("checkpoint.every=0", "checkpoint.every"),
        ] {
            let mut config = Config::default();
            config.check().unwrap();
            config.set(assignment).unwrap();
            assert!(config.check().unwrap_err().to_string().contains(name), "{assignment}");
        }
    }

    #[test]
    fn the_whole_configuration_as_it_is_written() {
        insta::assert_snapshot!(Config::default().to_json());
    }
}
