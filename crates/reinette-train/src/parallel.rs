//! The gradients of a step, part by part on several threads, added up in one order.

use crate::adapter::Adapter;
use crate::batch::Batch;
use crate::config::Recompute;
use crate::decoder::{Decoder, Gradients};
use crate::operations::AnswerLoss;
use crate::preference::Reference;
use crate::tensor::values;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the parts of a step cost together, and their gradients.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// Of all answers' tokens, in nats.
    pub(crate) loss: f64,
    /// How many answer tokens were the likeliest.
    pub(crate) right: usize,
    /// Of each parameter; empty before the first part.
    pub(crate) gradients: Vec<Vec<f32>>,
}

impl Sums {
    fn add(&mut self, Gradients { loss, parameters }: &Gradients) {
        self.loss += loss.sum();
        self.right += loss.right.iter().filter(|right| **right).count();
        if self.gradients.is_empty() {
            self.gradients = parameters.iter().map(|gradient| values(gradient).to_vec()).collect();
            return;
        }
        for (sum, gradient) in self.gradients.iter_mut().zip(parameters) {
            sum.iter_mut().zip(values(gradient)).for_each(|(sum, gradient)| *sum += gradient);
        }
    }
}

/// Parts that wait for those before them, so that sums do not depend on which thread was faster.
#[derive(Default)]
struct InOrder {
    next: usize,
    waiting: BTreeMap<usize, Gradients>,
    sums: Sums,
}

impl InOrder {
    fn put(&mut self, part: usize, gradients: Gradients) {
        self.waiting.insert(part, gradients);
        while let Some(gradients) = self.waiting.remove(&self.next) {
            self.sums.add(&gradients);
            self.next += 1;
        }
    }
}

/// The sums of all parts: the same bits for any number of threads, as each part is computed by one of them.
pub(crate) fn gradients(
    decoder: &Decoder,
    adapter: &Adapter,
    reference: Option<&Reference>,
    parts: &[Batch],
    recompute: Recompute,
    n_threads: usize,
) -> Sums {
    let in_order = Mutex::new(InOrder::default());
    // The longest first: the last ones are then short, and threads end together.
    let mut by_length: Vec<usize> = (0..parts.len()).collect();
    by_length.sort_by_key(|part| Reverse(parts[*part].tokens.len()));
    for_each(parts.len(), n_threads, |place| {
        let part = by_length[place];
        let gradients = decoder.gradients(adapter, reference, &parts[part], recompute);
        in_order.lock().unwrap_or_else(PoisonError::into_inner).put(part, gradients);
    });
    in_order.into_inner().unwrap_or_else(PoisonError::into_inner).sums
}

/// The losses of all parts, in order.
pub(crate) fn losses(
    decoder: &Decoder,
    adapter: &Adapter,
    reference: Option<&Reference>,
    parts: &[Batch],
    n_threads: usize,
) -> Vec<AnswerLoss> {
    let found = Mutex::new(BTreeMap::new());
    for_each(parts.len(), n_threads, |part| {
        let loss = decoder.loss(adapter, reference, &parts[part]);
        found.lock().unwrap_or_else(PoisonError::into_inner).insert(part, loss);
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// Calls `work` once for each number below `count`, on up to `n_threads` threads.
pub(crate) fn for_each(count: usize, n_threads: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= count {
                return;
            }
            work(part);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..n_threads.min(count) {
            scope.spawn(run);
        }
        run();
    });
}
