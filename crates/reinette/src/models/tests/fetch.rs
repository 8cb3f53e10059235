//! Fetching from a hub.

use super::server::{Behaviour, Server};
use super::{HUB_SOURCE, Orchard, assert_fetched, fetch, manifest_of, model_bytes, settings, source_error};
use crate::models::{FetchError, FetchSettings, Progress, SourceError};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LENGTH: usize = 3 << 20;

/// A store whose only source is a hub that behaves like this.
fn orchard(script: &[Behaviour], settings: FetchSettings) -> (Orchard, Server) {
    let bytes = model_bytes(LENGTH);
    let server = Server::start(vec![("apple.gguf", bytes.clone())], script);
    (Orchard::new(manifest_of(server.address(), &bytes, HUB_SOURCE), settings), server)
}

#[test]
fn a_model_arrives_whole_and_is_fetched_once() {
    let (orchard, server) = orchard(&[Behaviour::Well], settings());
    assert_eq!(orchard.store.path(super::NAME), None);
    let mut told = Vec::new();
    let outcome = orchard.store.fetch(orchard.model(), &mut |progress| told.push(progress), &AtomicBool::new(false));
    assert_fetched(&orchard, outcome, LENGTH);
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.seen().len(), 1);
    assert_eq!(server.seen()[0].path, "/orchard/apples/resolve/00112233445566778899aabbccddeeff00112233/apple.gguf");
    let received: Vec<u64> = told
        .iter()
        .filter_map(|progress| match progress {
            Progress::Received { bytes, total_bytes } => {
                assert_eq!(*total_bytes, LENGTH as u64);
                Some(*bytes)
            }
            _ => None,
        })
        .collect();
    assert!(received.is_sorted());
    assert_eq!((received.first(), received.last()), (Some(&0), Some(&(LENGTH as u64))));
}

#[test]
fn redirects_are_followed() {
    let (orchard, server) = orchard(&[Behaviour::Redirecting, Behaviour::Well], settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(
        server.seen()[1].path,
        "/elsewhere/orchard/apples/resolve/00112233445566778899aabbccddeeff00112233/apple.gguf"
    );
}

#[test]
fn redirects_are_bounded_and_lead_to_no_other_server_in_the_clear() {
    let (round, server) = orchard(&[Behaviour::Redirecting], settings());
    assert!(matches!(source_error(fetch(&round)), SourceError::Redirected { .. }));
    assert_eq!(server.seen().len(), 6);

    let other = Server::start(vec![("apple.gguf", model_bytes(LENGTH))], &[Behaviour::Well]);
    let port = other.address().rsplit_once(':').unwrap().1.parse().unwrap();
    let (away, _server) = orchard(&[Behaviour::RedirectingTo(port)], settings());
    let error = source_error(fetch(&away));
    assert!(error.to_string().contains(other.address()), "{error}");
    assert_eq!(other.seen(), []);
}

#[test]
fn a_server_that_drips_is_given_up() {
    let stall_timeout = Duration::from_millis(300);
    let impatient = FetchSettings { stall_timeout, slowest_bytes_per_second: 1 << 20, retries: 0, ..settings() };
    let (orchard, _server) = orchard(&[Behaviour::Dripping], impatient);
    let error = source_error(fetch(&orchard));
    // On a machine that is busy for longer than this, it looks silent.
    let is_slow = matches!(error, SourceError::TooSlow { .. } | SourceError::Stalled { .. });
    assert!(is_slow || matches!(error, SourceError::Interrupted { .. }), "{error}");
}

#[test]
fn a_slow_server_is_waited_for() {
    let (orchard, server) = orchard(&[Behaviour::Slowly], settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_broken_transfer_continues_where_it_broke() {
    let (orchard, server) =
        orchard(&[Behaviour::BreakingAt(1000), Behaviour::BreakingAt(700_000), Behaviour::Well], settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [0, 1000, 700_000]);
}

#[test]
fn a_later_run_continues_where_an_earlier_one_gave_up() {
    let impatient = FetchSettings { retries: 0, ..settings() };
    let (orchard, server) = orchard(&[Behaviour::BreakingAt(500_000), Behaviour::Well], impatient);
    let error = source_error(fetch(&orchard));
    assert!(matches!(error, SourceError::Interrupted { received_bytes: 500_000, .. }), "{error}");
    assert_eq!(orchard.files(), [".partial/apple.q4.gguf/whole"]);
    assert!(orchard.store.list().unwrap().is_empty(), "what is not whole is not a model");
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [0, 500_000]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (orchard, server) = orchard(&[Behaviour::BreakingAt(500_000), Behaviour::WithoutRanges], settings());
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [0, 500_000]);
}

#[test]
fn retries_are_bounded() {
    let (orchard, server) = orchard(&[Behaviour::BreakingAt(1000)], settings());
    assert!(matches!(source_error(fetch(&orchard)), SourceError::Interrupted { .. }));
    assert_eq!(server.seen().len(), 1 + settings().retries as usize);
}

#[test]
fn wrong_bytes_of_an_earlier_run_are_thrown_away() {
    let (orchard, server) = orchard(&[Behaviour::Well], settings());
    let partial = orchard.store.folder().join(".partial/apple.q4.gguf");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("whole"), vec![7; 1000]).unwrap();
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [1000, 0]);
}

