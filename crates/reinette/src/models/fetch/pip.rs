//! Asking the user's own pip where a package is: it knows the indexes, mirrors, proxies and credentials of this machine.
//!
//! pip is let do as little as possible. It runs in a new, empty folder, so that no `pip.py` of the folder that the user is
//! in is taken for it; it takes wheels only, because to look at any other package is to run its code; and it knows the
//! digests. Where it looks is its own configuration's business, which stays as it is.

use super::{Failure, TICK, check_cancelled};
use crate::models::{Package, Sha256Digest, SourceError, StoreError};
use serde::Deserialize;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than any report of a few dozen packages; descriptions of packages are part of it.
const LONGEST_OUTPUT_BYTES: u64 = 64 << 20;

/// How Python is started: without what the environment and the user's own packages add to it, and, where pip is one of
/// those, with it.
const ISOLATIONS: [&[&str]; 2] = [&["-I"], &[]];

/// The user's pip.
pub(super) struct Pip<'a> {
    pub(super) pythons: &'a [PathBuf],
    /// Where it may make a folder to work in.
    pub(super) folder: &'a Path,
    /// How long it may do nothing.
    pub(super) timeout: Duration,
    /// The most that it may write at a time.
    pub(super) largest_bytes: u64,
    pub(super) cancelled: &'a AtomicBool,
}

/// A package, and where it is.
pub(super) struct Located<'a> {
    pub(super) package: &'a Package,
    /// Where it can be downloaded; `None` when only pip can.
    pub(super) url: Option<String>,
}

/// The part of pip's installation report, version 1, that matters here.
#[derive(Deserialize)]
struct Report {
    install: Vec<ReportedPackage>,
}

#[derive(Deserialize)]
struct ReportedPackage {
    download_info: DownloadInfo,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

/// How a wait is told: by the bytes that pip has written so far.
pub(super) type Written<'a> = &'a mut dyn FnMut(u64);

impl Pip<'_> {
    /// Where each of `packages` is, in their order. A pip that is too old to tell, or tells something else, leaves the
    /// download to [`Pip::download`].
    pub(super) fn locate<'p>(
        &self,
        packages: &'p [Package],
        written: Written<'_>,
    ) -> Result<Vec<Located<'p>>, Failure> {
        let folder = self.work_folder(packages)?;
        let output = self.run(&folder, &["install", "--dry-run", "--ignore-installed", "--report", "-"], written)?;
        let report = output.status.success().then(|| serde_json::from_str::<Report>(&output.stdout).ok()).flatten();
        let found = report.map(|report| report.install).unwrap_or_default();
        let locate = |package| {
            let found = found.iter().find(|found| found.satisfies(package));
            Located { package, url: found.and_then(ReportedPackage::url) }
        };
        Ok(packages.iter().map(locate).collect())
    }

    /// Lets pip download the wheel of `package` to `path`.
    pub(super) fn download(&self, package: &Package, path: &Path, written: Written<'_>) -> Result<(), Failure> {
        let folder = self.work_folder(std::slice::from_ref(package))?;
        let output = self.run(&folder, &["download", "--dest", "wheels"], written)?;
        if !output.status.success() {
            return Err(output.failure(package).into());
        }
        let wheels = folder.path().join("wheels");
        let entries = fs::read_dir(&wheels).map_err(StoreError::io("read", &wheels))?;
        let mut files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let wheel = files.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
        let reason = || "it is not published as a wheel".to_owned();
        let wheel =
            wheel.ok_or_else(|| SourceError::Archive { package: package.requirement.clone(), reason: reason() })?;
        fs::rename(&wheel, path).map_err(StoreError::io("write", path))?;
        Ok(())
    }

    /// A new folder, for this user alone, with nothing in it but what is wanted of pip.
    fn work_folder(&self, packages: &[Package]) -> Result<TempDir, StoreError> {
        let folder = tempfile::tempdir_in(self.folder).map_err(StoreError::io("write to", self.folder))?;
        let mut requirements = String::new();
        for Package { requirement, sha256 } in packages {
            // Writing to a string cannot fail.
            let _ = writeln!(requirements, "{requirement} --hash=sha256:{sha256}");
        }
        let path = folder.path().join("requirements.txt");
        fs::write(&path, requirements).map_err(StoreError::io("write", &path))?;
        Ok(folder)
    }

    /// Runs the first Python that there is and that has pip.
    fn run(&self, folder: &TempDir, arguments: &[&str], written: Written<'_>) -> Result<Output, Failure> {
        for python in self.pythons {
            // A path that is meant from here would be another one from the folder.
            let is_path = python.components().count() > 1;
            let python = if is_path { std::path::absolute(python).ok() } else { None }.unwrap_or(python.clone());
            for isolation in ISOLATIONS {
                let mut command = Command::new(&python);
                command.args(isolation).args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
                command.args(arguments).args(["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]);
                command.args(["--requirement", "requirements.txt"]);
                if let Some(output) = self.run_one(command, folder.path(), written)? {
                    return Ok(output);
                }
            }
        }
        Err(SourceError::NoPip.into())
    }

    /// What pip said; `None` when there is no such Python, or it has no pip.
    fn run_one(&self, mut command: Command, folder: &Path, written: Written<'_>) -> Result<Option<Output>, Failure> {
        // Files instead of pipes: nobody has to read them while pip writes.
        let mut stdout = self.scratch()?;
        let mut stderr = self.scratch()?;
        let handle = |file: &File| file.try_clone().map_err(StoreError::io("write to", self.folder));
        command.current_dir(folder).stdin(Stdio::null()).stdout(handle(&stdout)?).stderr(handle(&stderr)?);
        // What it writes in passing is seen and counted, too.
        command.envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, folder)));
        let Ok(child) = command.spawn() else { return Ok(None) };
        let status = Watched(child).wait(self, [&stdout, &stderr], folder, written)?;
        // A Ctrl-C in a terminal reaches pip as well.
        check_cancelled(self.cancelled)?;
        let read = |file: &mut File| read_text(file).map_err(StoreError::io("read", self.folder));
        let output = Output { status, stdout: read(&mut stdout)?, stderr: read(&mut stderr)? };
        let has_pip = output.status.success() || !output.stderr.contains("No module named pip");
        Ok(has_pip.then_some(output))
    }

    fn scratch(&self) -> Result<File, StoreError> {
        tempfile::tempfile_in(self.folder).map_err(StoreError::io("write to", self.folder))
    }
}

