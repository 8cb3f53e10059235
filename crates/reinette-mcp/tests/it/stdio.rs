//! Servers that are programs of this machine.

use crate::{Chooser, PATIENT, call, command, prepare, servers_of, shop, tool};
use futures_lite::future::block_on;
use reinette::{Prepared, Risk, Tool};
use reinette_mcp::{Deadlines, Nobody};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn tools_of_both_versions_are_found_and_called() {
    for (kind, version) in [("old", "2025-11-25"), ("new", "2026-07-28")] {
        let servers = shop(kind, PATIENT);
        let offer = block_on(servers.tools(&[]));
        let answer = call(tool(&offer, "find_order"), json!({"name": "Okafor"})).unwrap();
        assert_eq!((answer.text.as_str(), &answer.data), ("order 17", &json!({"id": 17})), "{kind}");
        let answer = call(tool(&offer, "order_status"), json!({"id": 17})).unwrap();
        assert_eq!(answer.text, "It arrives on Monday.");
        assert!(call(tool(&offer, "fail"), json!({})).unwrap().is_error);

        // One tool says that its arguments are a string: that one is told, and the others can be used.
        let errors: Vec<String> = offer.errors.iter().map(ToString::to_string).collect();
        assert!(matches!(&errors[..], [error] if error.contains("`shop`") && error.contains("`odd`")), "{errors:?}");

        let states = block_on(servers.states());
        assert_eq!(states[0].protocol.as_deref(), Some(version));
        assert_eq!((states[0].resources, states[0].prompts, &states[0].error), (1, 1, &None));
        block_on(servers.close());
    }
}

#[test]
fn a_schema_is_cut_down_to_what_models_can_be_held_to() {
    let servers = shop("old", PATIENT);
    let offer = block_on(servers.tools(&[]));
    let schema = tool(&offer, "find_order").definition().parameters;
    assert_eq!(schema.as_json()["properties"]["name"], json!({"type": "string"}));
    assert_eq!(schema.as_json()["required"], json!(["name"]));
}

#[test]
fn what_does_not_only_read_is_an_effect_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = command("old", &[("SHOP_LOG", log.to_str().unwrap())]);
    let servers = servers_of(&[("shop", server)], Arc::new(Nobody), PATIENT);
    let offer = block_on(servers.tools(&[]));
    for (name, risk) in [("leave_note", Risk::Changes), ("write_to_the_shop", Risk::Sends)] {
        let Prepared::Effect(effect) = prepare(tool(&offer, name), json!({"text": name})).unwrap() else {
            panic!("{name} is no effect");
        };
        assert_eq!(effect.risk, risk);
        assert!(effect.summary.contains("`shop`") && effect.summary.contains(name), "{}", effect.summary);
        assert!(!effect.action.can_undo() && !log.exists(), "nothing happens before it is allowed");
        assert_eq!(block_on(effect.action.commit()).unwrap().text, "written");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), name);
        std::fs::remove_file(&log).unwrap();
    }
}

#[test]
fn tools_of_one_name_begin_with_their_servers() {
    let config = [("north", command("old", &[])), ("south", command("new", &[]))];
    let servers = servers_of(&config, Arc::new(Nobody), PATIENT);
    let offer = block_on(servers.tools(&["undo".to_owned()]));
    let names: Vec<String> = offer.tools.iter().map(|tool| tool.definition().name).collect();
    assert!(names.iter().all(|name| name.starts_with("north_") || name.starts_with("south_")), "{names:?}");
    let status = tool(&offer, "south_order_status");
    assert_eq!((status.server(), status.original_name()), ("south", "order_status"));
    assert_eq!(call(status, json!({"id": 17})).unwrap().text, "It arrives on Monday.");
}

