//! A run: from data and a base model to an adapter's folder.

use crate::adapter::{Adapter, Precision};
use crate::batch::{Batch, Example, families};
use crate::checkpoint::{Best, Checkpoints, Restored, State};
use crate::config::{BaseWeights, Config, Method, ModelConfig};
use crate::data::{DataSet, Encoder, Order};
use crate::decoder::Decoder;
use crate::export::Merge;
use crate::metrics::{Event, MetricsFile, StepMetrics, ValidationMetrics};
use crate::optimizer::{Optimizer, learning_rate};
use crate::parallel::{self, Sums};
use crate::preference::Reference;
use crate::{TrainError, base, metrics, report};
use reinette_engine::Model;
use reinette_engine::gguf::Gguf;
use reinette_engine::template::TemplateError;
use reinette_kernels::QuantType;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const CONFIG_FILE: &str = "config.json";

/// Where a run in a folder begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Anew,
    LastCheckpoint,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All steps were made; here is the adapter's folder, or, where all weights were trained, the model's file.
    Finished(PathBuf),
    /// It was stopped after this step, and can go on from there.
    Stopped(usize),
}

/// A run that is ready to go.
///
/// With the C library of GNU, beginning or resuming one sets the allocator of the whole process: memory that is freed stays
/// with the process, whose resident memory then no longer shrinks. A program that does other work beside training, and
/// minds, runs it in a process of its own.
#[derive(Debug)]
pub struct Run {
    config: Config,
    folder: PathBuf,
    encoder: Encoder,
    gguf: Gguf,
    decoder: Decoder,
    data: DataSet,
    validation: Vec<Batch>,
    checkpoints: Checkpoints,
    metrics: MetricsFile,
    adapter: Adapter,
    /// What preferences are measured against, where there are any.
    reference: Option<Reference>,
    optimizer: Optimizer,
    state: State,
    n_steps: usize,
    n_threads: usize,
}

impl Run {
    /// Begins a run in a folder of its own, which is made.
    ///
    /// # Errors
    /// If the folder holds a run already, or the configuration, the model or the data cannot be used.
    pub fn begin(config: Config, folder: &Path, n_threads: usize) -> Result<Self, TrainError> {
        config.check()?;
        let path = folder.join(CONFIG_FILE);
        if path.exists() {
            let problem = "holds a run already: go on with --resume, or name another folder with --output";
            return Err(TrainError::Config(format!("{} {problem}", folder.display())));
        }
        fs::create_dir_all(folder).map_err(TrainError::write(folder))?;
        let run = Self::prepare(config, folder, Beginning::Anew, n_threads)?;
        fs::write(&path, run.config.to_json()).map_err(TrainError::write(&path))?;
        Ok(run)
    }

    /// Goes on with the run in a folder, from its last checkpoint, as if it had never stopped.
    ///
    /// # Errors
    /// If there is no run, its last checkpoint is damaged, or the data have changed.
    pub fn resume(folder: &Path, n_threads: usize) -> Result<Self, TrainError> {
        let path = folder.join(CONFIG_FILE);
        let text = fs::read(&path).map_err(TrainError::read(&path))?;
        let config: Config = serde_json::from_slice(&text)
            .map_err(|error| TrainError::Config(format!("{}: {error}", path.display())))?;
        config.check()?;
        Self::prepare(config, folder, Beginning::LastCheckpoint, n_threads)
    }

    fn prepare(config: Config, folder: &Path, from: Beginning, n_threads: usize) -> Result<Self, TrainError> {
        reinette_kernels::keep_what_is_freed();
        let ModelConfig { base, weights, .. } = &config.model;
        let gguf = base::open(base, weights.as_deref())?;
        let template = template(&config, &gguf)?;
        let refused = |source| TrainError::Base { path: base.clone(), source };
        let model = Arc::new(Model::unpacked(gguf.clone()).map_err(refused)?);
        let mut encoder = Encoder::new(Arc::clone(&model), template, config.data.max_tokens)?;
        if let Some(start) = &config.model.adapter.start {
            encoder.know_tools_of(start)?;
        }
        let data = DataSet::read(&config, &mut encoder)?;
        if data.train.iter().all(|(_, weight)| *weight == 0.0) {
            return Err(TrainError::Config("data.train names no file with a weight above 0".to_owned()));
        }
        let checkpoints = Checkpoints::new(folder, data.digest());
        let last = checkpoints.steps().pop().filter(|_| from == Beginning::LastCheckpoint);
        let Restored { adapter, optimizer, state } = if let Some(step) = last {
            checkpoints.load(step, &model, &config)?
        } else {
            let adapter = match &config.model.adapter.start {
                Some(start) => Adapter::load(start, &model, &config.model)?,
                None => Adapter::new(&model, &config.model, config.seed)?,
            };
            Restored { optimizer: Optimizer::new(&config.optimizer, &adapter), adapter, state: State::default() }
        };
        let reference = match (data.has_preferences(), last) {
            (false, _) => None,
            (true, None) => Some(Reference::begin(folder, &adapter, &config)?),
            (true, Some(_)) => Some(Reference::load(folder, &model, &config)?),
        };
        let run = Self {
            metrics: MetricsFile::open(folder, state.step)?,
            validation: parts(&data.validation.iter().collect::<Vec<_>>(), config.batch.part_tokens),
            n_steps: n_steps(&config, &data),
            decoder: Decoder::new(model, config.data.max_tokens, base_weights(&config.model))?,
            gguf,
            folder: folder.to_owned(),
            encoder,
            data,
            checkpoints,
            adapter,
            reference,
            optimizer,
            state,
            n_threads,
            config,
        };
        if run.config.model.method == Method::Full {
            run.merge(&run.adapter).check().map_err(TrainError::Config)?;
        }
        Ok(run)
    }

