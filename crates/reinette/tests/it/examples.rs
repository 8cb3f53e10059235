//! Every program in `examples/` runs on the light model and says what it should.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::conformance::tiny_model;
use super::remote::in_front_of;
use reinette::models::Manifest;
use reinette_testkit::{TestModel, model};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where `cargo test` puts examples: beside the folder of this test's own program.
pub(crate) fn folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("examples")
}

/// What an example prints, with the light model for the machine's.
fn run(example: &str, arguments: &[&str], input: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(folder().join(example))
        .args(arguments)
        .env("REINETTE_MODEL", model(TestModel::SmolLm2))
        .env("XDG_DATA_HOME", home.path())
        .env("XDG_CACHE_HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{example}: {error}; `cargo test` builds it, `cargo test --test it` does not"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{example} failed: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn smollm() -> String {
    model(TestModel::SmolLm2).to_str().unwrap().to_owned()
}

#[test]
fn none_is_left_out() {
    let sources: PathBuf = [env!("CARGO_MANIFEST_DIR"), "examples"].iter().collect();
    let names = std::fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<String> = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let run_here = [
        "adapters",
        "choose_tools",
        "errors",
        "expectations",
        "fetch",
        "form",
        "guardrails",
        "probabilities",
        "server",
        "tools",
        "trip",
        "weather",
        "without_a_model",
    ];
    assert!(names.iter().eq(&run_here), "{names:?}");
}

#[test]
fn trip() {
    let printed = run("trip", &["Two days by the sea"], "");
    let last = printed.lines().last().unwrap();
    // Every field is there at the end, and each snapshot has at least as much as the one before.
    assert!(["title", "days", "stops"].iter().all(|field| last.contains(&format!("\"{field}\":"))), "{last}");
    assert!(printed.lines().next().unwrap().len() <= last.len());
}

#[test]
fn weather() {
    let printed = run("weather", &["What is the weather in Lyon tomorrow?"], "");
    assert!(printed.contains("ToolCalls") && printed.contains("sun in the morning"), "{printed}");
}

#[test]
fn probabilities() {
    let printed = run("probabilities", &["Name the capital of France in one word.", "Paris"], "");
    assert!(printed.starts_with("the prompt takes ") && printed.contains(" %  "), "{printed}");
    assert!(printed.contains("Paris"), "the model knows it: {printed}");
    let without = printed.lines().find(|line| line.starts_with("without that word: ")).unwrap();
    assert!(!without.contains("Paris"), "{without}");
}

#[test]
fn guardrails() {
    let printed = run("guardrails", &["Pay with 4111 1111 1111 1111, please"], "");
    assert!(printed.starts_with("the prompt did not pass: it holds the number of a card"), "{printed}");
    assert_ne!(printed.lines().count(), 1, "the other prompt is answered");
}

/// The tests' own models are brought by this example.
#[test]
fn fetch() {
    for model in TestModel::ALL {
        let known = Manifest::builtin().model(model.name()).unwrap();
        assert_eq!(known.file, format!("{}.gguf", model.stem()));
    }
    let path = smollm();
    let folder = Path::new(&path).parent().unwrap().to_str().unwrap();
    assert_eq!(run("fetch", &[folder, TestModel::SmolLm2.name()], ""), format!("{path}\n"));
}

#[test]
fn form() {
    let printed = run("form", &["size=36-47", "colour=black|brown", "laces=yes-no"], "");
    let value: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!((36..=47).contains(&value["size"].as_u64().unwrap()) && value["laces"].is_boolean(), "{printed}");
    assert!(["black", "brown"].contains(&value["colour"].as_str().unwrap()), "{printed}");
    let printed =
        run("form", &["--schema", r#"{"type": "array", "items": {"enum": [1, 2]}, "minItems": 3, "maxItems": 3}"#], "");
    let value: Vec<u8> = serde_json::from_str(&printed).unwrap();
    assert!(value.len() == 3 && value.iter().all(|number| [1, 2].contains(number)), "{printed}");
    let printed = run("form", &["--schema", r#"{"type": "string", "not": {"const": "x"}}"#], "");
    assert!(printed.starts_with("refused before any model was asked: ") && printed.contains("`not`"), "{printed}");
}

#[test]
fn errors() {
    let printed = run("errors", &[], "");
    for (kind, advice) in [
        ("unavailable: ", "no-such-model.gguf"),
        ("too long by ", "shorten it"),
        ("truncated: ", "max_tokens"),
        ("busy: ", "Concurrency::Queue"),
        ("schema: ", "`not`"),
    ] {
        assert!(printed.lines().any(|line| line.starts_with(kind) && line.contains(advice)), "{kind} of {printed}");
    }
}

#[test]
fn expectations() {
    let printed = run("expectations", &["What is the weather in Lyon tomorrow?"], "");
    let verdicts: Vec<&str> = printed.lines().collect();
    assert!(verdicts.len() == 4 && verdicts[3].ends_with(" of 3"), "{printed}");
    let held = verdicts[..3].iter().filter(|verdict| verdict.ends_with(": as expected")).count();
    assert_eq!(verdicts[3], format!("{held} of 3"));
    assert_eq!(verdicts[0], "the city: as expected", "the model has it before its eyes");
}

#[test]
fn tools() {
    let everyday: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "adapters", "everyday"].iter().collect();
    let printed = run("tools", &[&smollm(), everyday.to_str().unwrap()], "set a timer for ten minutes\n");
    assert!(printed.starts_with(r#"set_timer {"duration":"ten minutes"}"#), "{printed}");
}

#[test]
fn choose_tools() {
    let light = r#"{"name": "light.switch", "description": "Switches a lamp.", "parameters":
        {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}}"#;
    let line =
        |tool: &str| format!(r#"{{"id": "a", "words": "Turn the lamp on", "tools": [{tool}]}}"#).replace('\n', "");
    let refused = light.replace("boolean", "no such type");
    let printed = run("choose_tools", &[&smollm()], &format!("{}\n{}\n", line(light), line(&refused)));
    let lines: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls = lines[0]["calls"].as_array().unwrap();
    assert!(
        calls.iter().all(|call| call["name"] == "light.switch" && call["arguments"]["on"].is_boolean()),
        "{printed}"
    );
    assert!(lines[1]["error"].as_str().unwrap().contains("no such type"), "{printed}");
}

#[test]
fn adapters() {
    let everyday: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "adapters", "everyday"].iter().collect();
    // Without its list of tools it is an adapter for words.
    let folder = tempfile::tempdir().unwrap();
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(everyday.join(name), folder.path().join(name)).unwrap();
    }
    let printed = run("adapters", &[&smollm(), "What is the time?", folder.path().to_str().unwrap()], "");
    let answers: Vec<&str> = printed.split("with [").skip(1).map(|part| part.split_once("]:").unwrap().1).collect();
    assert!(answers.len() == 3 && answers[0] != answers[1] && answers[1] == answers[2], "{printed}");
}

#[test]
fn server() {
    let printed = run("server", &[&in_front_of(tiny_model()), "tiny"], "");
    assert!(!printed.trim().is_empty());
}

#[test]
fn without_a_model() {
    let printed = run("without_a_model", &[], "");
    assert!(printed.contains("entries are hidden") && printed.contains("\nI have read it all.\n"), "{printed}");
    assert!(printed.ends_with("Two and two make four. => Four.\n"), "{printed}");
}
