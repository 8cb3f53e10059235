//! Whether a server is at work, and what it said has changed.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long servers may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until a server has started and said what it can do. A program that is fetched first takes its time.
    pub start: Duration,
    /// Until it answers, or tells of progress.
    pub silence: Duration,
    /// One call altogether, whatever progress there is.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { start: Duration::from_mins(1), silence: Duration::from_mins(1), total: Duration::from_mins(10) }
    }
}

/// What is known of a connection while it lasts.
pub(crate) struct Activity {
    heard: Mutex<Instant>,
    /// Forms that the user has before them: nobody hurries them.
    asking: AtomicUsize,
    tools_changed: AtomicBool,
}

/// The time was up.
pub(crate) struct TimeUp {
    pub(crate) limit: Duration,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self { heard: Mutex::new(Instant::now()), asking: AtomicUsize::new(0), tools_changed: AtomicBool::new(false) }
    }

    /// The server told of progress.
    pub(crate) fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Runs `asking`, in which a user takes their time.
    pub(crate) async fn while_asking<T>(&self, asking: impl Future<Output = T>) -> T {
        struct Asked<'a>(&'a Activity);
        impl Drop for Asked<'_> {
            fn drop(&mut self) {
                self.0.asking.fetch_sub(1, Ordering::SeqCst);
                self.0.hear();
            }
        }
        self.asking.fetch_add(1, Ordering::SeqCst);
        let _asked = Asked(self);
        asking.await
    }

    pub(crate) fn tools_have_changed(&self) {
        self.tools_changed.store(true, Ordering::SeqCst);
    }

    /// Whether the tools changed since this was last asked.
    pub(crate) fn take_tools_changed(&self) -> bool {
        self.tools_changed.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn has_changed_tools(&self) -> bool {
        self.tools_changed.load(Ordering::SeqCst)
    }

    /// Runs `work` for as long as the server shows that it is at it.
    ///
    /// # Errors
    /// Which time was up. The work is dropped.
    pub(crate) async fn within<T>(&self, deadlines: Deadlines, work: impl Future<Output = T>) -> Result<T, TimeUp> {
        let Deadlines { silence, mut total, .. } = deadlines;
        let begun = Instant::now();
        self.hear();
        let mut work = std::pin::pin!(work);
        loop {
            let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let wake = (heard + silence).min(begun + total);
            tokio::select! {
                biased;
                result = &mut work => return Ok(result),
                () = tokio::time::sleep_until(wake) => {}
            }
            if self.asking.load(Ordering::SeqCst) > 0 {
                self.hear();
                total += silence;
            } else if begun.elapsed() >= total {
                return Err(TimeUp { limit: total });
            } else if *self.heard.lock().unwrap_or_else(PoisonError::into_inner) == heard {
                return Err(TimeUp { limit: silence });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
        futures_lite::future::block_on(crate::runtime::spawn("test", work)).unwrap()
    }

    const MS: Duration = Duration::from_millis(1);

    fn deadlines(silence_ms: u32, total_ms: u32) -> Deadlines {
        Deadlines { start: MS, silence: MS * silence_ms, total: MS * total_ms }
    }

    #[test]
    fn silence_ends_work_and_progress_prolongs_it_up_to_the_total() {
        let silent = async { Activity::new().within(deadlines(20, 1000), std::future::pending::<()>()).await };
        assert_eq!(run(silent).unwrap_err().limit, MS * 20);
        let busy = async {
            let activity = Arc::new(Activity::new());
            let heard = activity.clone();
            let work = async move {
                loop {
                    tokio::time::sleep(MS * 5).await;
                    heard.hear();
                }
            };
            activity.within::<()>(deadlines(50, 200), work).await
        };
        assert_eq!(run(busy).unwrap_err().limit, MS * 200);
    }

    #[test]
    fn nobody_hurries_a_user() {
        let asked = async {
            let activity = Activity::new();
            let work = activity.while_asking(async {
                tokio::time::sleep(MS * 200).await;
                3
            });
            activity.within(deadlines(20, 30), work).await
        };
        assert_eq!(run(asked).ok(), Some(3));
    }
}
