//! Whole runs of tiny models: they learn, stop, go on, and refuse what cannot be right.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::SpecialTokens;
use reinette_engine::{Adapter, Model};
use reinette_testkit::{TinyDecoder, TinyDisk};
use reinette_train::{
    Adapter as TrainedAdapter, BaseWeights, Batch, Config, Decoder, Event, Example, Export, Outcome, QuantType, Run,
    Teacher, TrainError,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TEMPLATE: &str = "{%- for message in messages -%}{{- '<|im_start|>' + message.role + ' ' + message.content + \
    '<|im_end|>' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant ' -}}{%- endif -%}";

/// A folder with a tiny model, a template and twelve examples, and the configuration of a run on them.
fn workshop() -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("base.gguf"), TinyDecoder::Llama.file(5)).unwrap();
    fs::write(path("template.jinja"), TEMPLATE).unwrap();
    let line = |number: usize| {
        let tool = ["alarm", "timer", "note"][number % 3];
        let call = format!(r#"{{"name": "{tool}", "arguments": {{"x": "{number}"}}}}"#);
        let words = format!("{tool} {number} please");
        format!(r#"{{"messages": [{{"role": "user", "content": "{words}"}}], "calls": [{call}]}}"#) + "\n"
    };
    fs::write(path("data.jsonl"), (0..12).map(line).collect::<String>()).unwrap();
    let mut config = Config::default();
    config.model.base = path("base.gguf");
    config.data.chat_template = Some(path("template.jinja"));
    for assignment in [
        &format!(r#"data.train=[{{"path": {}, "weight": 1}}]"#, serde_json::json!(path("data.jsonl"))),
        "data.validation_share=0.2",
        "model.adapter.rank=4",
        "batch.tokens=160",
        "batch.part_tokens=60",
        "schedule.steps=12",
        "checkpoint.every=4",
        "optimizer.learning_rate=0.02",
    ] {
        config.set(assignment).unwrap();
    }
    (folder, config)
}

/// The bits of each step's loss and of its gradient's length.
fn steps(run: &mut Run, stop_after: usize) -> (Vec<(usize, u64, u64)>, Outcome) {
    let stop = AtomicBool::new(false);
    let mut found = Vec::new();
    let outcome = run.train(&stop, &mut |event| {
        if let Event::Step(step) = event {
            found.push((step.step, step.loss.to_bits(), step.gradient_norm.to_bits()));
            stop.store(step.step == stop_after, Ordering::Relaxed);
        }
    });
    (found, outcome.unwrap())
}

#[test]
fn a_run_that_was_stopped_or_killed_goes_on_bit_for_bit_on_any_number_of_threads() {
    let (folder, config) = workshop();
    let path = |name: &str| folder.path().join(name);
    let (whole, outcome) = steps(&mut Run::begin(config.clone(), &path("whole"), 1).unwrap(), 0);
    assert_eq!(whole.len(), 12);
    assert_eq!(outcome, Outcome::Finished(path("whole").join("adapter")));

    let (first, outcome) = steps(&mut Run::begin(config.clone(), &path("stopped"), 2).unwrap(), 6);
    assert_eq!(outcome, Outcome::Stopped(6));
    // What is killed between two checkpoints has done some steps for nothing: this one looks as if step 6 was not saved.
    fs::remove_dir_all(path("stopped").join("checkpoints").join("step-00000006")).unwrap();
    let (second, _) = steps(&mut Run::resume(&path("stopped"), 3).unwrap(), 0);
    assert_eq!(first, whole[..6]);
    assert_eq!(second, whole[4..]);
    let adapter = |run: &str| fs::read(path(run).join("adapter").join("adapter_model.safetensors")).unwrap();
    assert_eq!(adapter("whole"), adapter("stopped"));
    let losses = |run: &str| {
        let text = fs::read_to_string(path(run).join("metrics.jsonl")).unwrap();
        text.lines().filter(|line| line.contains("\"gradient_norm\"")).count()
    };
    assert_eq!((losses("whole"), losses("stopped")), (12, 12));
}

#[test]
fn recomputing_layers_and_weights_as_blocks_change_nothing() {
    let (folder, config) = workshop();
    let run = |name: &str, assignments: &[&str]| {
        let mut config = config.clone();
        for assignment in assignments {
            config.set(assignment).unwrap();
        }
        steps(&mut Run::begin(config, &folder.path().join(name), 1).unwrap(), 0).0
    };
    let plain = run("plain", &[]);
    assert_eq!(plain, run("recomputed", &["model.recompute=layers", "model.base_weights=blocks"]));
    assert_ne!(plain, run("upper", &["model.adapter.first_layer=3"]));
}

/// The shares of answers right on validation examples, in turn.
fn validated(run: &mut Run) -> Vec<f64> {
    let mut found = Vec::new();
    run.train(&AtomicBool::new(false), &mut |event| {
        if let Event::Validation(validation) = event {
            found.push(validation.answers_right);
        }
    })
    .unwrap();
    found
}

#[test]
fn preferences_are_learned_and_a_killed_run_goes_on_with_muon_and_a_mean() {
    let (folder, mut config) = workshop();
    let path = |name: &str| folder.path().join(name);
    let line = |number: usize| {
        let turns = format!(r#"[{{"role": "user", "content": "timer {number}"}}]"#);
        format!(r#"{{"messages": {turns}, "chosen": "yes {number}", "rejected": "no"}}"#) + "\n"
    };
    let pairs: String = (0..12).map(line).collect();
    fs::write(path("data.jsonl"), &pairs).unwrap();
    fs::write(path("validation.jsonl"), &pairs).unwrap();
    config.data.validation = Some(path("validation.jsonl"));
    for assignment in ["optimizer.kind=muon", "optimizer.ema_decay=0.9", "preference.beta=1"] {
        config.set(assignment).unwrap();
    }
    let right = validated(&mut Run::begin(config.clone(), &path("learned"), 2).unwrap());
    assert_eq!(right.last(), Some(&1.0), "{right:?}");

    let (whole, _) = steps(&mut Run::begin(config.clone(), &path("whole"), 1).unwrap(), 0);
    // Nothing is preferred yet: two answers are as likely, against the beginning, as one another.
    assert!((f64::from_bits(whole[0].1) - 2.0_f64.ln()).abs() < 1e-6, "{whole:?}");
    let (first, _) = steps(&mut Run::begin(config, &path("stopped"), 2).unwrap(), 6);
    let (second, _) = steps(&mut Run::resume(&path("stopped"), 1).unwrap(), 0);
    assert_eq!([first, second].concat(), whole);
    let adapter = |run: &str| fs::read(path(run).join("adapter").join("adapter_model.safetensors")).unwrap();
    assert_eq!(adapter("whole"), adapter("stopped"));
}

#[test]
fn what_was_learned_shows_in_the_loss_and_loads_in_the_engine() {
    let (folder, mut config) = workshop();
    config.set("schedule.steps=60").unwrap();
    config.set("data.validation_share=0").unwrap();
    let path = folder.path().join("run");
    let mut losses = Vec::new();
    let mut run = Run::begin(config, &path, 2).unwrap();
    run.train(&AtomicBool::new(false), &mut |event| {
        if let Event::Step(step) = event {
            losses.push(step.loss);
        }
    })
    .unwrap();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[50..]) < 0.3 * mean(&losses[..5]), "{losses:?}");
    let model = Model::load(&folder.path().join("base.gguf")).unwrap();
    for form in ["adapter", "adapter.gguf"] {
        Adapter::load(&path.join(form), &model).unwrap_or_else(|error| panic!("{form}: {error}"));
    }
    let tools = fs::read_to_string(path.join("adapter").join("tools.json")).unwrap();
    let tools: serde_json::Value = serde_json::from_str(&tools).unwrap();
    assert_eq!(tools.as_array().unwrap().len(), 3);
    assert_eq!(tools[0]["arguments"], serde_json::json!(["x"]));
    assert!(fs::read_to_string(path.join("report.html")).unwrap().contains("<svg"));
}

/// The logits after a few tokens.
fn logits(model: &Arc<Model>, adapter: Option<&Path>) -> Vec<f32> {
    let model = Arc::clone(model);
    let tokens = model.tokenizer().encode("alarm 3 please", SpecialTokens::AsText).into_iter().map(|token| token.0);
    let mut tokens: Vec<u32> = tokens.collect();
    let prompt_tokens = tokens.len();
    tokens.push(0);
    let batch = Batch::new(&[&Example { tokens, prompt_tokens, ..Example::default() }]);
    let adapter = adapter.map(|folder| TrainedAdapter::open(folder, &model).unwrap());
    Decoder::new(model, 64, BaseWeights::Numbers).unwrap().logits(adapter.as_ref(), &batch)
}

#[test]
fn a_model_is_exported_with_its_adapter_in_every_format() {
    let (folder, config) = workshop();
    let run = folder.path().join("run");
    steps(&mut Run::begin(config.clone(), &run, 2).unwrap(), 0);
    let adapter = run.join("adapter");
    let base = Arc::new(Model::unpacked(Gguf::open(&config.model.base).unwrap()).unwrap());
    let expected = logits(&base, Some(&adapter));
    let output = folder.path().join("merged.gguf");
    let stop = AtomicBool::new(false);
    for quant_type in QuantType::ALL {
        let export = Export { base: &config.model.base, adapter: Some(&adapter), quant_type, n_threads: 2 };
        assert!(export.write(&output, &stop, &|_, _| {}).unwrap(), "{quant_type}");
        let gguf = Gguf::open(&output).unwrap();
        assert_eq!(gguf.metadata().str("tokenizer.chat_template").unwrap(), TEMPLATE);
        let found = logits(&Arc::new(Model::unpacked(gguf).unwrap()), None);
        let difference = distance(&found, &expected);
        let limit = match quant_type {
            QuantType::F32 => 1e-5,
            QuantType::F16 | QuantType::BF16 | QuantType::Q8_0 => 0.1,
            _ => 0.5,
        };
        assert!(difference < limit, "{quant_type}: {difference}");
    }
    let before = fs::read(&output).unwrap();
    stop.store(true, Ordering::Relaxed);
    let export = Export { base: &config.model.base, adapter: None, quant_type: QuantType::F16, n_threads: 1 };
    assert!(!export.write(&output, &stop, &|_, _| {}).unwrap());
    assert_eq!(fs::read(&output).unwrap(), before, "what was there stays");
    let missing = Export { adapter: Some(folder.path()), ..export };
    let message = missing.write(&output, &AtomicBool::new(false), &|_, _| {}).unwrap_err().to_string();
    assert!(message.contains("adapter_config.json"), "{message}");
}

/// How far logits are from others, in lengths of these.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let length = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|number| number * number).sum::<f32>().sqrt();
    length(&mut expected.iter().zip(found).map(|(a, b)| a - b)) / length(&mut expected.iter().copied())
}

#[test]
fn all_weights_are_trained_and_a_killed_run_goes_on() {
    let (folder, mut config) = workshop();
    for assignment in ["model.method=full", "optimizer.learning_rate=0.003", "optimizer.kind=muon", "schedule.steps=16"]
    {
        config.set(assignment).unwrap();
    }
    let path = |name: &str| folder.path().join(name);
    let (whole, outcome) = steps(&mut Run::begin(config.clone(), &path("whole"), 1).unwrap(), 0);
    assert_eq!(outcome, Outcome::Finished(path("whole").join("model.gguf")));
    assert!(f64::from_bits(whole[15].1) < 0.7 * f64::from_bits(whole[0].1), "{whole:?}");
    let (first, _) = steps(&mut Run::begin(config.clone(), &path("stopped"), 2).unwrap(), 6);
    let (second, _) = steps(&mut Run::resume(&path("stopped"), 2).unwrap(), 0);
    assert_eq!([first, second].concat(), whole);
    let model = |run: &str| fs::read(path(run).join("model.gguf")).unwrap();
    assert_eq!(model("whole"), model("stopped"));
    // The file is a model, and not the one that training began with.
    let trained = Arc::new(Model::load(&path("whole").join("model.gguf")).unwrap());
    let base = Arc::new(Model::load(&config.model.base).unwrap());
    assert!(distance(&logits(&trained, None), &logits(&base, None)) > 0.1);
    config.model.adapter.start = Some(path("whole"));
    assert!(refused(Run::begin(config, &path("third"), 1)).contains("model.method full"));
}

#[test]
fn a_dora_adapter_is_trained_loaded_and_merged() {
    let (folder, mut config) = workshop();
    config.set("model.method=dora").unwrap();
    let path = |name: &str| folder.path().join(name);
    let (whole, _) = steps(&mut Run::begin(config.clone(), &path("run"), 1).unwrap(), 0);
    assert!(f64::from_bits(whole[11].1) < 0.7 * f64::from_bits(whole[0].1), "{whole:?}");
    let adapter = path("run").join("adapter");
    assert!(!path("run").join("adapter.gguf").exists(), "GGUF has no place for magnitudes");
    let base = Arc::new(Model::unpacked(Gguf::open(&config.model.base).unwrap()).unwrap());
    Adapter::load(&adapter, &base).unwrap();
    let expected = logits(&base, Some(&adapter));
    let export = Export { base: &config.model.base, adapter: Some(&adapter), quant_type: QuantType::F32, n_threads: 2 };
    export.write(&path("merged.gguf"), &AtomicBool::new(false), &|_, _| {}).unwrap();
    let merged = Arc::new(Model::unpacked(Gguf::open(&path("merged.gguf")).unwrap()).unwrap());
    assert!(distance(&logits(&merged, None), &expected) < 1e-4);
    // A run that goes on from it has to be of the same method.
    config.model.adapter.start = Some(adapter);
    Run::begin(config.clone(), &path("second"), 1).unwrap();
    config.set("model.method=lora").unwrap();
    assert!(refused(Run::begin(config, &path("third"), 1)).contains("set model.method to dora"));
}

#[test]
fn a_safetensors_file_takes_the_place_of_the_bases_weights() {
    let (folder, config) = workshop();
    let run = folder.path().join("run");
    steps(&mut Run::begin(config.clone(), &run, 2).unwrap(), 0);
    let output = folder.path().join("model.safetensors");
    let adapter = run.join("adapter");
    let mut export =
        Export { base: &config.model.base, adapter: Some(&adapter), quant_type: QuantType::Q8_0, n_threads: 1 };
    let message = export.write(&output, &AtomicBool::new(false), &|_, _| {}).unwrap_err().to_string();
    assert!(message.contains("F32, F16 or BF16"), "{message}");
    export.quant_type = QuantType::BF16;
    export.write(&output, &AtomicBool::new(false), &|_, _| {}).unwrap();
    // Trained further without the adapter, the merged weights know what it had learned.
    let first_loss = |weights: Option<&Path>, name: &str| {
        let mut config = config.clone();
        config.model.weights = weights.map(Path::to_owned);
        let (steps, _) = steps(&mut Run::begin(config, &folder.path().join(name), 1).unwrap(), 1);
        f64::from_bits(steps[0].1)
    };
    assert!(first_loss(Some(&output), "merged") < 0.8 * first_loss(None, "base"));
}

#[test]
fn a_teacher_is_followed() {
    let (folder, mut config) = workshop();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("teacher.gguf"), TinyDecoder::Llama.file(9)).unwrap();
    let mut teacher = Teacher::load(&config, &path("teacher.gguf"), None, 8, 1).unwrap();
    let lines = fs::read_to_string(path("data.jsonl")).unwrap();
    let taught: Vec<String> = lines.lines().map(|line| teacher.teach(line).unwrap()).collect();
    let first: serde_json::Value = serde_json::from_str(&taught[0]).unwrap();
    let likely = first["teacher"]["log_probabilities"][0].as_array().unwrap();
    let likely: Vec<f64> = likely.iter().map(|log| log.as_f64().unwrap()).collect();
    assert!(likely.len() == 8 && likely.is_sorted_by(|a, b| a >= b) && likely[0] < 0.0, "{likely:?}");
    fs::write(path("data.jsonl"), taught.join("\n")).unwrap();
    let mut first_losses = Vec::new();
    for weight in ["0", "0.5", "1"] {
        config.set(&format!("distillation.weight={weight}")).unwrap();
        let (steps, _) = steps(&mut Run::begin(config.clone(), &path(weight), 1).unwrap(), 0);
        first_losses.push(f64::from_bits(steps[0].1));
        assert!(f64::from_bits(steps[11].1) < 0.9 * first_losses[first_losses.len() - 1], "{weight}: {steps:?}");
    }
    // Half and half costs half of each.
    assert!((first_losses[1] - f64::midpoint(first_losses[0], first_losses[2])).abs() < 1e-4, "{first_losses:?}");
    // The same examples under another template have other tokens.
    fs::write(path("template.jinja"), TEMPLATE.replace("<|im_start|>assistant ", "<|im_start|>")).unwrap();
    let other = refused(Run::begin(config, &path("other"), 1));
    assert!(other.contains("another template"), "{other}");
    assert!(teacher.teach("{").unwrap_err().contains("not JSON"));
}

