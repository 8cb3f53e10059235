//! The model on the user's own machine.

mod adapter;
mod choices;
#[cfg(test)]
mod dialect_tests;
mod grammar;
mod job;
mod messages;
mod outline;
mod prompts;
mod sampling;
mod summaries;
mod worker;

pub use adapter::{ToolAdapter, ToolAdapterError};

use crate::{Adapter, Capability, LanguageModel, ModelError, ModelInfo, Request, ResponseStream};
use adapter::LoraAdapter;
use async_channel::Sender;
use job::{Job, Purpose};
use reinette_engine::{KvType, Model, PackedFolder, SnapshotFolder};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use worker::{MAX_REQUESTS, Worker, engine};

/// In which dialect a model without an adapter for tools is asked to call them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialectChoice {
    /// Ours, told in words: a first prompt in which tools are chosen, with the application's examples, then one in which the
    /// model talks.
    #[default]
    Ours,
    /// The model's own, as its chat template has it: one prompt, in which it talks and calls. Where the template's dialect is
    /// not recognised, ours.
    Template,
}

/// How a model calls tools that its adapter has not learned by heart.
#[derive(Clone, Debug, Default)]
pub enum OtherTools {
    /// Not at all.
    #[default]
    Ignored,
    /// Without an adapter, told of them in its prompt.
    Described,
    /// With an adapter that reads what tools are: [`ToolAdapter::offered`], for the model that it was made for.
    Adapter(ToolAdapter),
}

/// What to load, and what it may use.
#[derive(Clone, Debug)]
pub struct OnDeviceConfig {
    /// A GGUF file.
    pub path: PathBuf,
    /// The adapter that taught this model tools; without one, tools are described in the prompt.
    pub adapter: Option<ToolAdapter>,
    /// How tools on offer are called that `adapter` has not learned.
    pub other_tools: OtherTools,
    /// In which dialect the model is asked to call tools that no adapter taught it.
    pub dialect: DialectChoice,
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
    /// Where weights rearranged for this processor are kept for the next process: in the user's cache folder unless another
    /// is named. With `None`, each process rearranges them in memory, which takes some seconds for a gigabyte.
    pub packed: Option<PackedFolder>,
}

impl OnDeviceConfig {
    /// The model in `path`, on all cores, for conversations of up to 8,192 tokens. Rearranged weights are kept in the user's
    /// [cache folder](crate::cache_folder), nothing else is on disk.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            adapter: None,
            other_tools: OtherTools::default(),
            dialect: DialectChoice::default(),
            draft: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            context_tokens: 8192,
            kv_type: KvType::default(),
            snapshots: None,
            packed: crate::cache_folder(None).map(|cache| PackedFolder::new(cache.join("packed"))),
        }
    }
}

/// A language model that runs on this machine, in this process.
///
/// Requests that come at the same time are answered together: the weights are read once for the next token of all of them.
/// Beyond eight, or where their conversations would take more memory than two of the greatest length, they wait their turn. Tools are chosen first, under a
/// grammar that admits nothing but calls of the tools with arguments that satisfy their schemas; if none is called,
/// the model answers in words. In the model's own [dialect](DialectChoice::Template) it does either in one answer.
///
/// Dropping it waits for the answers under way, which end at once if their streams were dropped before, and for the
/// snapshot that is being written.
pub struct OnDeviceModel {
    info: ModelInfo,
    worker: Arc<Worker>,
    jobs: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for OnDeviceModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OnDeviceModel").field("info", &self.info).finish_non_exhaustive()
    }
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
            languages: model.languages().into_iter().map(str::to_owned).collect(),
        };
        let worker = Arc::new(Worker::new(model, config)?);
        let (jobs, queue) = async_channel::unbounded();
        let spawn = |index| {
            let (worker, queue) = (Arc::clone(&worker), queue.clone());
            let thread = std::thread::Builder::new().name(format!("reinette-answer-{index}"));
            thread.spawn(move || worker.run(&queue)).map_err(engine)
        };
        let threads = (0..MAX_REQUESTS).map(spawn).collect::<Result<_, _>>()?;
        Ok(Self { info, worker, jobs, threads })
    }

    /// Loads an adapter for single requests: a folder in PEFT's form, a GGUF file as llama.cpp's converter writes it, or the
    /// folder of a [`ToolAdapter`].
    ///
    /// ```no_run
    /// use reinette::{GenerationOptions, Session, SystemModel};
    ///
    /// let model = SystemModel::load_blocking(&Default::default())?;
    /// let (formal, brief) = (model.load_adapter("adapters/formal")?, model.load_adapter("adapters/brief.gguf")?);
    /// let session = Session::new(&model);
    /// // One answer with both, stacked; the next with none.
    /// let options = GenerationOptions { adapters: vec![formal, brief], ..GenerationOptions::default() };
    /// session.turn("Decline the invitation.").options(options).respond_blocking()?;
    /// session.respond_blocking("And in your own words?")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ModelError::Adapter`] if it is damaged, changes what cannot be changed, or was made for a model of another shape.
    pub fn load_adapter(&self, path: impl AsRef<Path>) -> Result<Adapter, ModelError> {
        self.worker.load_adapter(path.as_ref()).map(Adapter::new)
    }

    /// Checks all of an adapter's files that can be checked without its model: that they are whole, that its rank and scale
    /// are those of an adapter, and its numbers finite.
    ///
    /// # Errors
    /// [`ModelError::Adapter`] says what is wrong.
    pub fn verify_adapter(path: impl AsRef<Path>) -> Result<(), ModelError> {
        LoraAdapter::verify(path.as_ref())
    }

    fn submit(&self, request: Request, purpose: Purpose) -> ResponseStream {
        let (events, answer) = async_channel::unbounded();
        if let Err(refused) = request.check_supported(self) {
            // The channel is new and unbounded.
            let _ = events.try_send(Err(refused));
            return ResponseStream::new(answer);
        }
        if let Err(refused) = self.jobs.try_send(Job { request, purpose, events }) {
            let gone = ModelError::Engine("the model stopped after a failure; load it again".into());
            let _ = refused.into_inner().events.try_send(Err(gone));
        }
        ResponseStream::new(answer)
    }
}

impl Drop for OnDeviceModel {
    fn drop(&mut self) {
        self.jobs.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

impl LanguageModel for OnDeviceModel {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    fn supports(&self, capability: Capability) -> bool {
        use Capability::{
            Adapters, GuidedGeneration, LogProbabilities, LogitAccess, SameTextForSameSeed, TokenCount, ToolCalling,
        };
        if capability == Capability::Reasoning {
            return self.worker.reasons();
        }
        matches!(
            capability,
            GuidedGeneration
                | ToolCalling
                | SameTextForSameSeed
                | TokenCount
                | LogProbabilities
                | LogitAccess
                | Adapters
        )
    }

    fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        request.check_supported(self)?;
        self.worker.token_count(request)
    }

    fn has_learned(&self, tool: &str) -> bool {
        self.worker.has_learned(tool)
    }

    fn respond(&self, request: Request) -> ResponseStream {
        self.submit(request, Purpose::Answer)
    }

    /// Reads both prompts where tools are offered: the one that they are chosen by, and the one that is answered in words.
    fn prewarm(&self, request: Request) -> ResponseStream {
        self.submit(request, Purpose::Prewarm)
    }
}
