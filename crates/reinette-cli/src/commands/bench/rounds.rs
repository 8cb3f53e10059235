//! Both sides in turn, so that what else happens on the machine meets them alike.

use super::comparison::{Answers, Comparison, File, Heading, Limit, Sample};
use super::competing::CompetingLoad;
use super::contender::{Contender, Measurement, Memory};
use super::process::check_interrupted;
use crate::printer::Printer;
use anyhow::{Result, ensure};
use serde::Serialize;

/// What is compared, and how often.
#[derive(Clone, Debug)]
pub(super) struct Rounds {
    pub(super) heading: Heading,
    pub(super) measurements: Vec<Measurement>,
    pub(super) threads: Vec<usize>,
}

impl Rounds {
    /// What is measured: the request only with the most threads, because its figures are those of reading and answering.
    pub(super) fn new(heading: Heading, prefill: &[usize], depths: &[usize], threads: Vec<usize>) -> Self {
        let deepest = depths.iter().max();
        let decode = |depth: &usize| Measurement::Decode {
            depth_tokens: *depth,
            memory: if Some(depth) == deepest { Memory::Told } else { Memory::Untold },
        };
        let mut measurements: Vec<_> =
            prefill.iter().map(|tokens| Measurement::Prefill { prompt_tokens: *tokens }).collect();
        measurements.extend(depths.iter().map(decode));
        measurements.extend([Measurement::BusyDecode, Measurement::Start]);
        Self { heading, measurements, threads }
    }

    /// Measures ours and the peer's, which has these files of the model, each first in every other round. Records are printed as soon as they are known.
    ///
    /// # Errors
    /// If either side fails, or the user stops us.
    pub(super) fn run(
        &self,
        printer: Printer,
        ours: &mut dyn Contender,
        peer: &mut dyn Contender,
        files: Vec<File>,
    ) -> Result<Comparison> {
        let mut comparison = Comparison::new(self.heading.clone());
        printer.print_for_programs("comparison", &comparison.heading)?;
        for file in files {
            tell(printer, "file", file, &mut comparison.files)?;
        }
        let most_threads = self.threads.iter().max().copied().unwrap_or(1);
        let cells =
            || self.threads.iter().flat_map(|threads| self.measurements.iter().map(move |what| (*threads, *what)));
        let is_measured =
            |(threads, what): &(usize, Measurement)| *what != Measurement::Assistant || *threads == most_threads;
        let cells: Vec<_> = cells().filter(is_measured).collect();
        let bar = printer.count_bar((self.heading.rounds * cells.len()) as u64);
        for round in 1..=self.heading.rounds {
            printer.note(&format!("Round {round} of {}", self.heading.rounds));
            for (threads, measurement) in &cells {
                check_interrupted()?;
                let cell = Cell { round, threads: *threads, measurement: *measurement };
                cell.measure(printer, ours, peer, &mut comparison)?;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(comparison)
    }
}

/// A pair of measurements.
struct Cell {
    round: usize,
    threads: usize,
    measurement: Measurement,
}

impl Cell {
    fn measure(
        &self,
        printer: Printer,
        ours: &mut dyn Contender,
        peer: &mut dyn Contender,
        comparison: &mut Comparison,
    ) -> Result<()> {
        let Self { round, threads, measurement } = *self;
        let load = (measurement == Measurement::BusyDecode).then(|| CompetingLoad::start(threads));
        let (ours, peer) = if round % 2 == 1 {
            let ours = ours.measure(measurement, threads)?;
            (ours, peer.measure(measurement, threads)?)
        } else {
            let peer = peer.measure(measurement, threads)?;
            (ours.measure(measurement, threads)?, peer)
        };
        drop(load);
        for (row, figure) in ours.figures {
            // A row that only one side could measure is no comparison.
            if let Some((_, other)) = peer.figures.iter().find(|(other, _)| *other == row) {
                let best = peer.best_figures.iter().find(|(best, _)| *best == row).map(|(_, figure)| *figure);
                let sample = Sample { row, threads, round, ours: figure, peer: *other, peer_best: best };
                tell(printer, "sample", sample, &mut comparison.samples)?;
            }
        }
        if let Some((gigabytes_per_second, gigabytes_per_token)) = ours.bandwidth {
            let limit = Limit { threads, round, gigabytes_per_second, gigabytes_per_token };
            tell(printer, "limit", limit, &mut comparison.limits)?;
        }
        if let Some(chosen) = peer.chosen.filter(|_| round == 1) {
            tell(printer, "chosen", chosen, &mut comparison.chosen)?;
        }
        if let (Some((prompt_tokens, ours)), Some((other, peer))) = (ours.answer, peer.answer) {
            ensure!(
                prompt_tokens == other,
                "the prompt has {prompt_tokens} tokens for ours and {other} for the other side"
            );
            let answers = Answers { round, prompt_tokens, ours, peer };
            tell(printer, "answers", answers, &mut comparison.answers)?;
        }
        Ok(())
    }
}

fn tell<R: Serialize>(printer: Printer, kind: &str, record: R, records: &mut Vec<R>) -> Result<()> {
    printer.print_for_programs(kind, &record)?;
    records.push(record);
    Ok(())
}
