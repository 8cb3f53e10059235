//! What was read once need not be read again, and nothing but time depends on it.

use reinette_engine::tokenizer::TokenId;
use reinette_engine::{
    Adapter, Batch, BatchConfig, EndOfGeneration, GenerateRequest, Generated, KvType, Model, PrefixCache, Progress,
    Sampler, Sampling, Sequence, SnapshotFolder,
};
use reinette_kernels::KvLayer;
use reinette_testkit::TinyDecoder;
use safetensors::tensor::{Dtype, TensorView};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

pub(crate) const PREFIX_TOKENS: usize = 300;
/// Far more than all snapshots of a test.
const AMPLE: u64 = 1 << 30;

/// A model's file, and a folder for snapshots that does not exist yet.
struct Machine {
    folder: TempDir,
    model: PathBuf,
}

impl Machine {
    fn new(decoder: TinyDecoder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("tiny.gguf");
        fs::write(&model, decoder.file(1)).unwrap();
        Self { folder, model }
    }

    fn snapshots(&self) -> PathBuf {
        self.folder.path().join("cache").join("prefixes")
    }

    /// All snapshots there are.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.snapshots()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// What a new process has: nothing but the files.
    fn process(&self) -> Sequence {
        self.process_with(SnapshotFolder::new(self.snapshots(), AMPLE))
    }

    fn process_with(&self, folder: SnapshotFolder) -> Sequence {
        process(&self.model, Some(folder))
    }
}

fn process(model: &Path, folder: Option<SnapshotFolder>) -> Sequence {
    let model = Arc::new(Model::load(model).unwrap());
    Sequence::with_config(model, config(Arc::new(PrefixCache::new(0, folder)), KvType::F16)).unwrap()
}

fn config(prefixes: Arc<PrefixCache>, kv_type: KvType) -> BatchConfig {
    BatchConfig { prefixes, kv_type, ..BatchConfig::new(512, 2) }
}

/// A prompt of instructions, the same for the same `instructions`, and a question.
fn prompt(instructions: u32, question: u32) -> Vec<TokenId> {
    let prefix =
        (0..).take(PREFIX_TOKENS).map(|position| TokenId((position * (7 + instructions) + instructions) % 256));
    prefix.chain((0..20).map(|position| TokenId((position * 11 + question) % 256))).collect()
}

fn request(prompt: &[TokenId], adapter: Option<&Arc<Adapter>>) -> GenerateRequest {
    let sampling = Sampling::Random { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 7 };
    GenerateRequest {
        prefix_tokens: PREFIX_TOKENS,
        adapters: adapter.cloned().into_iter().collect(),
        sampler: Sampler::new(sampling, 1.0),
        end_of_generation: EndOfGeneration::Ignored,
        max_tokens: 24,
        ..GenerateRequest::new(prompt.to_vec())
    }
}

fn answer(sequence: &mut Sequence, prompt: &[TokenId], adapter: Option<&Arc<Adapter>>) -> (String, Generated) {
    let mut text = String::new();
    let generated = sequence.generate(request(prompt, adapter), &mut |piece| text.push_str(piece)).unwrap();
    sequence.save_prefix();
    (text, generated)
}

