//! Servers that do not behave: each costs one error that says which and what to do, and nobody waits for ever.

use crate::{PATIENT, call, command, servers_of, shop, tool};
use futures_lite::future::block_on;
use reinette_mcp::{Deadlines, Fault, McpError, Nobody, ServerConfig};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The one error of a server of this kind.
fn error_of(kind: &str, deadlines: Deadlines) -> McpError {
    let servers = shop(kind, deadlines);
    let begun = Instant::now();
    let offer = block_on(servers.tools(&[]));
    assert!(begun.elapsed() < Duration::from_secs(40), "{kind} took {:?}", begun.elapsed());
    assert!(offer.tools.is_empty());
    let [error] = &offer.errors[..] else { panic!("{kind}: {:?}", offer.errors) };
    assert!(error.to_string().contains("`shop`"), "{error}");
    error.clone()
}

#[test]
fn a_server_that_dies_of_the_probe_is_started_again() {
    let servers = shop("dies-at-the-probe", PATIENT);
    let offer = block_on(servers.tools(&[]));
    assert_eq!(call(tool(&offer, "order_status"), json!({"id": 17})).unwrap().text, "It arrives on Monday.");
    assert_eq!(block_on(servers.states())[0].protocol.as_deref(), Some("2025-11-25"));
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let error = error_of("hangs", Deadlines { start: Duration::from_millis(500), ..PATIENT });
    assert_eq!(error.fault(), Fault::TooSlow);
}

#[test]
fn a_call_that_hangs_is_given_up_and_the_next_one_works() {
    let servers = shop("old", Deadlines { silence: Duration::from_millis(500), ..PATIENT });
    let offer = block_on(servers.tools(&[]));
    let error = call(tool(&offer, "never_answer"), json!({})).unwrap_err();
    assert!(error.contains("`shop`") && error.contains("0.5 s"), "{error}");
    assert!(call(tool(&offer, "order_status"), json!({"id": 17})).is_ok());
}

#[test]
fn a_server_that_floods_is_stopped() {
    for kind in ["floods", "never-ends-its-line", "talks-something-else"] {
        assert_eq!(error_of(kind, PATIENT).fault(), Fault::TooMuch, "{kind}");
    }
}

#[test]
fn what_a_server_said_last_stands_in_the_error() {
    let error = error_of("has-no-key", PATIENT);
    assert_eq!(error.fault(), Fault::Ended);
    let words = error.to_string();
    assert!(words.contains("exit status: 2") && words.contains("SHOP_KEY is not set[0m"), "{words}");
}

#[test]
fn a_list_without_end_is_a_lie() {
    assert_eq!(error_of("lists-without-end", PATIENT).fault(), Fault::Protocol);
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let config = ServerConfig::command("no-such-program-anywhere", Vec::new(), BTreeMap::new()).unwrap();
    let servers = servers_of(&[("shop", config), ("other", command("old", &[]))], Arc::new(Nobody), PATIENT);
    let offer = block_on(servers.tools(&[]));
    assert!(offer.errors.iter().any(|error| error.fault() == Fault::Unreachable && error.server() == "shop"));
    assert!(offer.tools.iter().any(|tool| tool.server() == "other"), "the others can be used");
}

#[test]
fn an_answer_that_is_not_what_was_announced_is_an_error() {
    let servers = shop("old", PATIENT);
    let offer = block_on(servers.tools(&[]));
    let error = call(tool(&offer, "lie"), json!({})).unwrap_err();
    assert!(error.contains("`shop`") && error.contains("`lie`") && error.contains("announces"), "{error}");
}

#[test]
fn a_long_answer_is_cut_short() {
    let servers = shop("old", PATIENT);
    let offer = block_on(servers.tools(&[]));
    let text = call(tool(&offer, "say_much"), json!({})).unwrap().text;
    assert!(text.len() < 66_000 && text.ends_with("bytes]"), "{} bytes", text.len());
}

#[test]
fn a_server_that_crashes_is_started_again_by_the_next_call() {
    let servers = shop("old", PATIENT);
    let offer = block_on(servers.tools(&[]));
    let error = call(tool(&offer, "crash"), json!({})).unwrap_err();
    assert!(error.contains("exit status: 3") && error.contains("the shop burns"), "{error}");
    assert_eq!(call(tool(&offer, "order_status"), json!({"id": 17})).unwrap().text, "It arrives on Monday.");
}

#[cfg(unix)]
#[test]
fn what_a_server_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let script = format!("sleep 300 & echo $! > {}; exec {} old", id.display(), crate::SERVER);
    let config = ServerConfig::command("sh", vec!["-c".into(), script], BTreeMap::new()).unwrap();
    let servers = servers_of(&[("shop", config)], Arc::new(Nobody), PATIENT);
    assert!(!block_on(servers.tools(&[])).tools.is_empty());
    let id = std::fs::read_to_string(id).unwrap();
    let runs = || std::path::Path::new("/proc").join(id.trim()).join("cmdline").exists();
    let is_zombie =
        || std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).is_ok_and(|stat| stat.contains(") Z "));
    assert!(runs());
    drop(servers);
    let begun = Instant::now();
    while runs() && !is_zombie() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it runs on");
        std::thread::sleep(Duration::from_millis(10));
    }
}
