//! A server of the other side: started, asked, and killed.

use super::comparison::Answer;
use super::contender::Timed;
use super::process::{Running, TICK, check_interrupted, forward, last_line};
use super::workload::MAX_ANSWER_TOKENS;
use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a server that starts is asked whether it is ready.
const READY_TICK: Duration = Duration::from_millis(2);
/// More than any line of an answer.
const LONGEST_ANSWER_BYTES: u64 = 16 << 20;

/// A `llama-server` that answers.
pub(super) struct Server {
    running: Running,
    started: Instant,
    address: String,
    said: Receiver<Vec<u8>>,
}

/// When what came of a request.
pub(super) struct Moments {
    asked: Instant,
    first_token: Instant,
    finished: Instant,
}

/// A piece of an answer, as the server streams it.
#[derive(Deserialize)]
struct Piece {
    content: String,
    stop: bool,
    #[serde(default)]
    tokens_predicted: usize,
}

impl Moments {
    pub(super) fn since(&self, start: Instant) -> Timed {
        let milliseconds = |moment: Instant| moment.duration_since(start).as_secs_f64() * 1000.0;
        Timed { first_token_ms: milliseconds(self.first_token), whole_answer_ms: milliseconds(self.finished) }
    }

    pub(super) fn since_asked(&self) -> Timed {
        self.since(self.asked)
    }
}

impl Server {
    /// Starts the server that `command` names on a port of its own, and waits until it is ready.
    ///
    /// # Errors
    /// If it cannot be started or ends, with its last words, or the user stops us.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        // Free at this moment; a program that takes it before the server does makes that end with an error.
        let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = address.context("no port is free")?;
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut running = Running(child.with_context(|| format!("cannot start {name}"))?);
        let (words, said) = mpsc::channel();
        forward(running.0.stderr.take(), move |piece| words.send(piece.to_vec()).is_ok());
        let mut server = Self { running, started, address: format!("http://{address}"), said };
        while ureq::get(format!("{}/health", server.address)).call().is_err() {
            check_interrupted()?;
            server.check_alive()?;
            thread::sleep(READY_TICK);
        }
        Ok(server)
    }

    /// When it was started.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Has it answer `prompt` under a JSON schema, greedily, with what it remembers of earlier prompts.
    ///
    /// # Errors
    /// If it ends or does not answer, or the user stops us.
    pub(super) fn ask(&mut self, prompt: &[u32], schema: &Value) -> Result<(Moments, Answer)> {
        let body = json!({
            "prompt": prompt,
            "json_schema": schema,
            "n_predict": MAX_ANSWER_TOKENS,
            // The cheapest way to the likeliest token: nothing but it is looked at.
            "samplers": ["top_k"],
            "top_k": 1,
            "cache_prompt": true,
            "stream": true,
        });
        let url = format!("{}/completion", self.address);
        let (lines, answer) = mpsc::channel();
        let asked = Instant::now();
        thread::spawn(move || {
            let send = |line: Result<String>| lines.send((Instant::now(), line)).is_ok();
            match ureq::post(url).send(body.to_string()) {
                Err(error) => drop(send(Err(error.into()))),
                Ok(mut response) => {
                    let body = BufReader::new(response.body_mut().as_reader().take(LONGEST_ANSWER_BYTES));
                    let _ = body.lines().all(|line| send(line.map_err(anyhow::Error::from)));
                }
            }
        });
        let mut text = String::new();
        let mut first_token = None;
        loop {
            let (moment, line) = self.next(&answer)?;
            let Some(line) = line.strip_prefix("data: ") else { continue };
            let piece: Piece = serde_json::from_str(line).with_context(|| format!("the server said `{line}`"))?;
            text.push_str(&piece.content);
            first_token = first_token.or((!text.is_empty()).then_some(moment));
            if piece.stop {
                let first_token = first_token.context("the server's answer is empty")?;
                let answer = Answer { text, tokens: piece.tokens_predicted };
                return Ok((Moments { asked, first_token, finished: moment }, answer));
            }
        }
    }

    /// Keeps on disk what the server has read, for one that starts later with the same folder of slots.
    ///
    /// # Errors
    /// If it ends or refuses.
    pub(super) fn save_slot(&mut self) -> Result<()> {
        self.act_on_slot("save")
    }

    /// Brings back what another server saved.
    ///
    /// # Errors
    /// If it ends or refuses.
    pub(super) fn restore_slot(&mut self) -> Result<()> {
        self.act_on_slot("restore")
    }

    fn act_on_slot(&mut self, action: &str) -> Result<()> {
        let url = format!("{}/slots/0?action={action}", self.address);
        let done = ureq::post(url).send(json!({ "filename": "slot.bin" }).to_string());
        if done.is_err() {
            self.check_alive()?;
        }
        done.map(drop).with_context(|| format!("the server does not {action} its slot"))
    }

    fn next(&mut self, answer: &Receiver<(Instant, Result<String>)>) -> Result<(Instant, String)> {
        loop {
            match answer.recv_timeout(TICK) {
                Ok((moment, Ok(line))) => return Ok((moment, line)),
                Ok((_, Err(error))) => {
                    check_interrupted()?;
                    self.check_alive()?;
                    return Err(error.context("the server's answer broke off"));
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the server's answer has no end"),
                Err(RecvTimeoutError::Timeout) => check_interrupted()?,
            }
        }
    }

    fn check_alive(&mut self) -> Result<()> {
        match self.running.0.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said: Vec<u8> = self.said.iter().flatten().collect();
                Err(anyhow!("the server ended ({status}): {}", last_line(&said)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/bench/testdata/fake_server.py")).args(arguments);
        command
    }

    #[test]
    fn an_answer_comes_in_pieces_with_its_moments() {
        let mut server = Server::start(&mut fake(&[])).unwrap();
        let (moments, answer) = server.ask(&[1, 2, 3], &json!({"type": "object"})).unwrap();
        assert_eq!(answer, Answer { text: "{\"a\": 1}".to_owned(), tokens: 3 });
        assert!(server.started() < moments.asked && moments.asked < moments.first_token);
        assert!(moments.first_token <= moments.finished);
        let process = server.running.0.id();
        drop(server);
        assert!(!std::path::Path::new(&format!("/proc/{process}")).exists(), "it does not outlive us");
    }

    #[test]
    fn what_a_server_has_read_can_be_kept() {
        let mut server = Server::start(&mut fake(&[])).unwrap();
        let refused = server.restore_slot().unwrap_err().to_string();
        assert!(refused.contains("does not restore its slot"), "{refused}");
        server.save_slot().unwrap();
        server.restore_slot().unwrap();
    }

    #[test]
    fn a_server_that_fails_says_why() {
        let error = Server::start(&mut fake(&["--fail"])).err().unwrap().to_string();
        assert!(error.contains("no such model"), "{error}");

        let schema = json!({"type": "object"});
        let error = Server::start(&mut fake(&[])).unwrap().ask(&[14], &schema).err().unwrap().to_string();
        assert!(error.contains("no end"), "{error}");
        let error = Server::start(&mut fake(&[])).unwrap().ask(&[13], &schema).err().unwrap().to_string();
        assert!(error.contains("out of luck") || error.contains("broke off"), "{error}");
    }
}
