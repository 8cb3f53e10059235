//! Models: the manifest, the store, and fetching from servers, packages and disks that fail in every way there is.

mod disk;
mod fetch;
mod manifest;
mod packages;
mod server;
mod store;

use super::{FetchError, FetchSettings, KnownModel, Manifest, ModelStore, Sha256Digest, SourceError};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tempfile::TempDir;

/// The name of the model of these tests.
const NAME: &str = "apple";

/// Bytes that begin like a GGUF file and do not compress.
fn model_bytes(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    });
    b"GGUF".iter().copied().chain(noise).take(length).collect()
}

fn digest(bytes: &[u8]) -> Sha256Digest {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex.parse().unwrap()
}

/// A manifest of one model with these bytes; `sources` is TOML.
fn manifest_of(hub: &str, bytes: &[u8], sources: &str) -> Manifest {
    let (size, sha256) = (bytes.len(), digest(bytes));
    Manifest::parse(&format!(
        r#"
        hub = "{hub}"
        [[model]]
        name = "{NAME}"
        role = "embedded"
        description = "a model"
        good_at = "being fetched"
        licence = "Apache-2.0"
        file = "apple.q4.gguf"
        size_bytes = {size}
        sha256 = "{sha256}"
        context_tokens = 8
        {sources}
        "#
    ))
    .unwrap()
}

/// One hub source, as TOML.
const HUB_SOURCE: &str = r#"
    [[model.source]]
    hub = { repository = "orchard/apples", revision = "00112233445566778899aabbccddeeff00112233", file = "apple.gguf" }
"#;

/// Patient with the machine, impatient with failures.
fn settings() -> FetchSettings {
    FetchSettings {
        hub: None,
        pythons: Vec::new(),
        connect_timeout: Duration::from_secs(20),
        stall_timeout: Duration::from_secs(20),
        slowest_bytes_per_second: 0,
        pip_timeout: Duration::from_mins(1),
        retries: 2,
        first_backoff: Duration::from_millis(5),
    }
}

/// A store in a folder of its own.
struct Orchard {
    folder: TempDir,
    store: ModelStore,
}

impl Orchard {
    fn new(manifest: Manifest, settings: FetchSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::open(folder.path().join("models")).with_manifest(manifest).with_settings(settings);
        Self { folder, store }
    }

    fn model(&self) -> &KnownModel {
        self.store.manifest().model(NAME).unwrap()
    }

    /// The visible and hidden files of the store, by path, without the lock.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(self.store.folder(), self.store.folder(), &mut files);
        files.retain(|file| file != ".lock");
        files.sort();
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

fn fetch(orchard: &Orchard) -> Result<PathBuf, FetchError> {
    orchard.store.fetch(orchard.model(), &mut |_| {}, &AtomicBool::new(false))
}

/// The only thing that the only source said.
fn source_error(outcome: Result<PathBuf, FetchError>) -> SourceError {
    match outcome {
        Err(FetchError::Sources { mut failures, .. }) if failures.len() == 1 => failures.remove(0).error,
        outcome => panic!("expected one failed source, got {outcome:?}"),
    }
}

/// The model arrived, and nothing else.
fn assert_fetched(orchard: &Orchard, outcome: Result<PathBuf, FetchError>, length: usize) {
    let path = outcome.unwrap();
    assert!(fs::read(&path).unwrap() == model_bytes(length), "the model's bytes differ");
    assert_eq!(orchard.files(), ["apple.q4.gguf"], "nothing else is left behind");
}
