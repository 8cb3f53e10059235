//! Measuring beside another program, with scripts in place of that program.

#![cfg(unix)]

use crate::damaged_models::whole_model;
use crate::program::{Household, home, reinette, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Faster with flash attention than without, slower with huge pages, fastest with one of the other types; says how it was
/// called, and lives long enough to be looked at.
const LLAMA_BENCH: &str = r#"#!/bin/sh
sleep 0.2
echo "$@" >> "$FAKE_LOG"
case "$*" in
*"--load-mode none"*) echo '{"build_commit": "abc", "avg_ts": 90.0}' ;;
*IQ4_NL*) echo '{"build_commit": "abc", "avg_ts": 200.0}' ;;
*"-fa on"*) echo '{"build_commit": "abc", "avg_ts": 100.0}' ;;
*) echo '{"build_commit": "abc", "avg_ts": 50.0}' ;;
esac
"#;
const LLAMA_COMPLETION: &str = "#!/bin/sh\necho ' a'\n";
/// Cannot write all layers of one type.
const LLAMA_QUANTIZE: &str = r#"#!/bin/sh
case "$*" in *--pure*) echo "a row is no multiple of 32" >&2; exit 1 ;; esac
while [ $# -gt 2 ]; do shift; done
echo "$2" > "$1"
"#;
const LLAMA_PERPLEXITY: &str = "#!/bin/sh\necho '2.43 minutes'; echo '[1]10.2,[2]14.8520,'\n";

/// A home with a tiny model, and with a Python beside it whose pip builds scripts.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(llama_bench: &str, llama_completion: &str) -> Self {
        let folder = home();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("tiny.gguf"), whole_model()).unwrap();
        fs::create_dir_all(path("programs")).unwrap();
        fs::create_dir_all(path("bin")).unwrap();
        script(&path("programs/llama-bench"), llama_bench);
        script(&path("programs/llama-completion"), llama_completion);
        script(&path("programs/llama-quantize"), LLAMA_QUANTIZE);
        script(&path("programs/llama-perplexity"), LLAMA_PERPLEXITY);
        script(&path("bin/python3"), include_str!("fake_python.sh"));
        script(&path("bin/cmake"), include_str!("fake_python.sh"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = reinette(self.folder.path());
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command.env("FAKE_PROGRAMS", self.path("programs")).env("FAKE_LOG", self.path("log"));
        command.arg("--model").arg(self.path("tiny.gguf")).args(["--threads", "1", "bench", "--against", "llama.cpp"]);
        command.args(["--prefill", "8", "--depth", "0"]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn both_are_measured_in_turn_and_the_peer_at_its_best() {
    let bench = Bench::new(LLAMA_BENCH, LLAMA_COMPLETION);
    let records = stdout(&bench.run(&["--json", "--repetitions", "2"]));
    let lines: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["type"].as_str(), lines[0]["model"].as_str()), (Some("comparison"), Some("tiny.gguf")));
    let samples = || lines.iter().filter(|line| line["type"] == "sample");
    let measured = |name: &str| samples().filter(|line| line["measured"] == name).count();
    let measured_rows = ["prefill", "decode", "busy_decode", "start", "peak_memory", "assistant"].map(measured);
    assert_eq!(measured_rows, [2, 2, 2, 2, 2, 0]);
    let prefill = samples().filter(|line| line["measured"] == "prefill");
    assert!(prefill.clone().all(|line| line["peer"] == 100.0 && line["ours"].as_f64() > Some(0.0)), "{records}");
    assert!(prefill.clone().all(|line| line["peer_best"] == 200.0), "{records}");
    assert_eq!(lines.iter().filter(|line| line["type"] == "limit").count(), 2);
    let files: Vec<&str> =
        lines.iter().filter(|line| line["type"] == "file").map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(files, ["same file", "Q4_0", "IQ4_NL"], "a type that cannot be written is left out");
    let chosen = lines.iter().find(|line| line["type"] == "chosen" && line["measured"] == "prefill").unwrap();
    assert_eq!(chosen["best"], "IQ4_NL: own kernels, flash attention, mapped file");

    // Reading: one choice after the other in the first round, the best on the same file and on any in the second.
    let log = fs::read_to_string(bench.path("log")).unwrap();
    let told = |line: &str| {
        let file = line.split_whitespace().nth(1).unwrap().rsplit('/').next().unwrap();
        format!("{file} {}", &line[line.find("-fa").unwrap() + 4..line.find("-o").unwrap()]).trim_end().to_owned()
    };
    let calls: Vec<String> = log.lines().filter(|line| line.contains("-p 8 -n 0")).map(told).collect();
    let first = ["tiny.gguf on", "tiny.gguf off", "tiny.gguf on --load-mode none", "Q4_0.gguf on", "IQ4_NL.gguf on"];
    assert_eq!(calls[..5], first);
    assert_eq!(calls[5..], ["tiny.gguf on", "IQ4_NL.gguf on"]);
    assert!(log.lines().all(|line| line.contains("-t 1 ") && line.contains("-r 1")), "{log}");
    // Nothing is left but what was built.
    let left: Vec<_> =
        fs::read_dir(bench.path(".cache/reinette")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["peers"]);

    // The records tell everything.
    fs::write(bench.path("bench.json"), &records).unwrap();
    let from = |chart: &str| {
        let mut command = reinette(bench.folder.path());
        command.args(["bench", "--from"]).arg(bench.path("bench.json")).arg("--chart").arg(bench.path(chart));
        stdout(&command.output().unwrap())
    };
    let table = from("chart.svg");
    assert!(table.starts_with("tiny.gguf against llama.cpp"), "{table}");
    assert!(
        ["prefill 8 ", "decode at depth 0 ", "decode on a busy machine ", "process start ", "peak memory "]
            .iter()
            .all(|row| table.contains(row))
    );
    assert!(fs::read_to_string(bench.path("chart.svg")).unwrap().contains("prefill 8"));
}

#[test]
fn a_peer_that_fails_or_talks_nonsense_is_named() {
    for (llama_bench, words) in [
        ("#!/bin/sh\necho loading >&2\necho 'cannot load it' >&2\nexit 7\n", "cannot load it"),
        ("#!/bin/sh\necho 'pp8: fast'\n", "the measured program printed `pp8: fast`"),
        ("#!/bin/sh\n", "printed no figure"),
    ] {
        let output = Bench::new(llama_bench, LLAMA_COMPLETION).run(&["--repetitions", "1"]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_peer_that_cannot_be_built_is_named_and_nothing_half_built_counts() {
    let bench = Bench::new(LLAMA_BENCH, LLAMA_COMPLETION);
    let refuse = |words: &str| {
        let output = bench.command(&["--repetitions", "1"]).env("FAKE_PIP", words).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let text = refuse("ERROR: no compiler");
    assert!(text.contains("ERROR: no compiler") && text.contains("C++ compiler"), "{text}");
    assert!(!bench.path(".cache/reinette/peers/llama-cpp-python-0.3.36-builds").exists());

    // Another Python may follow; where there is none, the words say so.
    fs::copy(bench.path("bin/python3"), bench.path("bin/python")).unwrap();
    let text = refuse("No module named pip");
    assert!(text.contains("no Python with pip"), "{text}");
    stdout(&bench.run(&["--repetitions", "1"]));
}

#[test]
fn ctrl_c_ends_the_program_that_is_measured_too() {
    let bench = Bench::new("#!/bin/sh\necho $$ > \"$FAKE_LOG\"\nexec sleep 600\n", LLAMA_COMPLETION);
    let child = bench.command(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = bench.path("log");
    let peer = loop {
        match fs::read_to_string(&log) {
            Ok(process) if process.ends_with('\n') => break process.trim().to_owned(),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    };
    // To us alone, not to the group as a terminal would.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(!Command::new("kill").args(["-0", &peer]).stderr(Stdio::null()).status().unwrap().success());
}

#[test]
fn the_assistants_requests_are_answered_by_calls_and_recalled_by_the_next_process() {
    let folder = home();
    let household = Household::new(folder.path());
    let conversation = || -> Vec<Value> {
        let output = household.run(&["--json", "bench", "--probe", "assistant"]);
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let answers = |lines: &[Value]| -> Vec<String> {
        let answers = lines.iter().filter(|line| line["type"] == "answer");
        answers.map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    };
    let first = conversation();
    assert_eq!(answers(&first).len(), 3);
    let calls: Vec<Value> = answers(&first).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert!(calls.iter().all(|call| call["name"].is_string() && call["arguments"].is_object()), "{calls:?}");
    let time = |line: &Value, name: &str| line[name].as_f64().unwrap();
    // What the grammar forces is no sign that the prompt was read.
    let mut after_first = first.iter().map(|line| time(line, "milliseconds_after_first") / time(line, "milliseconds"));
    assert!(after_first.all(|share| share > 0.0 && share < 1.0), "{first:?}");
    let prompt_tokens = first[0]["prompt_tokens"].as_u64().unwrap();
    assert!((1_500..=2_000).contains(&prompt_tokens), "{prompt_tokens}");

    let snapshots = || fs::read_dir(folder.path().join("cache/prefixes")).unwrap().count();
    assert_eq!(snapshots(), 1, "the tools are kept, and they are the same in all requests");
    assert_eq!(answers(&conversation()), answers(&first));
    assert_eq!(snapshots(), 1);
}
