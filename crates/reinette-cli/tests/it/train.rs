//! `reinette train`: from one command to an adapter that the program uses.

use crate::program::{home, reinette, run, stderr, stdout};
use reinette_testkit::TinyDecoder;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a tiny model and examples; gives the command that trains on them.
fn workshop(folder: &Path) -> Vec<String> {
    fs::write(folder.join("base.gguf"), TinyDecoder::Llama.file(5)).unwrap();
    let line = |number: usize| {
        let call = format!(r#"{{"name": "open_door", "arguments": {{"which": "{number}"}}}}"#);
        format!(r#"{{"messages": [{{"role": "user", "content": "door {number}"}}], "calls": [{call}]}}"#) + "\n"
    };
    fs::write(folder.join("doors.jsonl"), (0..20).map(line).collect::<String>()).unwrap();
    let template = "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant {% endif %}";
    fs::write(folder.join("template.jinja"), template).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let template = format!("data.chat_template={}", path("template.jinja"));
    ["train", &path("doors.jsonl"), "--model", &path("base.gguf"), "--output", &path("run"), "--set", &template]
        .map(str::to_owned)
        .to_vec()
}

fn command(folder: &Path, arguments: &[String]) -> Command {
    let mut command = reinette(folder);
    command.args(arguments);
    command
}

fn losses(json_lines: &str) -> Vec<(u64, f64)> {
    let records = json_lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let steps = records.filter(|record| record["type"] == "step");
    steps.map(|step| (step["step"].as_u64().unwrap(), step["loss"].as_f64().unwrap())).collect()
}

#[test]
fn examples_become_an_adapter_that_the_program_takes() {
    let folder = home();
    let mut arguments = workshop(folder.path());
    arguments.extend(["--set", "schedule.steps=3"].map(str::to_owned));
    let output = command(folder.path(), &arguments).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let adapter = folder.path().join("run").join("adapter");
    assert_eq!(stdout(&output), format!("{}\n", adapter.display()));
    assert!(stderr(&output).contains("step 3 of 3"), "{}", stderr(&output));
    let model = folder.path().join("base.gguf").display().to_string();
    let ask = ["ask", "door 3", "--model", &model, "--adapter", &adapter.display().to_string()];
    let output = run(folder.path(), &ask);
    assert!(!stderr(&output).contains("cannot use the model"), "{}", stderr(&output));

    let again = command(folder.path(), &arguments).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("--resume"), "{}", stderr(&again));
}

#[test]
fn a_mistake_in_the_data_or_the_configuration_is_named() {
    let folder = home();
    let mut arguments = workshop(folder.path());
    arguments.extend(["--set", "optimizer.lr=1"].map(str::to_owned));
    let output = command(folder.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("learning_rate"), "{}", stderr(&output));
    let arguments = workshop(folder.path());
    fs::write(folder.path().join("doors.jsonl"), "{\"text\": \"a b\"}\nnonsense\n").unwrap();
    let output = command(folder.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("doors.jsonl, line 2: "), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_with_the_same_losses() {
    let folder = home();
    let mut arguments = workshop(folder.path());
    arguments.extend(["--json", "--set", "schedule.steps=40", "--set", "checkpoint.every=5"].map(str::to_owned));
    let whole = command(folder.path(), &arguments).output().unwrap();
    assert!(whole.status.success(), "{}", stderr(&whole));
    let expected = losses(&stdout(&whole));
    assert_eq!(expected.len(), 40);

    let run = folder.path().join("run");
    fs::remove_dir_all(&run).unwrap();
    let mut child = command(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"step\":12,") && line.contains("\"loss\"")));
    child.kill().unwrap();
    child.wait().unwrap();
    let resume = ["train", "--resume", &run.display().to_string(), "--json"].map(str::to_owned);
    let resumed = command(folder.path(), &resume).output().unwrap();
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let found = losses(&stdout(&resumed));
    assert!((11..=40).contains(&found[0].0), "it goes on after step {}", found[0].0);
    assert_eq!(found, expected[expected.len() - found.len()..]);
}

#[test]
fn grammars_become_examples_to_train_on() {
    let folder = home();
    let [data, judged] = ["data", "judged.jsonl"].map(|name| folder.path().join(name).display().to_string());
    fs::write(&judged, "{\"text\": \"hello\"}\n").unwrap();
    for kind in [&["--unseen"][..], &[]] {
        let arguments = ["train", "data", "--json", "--output", &data, "--count", "30", "--validation", "5"];
        let output = run(folder.path(), &[&arguments[..], &["--exclude", &judged], kind].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let records: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.iter().map(|record| &record["examples"]).collect::<Vec<_>>(), [30, 5]);
        let train = fs::read_to_string(Path::new(&data).join("train.jsonl")).unwrap();
        let lines: Vec<Value> = train.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() == 30 && lines.iter().all(|line| line["calls"].is_array()), "{train}");
    }
    let output = run(folder.path(), &["train", "data", "--output", &data, "--grammar", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("tools.json: is missing"), "{}", stderr(&output));
}

#[test]
fn what_was_invented_is_taken_up_again_and_becomes_examples() {
    let folder = home();
    workshop(folder.path());
    let [model, invented, data] =
        ["base.gguf", "invented.jsonl", "data"].map(|name| folder.path().join(name).display().to_string());
    let record = |number: usize| {
        let words: Vec<Value> = ["Open gate", "Please open the gate of", "Is somebody at gate"]
            .map(|words| serde_json::json!({ "words": format!("{words} {number}"), "arguments": { "n": number } }))
            .to_vec();
        let parameters = serde_json::json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
        let tool =
            serde_json::json!({ "name": format!("gate_{number}"), "description": "A gate.", "parameters": parameters });
        let record = serde_json::json!({ "number": number, "field": "gates", "tool": tool, "requests": words });
        record.to_string() + "\n"
    };
    let whole: String = (0..40).map(record).collect();
    // As a run leaves it that is killed in the middle of a line.
    fs::write(&invented, format!("{whole}{}", &record(40)[..20])).unwrap();
    let arguments = ["train", "invent", "--json", "--teacher", &model, "--output", &invented, "--count", "100"];
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("\"examples\":120"), "{}", stdout(&output));
    assert_eq!(fs::read_to_string(&invented).unwrap(), whole);

    let arguments = ["train", "data", "--unseen", "--invented", &invented, "--invented-share", "1", "--output", &data];
    let output = run(folder.path(), &[&arguments[..], &["--count", "200", "--validation", "5"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let train = fs::read_to_string(Path::new(&data).join("train.jsonl")).unwrap();
    assert!(train.contains("gate_1") && !train.contains("unseen:"), "{train}");
}