/// An adapter of rank 1 on one projection.
pub(crate) fn adapter(model: &Model, weight: f32, alpha: f32) -> Arc<Adapter> {
    let bytes: Vec<u8> = (0..64).flat_map(|_| weight.to_le_bytes()).collect();
    let name = |part: &str| format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight");
    let view = |shape: [usize; 2]| TensorView::new(Dtype::F32, shape.to_vec(), &bytes).unwrap();
    let file = safetensors::serialize([(name("A"), view([1, 64])), (name("B"), view([64, 1]))], None).unwrap();
    let config = format!(r#"{{"peft_type": "LORA", "r": 1, "lora_alpha": {alpha}}}"#);
    Arc::new(Adapter::from_parts(config.as_bytes(), &file, model).unwrap())
}

#[test]
fn a_new_process_does_not_read_what_another_has_read() {
    for decoder in TinyDecoder::ALL {
        let machine = Machine::new(decoder);
        let (first, read) = answer(&mut machine.process(), &prompt(0, 1), None);
        assert_eq!(read.cached_tokens, 0, "{decoder:?}");
        let (second, recalled) = answer(&mut machine.process(), &prompt(0, 1), None);
        assert_eq!((second, recalled.cached_tokens), (first, PREFIX_TOKENS), "{decoder:?}");
        // Another question to the same instructions is answered as if nothing were kept.
        let (other, recalled) = answer(&mut machine.process(), &prompt(0, 2), None);
        let (fresh, _) = answer(&mut process(&machine.model, None), &prompt(0, 2), None);
        assert_eq!((other, recalled.cached_tokens), (fresh, PREFIX_TOKENS), "{decoder:?}");
        assert_eq!(machine.files().len(), 1, "{decoder:?}");
    }
}

#[test]
fn what_is_expected_is_read_before_it_is_asked() {
    let machine = Machine::new(TinyDecoder::Llama);
    let (text, _) = answer(&mut machine.process(), &prompt(0, 1), None);
    let model = Arc::new(Model::load(&machine.model).unwrap());
    let snapshots = SnapshotFolder::new(machine.snapshots(), AMPLE);
    let config = config(Arc::new(PrefixCache::new(0, Some(snapshots))), KvType::F16);
    // Room for two prompts.
    let mut batch = Batch::new(model, BatchConfig { max_tokens: 1024, ..config }).unwrap();
    // Of a prompt that would be refused nothing comes.
    batch.expect(&GenerateRequest::new(Vec::new()));
    batch.expect(&request(&prompt(0, 1), None));
    fs::remove_dir_all(machine.snapshots()).unwrap();
    assert!(batch.is_idle());
    // Another prompt may come first.
    for (prompt, known) in [(prompt(1, 1), 0), (prompt(0, 1), PREFIX_TOKENS)] {
        batch.submit(request(&prompt, None));
        let (mut answered, mut cached_tokens) = (String::new(), None);
        while cached_tokens.is_none() {
            for (_, progress) in batch.step() {
                match progress {
                    Progress::Text(piece) => answered.push_str(&piece),
                    Progress::Finished(result) => cached_tokens = Some(result.unwrap().cached_tokens),
                }
            }
        }
        assert_eq!((cached_tokens, answered == text), (Some(known), known > 0));
    }
}

#[test]
fn other_tokens_models_and_adapters_have_snapshots_of_their_own() {
    let machine = Machine::new(TinyDecoder::Llama);
    let model = Model::load(&machine.model).unwrap();
    // The same weights with another alpha are another adapter.
    let adapters = [adapter(&model, 0.5, 1.0), adapter(&model, 0.5, 2.0), adapter(&model, 0.25, 1.0)];
    let asked = [None, Some(&adapters[0]), Some(&adapters[1]), Some(&adapters[2])];
    let cached = |adapter| answer(&mut machine.process(), &prompt(0, 1), adapter).1.cached_tokens;
    assert_eq!(asked.map(cached), [0; 4]);
    assert_eq!(asked.map(cached), [PREFIX_TOKENS; 4]);
    let other_tokens = answer(&mut machine.process(), &prompt(1, 1), None).1.cached_tokens;
    // Another model in the same place: of the same size and shape, and even of the same age.
    let changed = fs::metadata(&machine.model).unwrap().modified().unwrap();
    fs::write(&machine.model, TinyDecoder::Llama.file(2)).unwrap();
    File::options().write(true).open(&machine.model).unwrap().set_modified(changed).unwrap();
    assert_eq!((other_tokens, cached(None)), (0, 0));
}

#[test]
fn each_type_of_numbers_has_snapshots_of_its_own() {
    let machine = Machine::new(TinyDecoder::Llama);
    let asked = |ty| {
        let model = Arc::new(Model::load(&machine.model).unwrap());
        let folder = SnapshotFolder::new(machine.snapshots(), AMPLE);
        let config = config(Arc::new(PrefixCache::new(0, Some(folder))), ty);
        let mut sequence = Sequence::with_config(model, config).unwrap();
        let (text, generated) = answer(&mut sequence, &prompt(0, 1), None);
        (text, generated.cached_tokens)
    };
    let read = [KvType::F16, KvType::Q8].map(asked);
    let recalled = [KvType::F16, KvType::Q8].map(asked);
    assert_eq!([read[0].1, read[1].1], [0; 2]);
    assert_eq!([recalled[0].1, recalled[1].1], [PREFIX_TOKENS; 2]);
    assert_eq!([&read[0].0, &read[1].0], [&recalled[0].0, &recalled[1].0]);
    let sizes = machine.files().into_iter().map(|file| fs::metadata(file).unwrap().len());
    let (smaller, larger) = sizes.fold((u64::MAX, 0), |(least, most), size| (least.min(size), most.max(size)));
    // Heads of 16 numbers have a scale each: 10 bits a number.
    assert!(smaller * 3 < larger * 2, "{smaller} bytes in 8 bits, {larger} in half precision");
}

#[test]
fn a_short_beginning_leaves_no_file() {
    let machine = Machine::new(TinyDecoder::Llama);
    let short = &prompt(0, 1)[PREFIX_TOKENS - 200..];
    answer(&mut machine.process(), short, None);
    assert_eq!(machine.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_damaged_snapshot_is_read_again() {
    let machine = Machine::new(TinyDecoder::WindowedGemma3);
    let (expected, _) = answer(&mut machine.process(), &prompt(0, 1), None);
    let file = machine.files().remove(0);
    let whole = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let header = [0, 8, 12, 16, 32, 48, 60, 64, 64 + 4 * PREFIX_TOKENS - 1].map(flipped);
    let contents = [64 + 4 * PREFIX_TOKENS, whole.len() / 2, whole.len() - 9, whole.len() - 1].map(flipped);
    let truncated = [0, 1, 50, 100, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec());
    for (index, damaged) in header.into_iter().chain(contents).chain(truncated).enumerate() {
        fs::write(&file, damaged).unwrap();
        let (text, generated) = answer(&mut machine.process(), &prompt(0, 1), None);
        assert_eq!((&text, generated.cached_tokens), (&expected, 0), "damage {index}");
        assert!(fs::read(&file).unwrap() == whole, "the snapshot is written anew");
    }
}

#[test]
fn the_snapshots_unused_for_longest_go_first() {
    let machine = Machine::new(TinyDecoder::Llama);
    answer(&mut machine.process(), &prompt(0, 1), None);
    let size = fs::metadata(&machine.files()[0]).unwrap().len();
    let folder = SnapshotFolder::new(machine.snapshots(), 2 * size + size / 2);
    let cached = |instructions| {
        // Some file systems keep times of use in steps of milliseconds.
        std::thread::sleep(Duration::from_millis(20));
        answer(&mut machine.process_with(folder.clone()), &prompt(instructions, 1), None).1.cached_tokens
    };
    assert_eq!([0, 1, 0, 2].map(cached), [PREFIX_TOKENS, 0, PREFIX_TOKENS, 0]);
    assert_eq!((folder.usage().unwrap().files, folder.usage().unwrap().bytes), (2, 2 * size));
    // The first was used after the second, which had to go.
    assert_eq!([0, 2, 1].map(cached), [PREFIX_TOKENS, PREFIX_TOKENS, 0]);
    let none = SnapshotFolder::new(machine.snapshots(), 0);
    answer(&mut machine.process_with(none), &prompt(3, 1), None);
    assert_eq!(folder.usage().unwrap().files, 2, "with a limit of nothing, nothing is written");
    assert_eq!(folder.clear().unwrap().files, 2);
    assert_eq!(machine.files(), Vec::<PathBuf>::new());
}

#[test]
fn without_a_place_to_write_everything_else_works() {
    let machine = Machine::new(TinyDecoder::Llama);
    let (expected, _) = answer(&mut process(&machine.model, None), &prompt(0, 1), None);
    // A folder inside a file can be neither read nor made.
    let mut sequence = machine.process_with(SnapshotFolder::new(machine.model.join("prefixes"), AMPLE));
    assert_eq!(answer(&mut sequence, &prompt(0, 1), None).0, expected);
    assert_eq!(answer(&mut sequence, &prompt(0, 1), None).0, expected);
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_another_writes_is_not() {
    let machine = Machine::new(TinyDecoder::Llama);
    fs::create_dir_all(machine.snapshots()).unwrap();
    let (abandoned, written) = (machine.snapshots().join("a.1-0.partial"), machine.snapshots().join("b.2-0.partial"));
    fs::write(&abandoned, "half").unwrap();
    let writer = File::create(&written).unwrap();
    writer.lock().unwrap();
    answer(&mut machine.process(), &prompt(0, 1), None);
    assert!(!abandoned.exists() && written.exists());
    assert_eq!(machine.files().len(), 2, "the snapshot, and what is being written");
}

#[test]
fn a_cancelled_prompt_leaves_no_snapshot() {
    let machine = Machine::new(TinyDecoder::Llama);
    let mut sequence = machine.process();
    let asked = AtomicBool::new(false);
    let request = GenerateRequest {
        prefix_tokens: PREFIX_TOKENS,
        cancelled: Box::new(move || asked.swap(true, Ordering::Relaxed)),
        ..GenerateRequest::new(prompt(0, 1))
    };
    let generated = sequence.generate(request, &mut |_| {}).unwrap();
    sequence.save_prefix();
    assert_eq!((generated.finish_reason, generated.output_tokens), (reinette_engine::FinishReason::Cancelled, 0));
    assert_eq!(machine.files(), Vec::<PathBuf>::new());
}

/// Sequences of one process, with so many bytes for what they have read.
fn sequences<const COUNT: usize>(machine: &Machine, limit_bytes: usize) -> [Sequence; COUNT] {
    let model = Arc::new(Model::load(&machine.model).unwrap());
    let prefixes = Arc::new(PrefixCache::new(limit_bytes, None));
    [(); COUNT].map(|()| Sequence::with_config(Arc::clone(&model), config(Arc::clone(&prefixes), KvType::F16)).unwrap())
}

/// Half-precision keys and values of seven layers with two heads of 16 numbers.
const BYTES_PER_TOKEN: usize = 2 * 7 * 2 * 16 * 2;

#[test]
fn sequences_share_the_beginnings_of_their_prompts() {
    for decoder in TinyDecoder::ALL {
        let machine = Machine::new(decoder);
        let [mut first, mut second] = sequences(&machine, 64 << 20);
        let (expected, _) = answer(&mut first, &prompt(0, 1), None);
        let (text, generated) = answer(&mut second, &prompt(0, 1), None);
        assert_eq!((text, generated.cached_tokens), (expected, PREFIX_TOKENS), "{decoder:?}");
        // A beginning that differs halfway is shared up to there, and both go on being known.
        let mut other = prompt(0, 1);
        other[280..].reverse();
        assert_eq!(answer(&mut first, &other, None).1.cached_tokens, 280, "{decoder:?}");
        for prompt in [&other, &prompt(0, 1)] {
            let fresh = answer(&mut process(&machine.model, None), prompt, None).0;
            let (text, generated) = answer(&mut second, prompt, None);
            assert_eq!((text, generated.cached_tokens >= PREFIX_TOKENS), (fresh, true), "{decoder:?}");
        }
    }
}

#[test]
fn memory_for_beginnings_is_bounded_and_the_oldest_go_first() {
    let machine = Machine::new(TinyDecoder::Llama);
    let pages = PREFIX_TOKENS.div_ceil(KvLayer::PAGE_POSITIONS);
    let limit_bytes = 2 * pages * KvLayer::PAGE_POSITIONS * BYTES_PER_TOKEN;
    let mut sequences = sequences::<7>(&machine, limit_bytes).into_iter();
    let asked = [0, 1, 0, 2, 0, 2, 1].map(|instructions| {
        let cached = answer(&mut sequences.next().unwrap(), &prompt(instructions, 1), None).1.cached_tokens;
        (instructions, cached)
    });
    let kept = PREFIX_TOKENS;
    assert_eq!(asked, [(0, 0), (1, 0), (0, kept), (2, 0), (0, kept), (2, kept), (1, 0)]);
}

#[test]
fn a_conversation_goes_on_after_another_on_the_same_sequence() {
    let machine = Machine::new(TinyDecoder::Llama);
    let [mut sequence] = sequences(&machine, 64 << 20);
    let conversation = [prompt(0, 1), prompt(1, 1)[..100].to_vec()].concat();
    answer(&mut sequence, &conversation, None);
    answer(&mut sequence, &prompt(2, 1), None);
    let continued = answer(&mut sequence, &[conversation.clone(), vec![TokenId(9); 5]].concat(), None).1;
    assert_eq!(continued.cached_tokens, conversation.len());
}

/// Answers a prompt, and gives the tokens that the batch keeps afterwards.
fn kept_after(batch: &mut Batch, prompt: &[TokenId]) -> usize {
    batch.submit(request(prompt, None));
    while !batch.is_idle() {
        batch.step();
    }
    batch.kept_tokens()
}

#[test]
fn memory_of_conversations_that_are_not_under_way_is_bounded() {
    let machine = Machine::new(TinyDecoder::Llama);
    let model = Arc::new(Model::load(&machine.model).unwrap());
    let batch = |max_sequences, max_idle_tokens| {
        let config = config(Arc::default(), KvType::F16);
        let config = BatchConfig { max_tokens: 8 * 512, max_sequences, max_idle_tokens, ..config };
        Batch::new(Arc::clone(&model), config).unwrap()
    };
    let answered = PREFIX_TOKENS + 20 + 24;
    let kept = |mut batch: Batch| (0..6).map(|first| kept_after(&mut batch, &prompt(first, 1))).max().unwrap();
    assert!(kept(batch(8, usize::MAX)) > 5 * PREFIX_TOKENS);
    assert!(kept(batch(8, 2 * answered)) <= 3 * answered);
    assert!(kept(batch(8, 0)) <= answered);
    // A short one gives back what a long one before it took.
    let mut alone = batch(1, 0);
    assert!(kept_after(&mut alone, &prompt(0, 1)) > PREFIX_TOKENS);
    assert!(kept_after(&mut alone, &prompt(1, 1)[..40]) < 40 + 24 + 1);
    // What was given back is written again as if it were new.
    let text = answer(&mut process(&machine.model, None), &prompt(0, 2), None).0;
    let [mut sequence] = sequences(&machine, 0);
    for prompt in [&prompt(0, 1)[..], &prompt(1, 1)[..40]] {
        answer(&mut sequence, prompt, None);
    }
    assert_eq!(answer(&mut sequence, &prompt(0, 2), None).0, text);
}

/// Processes that write, read and delete the same snapshots at once: see below.
#[test]
#[ignore = "run by `processes_at_once_do_not_disturb_each_other`, in processes of its own"]
fn asks_many_times() {
    let model = std::env::var_os("REINETTE_TEST_MODEL").map(PathBuf::from).unwrap();
    let folder = SnapshotFolder::new(model.with_file_name("prefixes"), AMPLE);
    let mut alone = process(&model, None);
    let expected = [0, 1].map(|instructions| answer(&mut alone, &prompt(instructions, 1), None).0);
    for round in 0..30_usize {
        let instructions = round % 2;
        let mut sequence = process(&model, Some(folder.clone()));
        let question = prompt(u32::try_from(instructions).unwrap(), 1);
        assert_eq!(answer(&mut sequence, &question, None).0, expected[instructions]);
        if round % 5 == 4 {
            folder.clear().unwrap();
        }
    }
}

#[test]
fn processes_at_once_do_not_disturb_each_other() {
    let machine = Machine::new(TinyDecoder::WindowedGemma3);
    let spawn = |_| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "prefix::asks_many_times"]).env("REINETTE_TEST_MODEL", &machine.model);
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    for process in [0, 1, 2].map(spawn) {
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
    let left = fs::read_dir(machine.model.with_file_name("prefixes")).unwrap();
    let partial = left.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "partial").count();
    assert_eq!(partial, 0);
}

#[test]
fn snapshots_are_the_users_alone() {
    let machine = Machine::new(TinyDecoder::Llama);
    let before = SystemTime::now();
    answer(&mut machine.process(), &prompt(0, 1), None);
    let metadata = fs::metadata(machine.snapshots()).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o700);
    assert!(metadata.modified().unwrap() >= before - Duration::from_secs(1));
}