#[test]
fn a_server_asks_the_user_in_the_middle_of_a_call() {
    for kind in ["old", "new"] {
        let user = Chooser::new(1);
        let servers = servers_of(&[("shop", command(kind, &[]))], user.clone(), PATIENT);
        let offer = block_on(servers.tools(&[]));
        let answer = call(tool(&offer, "ask_back"), json!({})).unwrap();
        assert!(answer.text.contains(r#""size":"large""#), "{kind}: {}", answer.text);
        assert_eq!(user.told(), ["The MCP server `shop` asks: Which size? (size)"]);
    }
}

#[test]
fn with_nobody_there_a_question_is_declined() {
    let servers = shop("old", PATIENT);
    let offer = block_on(servers.tools(&[]));
    let answer = call(tool(&offer, "ask_back"), json!({})).unwrap();
    assert!(answer.text.contains("decline"), "{}", answer.text);
}

#[test]
fn progress_is_told_and_keeps_a_call_alive() {
    let user = Chooser::new(0);
    // Shorter than the whole call, longer than a step of it.
    let deadlines = Deadlines { silence: Duration::from_millis(600), ..PATIENT };
    let servers = servers_of(&[("shop", command("new", &[]))], user.clone(), deadlines);
    let offer = block_on(servers.tools(&[]));
    assert_eq!(call(tool(&offer, "take_your_time"), json!({})).unwrap().text, "found");
    assert_eq!(user.told().first().map(String::as_str), Some("shop: 1 of Some(5.0)"));
}

#[test]
fn a_dropped_call_is_cancelled_at_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = command("old", &[("SHOP_LOG", log.to_str().unwrap())]);
    let servers = servers_of(&[("shop", server)], Arc::new(Nobody), PATIENT);
    let offer = block_on(servers.tools(&[]));
    let invocation = reinette::Invocation::new(serde_json::Map::new());
    let mut preparation = tool(&offer, "never_answer").prepare(invocation);
    block_on(async {
        let polled = futures_lite::future::poll_once(&mut preparation).await;
        assert!(polled.is_none());
    });
    std::thread::sleep(Duration::from_millis(200));
    drop(preparation);
    let begun = std::time::Instant::now();
    while !log.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server was not told");
        std::thread::sleep(Duration::from_millis(10));
    }
    // The connection goes on.
    assert_eq!(call(tool(&offer, "order_status"), json!({"id": 17})).unwrap().text, "It arrives on Monday.");
}

#[test]
fn changed_tools_are_noticed() {
    let servers = shop("old", PATIENT);
    let offer = block_on(servers.tools(&[]));
    assert!(!servers.tools_have_changed());
    call(tool(&offer, "grow"), json!({})).unwrap();
    let begun = std::time::Instant::now();
    while !servers.tools_have_changed() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody said so");
        std::thread::sleep(Duration::from_millis(10));
    }
    let offer = block_on(servers.tools(&[]));
    assert!(!servers.tools_have_changed());
    tool(&offer, "grown");
}

#[test]
fn resources_and_prompts_are_listed_and_read() {
    let servers = shop("new", PATIENT);
    let (resources, errors) = block_on(servers.resources());
    assert!(errors.is_empty());
    assert_eq!((resources[0].server.as_str(), resources[0].title.as_str()), ("shop", "Order 17"));
    let read = block_on(servers.read_resource("shop", &resources[0].uri)).unwrap();
    assert_eq!((read.text.as_str(), read.sources[0].id.as_str()), ("Order 17: a[2J kettle", "orders://17"));

    let (prompts, _) = block_on(servers.prompts());
    assert!(prompts[0].arguments[0].is_required);
    let filled =
        block_on(servers.prompt("shop", "complain", crate::arguments(json!({"name": "Mrs. Okafor"})))).unwrap();
    assert_eq!(filled[0].text, "Where is Mrs. Okafor's kettle?");
    assert!(block_on(servers.read_resource("nowhere", "x")).is_err());
}

#[test]
fn a_server_gets_its_own_variables_and_none_of_our_keys() {
    let servers = servers_of(&[("shop", command("old", &[("SHOP_KEY", "x")]))], Arc::new(Nobody), PATIENT);
    let offer = block_on(servers.tools(&[]));
    let names = call(tool(&offer, "environment"), json!({})).unwrap().text;
    assert!(names.contains("SHOP_KEY") && names.contains("PATH"), "{names}");
    // Cargo sets this one for us.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !names.contains("CARGO"), "{names}");
}
