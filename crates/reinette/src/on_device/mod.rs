//! The model on the user's own machine.

mod adapter;
mod calls;
mod prompts;
mod worker;

pub use adapter::{ToolAdapter, ToolAdapterError};

use crate::{Capability, LanguageModel, ModelError, ModelInfo, Request, ResponseStream};
use async_channel::Sender;
use reinette_engine::{KvType, Model, PackedFolder, SnapshotFolder};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use worker::{Job, MAX_REQUESTS, Worker, engine};

/// What to load, and what it may use.
#[derive(Clone, Debug)]
pub struct OnDeviceConfig {
    /// A GGUF file.
    pub path: PathBuf,
    /// The adapter that taught this model tools; without one, tools are described in the prompt.
    pub adapter: Option<ToolAdapter>,
    /// A GGUF file of a much smaller model of the same family. What it guesses is read several tokens at a time: answers are
    /// the same and come sooner, where the model is many times as large and says what the small one would.
    pub draft: Option<PathBuf>,
    /// Threads to compute with.
    pub threads: usize,
    /// The longest conversation, in tokens; at most the model's own limit.
    pub context_tokens: usize,
    /// How keys and values of what was read are stored: a choice between memory and exactness.
    pub kv_type: KvType,
    /// Where what was read of long instructions and descriptions of tools is kept for the next process; without a
    /// folder, each process reads them once.
    pub snapshots: Option<SnapshotFolder>,
    /// Where weights rearranged for this processor are kept for the next process; without a folder, each process
    /// rearranges them, which takes some seconds for a gigabyte.
    pub packed: Option<PackedFolder>,
}

impl OnDeviceConfig {
    /// The model in `path`, on all cores, for conversations of up to 8,192 tokens, with nothing kept on disk.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            adapter: None,
            draft: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            context_tokens: 8192,
            kv_type: KvType::default(),
            snapshots: None,
            packed: None,
        }
    }
}

/// A language model that runs on this machine, in this process.
///
/// Requests that come at the same time are answered together: the weights are read once for the next token of all of them.
/// Beyond eight, or where their conversations would take more memory than two of the greatest length, they wait their turn. Tools are chosen first, under a
/// grammar that admits nothing but calls of the tools with arguments that satisfy their schemas; if none is called,
/// the model answers in words.
///
/// Dropping it waits for the answers under way, which end at once if their streams were dropped before, and for the
/// snapshot that is being written.
#[derive(Debug)]
pub struct OnDeviceModel {
    info: ModelInfo,
    jobs: Sender<Job>,
    workers: Vec<JoinHandle<()>>,
}

impl OnDeviceModel {
    /// Maps the model's file and gets ready to answer.
    ///
    /// # Errors
    /// If the file or the adapter is damaged, not supported, or they do not fit each other.
    pub fn load(config: &OnDeviceConfig) -> Result<Self, ModelError> {
        let model = Arc::new(Model::load_with_cache(&config.path, config.packed.as_ref()).map_err(engine)?);
        let info = ModelInfo {
            name: model.name().to_owned(),
            architecture: model.architecture().to_owned(),
            context_tokens: config.context_tokens.min(model.context_tokens()),
            size_bytes: model.size_bytes(),
        };
        let worker = Arc::new(Worker::new(model, config)?);
        let (jobs, queue) = async_channel::unbounded();
        let spawn = |index| {
            let (worker, queue) = (Arc::clone(&worker), queue.clone());
            let thread = std::thread::Builder::new().name(format!("reinette-answer-{index}"));
            thread.spawn(move || worker.run(&queue)).map_err(engine)
        };
        let workers = (0..MAX_REQUESTS).map(spawn).collect::<Result<_, _>>()?;
        Ok(Self { info, jobs, workers })
    }
}

impl Drop for OnDeviceModel {
    fn drop(&mut self) {
        self.jobs.close();
        for worker in self.workers.drain(..) {
            // A worker that panicked has nothing left to do.
            let _ = worker.join();
        }
    }
}

impl LanguageModel for OnDeviceModel {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    fn supports(&self, capability: Capability) -> bool {
        use Capability::{GuidedGeneration, SameTextForSameSeed, ToolCalling};
        matches!(capability, GuidedGeneration | ToolCalling | SameTextForSameSeed)
    }

    fn respond(&self, request: Request) -> ResponseStream {
        let (events, answer) = async_channel::unbounded();
        if let Err(refused) = self.jobs.try_send(Job { request, events }) {
            let gone = ModelError::Engine("the model stopped after a failure; load it again".into());
            let _ = refused.into_inner().events.try_send(Err(gone));
        }
        ResponseStream::new(answer)
    }
}
