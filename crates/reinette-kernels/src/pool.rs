//! A fork-join pool for hundreds of tiny parallel steps a token.
//!
//! One atomic, the *ticket*, packs the number of the step and how many of its chunks nobody has claimed yet. A thread
//! claims a chunk with a compare-and-swap on it, so a claim proves that the step is still running and that its
//! closure is alive; a worker that was descheduled meanwhile merely loses the race. The caller claims chunks too
//! and waits only for chunks that somebody else has claimed: a worker that never gets a core holds nobody up.
//!
//! Beside the steps there may be one piece of other work, which a worker takes that finds no chunk.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread spins before it offers its core to others: longer than the serial work between two parallel
/// steps of a decoder layer (a few µs) and between two tokens (picking one, and following it in a grammar), far shorter than
/// what a user or a battery notices.
const SPIN: Duration = Duration::from_micros(200);
/// How often a thread then yields its time slice before it goes to sleep.
const YIELDS: usize = 16;
/// Bits of the ticket that count unclaimed chunks; the other 40 number the steps, enough for years of them.
const CHUNK_BITS: u32 = 24;
/// The most chunks that one step is made of; longer runs are several steps.
const MAX_CHUNKS: usize = (1 << CHUNK_BITS) - 1;

/// How many chunks nobody has claimed yet.
fn unclaimed(ticket: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the upper bits are cut off on purpose")]
    let low = ticket as usize;
    low & MAX_CHUNKS
}

/// One parallel step; lives on the stack of the thread that called [`ThreadPool::run`].
struct Step<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    n_chunks: usize,
    finished: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Work beside the steps; lives on the stack of the thread that called [`ThreadPool::beside`].
struct Aside<'a> {
    task: &'a (dyn Fn() + Sync),
    is_done: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// What the caller and the workers share.
struct Shared {
    /// Number of the step in the high bits, unclaimed chunks of it in the low [`CHUNK_BITS`].
    ticket: AtomicU64,
    /// The step that the ticket speaks of; may be dereferenced only by whoever has claimed one of its chunks.
    step: AtomicPtr<Step<'static>>,
    /// Null if there is none, or somebody has taken it; may be dereferenced only by whoever takes it.
    aside: AtomicPtr<Aside<'static>>,
    /// Whether a step is running; a second one, nested or from another thread, runs inline.
    busy: AtomicBool,
    closing: AtomicBool,
    /// Threads asleep on `wake`, so that nobody pays for a system call when there are none.
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
}

/// A fixed set of threads that run the chunks of one step at a time.
///
/// ```
/// # use std::sync::atomic::{AtomicUsize, Ordering};
/// let pool = reinette_kernels::ThreadPool::new(2);
/// let sum = AtomicUsize::new(0);
/// pool.run(10, |chunk| {
///     sum.fetch_add(chunk, Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 45);
/// ```
pub struct ThreadPool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for ThreadPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ThreadPool").field("threads", &self.threads()).finish()
    }
}

impl ThreadPool {
    /// A pool in which `n_threads` threads work, the caller of [`run`](Self::run) being one of them.
    ///
    /// If the system refuses to start that many threads, the pool has fewer.
    pub fn new(n_threads: usize) -> Self {
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(0),
            step: AtomicPtr::new(std::ptr::null_mut()),
            aside: AtomicPtr::new(std::ptr::null_mut()),
            busy: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
        });
        let workers = (1..n_threads)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                let builder = std::thread::Builder::new().name(format!("reinette-{index}"));
                builder.spawn(move || shared.work()).ok()
            })
            .collect();
        Self { shared, workers }
    }

    /// Number of threads that work on a step, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task` once with every number in `0..n_chunks`, on all threads of the pool, and returns when all calls
    /// have returned.
    ///
    /// Chunks are claimed in ascending order by whichever thread is free. A call from within a chunk, or while
    /// another thread is in `run`, does all its chunks on the calling thread.
    ///
    /// # Panics
    /// If `task` panicked in some chunk, with the payload of the first such panic, after all chunks have returned.
    pub fn run(&self, n_chunks: usize, task: impl Fn(usize) + Sync) {
        let alone = self.workers.is_empty() || n_chunks <= 1;
        if alone || self.shared.busy.swap(true, Ordering::Acquire) {
            (0..n_chunks).for_each(task);
            return;
        }
        let _busy = Busy(&self.shared.busy);
        for first in (0..n_chunks).step_by(MAX_CHUNKS) {
            self.shared.run_step(MAX_CHUNKS.min(n_chunks - first), &|chunk| task(first + chunk));
        }
    }

    /// Calls `work`, and `aside` on the first thread of the pool that finds no chunk of a step meanwhile, or else on this
    /// one when `work` has returned. Both have returned when this does.
    ///
    /// # Panics
    /// If `work` or `aside` panicked, after both have ended.
    pub fn beside<T>(&self, aside: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
        let aside = Mutex::new(Some(aside));
        let task = || {
            let aside = lock(&aside).take();
            if let Some(aside) = aside {
                aside();
            }
        };
        let aside = Aside { task: &task, is_done: AtomicBool::new(false), panic: Mutex::new(None) };
        if self.workers.is_empty() || !self.shared.offer(&aside) {
            task();
            return work();
        }
        let outcome = catch_unwind(AssertUnwindSafe(work));
        self.shared.take_aside();
        self.shared.wait_until(|| aside.is_done.load(Ordering::SeqCst));
        let panic = aside.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (outcome, panic) {
            (Ok(value), None) => value,
            (Err(payload), _) | (Ok(_), Some(payload)) => resume_unwind(payload),
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.wake_sleepers();
        for worker in self.workers.drain(..) {
            // Chunks catch their panics, so a worker ends normally; there is nobody left to tell otherwise.
            let _ = worker.join();
        }
    }
}