#[test]
fn more_bytes_of_an_earlier_run_than_the_model_has_are_thrown_away() {
    let (orchard, server) = orchard(&[Behaviour::Well], settings());
    let partial = orchard.store.folder().join(".partial/apple.q4.gguf");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("whole"), vec![7; LENGTH + 1]).unwrap();
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [LENGTH + 1, 0]);
}

#[test]
fn wrong_bytes_are_refused_and_the_next_source_is_tried() {
    let bytes = model_bytes(LENGTH);
    let mut wrong = bytes.clone();
    wrong[LENGTH / 2] ^= 1;
    let server = Server::start(vec![("wrong.gguf", wrong), ("apple.gguf", bytes.clone())], &[Behaviour::Well]);
    let wrong_source = HUB_SOURCE.replace("apple.gguf", "wrong.gguf");

    let only_wrong = Orchard::new(manifest_of(server.address(), &bytes, &wrong_source), settings());
    assert!(matches!(source_error(fetch(&only_wrong)), SourceError::WrongDigest { .. }));
    assert_eq!(only_wrong.files(), [""; 0], "wrong bytes are not kept");

    let both = Orchard::new(manifest_of(server.address(), &bytes, &format!("{wrong_source}{HUB_SOURCE}")), settings());
    let mut failed = Vec::new();
    let mut report = |progress| {
        if let Progress::SourceFailed { reason, .. } = progress {
            failed.push(reason);
        }
    };
    let outcome = both.store.fetch(both.model(), &mut report, &AtomicBool::new(false));
    assert_fetched(&both, outcome, LENGTH);
    assert!(matches!(failed.as_slice(), [reason] if reason.contains("SHA-256")), "{failed:?}");
}

#[test]
fn a_file_of_another_size_is_refused_before_it_is_read() {
    let bytes = model_bytes(LENGTH);
    let server = Server::start(vec![("apple.gguf", model_bytes(LENGTH + 1))], &[Behaviour::Well]);
    let orchard = Orchard::new(manifest_of(server.address(), &bytes, HUB_SOURCE), settings());
    let error = source_error(fetch(&orchard));
    let expected = LENGTH as u64;
    assert!(
        matches!(error, SourceError::WrongSize { expected_bytes, found_bytes } if (expected_bytes, found_bytes) == (expected, expected + 1)),
        "{error}"
    );
    assert_eq!(orchard.files(), [""; 0]);
}

