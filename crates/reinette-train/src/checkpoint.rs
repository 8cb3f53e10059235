//! Checkpoints: everything that a run needs to go on as if it had never stopped.
//!
//! A folder each, in `checkpoints/`: the adapter's weights and the optimizer's means in 32 bits, and `index.json`, which is
//! written last and holds the sizes and digests of the others and a digest of what it says itself. The folder gets its name
//! when all of it is on the disk, so that a run that is killed leaves no half of one behind.

use crate::TrainError;
use crate::adapter::{Adapter, CONFIG_FILE, Precision, WEIGHTS_FILE, numbers};
use crate::config::Config;
use crate::data::Position;
use crate::optimizer::Optimizer;
use reinette_engine::Model;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use twox_hash::XxHash3_64;

const INDEX_FILE: &str = "index.json";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";
const PREFIX: &str = "step-";
const VERSION: u32 = 2;

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Steps that were made.
    pub(crate) step: usize,
    /// Where it is in its data. Random numbers are decided by this and the seed.
    pub(crate) position: Position,
    /// Tokens that were read.
    pub(crate) tokens: u64,
    /// Seconds that it took.
    pub(crate) seconds: f64,
    /// The best checkpoint so far.
    pub(crate) best: Option<Best>,
}

/// The checkpoint with the least loss on validation examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) step: usize,
    pub(crate) loss: f64,
}

/// `index.json`.
#[derive(Serialize, Deserialize)]
struct Index {
    version: u32,
    /// Of the contents: a step that is another by one flipped bit would be gone on from in silence.
    xxh3: u64,
    contents: Contents,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    state: State,
    /// Of the data that the run learns from.
    data_digest: u64,
    files: BTreeMap<String, FileEntry>,
}

impl Contents {
    fn digest(&self) -> u64 {
        XxHash3_64::oneshot(&serde_json::to_vec(self).expect("the index is plain data"))
    }
}

#[derive(PartialEq, Serialize, Deserialize)]
struct FileEntry {
    bytes: u64,
    xxh3: u64,
}

impl FileEntry {
    fn of(contents: &[u8]) -> Self {
        Self { bytes: contents.len() as u64, xxh3: XxHash3_64::oneshot(contents) }
    }
}

/// The folder of a run's checkpoints.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
    data_digest: u64,
}

/// What a checkpoint holds.
pub(crate) struct Restored {
    pub(crate) adapter: Adapter,
    pub(crate) optimizer: Optimizer,
    pub(crate) state: State,
}

impl Checkpoints {
    pub(crate) fn new(run: &Path, data_digest: u64) -> Self {
        Self { folder: run.join("checkpoints"), data_digest }
    }

