//! Disks that are full or may not be written.
#![cfg(target_os = "linux")]

use super::server::{Behaviour, Server};
use super::{HUB_SOURCE, Orchard, manifest_of, model_bytes, settings};
use crate::models::{FetchError, ModelStore, Progress, StoreError};
use reinette_testkit::TinyDisk;
use std::fs;
use std::sync::atomic::AtomicBool;

const LENGTH: usize = 600_000;

fn orchard(length: usize) -> Orchard {
    let bytes = model_bytes(length);
    let server = Server::start(vec![("apple.gguf", bytes.clone())], &[Behaviour::Slowly]);
    Orchard::new(manifest_of(server.address(), &bytes, HUB_SOURCE), settings())
}

#[test]
fn a_disk_without_room_is_found_before_anything_is_fetched() {
    let orchard = orchard(3 << 20);
    let Some(_disk) = TinyDisk::mount(orchard.store.folder(), "size=1m") else { return };
    let mut received = false;
    let mut report = |progress| received |= matches!(progress, Progress::Received { .. });
    let error = orchard.store.fetch(orchard.model(), &mut report, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, FetchError::Store(StoreError::DiskFull { available_bytes: Some(_), .. })), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--models")));
    assert!(!received);
}

#[test]
fn a_disk_that_fills_up_is_an_error_that_a_later_run_recovers_from() {
    let orchard = orchard(LENGTH);
    let folder = orchard.store.folder();
    let Some(_disk) = TinyDisk::mount(folder, "size=1m") else { return };
    let filler = folder.join("filler");
    // Somebody else takes the room as soon as the transfer has begun.
    let mut report = |progress| {
        if matches!(progress, Progress::Received { .. }) && !filler.exists() {
            let _ = fs::write(&filler, vec![0; 1 << 20]);
        }
    };
    let error = orchard.store.fetch(orchard.model(), &mut report, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, FetchError::Store(StoreError::DiskFull { .. })), "{error}");
    assert!(orchard.store.list().unwrap().is_empty());
    fs::remove_file(&filler).unwrap();
    let path = orchard.store.fetch(orchard.model(), &mut |_| {}, &AtomicBool::new(false)).unwrap();
    assert!(fs::read(path).unwrap() == model_bytes(LENGTH));
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let orchard = orchard(LENGTH);
    let home = orchard.folder.path().join("read-only");
    let Some(_disk) = TinyDisk::mount(&home, "ro,size=1m") else { return };
    let store = ModelStore::open(home.join("models")).with_manifest(orchard.store.manifest().clone());
    let error = store.fetch(orchard.model(), &mut |_| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, FetchError::Store(StoreError::Io { .. })), "{error}");
    assert!(error.to_string().contains("read-only/models"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("may write")), "{error}");
    assert!(store.list().unwrap().is_empty(), "reading needs no folder");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let orchard = orchard(LENGTH);
    fs::write(orchard.store.folder(), "not a folder").unwrap();
    let error = orchard.store.fetch(orchard.model(), &mut |_| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, FetchError::Store(StoreError::Io { .. })), "{error}");
    assert!(error.to_string().starts_with("cannot create "), "{error}");
}