    /// Makes the steps that are left, and writes the adapter. `stop` is looked at between steps; `observe` is told what
    /// happens.
    ///
    /// # Errors
    /// If the loss is no number any more, or a file cannot be written. The last checkpoint stays.
    pub fn train(&mut self, stop: &AtomicBool, observe: &mut dyn FnMut(&Event)) -> Result<Outcome, TrainError> {
        self.tell(
            observe,
            &Event::Started {
                step: self.state.step,
                steps: self.n_steps,
                examples: self.data.train.len(),
                validation_examples: self.data.validation.len(),
                parameters: self.adapter.n_parameters(),
            },
        )?;
        let mut order = Order::new(&self.data.train, self.config.seed, self.state.position.epoch);
        while self.state.step < self.n_steps {
            if stop.load(Ordering::Relaxed) {
                self.save(observe)?;
                return Ok(Outcome::Stopped(self.state.step));
            }
            let step = self.step(&mut order)?;
            self.tell(observe, &Event::Step(step))?;
            if self.state.step.is_multiple_of(self.config.checkpoint.every) || self.state.step == self.n_steps {
                self.validate(observe)?;
                self.save(observe)?;
            }
        }
        self.export().map(Outcome::Finished)
    }

    /// One step: the gradients of its parts, their sum, and what follows from it.
    fn step(&mut self, order: &mut Order) -> Result<StepMetrics, TrainError> {
        let start = Instant::now();
        let Config { batch, optimizer, schedule, .. } = &self.config;
        let epoch = self.state.position.epoch;
        let examples = order.take(&self.data.train, &mut self.state.position, batch.tokens);
        let parts = parts(&examples, batch.part_tokens);
        let Sums { loss, right, gradients } = self.gradients(&parts);
        let answer_tokens = parts.iter().map(|part| part.targets.len()).sum::<usize>() as f64;
        let squares = |gradient: &Vec<f32>| gradient.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let gradient_norm = gradients.iter().map(squares).sum::<f64>().sqrt() / answer_tokens;
        let loss = loss / answer_tokens;
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Err(TrainError::Diverged { step: self.state.step + 1, loss, gradient_norm });
        }
        let clip = (optimizer.clip_norm / gradient_norm).min(1.0);
        let rate = learning_rate(schedule, optimizer.learning_rate, self.state.step, self.n_steps);
        self.optimizer.step(self.adapter.parameters_mut(), &gradients, clip / answer_tokens, rate);

