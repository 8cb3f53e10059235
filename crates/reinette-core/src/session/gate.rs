//! One turn at a time: who comes while another is answered waits in line, or is told so.

use async_channel::{Receiver, Sender};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lets through one at a time, in the order of coming. No lock is held while anybody waits.
#[derive(Debug, Default)]
pub(super) struct Gate {
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    is_taken: bool,
    waiting: VecDeque<Sender<()>>,
}

/// The right to be answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
}

/// A place in the line; dropping it gives it up.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    called: Receiver<()>,
}

impl Gate {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is being answered.
    pub(super) fn is_taken(&self) -> bool {
        self.line().is_taken
    }

    /// The right to be answered, if nobody else is.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Pass> {
        let mut line = self.line();
        if line.is_taken {
            return None;
        }
        line.is_taken = true;
        Some(Pass { gate: Arc::clone(self) })
    }

    /// A place at the end of the line, taken now.
    pub(super) fn queue(self: &Arc<Self>) -> Place {
        let (call, called) = async_channel::bounded(1);
        let mut line = self.line();
        if line.is_taken {
            line.waiting.push_back(call);
        } else {
            line.is_taken = true;
            // The channel is new and its receiver is here.
            let _ = call.try_send(());
        }
        Place { gate: Arc::clone(self), called }
    }

    /// Lets the next in line through, passing over those who left.
    fn call_next(&self) {
        let mut line = self.line();
        while let Some(next) = line.waiting.pop_front() {
            if next.try_send(()).is_ok() {
                return;
            }
        }
        line.is_taken = false;
    }
}

impl Place {
    /// Waits for the turn.
    pub(super) async fn turn(self) -> Pass {
        // The line holds the other end until it has called, so receiving cannot fail.
        let _ = self.called.recv().await;
        Pass { gate: Arc::clone(&self.gate) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Closed first: a call comes before or not at all, and one that came and was not heard goes to the next.
        self.called.close();
        if self.called.try_recv().is_ok() {
            self.gate.call_next();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.call_next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::block_on;

    #[test]
    fn the_line_is_kept_and_those_who_left_are_passed_over() {
        let gate = Arc::new(Gate::default());
        let first = gate.try_enter().unwrap();
        assert!(gate.try_enter().is_none());
        let (second, gone, third) = (gate.queue(), gate.queue(), gate.queue());
        drop(gone);
        drop(first);
        let second = block_on(second.turn());
        assert!(gate.is_taken());
        drop(second);
        drop(block_on(third.turn()));
        assert!(!gate.is_taken());
    }

    #[test]
    fn a_turn_that_nobody_came_for_is_passed_on() {
        let gate = Arc::new(Gate::default());
        let first = gate.try_enter().unwrap();
        let (left, stayed) = (gate.queue(), gate.queue());
        drop(first);
        // The pass lies in the channel already.
        drop(left);
        drop(block_on(stayed.turn()));
        assert!(!gate.is_taken());
    }
}
