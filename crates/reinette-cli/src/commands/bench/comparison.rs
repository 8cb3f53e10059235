//! What a comparison with another program found: paired samples, their ratios, and how people read them.

use crate::measure::Spread;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is compared. Each has a unit, and a direction that is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "measured", rename_all = "snake_case")]
pub(super) enum Row {
    /// Reading a prompt.
    Prefill { prompt_tokens: usize },
    /// Answering after so many tokens.
    Decode { depth_tokens: usize },
    /// Answering at depth 0 while as many threads of another program as there are of ours do nothing but count.
    BusyDecode,
    /// From the start of a process to the first token after a short prompt; not the first start on this machine.
    Start,
    /// The most memory of the process that answered after the most tokens.
    PeakMemory,
    /// A request to an assistant with tools.
    Assistant { process: Process, part: Part },
}

/// How much of the assistant's request is known where it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Process {
    /// A new process on a machine that never read these tools. Timed from its start.
    First,
    /// A new process on a machine where another one has read them. Timed from its start.
    Restarted,
    /// A process that has answered other words with the same tools. Timed from the request.
    Warm,
}

/// Which part of the answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// Its first token.
    FirstToken,
    /// Its end.
    WholeAnswer,
}

/// What a record of a comparison is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Record {
    Comparison(Heading),
    Sample(Sample),
    Limit(Limit),
    Answers(Answers),
    File(File),
    Chosen(Chosen),
}

/// Who is compared with whom, on what; the records after it belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Heading {
    pub(super) model: String,
    pub(super) peer: String,
    pub(super) rounds: usize,
}

/// One measurement of ours and one of the peer's, made one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    #[serde(flatten)]
    pub(super) row: Row,
    pub(super) threads: usize,
    pub(super) round: usize,
    pub(super) ours: f64,
    /// On the file that ours reads.
    pub(super) peer: f64,
    /// On the best of the model's files, where there are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) peer_best: Option<f64>,
}

/// A file of the model that the peer was measured on; the first is the one that ours reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Of a text, by the peer: how much worse its weights make the model.
    pub(super) perplexity: f64,
}

/// The settings with which the peer was best at something, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Chosen {
    #[serde(flatten)]
    pub(super) row: Row,
    pub(super) same_file: String,
    pub(super) best: String,
}

/// What bounds decode at depth 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Limit {
    pub(super) threads: usize,
    pub(super) round: usize,
    /// What the threads together read from memory in a second.
    pub(super) gigabytes_per_second: f64,
    /// What a token takes of the model's weights.
    pub(super) gigabytes_per_token: f64,
}

/// What was answered to the assistant's request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answers {
    pub(super) round: usize,
    pub(super) prompt_tokens: usize,
    pub(super) ours: Answer,
    pub(super) peer: Answer,
}

/// An answer to the assistant's request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tokens: usize,
}

/// A heading and everything under it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    pub(super) heading: Heading,
    pub(super) samples: Vec<Sample>,
    pub(super) limits: Vec<Limit>,
    pub(super) answers: Vec<Answers>,
    pub(super) files: Vec<File>,
    pub(super) chosen: Vec<Chosen>,
}

/// A row with what its samples come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) row: Row,
    pub(super) threads: usize,
    pub(super) ours: Spread,
    pub(super) peer: Spread,
    /// How many times better ours is than the peer on the same file, pair by pair.
    pub(super) ratio: Spread,
    /// The same beside the peer at its best, where that was measured.
    pub(super) ratio_to_best: Option<Spread>,
}

