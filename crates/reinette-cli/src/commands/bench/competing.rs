//! A competing load: threads that do nothing but count.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Busy threads, which end when this is dropped.
pub(super) struct CompetingLoad {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl CompetingLoad {
    pub(super) fn start(n_threads: usize) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let spin = |ended: Arc<AtomicBool>| {
            move || {
                let mut count = 0_u64;
                while !ended.load(Ordering::Relaxed) {
                    // No `spin_loop`: a load that gives way would be none.
                    count = hint::black_box(count.wrapping_add(1));
                }
            }
        };
        let threads = (0..n_threads).map(|_| thread::spawn(spin(Arc::clone(&ended)))).collect();
        Self { ended, threads }
    }
}

impl Drop for CompetingLoad {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It counts; it cannot fail.
            let _ = thread.join();
        }
    }
}