/// Marks the pool as free again, also when the step panicked.
struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Shared {
    fn run_step(&self, n_chunks: usize, task: &(dyn Fn(usize) + Sync)) {
        let step = Step { task, n_chunks, finished: AtomicUsize::new(0), panic: Mutex::new(None) };
        self.step.store((&raw const step).cast_mut().cast(), Ordering::Relaxed);
        let number = (self.ticket.load(Ordering::Relaxed) >> CHUNK_BITS).wrapping_add(1);
        self.ticket.store((number << CHUNK_BITS) | n_chunks as u64, Ordering::SeqCst);
        self.wake_sleepers();
        while self.claim_and_run() {}
        self.wait_until(|| step.finished.load(Ordering::SeqCst) == n_chunks);
        let panic = step.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// The life of a worker.
    fn work(&self) {
        while !self.closing.load(Ordering::SeqCst) {
            if !self.claim_and_run() && !self.take_aside() {
                let is_closing = || self.closing.load(Ordering::SeqCst);
                self.wait_until(|| self.has_unclaimed_chunks() || self.has_aside() || is_closing());
            }
        }
    }

    fn has_unclaimed_chunks(&self) -> bool {
        unclaimed(self.ticket.load(Ordering::SeqCst)) != 0
    }

    fn has_aside(&self) -> bool {
        !self.aside.load(Ordering::SeqCst).is_null()
    }

    /// Offers work to whoever is free; false if another thread's is on offer.
    fn offer(&self, aside: &Aside<'_>) -> bool {
        let (nothing, aside) = (std::ptr::null_mut(), std::ptr::from_ref(aside).cast_mut().cast());
        let offered = self.aside.compare_exchange(nothing, aside, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        self.wake_sleepers();
        offered
    }

    /// Takes the work on offer and does it; false if there is none.
    fn take_aside(&self) -> bool {
        if !self.has_aside() {
            return false;
        }
        let aside = self.aside.swap(std::ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: it was stored by `offer`, and nobody else has taken it: its owner keeps it alive until it is done.
        #[expect(unsafe_code, reason = "the work is on another thread's stack")]
        let Some(aside) = (unsafe { aside.as_ref() }) else { return false };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(aside.task)) {
            lock(&aside.panic).get_or_insert(payload);
        }
        // After this the work may be gone.
        aside.is_done.store(true, Ordering::SeqCst);
        self.wake_sleepers();
        true
    }

    /// Claims the next chunk of the current step and runs it; false if there is none.
    fn claim_and_run(&self) -> bool {
        let mut ticket = self.ticket.load(Ordering::Acquire);
        let (step, unclaimed) = loop {
            let unclaimed = unclaimed(ticket);
            if unclaimed == 0 {
                return false;
            }
            let step = self.step.load(Ordering::Relaxed);
            match self.ticket.compare_exchange_weak(ticket, ticket - 1, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => break (step, unclaimed),
                Err(current) => ticket = current,
            }
        };
        // SAFETY: the pointer was stored before this step's ticket, and the next one is stored only after all chunks
        // of this step have finished. The ticket had not changed, so at least the chunk just claimed is unfinished,
        // and `run_step` keeps the step alive until it is finished.
        #[expect(unsafe_code, reason = "the step is on another thread's stack")]
        let step = unsafe { &*step };
        let n_chunks = step.n_chunks;
        let chunk = n_chunks - unclaimed;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (step.task)(chunk))) {
            lock(&step.panic).get_or_insert(payload);
        }
        // After this addition the step may be gone.
        if step.finished.fetch_add(1, Ordering::SeqCst) + 1 == n_chunks {
            self.wake_sleepers();
        }
        true
    }

    /// Waits until `ready`: spins for a moment, then yields, then sleeps.
    fn wait_until(&self, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while start.elapsed() < SPIN {
            for _ in 0..32 {
                if ready() {
                    return;
                }
                std::hint::spin_loop();
            }
        }
        for _ in 0..YIELDS {
            if ready() {
                return;
            }
            std::thread::yield_now();
        }
        // Whoever makes a condition true stores first and then looks for sleepers; here it is the other way round.
        // With sequential consistency at least one of the two sees the other.
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut guard = lock(&self.sleep);
        while !ready() {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake_sleepers(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            // A sleeper holds the lock from looking at its condition until it sleeps: no signal falls in between.
            drop(lock(&self.sleep));
            self.wake.notify_all();
        }
    }
}

/// Locks, whether or not another thread panicked while it held the lock: what it protects here is always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slice of which threads write disjoint parts at the same time.
pub(crate) struct DisjointMut<'a, T> {
    start: *mut T,
    len: usize,
    lifetime: std::marker::PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "threads write disjoint parts of one slice")]