impl Row {
    /// What its figures are in.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Prefill { .. } | Self::Decode { .. } | Self::BusyDecode => "tokens/s",
            Self::Start | Self::Assistant { .. } => "ms",
            Self::PeakMemory => "MiB",
        }
    }

    /// How many times better `ours` is.
    pub(super) fn ratio(self, ours: f64, peer: f64) -> f64 {
        match self {
            Self::Prefill { .. } | Self::Decode { .. } | Self::BusyDecode => ours / peer,
            Self::Start | Self::PeakMemory | Self::Assistant { .. } => peer / ours,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefill { prompt_tokens } => write!(f, "prefill {}", grouped(*prompt_tokens as f64)),
            Self::Decode { depth_tokens } => write!(f, "decode at depth {}", grouped(*depth_tokens as f64)),
            Self::BusyDecode => write!(f, "decode on a busy machine"),
            Self::Start => write!(f, "process start to first token"),
            Self::PeakMemory => write!(f, "peak memory"),
            Self::Assistant { process, part } => {
                let process = match process {
                    Process::First => "first process",
                    Process::Restarted => "new process",
                    Process::Warm => "warm process",
                };
                let part = match part {
                    Part::FirstToken => "first token",
                    Part::WholeAnswer => "whole answer",
                };
                write!(f, "tool call, {process}: {part}")
            }
        }
    }
}