#[test]
fn a_run_goes_on_from_an_adapter() {
    let (folder, config) = workshop();
    let first = folder.path().join("first");
    steps(&mut Run::begin(config.clone(), &first, 1).unwrap(), 0);
    let mut next = config;
    next.model.adapter.start = Some(first.join("adapter"));
    let loss = |config: &Config, name: &str| {
        let (steps, _) = steps(&mut Run::begin(config.clone(), &folder.path().join(name), 1).unwrap(), 1);
        f64::from_bits(steps[0].1)
    };
    let continued = loss(&next, "second");
    next.model.adapter.start = None;
    assert!(continued < 0.8 * loss(&next, "third"));
    next.model.adapter.start = Some(first.join("adapter"));
    next.model.adapter.rank = 8;
    let refused = Run::begin(next, &folder.path().join("fourth"), 1).unwrap_err().to_string();
    assert!(refused.contains("rank is 4"), "{refused}");
}

fn refused(result: Result<Run, TrainError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn damaged_checkpoints_and_changed_data_are_refused() {
    let (folder, config) = workshop();
    let run = folder.path().join("run");
    steps(&mut Run::begin(config.clone(), &run, 1).unwrap(), 5);
    assert!(refused(Run::begin(config, &run, 1)).contains("--resume"));
    let step = run.join("checkpoints").join("step-00000005");
    for name in ["adapter_model.safetensors", "optimizer.safetensors", "index.json"] {
        let whole = fs::read(step.join(name)).unwrap();
        for place in (0..whole.len()).step_by(whole.len().div_ceil(40)) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x55;
            fs::write(step.join(name), damaged).unwrap();
            let message = refused(Run::resume(&run, 1));
            assert!(message.contains("step-00000005") && message.contains("damaged"), "{name}, {place}: {message}");
        }
        // A digit that became another one.
        let digits = String::from_utf8(whole.clone()).ok().and_then(|text| text.rfind("\"step\": 5").map(|at| at + 8));
        if let Some(place) = digits {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(step.join(name), damaged).unwrap();
            assert!(refused(Run::resume(&run, 1)).contains("index.json is damaged"));
        }
        fs::write(step.join(name), &whole[..whole.len() / 2]).unwrap();
        assert!(refused(Run::resume(&run, 1)).contains("step-00000005"), "{name}");
        fs::write(step.join(name), whole).unwrap();
    }
    Run::resume(&run, 1).unwrap();
    let data = folder.path().join("data.jsonl");
    let text = fs::read_to_string(&data).unwrap();
    fs::write(&data, text.replacen("alarm 0", "alarm 1", 1)).unwrap();
    assert!(refused(Run::resume(&run, 1)).contains("data has changed"));
}

