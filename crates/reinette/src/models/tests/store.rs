//! The folder of models.

use super::{HUB_SOURCE, NAME, Orchard, digest, manifest_of, model_bytes, settings};
use crate::models::{StoreError, Verification};
use std::fs;
use std::path::PathBuf;

const LENGTH: usize = 5000;

fn orchard() -> Orchard {
    Orchard::new(manifest_of("http://127.0.0.1:1", &model_bytes(LENGTH), HUB_SOURCE), settings())
}

/// A file outside the store.
fn outside(orchard: &Orchard, name: &str, bytes: &[u8]) -> PathBuf {
    let path = orchard.folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_users_own_model_is_copied_listed_resolved_and_removed() {
    let orchard = orchard();
    let store = &orchard.store;
    let pear = outside(&orchard, "pear.v2.gguf", &model_bytes(100));
    let added = store.add_file(&pear, None).unwrap();
    assert_eq!((added.name.as_str(), added.size_bytes, &added.known), ("pear.v2", 100, &None));
    assert_eq!(store.list().unwrap(), std::slice::from_ref(&added));
    assert_eq!(store.resolve("pear.v2").unwrap(), added.path);
    assert_eq!(store.resolve(pear.to_str().unwrap()).unwrap(), pear);
    assert_eq!(store.verify("pear.v2").unwrap(), Verification::Unknown { found: digest(&model_bytes(100)) });
    assert!(matches!(store.add_file(&pear, None), Err(StoreError::AlreadyThere { .. })));
    assert_eq!(store.add_file(&pear, Some("another pear")).unwrap().name, "another pear");
    store.remove("pear.v2").unwrap();
    assert!(pear.exists(), "the user's file stays where it was");
    assert_eq!(orchard.files(), ["another pear.gguf"]);
}

#[test]
fn a_known_model_can_be_brought_as_a_file_if_it_is_the_one() {
    let orchard = orchard();
    let right = outside(&orchard, "downloaded.gguf", &model_bytes(LENGTH));
    let mut other = model_bytes(LENGTH);
    other[LENGTH - 1] ^= 1;
    let wrong = outside(&orchard, "apple.q4.gguf", &other);
    let error = orchard.store.add_file(&wrong, None).unwrap_err();
    assert!(matches!(error, StoreError::NotThatModel { .. }), "{error}");
    assert_eq!(orchard.files(), [""; 0]);
    let added = orchard.store.add_file(&right, Some(NAME)).unwrap();
    assert!(added.known.is_some());
    assert_eq!(orchard.store.path(NAME), Some(added.path));
}

#[test]
fn what_is_no_model_is_not_added() {
    let orchard = orchard();
    let text = outside(&orchard, "letter.gguf", b"Dear Ana");
    let short = outside(&orchard, "short.gguf", b"GG");
    let good = outside(&orchard, "good.gguf", &model_bytes(10));
    for path in [&text, &short, &orchard.folder.path().to_owned()] {
        let error = orchard.store.add_file(path, Some("x")).unwrap_err();
        assert!(matches!(error, StoreError::NotGguf { .. }), "{error}");
    }
    for name in ["", ".", "..", "../x", "a/b", ".hidden", "-flag", "a\nb", &"x".repeat(201)] {
        let error = orchard.store.add_file(&good, Some(name)).unwrap_err();
        assert!(matches!(error, StoreError::UnusableName { .. }), "{name:?}: {error}");
    }
    let missing = orchard.store.add_file(&orchard.folder.path().join("missing.gguf"), None).unwrap_err();
    assert!(missing.to_string().starts_with("cannot open "), "{missing}");
    assert_eq!(orchard.files(), [""; 0]);
}

#[test]
fn damage_is_found() {
    let orchard = orchard();
    let store = &orchard.store;
    assert!(matches!(store.verify(NAME), Err(StoreError::NotFetched { .. })));
    let right = outside(&orchard, "right.gguf", &model_bytes(LENGTH));
    let path = store.add_file(&right, Some(NAME)).unwrap().path;
    let expected = digest(&model_bytes(LENGTH));
    assert_eq!(store.verify(NAME).unwrap(), Verification::Intact { sha256: expected });

    let mut flipped = model_bytes(LENGTH);
    flipped[LENGTH / 2] ^= 4;
    fs::write(&path, &flipped).unwrap();
    assert_eq!(store.verify(NAME).unwrap(), Verification::Damaged { expected, found: digest(&flipped) });

    fs::write(&path, &flipped[..10]).unwrap();
    assert!(matches!(store.verify(NAME).unwrap(), Verification::Damaged { .. }));
    assert_eq!(store.path(NAME), None, "a model that was cut off is fetched again");
}

#[test]
fn names_that_nobody_knows_are_errors_that_say_what_there_is() {
    let orchard = orchard();
    let store = &orchard.store;
    let pear = outside(&orchard, "pear.gguf", &model_bytes(10));
    store.add_file(&pear, None).unwrap();
    assert!(matches!(store.resolve(NAME), Err(StoreError::NotFetched { .. })));
    for name in ["plum", "../pear", "no/such/file.gguf", ""] {
        let error = store.resolve(name).unwrap_err();
        assert!(
            matches!(&error, StoreError::UnknownModel { available, .. } if available == &[NAME, "pear"]),
            "{error}"
        );
        assert!(matches!(store.remove(name), Err(StoreError::UnknownModel { .. })), "{name}");
        assert!(matches!(store.verify(name), Err(StoreError::UnknownModel { .. })), "{name}");
    }
}

#[test]
fn removing_a_half_fetched_model_removes_what_there_is() {
    let orchard = orchard();
    assert!(matches!(orchard.store.remove(NAME), Err(StoreError::NotFetched { .. })));
    let partial = orchard.store.folder().join(".partial/apple.q4.gguf");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("whole"), "GGUF").unwrap();
    orchard.store.remove(NAME).unwrap();
    assert_eq!(orchard.files(), [""; 0]);
}
