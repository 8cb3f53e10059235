//! One file from one address, taken up again as often as it makes sense.

use super::http::{Answer, Client, Head};
use super::{Failure, FetchSettings, Progress, check_cancelled, sleep};
use crate::models::{Sha256Digest, SourceError, StoreError};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use ureq::http::StatusCode;

/// A transfer that brought this much was no failure: the count of retries starts again.
const WORTHWHILE_BYTES: u64 = 1 << 20;

/// What a file must be.
pub(super) struct Content {
    /// Its digest.
    pub(super) sha256: Sha256Digest,
    /// Its size, where that is known beforehand.
    pub(super) exact_bytes: Option<u64>,
    /// The size above which it is certainly something else.
    pub(super) largest_bytes: u64,
}

/// A download. The digest says what the file is: that is why bytes of an earlier run, or of another server, can be
/// continued from without asking the server whether they are still the same.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a FetchSettings,
    pub(super) cancelled: &'a AtomicBool,
    pub(super) url: &'a str,
    pub(super) path: &'a Path,
    pub(super) content: Content,
}

/// How a received size, and the size of the whole if known, are told.
pub(super) type Scale<'a> = &'a mut dyn FnMut(u64, Option<u64>) -> Progress;

/// How many bytes of a file are there.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl Download<'_> {
    /// Downloads what is missing and checks the whole. When bytes of an earlier attempt turn out to be wrong, it starts
    /// over, once.
    pub(super) fn run(&self, report: &mut dyn FnMut(Progress), scale: Scale<'_>) -> Result<(), Failure> {
        let continues = length(self.path) > 0;
        match self.run_once(report, scale) {
            Err(Failure::Source(SourceError::WrongDigest { .. })) if continues => self.run_once(report, scale),
            outcome => outcome,
        }
    }

    fn run_once(&self, report: &mut dyn FnMut(Progress), scale: Scale<'_>) -> Result<(), Failure> {
        self.transfer_all(report, scale)?;
        report(Progress::Checking);
        let found = Sha256Digest::of_file(self.path).map_err(StoreError::io("read", self.path))?;
        if found == self.content.sha256 {
            return Ok(());
        }
        self.start_over()?;
        Err(SourceError::WrongDigest { expected: self.content.sha256, found }.into())
    }

    fn start_over(&self) -> Result<(), StoreError> {
        fs::remove_file(self.path).map_err(StoreError::io("delete", self.path))
    }

    /// Transfers until the file is complete, taking up a broken transfer a bounded number of times.
    fn transfer_all(&self, report: &mut dyn FnMut(Progress), scale: Scale<'_>) -> Result<(), Failure> {
        let mut failures = 0;
        loop {
            let before = length(self.path);
            let error = match self.transfer(report, scale) {
                Ok(()) => return Ok(()),
                Err(Failure::Source(error)) if error.is_transient() => error,
                Err(failure) => return Err(failure),
            };
            if length(self.path) >= before + WORTHWHILE_BYTES {
                failures = 0;
            }
            if failures == self.settings.retries {
                return Err(error.into());
            }
            let wait = self.settings.first_backoff * (1 << failures.min(6));
            failures += 1;
            report(Progress::Retrying { reason: error.to_string(), wait });
            sleep(wait, self.cancelled)?;
        }
    }

    /// One request, from where the file ends.
    fn transfer(&self, report: &mut dyn FnMut(Progress), scale: Scale<'_>) -> Result<(), Failure> {
        check_cancelled(self.cancelled)?;
        let have = length(self.path);
        if self.content.exact_bytes == Some(have) {
            return Ok(());
        }
        let (head, answer) = self.client.get(self.url, have, self.cancelled)?;
        match head.status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
            // The file on the disk is as long as the server's or longer. Its digest will tell, once it is not empty.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(()),
            status => return Err(SourceError::Status { status: status.as_u16() }.into()),
        }
        self.check_size(head.total_bytes)?;
        let file = self.open_at(&head, have)?;
        self.receive(answer, file, &head, report, scale)
    }

    fn check_size(&self, total_bytes: Option<u64>) -> Result<(), SourceError> {
        let Some(found_bytes) = total_bytes else { return Ok(()) };
        let expected_bytes = self.content.exact_bytes.unwrap_or(found_bytes.min(self.content.largest_bytes));
        if found_bytes == expected_bytes { Ok(()) } else { Err(SourceError::WrongSize { expected_bytes, found_bytes }) }
    }

    /// The file, ready to take the first byte of the body; emptied when the server starts at the beginning.
    fn open_at(&self, head: &Head, have: u64) -> Result<File, Failure> {
        if head.first_byte != 0 && head.first_byte != have {
            let reason = format!("asked for byte {have} on, got byte {} on", head.first_byte);
            return Err(SourceError::Interrupted { received_bytes: have, reason }.into());
        }
        let file =
            OpenOptions::new().create(true).append(true).open(self.path).map_err(StoreError::io("write", self.path))?;
        file.set_len(head.first_byte).map_err(StoreError::io("write", self.path))?;
        Ok(file)
    }

    fn receive(
        &self,
        mut answer: Answer<'_>,
        mut file: File,
        head: &Head,
        report: &mut dyn FnMut(Progress),
        scale: Scale<'_>,
    ) -> Result<(), Failure> {
        let mut received = head.first_byte;
        loop {
            report(scale(received, head.total_bytes));
            let Some(bytes) = answer.next().map_err(|failure| at(received, failure))? else { break };
            received += bytes.len() as u64;
            if received > self.content.largest_bytes {
                self.start_over()?;
                let expected_bytes = self.content.largest_bytes;
                return Err(SourceError::WrongSize { expected_bytes, found_bytes: received }.into());
            }
            file.write_all(&bytes).map_err(StoreError::io("write", self.path))?;
        }
        match self.content.exact_bytes.or(head.total_bytes) {
            Some(total) if received < total => {
                let reason = format!("{total} were to come");
                Err(SourceError::Interrupted { received_bytes: received, reason }.into())
            }
            _ => Ok(()),
        }
    }
}

/// The same failure, with how much there was by then.
fn at(received: u64, failure: Failure) -> Failure {
    match failure {
        Failure::Source(SourceError::Interrupted { reason, .. }) => {
            SourceError::Interrupted { received_bytes: received, reason }.into()
        }
        failure => failure,
    }
}