    /// The folder of a step.
    pub(crate) fn path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:08}"))
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// If the disk is full or cannot be written; earlier checkpoints stay as they are.
    pub(crate) fn save(&self, adapter: &Adapter, optimizer: &Optimizer, state: &State) -> Result<(), TrainError> {
        let partial = self.folder.join(".partial");
        let complete = self.path(state.step);
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).map_err(TrainError::write(&partial))?;
        let contents = [
            (WEIGHTS_FILE, adapter.to_safetensors(Precision::Exact)),
            (CONFIG_FILE, adapter.peft_config("").into_bytes()),
            (OPTIMIZER_FILE, optimizer_bytes(optimizer)),
        ];
        let mut files = BTreeMap::new();
        for (name, contents) in &contents {
            write_through(&partial.join(name), contents)?;
            files.insert((*name).to_owned(), FileEntry::of(contents));
        }
        let contents = Contents { state: state.clone(), data_digest: self.data_digest, files };
        let index = Index { version: VERSION, xxh3: contents.digest(), contents };
        let index = serde_json::to_vec_pretty(&index).expect("the index is plain data");
        write_through(&partial.join(INDEX_FILE), &index)?;
        // A run that went on from an earlier step comes by again.
        let _ = fs::remove_dir_all(&complete);
        fs::rename(&partial, &complete).map_err(TrainError::write(&complete))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(TrainError::write(&self.folder))
    }

    /// The steps of all checkpoints, in ascending order.
    pub(crate) fn steps(&self) -> Vec<usize> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut steps: Vec<usize> =
            names.filter_map(|entry| entry.file_name().to_str()?.strip_prefix(PREFIX)?.parse().ok()).collect();
        steps.sort_unstable();
        steps
    }

    /// Reads the checkpoint of a step.
    ///
    /// # Errors
    /// If it is damaged, or of a run with other data or another adapter.
    pub(crate) fn load(&self, step: usize, model: &Model, config: &Config) -> Result<Restored, TrainError> {
        let folder = self.path(step);
        let damaged = |problem: String| TrainError::Checkpoint {
            problem: format!("{problem}; delete the folder to go on from the checkpoint before it"),
            folder: folder.clone(),
        };
        let read = |name: &str| fs::read(folder.join(name)).map_err(|error| damaged(format!("{name}: {error}")));
        let index: Index = serde_json::from_slice(&read(INDEX_FILE)?)
            .map_err(|error| damaged(format!("{INDEX_FILE} is damaged: {error}")))?;
        if index.version != VERSION {
            return Err(damaged(format!("it has version {}, this program writes {VERSION}", index.version)));
        }
        if index.contents.digest() != index.xxh3 {
            return Err(damaged(format!("{INDEX_FILE} is damaged: it does not say what was written")));
        }
        let Contents { state, data_digest, files } = index.contents;
        if data_digest != self.data_digest {
            let problem =
                "the training data has changed since it was made: go on with the same files, or begin a new run";
            return Err(TrainError::Checkpoint { folder: folder.clone(), problem: problem.to_owned() });
        }
        for (name, entry) in &files {
            if FileEntry::of(&read(name)?) != *entry {
                return Err(damaged(format!("{name} is damaged: its contents are not those that were written")));
            }
        }
        let adapter = Adapter::load(&folder, model, &config.model).map_err(|error| damaged(error.to_string()))?;
        let mut optimizer = Optimizer::new(&config.optimizer, &adapter);
        restore_optimizer(&mut optimizer, &read(OPTIMIZER_FILE)?, state.step)
            .map_err(|problem| damaged(format!("{OPTIMIZER_FILE}: {problem}")))?;
        Ok(Restored { adapter, optimizer, state })
    }

    /// Deletes all checkpoints but the last ones and the best.
    pub(crate) fn prune(&self, keep_last: usize, best: Option<Best>) {
        let steps = self.steps();
        let old = &steps[..steps.len().saturating_sub(keep_last)];
        for step in old.iter().filter(|step| best.is_none_or(|best| best.step != **step)) {
            // One that cannot be deleted costs space and nothing else.
            let _ = fs::remove_dir_all(self.path(*step));
        }
    }
}

fn write_through(path: &Path, contents: &[u8]) -> Result<(), TrainError> {
    let write = || -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(contents)?;
        file.sync_all()
    };
    write().map_err(TrainError::write(path))
}

/// What an optimizer remembers of all parameters, by their numbers.
fn optimizer_bytes(optimizer: &Optimizer) -> Vec<u8> {
    let stored: Vec<(String, Vec<u8>)> = optimizer
        .memory()
        .into_iter()
        .flat_map(|(name, list)| {
            let bytes = |numbers: &Vec<f32>| numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            list.iter().enumerate().map(move |(place, numbers)| (format!("{place}.{name}"), bytes(numbers)))
        })
        .collect();
    let views = stored.iter().map(|(name, bytes)| {
        let view = TensorView::new(Dtype::F32, vec![1, bytes.len() / 4], bytes);
        (name.as_str(), view.expect("the bytes are as many as the shape says"))
    });
    safetensors::serialize(views, None).expect("names and shapes are sound")
}

fn restore_optimizer(optimizer: &mut Optimizer, bytes: &[u8], steps: usize) -> Result<(), String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    for (name, list) in optimizer.memory_mut() {
        for (place, kept) in list.iter_mut().enumerate() {
            let name = format!("{place}.{name}");
            let tensor = tensors.tensor(&name).map_err(|error| format!("{name}: {error}"))?;
            *kept = numbers(&tensor, [1, kept.len()]).map_err(|problem| format!("{name} {problem}"))?;
        }
    }
    optimizer.steps = steps;
    Ok(())
}