/// A running pip, which does not outlive this.
struct Watched(Child);

impl Drop for Watched {
    fn drop(&mut self) {
        // It has ended by itself mostly.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Watched {
    /// Waits for its end; fails when it is cancelled, does nothing for too long, or writes too much.
    fn wait(
        mut self,
        pip: &Pip<'_>,
        outputs: [&File; 2],
        folder: &Path,
        written: Written<'_>,
    ) -> Result<ExitStatus, Failure> {
        let mut before = (0, 0);
        let mut moved = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().map_err(StoreError::io("wait for pip in", folder))? {
                return Ok(status);
            }
            check_cancelled(pip.cancelled)?;
            let said_bytes: u64 = outputs.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
            let now = (said_bytes, size_of(folder));
            if now != before {
                (before, moved) = (now, Instant::now());
                written(now.1);
            }
            if said_bytes > LONGEST_OUTPUT_BYTES || now.1 > pip.largest_bytes {
                let reason = format!("it wrote {} bytes, more than the model can take", said_bytes.max(now.1));
                return Err(SourceError::Pip { reason }.into());
            }
            if moved.elapsed() >= pip.timeout {
                return Err(SourceError::PipStalled { seconds: pip.timeout.as_secs() }.into());
            }
            std::thread::sleep(TICK);
        }
    }
}

/// The bytes of all files below `folder`, through which pip runs at the same time.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        metadata => metadata.map_or(0, |metadata| metadata.len()),
    };
    entries.map(size).sum()
}

struct Output {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Output {
    fn failure(&self, package: &Package) -> SourceError {
        let found = self.stderr.lines().find_map(|line| line.trim().strip_prefix("Got")?.trim().parse().ok());
        match found {
            Some(found) => SourceError::WrongDigest { expected: package.sha256, found },
            None => SourceError::Pip { reason: self.last_words() },
        }
    }

    fn last_words(&self) -> String {
        let last = self.stderr.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| self.status.to_string(), |line| line.trim().chars().take(500).collect())
    }
}

fn read_text(file: &mut File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_OUTPUT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl ReportedPackage {
    fn satisfies(&self, package: &Package) -> bool {
        package.requirement.split_once("==").is_some_and(|(name, version)| {
            normalised(name) == normalised(&self.metadata.name) && version == self.metadata.version
        })
    }

    /// Where it is, if that is an address of the web; anything else, such as a local folder, is left to pip.
    fn url(&self) -> Option<String> {
        let url = &self.download_info.url;
        (url.starts_with("https://") || url.starts_with("http://")).then(|| url.clone())
    }
}

/// The name of a package as indexes compare it (PEP 503).
fn normalised(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Fails unless the wheel at `path` is the one that `package` names; then nothing of it is kept.
pub(super) fn check_wheel(package: &Package, path: &Path) -> Result<(), Failure> {
    let found = Sha256Digest::of_file(path).map_err(StoreError::io("read", path))?;
    if found == package.sha256 {
        return Ok(());
    }
    fs::remove_file(path).map_err(StoreError::io("delete", path))?;
    Err(SourceError::WrongDigest { expected: package.sha256, found }.into())
}
