//! A batch that many threads ask.

use super::{Batch, BatchConfig, GenerateError, GenerateRequest, Generated, Progress, Ticket};
use crate::model::{Adapter, LoadError, Model};
use crate::tokenizer::TokenId;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// A [`Batch`] on a thread of its own: what several threads ask at the same time is computed together.
///
/// Dropping it waits for the answers under way, and for the snapshot that is being written.
#[derive(Debug)]
pub struct Generator {
    /// Gone when the generator is being dropped.
    submissions: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    /// A request, and where its answer goes.
    Submission(GenerateRequest, Sender<Progress>),
    /// What a request to come begins with.
    Expected(GenerateRequest),
}

impl Generator {
    /// Starts the thread, which sleeps as long as nobody asks.
    ///
    /// # Errors
    /// If the file's description of the model asks for the impossible, or the system has no thread left.
    pub fn new(model: Arc<Model>, config: BatchConfig) -> Result<Self, LoadError> {
        let batch = Batch::new(model, config)?;
        let (submissions, queue) = channel();
        let thread = std::thread::Builder::new().name("reinette-batch".to_owned());
        let thread = thread.spawn(move || run(batch, &queue)).map_err(LoadError::Thread)?;
        Ok(Self { submissions: Some(submissions), thread: Some(thread) })
    }

    /// Gets ready for a request with this prompt, its prefix and its adapters: [`Batch::expect`]. Nobody waits for it.
    pub fn expect(&self, prompt: &[TokenId], prefix_tokens: usize, adapters: &[Arc<Adapter>]) {
        let (prompt, adapters) = (prompt.to_vec(), adapters.to_vec());
        self.send(Message::Expected(GenerateRequest { prefix_tokens, adapters, ..GenerateRequest::new(prompt) }));
    }

    /// Answers a prompt. `on_text` is given the text as it comes, in whole characters, on the thread that asks.
    ///
    /// # Errors
    /// If the prompt does not fit, the constraint cannot be followed, or the engine failed.
    pub fn generate(
        &self,
        request: GenerateRequest,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated, GenerateError> {
        let (progress, answer) = channel();
        self.send(Message::Submission(request, progress));
        for progress in answer {
            match progress {
                Progress::Text(text) => on_text(&text),
                Progress::Finished(result) => return result,
            }
        }
        Err(GenerateError::Failed)
    }

    fn send(&self, message: Message) {
        if let Some(submissions) = &self.submissions {
            // If nobody takes it, the answer's channel is closed.
            let _ = submissions.send(message);
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.submissions = None;
        // A thread that panicked has nothing left to do.
        self.thread.take().map(JoinHandle::join);
    }
}

/// Answers until nobody can ask any more.
fn run(mut batch: Batch, queue: &Receiver<Message>) {
    let mut listeners: HashMap<Ticket, Sender<Progress>> = HashMap::new();
    loop {
        let first = if batch.is_idle() { queue.recv().map(Some) } else { Ok(None) };
        let Ok(first) = first else { return };
        for message in first.into_iter().chain(queue.try_iter()) {
            match message {
                Message::Submission(request, progress) => drop(listeners.insert(batch.submit(request), progress)),
                Message::Expected(request) => batch.expect(&request),
            }
        }
        let mut answered = false;
        for (ticket, progress) in batch.step() {
            let finished = matches!(progress, Progress::Finished(_));
            // Whoever asked may have stopped listening.
            let _ = listeners.get(&ticket).map(|listener| listener.send(progress));
            if finished {
                listeners.remove(&ticket);
                answered = true;
            }
        }
        if answered {
            batch.save_prefixes();
        }
    }
}
