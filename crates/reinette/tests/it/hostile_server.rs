//! Servers that stall, drip, flood, send elsewhere and break off: every answer of theirs has an end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::examples::folder;
use super::remote::{begin, delta, error_of, piece, serve, serve_on};
use futures_lite::future::block_on;
use reinette::{
    AnswerLimits, ChatCompletionsConfig, ChatCompletionsModel, Event, LanguageModel, ModelError, Request, Session,
    Transcript,
};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// Longer than any test waits for what it is not about.
const PATIENCE: Duration = Duration::from_mins(10);
/// Over as soon as it began.
const HASTE: Duration = Duration::from_millis(300);

/// A model whose only impatience is with silence.
fn impatient_with_silence(address: String) -> ChatCompletionsModel {
    let mut config = ChatCompletionsConfig::new(address, "m");
    (config.silence_timeout, config.total_timeout) = (HASTE, None);
    ChatCompletionsModel::new(config)
}

/// A model whose only impatience is with answers that do not end.
fn impatient_with_length(address: String) -> ChatCompletionsModel {
    let mut config = ChatCompletionsConfig::new(address, "m");
    (config.silence_timeout, config.total_timeout) = (PATIENCE, Some(HASTE));
    ChatCompletionsModel::new(config)
}

/// A model that waits for everything and takes no more than this.
fn patient(address: String, limits: AnswerLimits) -> ChatCompletionsModel {
    let mut config = ChatCompletionsConfig::new(address, "m");
    (config.silence_timeout, config.total_timeout, config.limits) = (PATIENCE, None, limits);
    ChatCompletionsModel::new(config)
}

/// Sends `bytes` again and again until nobody listens.
fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {
        thread::sleep(Duration::from_millis(5));
    }
}

fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {}
}

/// Waits until the other side hangs up.
fn hold(stream: &mut TcpStream) {
    while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
}

fn assert_names(error: &ModelError, words: &str) {
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = impatient_with_silence(serve(|_, stream| hold(stream)));
    assert_names(&error_of(&silent), "silence_timeout");
    let after_the_headers = impatient_with_silence(serve(|_, stream| {
        begin(stream, "200 OK", "");
        hold(stream);
    }));
    assert_names(&error_of(&after_the_headers), "sent nothing for 300ms");
}

#[test]
fn a_server_that_takes_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let model = impatient_with_silence(format!("http://{}/v1", listener.local_addr().unwrap()));
    // More than the buffers of a connection hold.
    let transcript = Transcript::from_prompt("x".repeat(32 << 20));
    let error = model.respond(Request { transcript, ..Request::default() }).find_map(Result::err).unwrap();
    assert_names(&error, "took nothing of the request");
}

#[test]
fn a_server_that_drips_is_given_up() {
    let headers = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").unwrap();
        drip(stream, b"y");
    });
    assert_names(&error_of(&impatient_with_length(headers.clone())), "total_timeout");
    assert_names(&error_of(&impatient_with_silence(headers)), "did not begin its answer");
    for dripped in [&b"x"[..], b": still here\n\n"] {
        let body = serve(move |_, stream| {
            begin(stream, "200 OK", "");
            drip(stream, dripped);
        });
        assert_names(&error_of(&impatient_with_length(body)), "was not done for 300ms");
    }
    let body_of_an_error = serve(|_, stream| {
        begin(stream, "500 Internal Server Error", "");
        drip(stream, b"woe");
    });
    let error = error_of(&impatient_with_silence(body_of_an_error));
    assert_names(&error, "500 Internal Server Error");
}

#[test]
fn no_answer_takes_more_than_its_share() {
    let limits = AnswerLimits { transfer_bytes: 1 << 20, text_bytes: 64 << 10, call_bytes: 64 << 10 };
    let call = |arguments: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]});
    let name = json!({"tool_calls": [{"index": 0, "function": {"name": "n".repeat(1000)}}]});
    let lines = |said| format!("data: {}\n\n", delta(&said, None));
    let cases = [
        (": still here\n\n".repeat(100), "transfer_bytes"),
        ("event: nothing\n".repeat(100), "transfer_bytes"),
        (lines(json!({})), "transfer_bytes"),
        (lines(json!({"content": "on and on "})), "text_bytes"),
        (lines(json!({"reasoning": "on and on "})), "text_bytes"),
        (lines(json!({"refusal": "no, no, "})), "text_bytes"),
        (lines(call(&"[".repeat(1000))), "call_bytes"),
        (lines(name), "call_bytes"),
    ];
    for (said, budget) in cases {
        let address = serve(move |_, stream| {
            begin(stream, "200 OK", "");
            flood(stream, said.as_bytes());
        });
        let error = error_of(&patient(address, limits));
        assert!(matches!(error, ModelError::AnswerTooLong { .. }), "{error}");
        assert_names(&error, budget);
    }
}

#[test]
fn arguments_do_not_grow_until_the_memory_is_full() {
    let sent_bytes = Arc::new(AtomicUsize::new(0));
    let sent = Arc::clone(&sent_bytes);
    let address = serve(move |_, stream| {
        begin(stream, "200 OK", "");
        let arguments = "[".repeat(64 << 10);
        let said = delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}), None);
        while piece(stream, &said) {
            sent.fetch_add(arguments.len(), Ordering::Relaxed);
        }
    });
    let error = error_of(&patient(address, AnswerLimits::default()));
    assert!(matches!(error, ModelError::AnswerTooLong { .. }), "{error}");
    // What is not read stays in the buffers of the connection.
    assert!(sent_bytes.load(Ordering::Relaxed) < 64 << 20);
}

