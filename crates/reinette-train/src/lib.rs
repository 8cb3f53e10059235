//! The workshop: trains adapters for language models on this machine.
//!
//! 1. [`Config`]: what a run is made of; each part can be changed by its path.
//! 2. [`Run::begin`] reads a base model (GGUF) and JSON Lines ([`reinette_data::lines`]), [`Run::resume`] goes on where a run stopped.
//! 3. [`Run::train`] makes the steps, tells each [`Event`], and writes the adapter: a folder in PEFT's form that
//!    `reinette --adapter` takes, and GGUF.
//!
//! Before that, `reinette_data` makes the examples from grammars.
//!
//! ```no_run
//! use reinette_train::{Config, Run};
//! use std::sync::atomic::AtomicBool;
//!
//! let mut config = Config::default();
//! config.set("model.base=SmolLM2-135M-Instruct.Q4_1.gguf")?;
//! config.set(r#"data.train=[{"path": "requests.jsonl", "weight": 1.0}]"#)?;
//! let mut run = Run::begin(config, "runs/first".as_ref(), 2)?;
//! run.train(&AtomicBool::new(false), &mut |event| drop(event.clone()))?;
//! # Ok::<(), reinette_train::TrainError>(())
//! ```
//!
//! # Invariants
//! - Only `tensor` and its operations know burn; the architecture is the engine's description, never a second one.
//! - A run that was killed and goes on has the losses of one that was not, bit for bit, on any number of threads.
//! - A checkpoint exists whole or not at all.
//! - No number in a file is believed before its bytes are counted.

mod adapter;
mod base;
mod batch;
mod checkpoint;
mod config;
pub mod data;
mod decoder;
mod error;
mod export;
mod metrics;
mod operations;
mod optimizer;
mod parallel;
mod preference;
mod report;
mod run;
mod teacher;
mod tensor;

pub use adapter::{Adapter, Precision};
pub use batch::{Batch, Example, Segment};
pub use config::{
    AdapterConfig, BaseWeights, BatchConfig, CheckpointConfig, Config, DataConfig, DistillationConfig, Method,
    ModelConfig, OptimizerConfig, OptimizerKind, PreferenceConfig, Recompute, ScheduleConfig, SourceConfig,
};
pub use decoder::{Decoder, Target};
pub use error::TrainError;
pub use export::Export;
pub use metrics::{Event, StepMetrics, ValidationMetrics};
pub use reinette_kernels::QuantType;
pub use run::{Outcome, Run};
pub use teacher::Teacher;