impl Comparison {
    pub(super) fn new(heading: Heading) -> Self {
        Self {
            heading,
            samples: Vec::new(),
            limits: Vec::new(),
            answers: Vec::new(),
            files: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Reads what `reinette bench --against llama.cpp --json` printed, of one run or several.
    pub(super) fn read(lines: &str) -> Result<Vec<Self>> {
        let mut comparisons: Vec<Self> = Vec::new();
        for (line, number) in lines.lines().zip(1..) {
            let record: Record = serde_json::from_str(line)
                .with_context(|| format!("line {number} is not a record of `reinette bench --against`"))?;
            match (record, comparisons.last_mut()) {
                (Record::Comparison(heading), _) => comparisons.push(Self::new(heading)),
                (Record::Sample(sample), Some(last)) if sample.ours > 0.0 && sample.peer > 0.0 => {
                    last.samples.push(sample);
                }
                (Record::Limit(limit), Some(last)) => last.limits.push(limit),
                (Record::Answers(answers), Some(last)) => last.answers.push(answers),
                (Record::File(file), Some(last)) => last.files.push(file),
                (Record::Chosen(chosen), Some(last)) => last.chosen.push(chosen),
                (Record::Sample(_), Some(_)) => bail!("line {number} has a figure that is not above 0"),
                (_, None) => bail!("line {number} comes before any `comparison`"),
            }
        }
        if comparisons.iter().all(|comparison| comparison.samples.is_empty()) {
            bail!("there is no sample in it");
        }
        Ok(comparisons)
    }

    /// Each row once, in the order in which they were measured.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        let mut keys: Vec<(Row, usize)> = Vec::new();
        for sample in &self.samples {
            if !keys.contains(&(sample.row, sample.threads)) {
                keys.push((sample.row, sample.threads));
            }
        }
        // Stable: the rows of one number of threads stay in their order.
        keys.sort_by_key(|(_, threads)| *threads);
        let summary = |(row, threads): (Row, usize)| {
            let samples = || self.samples.iter().filter(move |sample| (sample.row, sample.threads) == (row, threads));
            let best = samples().filter_map(|sample| Some(row.ratio(sample.ours, sample.peer_best?)));
            let best: Vec<f64> = best.collect();
            Summary {
                row,
                threads,
                ratio_to_best: (!best.is_empty()).then(|| Spread::of(best)),
                ours: Spread::of(samples().map(|sample| sample.ours).collect()),
                peer: Spread::of(samples().map(|sample| sample.peer).collect()),
                ratio: Spread::of(samples().map(|sample| row.ratio(sample.ours, sample.peer)).collect()),
            }
        };
        keys.into_iter().map(summary).collect()
    }

    /// How people read it.
    pub(super) fn to_text(&self) -> String {
        let Heading { model, peer, rounds } = &self.heading;
        let mut lines = vec![
            format!(
                "{model} against {peer}: medians of {rounds} paired rounds; ratios above 1 mean that ours is better"
            ),
            format!(
                "{:<40} {:>7} {:>10} {:<9} {:<23}  its best (lowest – highest)",
                "", "threads", "ours", "", "same file"
            ),
        ];
        let summaries = self.summaries();
        lines.extend(summaries.iter().map(|summary| {
            let Summary { row, threads, ours, ratio, ratio_to_best, .. } = summary;
            let best = ratio_to_best.map_or_else(String::new, told);
            let (row, unit) = (row.to_string(), row.unit());
            format!("{row:<40} {threads:>7} {:>10} {unit:<9} {:<23}  {best}", grouped(ours.median), told(*ratio))
                .trim_end()
                .to_owned()
        }));
        lines.extend(self.files.iter().map(|File { name, bytes, perplexity }| {
            format!("{name}: {} MB, perplexity {perplexity:.2}", grouped((*bytes / 1_000_000) as f64))
        }));
        lines.extend(
            self.chosen.iter().map(|Chosen { row, same_file, best }| format!("{row}: {same_file}; its best: {best}")),
        );
        lines.extend(summaries.iter().filter_map(|summary| self.share_of_bandwidth(summary)));
        lines.extend(summaries.iter().filter_map(|summary| share_when_busy(summary, &summaries)));
        if let Some(Answers { prompt_tokens, ours, peer, .. }) = self.answers.first() {
            lines.push(format!(
                "tool call: {prompt_tokens} tokens of prompt, the same JSON schema for both; a new process of ours"
            ));
            lines.push(
                "finds what another one has read, the server starts again; a warm one answered other words".to_owned(),
            );
            let answer =
                |name: &str, Answer { text, tokens }: &Answer| format!("  {name:<8} {tokens:>3} tokens: {text}");
            lines.extend([answer("ours", ours), answer("theirs", peer)]);
        }
        lines.join("\n")
    }

    /// What decode at depth 0 makes of the bandwidth of memory.
    fn share_of_bandwidth(&self, summary: &Summary) -> Option<String> {
        if summary.row != (Row::Decode { depth_tokens: 0 }) {
            return None;
        }
        let threads = summary.threads;
        let limits = || self.limits.iter().filter(move |limit| limit.threads == threads);
        let per_token = limits().next()?.gigabytes_per_token;
        let bandwidth = Spread::of(limits().map(|limit| limit.gigabytes_per_second).collect()).median;
        let percent = |speed: f64| 100.0 * speed * per_token / bandwidth;
        let (peer, counted) = (&self.heading.peer, if threads == 1 { "thread" } else { "threads" });
        Some(format!(
            "decode at depth 0, {threads} {counted}, takes the weights at {:.0}% of the {bandwidth:.1} GB/s that this machine \
             reads; {peer} at {:.0}%",
            percent(summary.ours.median),
            percent(summary.peer.median)
        ))
    }
}

/// What a busy machine leaves of decode at depth 0.
fn share_when_busy(summary: &Summary, all: &[Summary]) -> Option<String> {
    let threads = summary.threads;
    let alone = all.iter().find(|other| (other.row, other.threads) == (Row::Decode { depth_tokens: 0 }, threads))?;
    let percent = |busy: Spread, alone: Spread| 100.0 * busy.median / alone.median;
    (summary.row == Row::BusyDecode).then(|| {
        format!(
            "decode beside as many busy threads, {threads} of each: ours keeps {:.0}% of its speed, theirs {:.0}%",
            percent(summary.ours, alone.ours),
            percent(summary.peer, alone.peer)
        )
    })
}

/// A ratio with its spread: `3.10× (3.00 – 4.00)`.
fn told(ratio: Spread) -> String {
    format!("{}× ({} – {})", short(ratio.median), short(ratio.low), short(ratio.high))
}

/// A figure of three digits, more before the point than behind it.
pub(super) fn short(figure: f64) -> String {
    match figure {
        ..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

/// A figure with thousands set apart: `1,234`, `98.7`.
pub(super) fn grouped(figure: f64) -> String {
    if figure.fract() != 0.0 && figure < 1000.0 {
        return short(figure);
    }
    let digits = format!("{figure:.0}");
    let first = digits.len() % 3;
    let groups = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
    let head = (first > 0).then(|| digits[..first].into());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = include_str!("testdata/comparison.jsonl");

    #[test]
    fn ratios_are_taken_pair_by_pair_and_above_one_when_ours_is_better() {
        let summaries = Comparison::read(RECORDS).unwrap()[0].summaries();
        let ratio = |row: Row, threads: usize| {
            summaries.iter().find(|summary| (summary.row, summary.threads) == (row, threads)).unwrap().ratio
        };
        // 600 against 200, 620 against 200, 580 against 145.
        let prefill = ratio(Row::Prefill { prompt_tokens: 512 }, 2);
        assert_eq!(prefill, Spread { median: 3.1, low: 3.0, high: 4.0 });
        // Less time is better: 208 ms against 51, 52 and 53.
        assert!((ratio(Row::Start, 2).median - 4.0).abs() < 1e-9);
        assert!((ratio(Row::Decode { depth_tokens: 0 }, 1).median - 0.9).abs() < 1e-9);
        assert_eq!(summaries[0].threads, 1, "fewer threads come first");
    }

    #[test]
    fn people_read_medians_ratios_and_spread() {
        let text = Comparison::read(RECORDS).unwrap()[0].to_text();
        let row = text.lines().find(|line| line.starts_with("prefill 512")).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(&words[..9], ["prefill", "512", "2", "600", "tokens/s", "3.10×", "(3.00", "–", "4.00)"]);
        assert_eq!(&words[9..], ["1.55×", "(1.50", "–", "2.00)"], "beside the peer at its best");
        assert!(text.contains("Q4_0: 92 MB, perplexity 14.90"), "{text}");
        assert!(text.contains("prefill 512: same file: own kernels; its best: Q4_0: own kernels"), "{text}");
        assert!(text.contains("51% of the 30.0 GB/s") && text.contains("(some version) at 53%"), "{text}");
        assert!(text.contains("1700 tokens of prompt") && text.contains("5 tokens: {\"a\":1}"), "{text}");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let row = Row::Assistant { process: Process::Warm, part: Part::WholeAnswer };
        let sample = Sample { row, threads: 2, round: 4, ours: 1.5, peer: 3.0, peer_best: Some(2.5) };
        let mut record = serde_json::to_value(sample).unwrap();
        record["type"] = "sample".into();
        let heading = RECORDS.lines().next().unwrap();
        let comparisons = Comparison::read(&format!("{heading}\n{record}\n{heading}\n{record}\n")).unwrap();
        assert_eq!(comparisons.len(), 2);
        assert_eq!(comparisons[1].samples, [sample]);
    }

    #[test]
    fn what_is_no_comparison_is_refused_by_its_line() {
        let heading = RECORDS.lines().next().unwrap();
        let zero = RECORDS.lines().nth(1).unwrap().replace("600", "0");
        for (lines, words) in [
            (format!("{heading}\nhello"), "line 2 is not a record"),
            (RECORDS.lines().nth(1).unwrap().to_owned(), "line 1 comes before any `comparison`"),
            (format!("{heading}\n{zero}"), "line 2 has a figure that is not above 0"),
            (heading.to_owned(), "no sample"),
            (String::new(), "no sample"),
        ] {
            let error = Comparison::read(&lines).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn figures_have_three_digits_and_thousands_set_apart() {
        let figures = [0.5, 9.876, 98.76, 987.6, 1234.5, 1_234_567.0, 12.0, 100.0];
        assert_eq!(figures.map(grouped), ["0.50", "9.88", "98.8", "988", "1,234", "1,234,567", "12", "100"]);
    }
}