/// A server that counts who connects, and its address.
fn recorder(host: &str) -> (Arc<AtomicUsize>, String) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || listener.incoming().for_each(|_| _ = counted.fetch_add(1, Ordering::SeqCst)));
    (count, address)
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let (connections, elsewhere) = recorder("127.0.0.1");
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"] {
        let location = format!("location: http://{elsewhere}/v1/chat/completions?key=sesame\r\ncontent-length: 0\r\n");
        let mut config = ChatCompletionsConfig::new(serve(move |_, stream| begin(stream, status, &location)), "m");
        config.api_key = Some("sesame".into());
        let error = error_of(&ChatCompletionsModel::new(config));
        assert_names(&error, &format!("on to http://{elsewhere}/v1/chat/completions, and"));
        assert_names(&error, "base_url");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn what_is_on_this_machine_is_asked_without_a_proxy() {
    let (proxied, proxy) = recorder("127.0.0.1");
    let hosts = ["127.0.0.1", "localhost", "[::1]"];
    for host in hosts {
        let Ok(listener) = TcpListener::bind((host.trim_matches(['[', ']']), 0)) else { continue };
        let port = listener.local_addr().unwrap().port();
        let mut asking = Command::new(folder().join("server"));
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            asking.env(name, format!("http://{proxy}"));
        }
        asking.env_remove("NO_PROXY").env_remove("no_proxy");
        serve_on(listener, |_, stream| {
            begin(stream, "200 OK", "");
            piece(stream, &delta(&json!({"content": "Here."}), Some("stop")));
        });
        let output = asking.args([&format!("http://{host}:{port}/v1"), "m"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "Here.\n", "{host}");
    }
    assert_eq!(proxied.load(Ordering::SeqCst), 0);
}

#[test]
fn a_dropped_answer_hangs_up_on_a_silent_server() {
    for has_begun in [false, true] {
        let (gone, noticed) = mpsc::channel();
        let address = serve(move |_, stream| {
            if has_begun {
                begin(stream, "200 OK", "");
                piece(stream, &delta(&json!({"content": "On"}), None));
            }
            gone.send("asked").unwrap();
            hold(stream);
            gone.send("gone").unwrap();
        });
        let model = patient(address, AnswerLimits::default());
        let mut answer = model.respond(Request { transcript: Transcript::from_prompt("x"), ..Request::default() });
        assert_eq!(noticed.recv(), Ok("asked"));
        if has_begun {
            assert!(matches!(answer.next(), Some(Ok(Event::Text(text))) if text == "On"));
        }
        drop(answer);
        assert_eq!(noticed.recv_timeout(Duration::from_mins(1)), Ok("gone"), "begun: {has_begun}");
    }
}

#[test]
fn a_connection_that_breaks_is_told() {
    for length in ["content-length: 1000\r\n", "transfer-encoding: chunked\r\n", ""] {
        let address = serve(move |_, stream| {
            begin(stream, "200 OK", length);
            if length.starts_with("transfer") {
                stream.write_all(b"40\r\n").unwrap();
            }
            piece(stream, &delta(&json!({"content": "half"}), None));
        });
        assert_names(&error_of(&patient(address, AnswerLimits::default())), "broke off");
    }
}

#[test]
fn characters_may_be_split_and_must_be_characters() {
    let said = format!("data: {}\n\ndata: [DONE]\n\n", delta(&json!({"content": "dîner à 20 h 🍷"}), Some("stop")));
    let address = serve(move |_, stream| {
        begin(stream, "200 OK", "");
        for byte in said.as_bytes().chunks(1) {
            stream.write_all(byte).unwrap();
            stream.flush().unwrap();
        }
    });
    let session = Session::new(&patient(address, AnswerLimits::default()));
    assert_eq!(block_on(session.respond("When?")).unwrap(), "dîner à 20 h 🍷");

    let address = serve(|_, stream| {
        begin(stream, "200 OK", "");
        stream.write_all(b"data: {\"choices\": [{\"delta\": {\"content\": \"\xff\"}}]}\n\n").unwrap();
    });
    assert_names(&error_of(&patient(address, AnswerLimits::default())), "no piece of an answer");
}

#[test]
fn no_error_repeats_a_key() {
    let said = [
        ("401 Unauthorized", r#"{"error": {"message": "the key sesame-1 is none"}}"#),
        ("500 Internal Server Error", "sesame-1? sesame-1!"),
        ("200 OK", "data: {\"error\": {\"message\": \"sesame-1\"}}\n\n"),
        ("200 OK", "data: {\"choices\": \"sesame-1\"}\n\n"),
        ("200 OK", "data: {\"choices\": [{\"delta\": {\"refusal\": \"sesame-1\"}, \"finish_reason\": \"stop\"}]}\n\n"),
    ];
    for (status, body) in said {
        let address = serve(move |_, stream| {
            begin(stream, status, "");
            stream.write_all(body.as_bytes()).unwrap();
        });
        let mut config = ChatCompletionsConfig::new(address.replace("http://", "http://me:swordfish@"), "m");
        config.api_key = Some("sesame-1".into());
        let model = ChatCompletionsModel::new(config);
        let error = error_of(&model);
        let told = format!("{error} {error:?} {model:?}");
        assert!(!told.contains("sesame-1") && !told.contains("swordfish"), "{told}");
    }
}