mod disjoint {
    use super::DisjointMut;
    use std::ops::Range;

    // SAFETY: parts are handed out as exclusive references by an unsafe function whose caller keeps them disjoint.
    unsafe impl<T: Send> Sync for DisjointMut<'_, T> {}
    // SAFETY: it stands for an exclusive reference to the slice.
    unsafe impl<T: Send> Send for DisjointMut<'_, T> {}

    impl<'a, T> DisjointMut<'a, T> {
        pub(crate) fn new(slice: &'a mut [T]) -> Self {
            Self { start: slice.as_mut_ptr(), len: slice.len(), lifetime: std::marker::PhantomData }
        }

        /// The part of the slice at `range`.
        ///
        /// # Panics
        /// If `range` reaches past the end of the slice.
        ///
        /// # Safety
        /// As long as the result is used, no other part that overlaps it may be.
        #[expect(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
        pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
            assert!(range.start <= range.end && range.end <= self.len, "part {range:?} of {} elements", self.len);
            // SAFETY: inside the slice by the assertion, not aliased by the promise of the caller.
            unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ThreadPool;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn count(pool: &ThreadPool, n_chunks: usize) -> Vec<usize> {
        let counts: Vec<AtomicUsize> = (0..n_chunks).map(|_| AtomicUsize::new(0)).collect();
        pool.run(n_chunks, |chunk| {
            counts[chunk].fetch_add(1, Ordering::Relaxed);
        });
        counts.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_chunk_runs_once() {
        for threads in [0, 1, 2, 5] {
            let pool = ThreadPool::new(threads);
            for n_chunks in [0, 1, 2, 3, 7, 100, 1000] {
                assert_eq!(count(&pool, n_chunks), vec![1; n_chunks], "{threads} threads");
            }
        }
    }

    #[test]
    fn steps_follow_each_other_without_mixing() {
        let pool = ThreadPool::new(3);
        for step in 0..20_000 {
            let n_chunks = step % 9;
            assert_eq!(count(&pool, n_chunks), vec![1; n_chunks]);
        }
    }

    #[test]
    fn wakes_sleeping_workers() {
        let pool = ThreadPool::new(2);
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(3));
            // Each of the two chunks waits for the other: both threads must take part.
            let arrived = AtomicUsize::new(0);
            pool.run(2, |_| {
                arrived.fetch_add(1, Ordering::SeqCst);
                while arrived.load(Ordering::SeqCst) < 2 {
                    std::thread::yield_now();
                }
            });
        }
    }

    #[test]
    fn nested_and_concurrent_runs_complete() {
        let pool = ThreadPool::new(2);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        pool.run(4, |_| {
                            pool.run(3, |_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 3 * 100 * 12);
    }

    #[test]
    fn work_beside_the_steps_is_done_once() {
        for threads in [1, 2, 3] {
            let pool = ThreadPool::new(threads);
            for n_steps in [0, 1, 50] {
                let mut asides = 0;
                let sum = pool.beside(|| asides += 1, || (0..n_steps).map(|_| count(&pool, 5).len()).sum::<usize>());
                assert_eq!((asides, sum), (1, 5 * n_steps), "{threads} threads, {n_steps} steps");
            }
        }
    }

    #[test]
    fn several_callers_may_have_work_beside() {
        let pool = ThreadPool::new(2);
        let total = AtomicUsize::new(0);
        let add = || {
            total.fetch_add(1, Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..200).for_each(|_| pool.beside(add, || pool.run(3, |_| add()))));
            }
        });
        assert_eq!(total.into_inner(), 3 * 200 * 4);
    }

    #[test]
    fn a_panic_beside_reaches_the_caller_when_both_have_ended() {
        let pool = ThreadPool::new(2);
        for (work_fails, aside_fails) in [(true, false), (false, true), (true, true)] {
            let ended = AtomicUsize::new(0);
            let end = |fails: bool| {
                ended.fetch_add(1, Ordering::Relaxed);
                assert!(!fails, "it fails");
            };
            let both = || pool.beside(|| end(aside_fails), || end(work_fails));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(both)).is_err());
            assert_eq!(ended.load(Ordering::Relaxed), 2);
            assert_eq!(count(&pool, 8), vec![1; 8]);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_survives() {
        let pool = ThreadPool::new(2);
        for culprit in [0, 1, 63] {
            let ran = AtomicUsize::new(0);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.run(64, |chunk| {
                    ran.fetch_add(1, Ordering::Relaxed);
                    assert_ne!(chunk, culprit, "chunk fails");
                });
            }));
            assert!(outcome.is_err());
            assert_eq!(ran.into_inner(), 64);
            assert_eq!(count(&pool, 8), vec![1; 8]);
        }
    }
}