        let tokens: usize = parts.iter().map(|part| part.tokens.len()).sum();
        let seconds = start.elapsed().as_secs_f64();
        self.state.step += 1;
        self.state.tokens += tokens as u64;
        self.state.seconds += seconds;
        Ok(StepMetrics {
            step: self.state.step,
            epoch,
            loss,
            tokens_right: right as f64 / answer_tokens,
            tokens,
            tokens_per_second: tokens as f64 / seconds,
            learning_rate: rate,
            gradient_norm,
            seconds: self.state.seconds,
        })
    }

    fn gradients(&self, parts: &[Batch]) -> Sums {
        let Self { decoder, adapter, reference, config, n_threads, .. } = self;
        parallel::gradients(decoder, adapter, reference.as_ref(), parts, config.model.recompute, *n_threads)
    }

    /// Tries the validation examples, and remembers which step did best.
    fn validate(&mut self, observe: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        if self.validation.is_empty() {
            return Ok(());
        }
        let adapter = self.optimizer.averaged(&self.adapter);
        let losses =
            parallel::losses(&self.decoder, &adapter, self.reference.as_ref(), &self.validation, self.n_threads);
        let (mut sum, mut tokens, mut right, mut answers) = (0.0, 0, 0, 0);
        for (batch, loss) in self.validation.iter().zip(&losses) {
            sum += loss.sum();
            tokens += batch.targets.len();
            answers += batch.outputs_per_answer.len();
            let mut rest = loss.right.as_slice();
            for count in &batch.outputs_per_answer {
                let (own, others) = rest.split_at(*count);
                right += usize::from(own.iter().all(|right| *right));
                rest = others;
            }
        }
        let (step, loss) = (self.state.step, sum / tokens as f64);
        if self.state.best.is_none_or(|best| loss < best.loss) {
            self.state.best = Some(Best { step, loss });
        }
        let answers_right = right as f64 / answers as f64;
        self.tell(observe, &Event::Validation(ValidationMetrics { step, loss, answers_right }))
    }

    fn save(&mut self, observe: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        self.checkpoints.save(&self.adapter, &self.optimizer, &self.state)?;
        self.checkpoints.prune(self.config.checkpoint.keep_last, self.state.best);
        self.tell(observe, &Event::Saved { step: self.state.step })
    }

    fn tell(&mut self, observe: &mut dyn FnMut(&Event), event: &Event) -> Result<(), TrainError> {
        observe(event);
        self.metrics.write(event)
    }

    /// Writes the report, and the best adapter as a folder that `reinette --adapter` takes, with GGUF beside it; where all
    /// weights were trained, the model as a file that `reinette --model` takes.
    fn export(&self) -> Result<PathBuf, TrainError> {
        let model = self.decoder.model();
        let adapter = match self.state.best.filter(|best| best.step != self.state.step) {
            Some(best) => {
                let Restored { adapter, optimizer, .. } = self.checkpoints.load(best.step, model, &self.config)?;
                optimizer.averaged(&adapter)
            }
            None => self.optimizer.averaged(&self.adapter),
        };
        let report = self.folder.join("report.html");
        let page = report::page(&self.folder.display().to_string(), &self.config, &metrics::read(&self.folder));
        fs::write(&report, page).map_err(TrainError::write(&report))?;
        if self.config.model.method == Method::Full {
            let path = self.folder.join("model.gguf");
            self.merge(&adapter).write(&path, &AtomicBool::new(false), &|_, _| {})?;
            return Ok(path);
        }
        let folder = self.folder.join("adapter");
        fs::create_dir_all(&folder).map_err(TrainError::write(&folder))?;
        adapter.save(&folder, model.name(), Precision::Half)?;
        // Only an adapter for tools has the file.
        let tools = self.encoder.tools();
        let tools = tools.map(|tools| serde_json::to_vec_pretty(tools).expect("tools are plain data"));
        let template = self.encoder.template_source().as_bytes();
        let gguf = adapter.to_gguf(model)?;
        let files = [
            (folder.join("chat_template.jinja"), Some(template)),
            (folder.join("tools.json"), tools.as_deref()),
            (self.folder.join("adapter.gguf"), gguf.as_deref()),
        ];
        for (path, contents) in files.iter().filter_map(|(path, contents)| Some((path, (*contents)?))) {
            fs::write(path, contents).map_err(TrainError::write(path))?;
        }
        Ok(folder)
    }

    /// The model with weights that were trained themselves, to be written in halves.
    fn merge<'a>(&'a self, adapter: &'a Adapter) -> Merge<'a> {
        let template = Some(self.encoder.template_source());
        let (gguf, model) = (&self.gguf, self.decoder.model().as_ref());
        Merge { gguf, model, adapter: Some(adapter), template, quant_type: QuantType::F16, n_threads: self.n_threads }
    }
}

/// How the base's own weights are kept: where all weights are trained, they are not needed as numbers.
fn base_weights(config: &ModelConfig) -> BaseWeights {
    let are_replaced = config.method == Method::Full && config.adapter.first_layer == 0;
    if are_replaced { BaseWeights::Blocks } else { config.base_weights }
}

/// The template that renders prompts: the one that was asked for, that of the adapter to go on from, or the model's own.
pub(crate) fn template(config: &Config, base: &Gguf) -> Result<String, TrainError> {
    let of_adapter = || config.model.adapter.start.as_ref().map(|folder| folder.join("chat_template.jinja"));
    if let Some(path) = config.data.chat_template.clone().or_else(of_adapter) {
        fs::read_to_string(&path).map_err(TrainError::read(&path))
    } else {
        let own = base.metadata().find::<&str>("tokenizer.chat_template")?;
        own.map(str::to_owned).ok_or(TrainError::Template(TemplateError::Missing))
    }
}

/// Examples in parts that are computed together, of about the same size; those that share a beginning stay together.
fn parts(examples: &[&Example], part_tokens: usize) -> Vec<Batch> {
    let families = families(examples);
    let total: usize = families.iter().map(|(_, tokens)| tokens).sum();
    let target = total.div_ceil(total.div_ceil(part_tokens).max(1));
    let mut parts = Vec::new();
    let (mut first, mut next, mut tokens) = (0, 0, 0);
    for (count, own) in families {
        // A long family begins a part of its own if that leaves this one nearer to its size.
        if tokens > 0 && tokens + own / 2 > target {
            parts.push(Batch::new(&examples[first..next]));
            (first, tokens) = (next, 0);
        }
        (next, tokens) = (next + count, tokens + own);
    }
    if first < next {
        parts.push(Batch::new(&examples[first..next]));
    }
    parts
}

/// How many steps a run has: as many as it says, or as its epochs take.
fn n_steps(config: &Config, data: &DataSet) -> usize {
    let per_epoch = Order::new(&data.train, config.seed, 0).n_tokens(&data.train) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "epochs are positive and bounded")]
    let of_epochs = (config.schedule.epochs * per_epoch / config.batch.tokens as f64).ceil().max(1.0) as usize;
    config.schedule.steps.unwrap_or(of_epochs)
}