#[test]
fn training_that_diverges_says_so_and_keeps_the_last_checkpoint() {
    let (folder, mut config) = workshop();
    config.set("optimizer.learning_rate=1e30").unwrap();
    config.set("checkpoint.every=1").unwrap();
    let run = folder.path().join("run");
    let error = Run::begin(config, &run, 1).unwrap().train(&AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 2.., .. }), "{error}");
    assert!(run.join("checkpoints").join("step-00000001").join("index.json").exists());
}

#[test]
fn a_wrong_line_is_named() {
    let (folder, config) = workshop();
    let data = folder.path().join("data.jsonl");
    let text = fs::read_to_string(&data).unwrap();
    fs::write(&data, text + "\n{\"text\": 1}\n").unwrap();
    let message = refused(Run::begin(config.clone(), &folder.path().join("run"), 1));
    assert!(message.contains("data.jsonl, line 14: "), "{message}");
    fs::write(&data, "\n").unwrap();
    assert!(refused(Run::begin(config, Path::new(&folder.path().join("run")), 1)).contains("no example"));
}

#[test]
fn a_full_disk_is_named_and_the_last_checkpoint_stays() {
    let (folder, mut config) = workshop();
    let disk = folder.path().join("disk");
    let Some(_mounted) = TinyDisk::mount(&disk, "size=700k") else { return };
    config.set("checkpoint.every=1").unwrap();
    let run = disk.join("run");
    let error = Run::begin(config, &run, 1).unwrap().train(&AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::Write { .. }), "{error}");
    assert!(error.to_string().contains("is kept"), "{error}");
    let Err(after) = Run::resume(&run, 1) else { return };
    // What is left of the disk may be too little for the metrics; the checkpoint is not what is wrong.
    assert!(matches!(after, TrainError::Write { .. }), "{after}");
}