#[test]
fn an_endless_answer_ends() {
    let (orchard, server) = orchard(&[Behaviour::Endlessly], settings());
    assert!(matches!(source_error(fetch(&orchard)), SourceError::WrongSize { .. }));
    assert_eq!(server.seen().len(), 1);
    assert_eq!(orchard.files(), [""; 0]);
}

#[test]
fn a_refusal_is_final_and_an_overload_is_not() {
    let (missing, server) = orchard(&[Behaviour::Status(404)], settings());
    assert!(matches!(source_error(fetch(&missing)), SourceError::Status { status: 404 }));
    assert_eq!(server.seen().len(), 1);

    let (busy, server) = orchard(&[Behaviour::Status(503), Behaviour::Status(429), Behaviour::Well], settings());
    assert_fetched(&busy, fetch(&busy), LENGTH);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_silent_server_is_given_up_and_what_it_sent_is_kept() {
    let impatient = FetchSettings { stall_timeout: Duration::from_secs(1), retries: 0, ..settings() };
    let (orchard, _server) = orchard(&[Behaviour::SilentAt(500_000)], impatient);
    let error = source_error(fetch(&orchard));
    assert!(matches!(error, SourceError::Stalled { .. } | SourceError::Interrupted { .. }), "{error}");
    assert_eq!(fs::metadata(orchard.store.folder().join(".partial/apple.q4.gguf/whole")).unwrap().len(), 500_000);
}

#[test]
fn cancelling_does_not_wait_for_a_silent_server() {
    let patient = FetchSettings { stall_timeout: Duration::from_secs(100), ..settings() };
    let (orchard, server) = orchard(&[Behaviour::SilentAt(500_000), Behaviour::Well], patient);
    let cancelled = AtomicBool::new(false);
    let start = Instant::now();
    let mut report = |progress| {
        if matches!(progress, Progress::Received { bytes: 500_000, .. }) {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    let outcome = orchard.store.fetch(orchard.model(), &mut report, &cancelled);
    assert!(matches!(outcome, Err(FetchError::Cancelled)), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(50));
    assert_eq!(orchard.files(), [".partial/apple.q4.gguf/whole"]);
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.first_bytes(), [0, 500_000]);
}

#[test]
fn a_hub_that_is_not_there_is_not_tried_again() {
    let bytes = model_bytes(LENGTH);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hub = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let orchard = Orchard::new(manifest_of(&hub, &bytes, HUB_SOURCE), settings());
    let mut retried = false;
    let mut report = |progress| retried |= matches!(progress, Progress::Retrying { .. });
    let error = source_error(orchard.store.fetch(orchard.model(), &mut report, &AtomicBool::new(false)));
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert!(!retried);
}

#[test]
fn the_users_mirror_replaces_the_hub() {
    let (orchard, server) = orchard(&[Behaviour::Well], settings());
    let bytes = model_bytes(LENGTH);
    let mirrored = Orchard::new(
        manifest_of("http://127.0.0.1:1", &bytes, HUB_SOURCE),
        FetchSettings { hub: Some(format!("{}/", server.address())), ..settings() },
    );
    assert_fetched(&mirrored, fetch(&mirrored), LENGTH);
    assert_eq!(server.seen()[0].path, "/orchard/apples/resolve/00112233445566778899aabbccddeeff00112233/apple.gguf");
    drop(orchard);
}

#[test]
fn two_at_once_fetch_once() {
    let (orchard, server) = orchard(&[Behaviour::Slowly], settings());
    let waited = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut report = |progress| {
                    if progress == Progress::Waiting {
                        waited.store(true, Ordering::Relaxed);
                    }
                };
                orchard.store.fetch(orchard.model(), &mut report, &AtomicBool::new(false)).unwrap();
            });
        }
    });
    assert_fetched(&orchard, fetch(&orchard), LENGTH);
    assert_eq!(server.seen().len(), 1);
    assert!(waited.load(Ordering::Relaxed), "the second one says that it waits");
}
