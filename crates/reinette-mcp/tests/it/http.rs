//! Servers over HTTP, on this machine.

use crate::{PATIENT, call, servers_of, tool};
use futures_lite::future::block_on;
use reinette_mcp::{Deadlines, Fault, McpError, Nobody, ServerConfig, Servers};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a server answers.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// The newest version, in JSON.
    New,
    /// The version before, in streams of events, with a session; in front of it something that refuses what it does not know.
    Old,
    /// It wants to know who asks.
    Locked,
    /// Not at all.
    Silent,
    /// Events without end that answer nothing.
    Flooding,
    /// Somewhere else.
    Elsewhere,
    /// A page for people.
    Page,
}

/// A request as it came.
#[derive(Clone, Default)]
struct Seen {
    method: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn begin(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = requests.clone();
                std::thread::spawn(move || {
                    // A client that hangs up is none of this server's errors.
                    let _ = answer(manner, stream, &requests);
                });
            }
        });
        Self { url, seen }
    }

    fn servers(&self, deadlines: Deadlines) -> Servers {
        let headers = BTreeMap::from([("X-Shop".to_owned(), "kettles".to_owned())]);
        let config = ServerConfig::url(&self.url, headers).unwrap();
        servers_of(&[("shop", config)], Arc::new(Nobody), deadlines)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> io::Result<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let method = line.split(' ').next().unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Seen { method, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn answer(manner: Manner, mut stream: TcpStream, seen: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let request = read(&stream)?;
    seen.lock().unwrap().push(request.clone());
    let mut head = |status: &str, headers: &str| {
        write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n")?;
        stream.flush()?;
        stream.try_clone()
    };
    let method = request.body["method"].as_str().unwrap_or_default().to_owned();
    match manner {
        Manner::Silent => std::thread::sleep(Duration::from_mins(1)),
        Manner::Locked => drop(head("401 Unauthorized", "WWW-Authenticate: Bearer\r\nContent-Length: 0\r\n")?),
        Manner::Elsewhere => {
            drop(head("307 Temporary Redirect", "Location: https://far.example/mcp\r\nContent-Length: 0\r\n")?);
        }
        Manner::Page => head("200 OK", "Content-Type: text/html\r\n")?.write_all(b"<h1>Kettles</h1>")?,
        Manner::Flooding => {
            let mut stream = head("200 OK", "Content-Type: text/event-stream\r\n")?;
            let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"\"}}\n\n";
            loop {
                stream.write_all(event.repeat(100).as_bytes())?;
            }
        }
        _ if request.method != "POST" => drop(head("405 Method Not Allowed", "Content-Length: 0\r\n")?),
        Manner::Old if method == "server/discover" => {
            head("400 Bad Request", "Content-Type: text/plain\r\n")?.write_all(b"no session")?;
        }
        _ if request.body["id"].is_null() => drop(head("202 Accepted", "Content-Length: 0\r\n")?),
        Manner::Old => {
            let message = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result(&method, false)});
            let headers = "Content-Type: text/event-stream\r\nMcp-Session-Id: s-1\r\n";
            let progress = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}\n\n";
            write!(head("200 OK", headers)?, ": hello\n\n{progress}id: 1\ndata: {message}\n\n")?;
        }
        Manner::New => {
            let message = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result(&method, true)});
            write!(head("200 OK", "Content-Type: application/json; charset=utf-8\r\n")?, "{message}")?;
        }
    }
    Ok(())
}

fn result(method: &str, is_new: bool) -> Value {
    let mut result = match method {
        "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
        "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "shop", "version": "1"}}),
        "tools/list" => json!({"tools": [{"name": "order_status", "annotations": {"readOnlyHint": true},
            "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}}}}]}),
        "tools/call" => json!({"content": [{"type": "text", "text": "On Monday."}]}),
        _ => json!({}),
    };
    if is_new {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(0);
        result["cacheScope"] = json!("private");
    }
    result
}

fn error_of(manner: Manner, deadlines: Deadlines) -> McpError {
    let server = Server::begin(manner);
    let begun = Instant::now();
    let offer = block_on(server.servers(deadlines).tools(&[]));
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let [error] = &offer.errors[..] else { panic!("{:?}", offer.errors) };
    error.clone()
}

#[test]
fn both_versions_are_spoken() {
    for (manner, version) in [(Manner::New, "2026-07-28"), (Manner::Old, "2025-11-25")] {
        let server = Server::begin(manner);
        let servers = server.servers(PATIENT);
        let offer = block_on(servers.tools(&[]));
        assert!(offer.errors.is_empty(), "{:?}", offer.errors);
        assert_eq!(call(tool(&offer, "order_status"), json!({"id": 17})).unwrap().text, "On Monday.");
        assert_eq!(block_on(servers.states())[0].protocol.as_deref(), Some(version));
        let seen = server.seen();
        let called = seen.iter().find(|request| request.body["method"] == "tools/call").unwrap();
        assert_eq!(called.headers.get("mcp-protocol-version").map(String::as_str), Some(version));
        assert_eq!(called.headers.get("x-shop").map(String::as_str), Some("kettles"));
        assert_eq!(called.headers.contains_key("mcp-session-id"), manner == Manner::Old);
    }
}

#[test]
fn a_key_that_is_missing_is_asked_for() {
    let error = error_of(Manner::Locked, PATIENT);
    assert_eq!(error.fault(), Fault::Unauthorized);
    assert!(error.to_string().contains("Authorization"), "{error}");
}

#[test]
fn nothing_is_sent_where_nobody_asked_for() {
    let error = error_of(Manner::Elsewhere, PATIENT).to_string();
    assert!(error.contains("https://far.example/mcp"), "{error}");
}

#[test]
fn a_server_that_is_silent_or_floods_is_given_up() {
    let hasty = Deadlines { start: Duration::from_millis(700), ..PATIENT };
    assert_eq!(error_of(Manner::Silent, hasty).fault(), Fault::TooSlow);
    let error = error_of(Manner::Flooding, PATIENT);
    assert_eq!(error.fault(), Fault::TooMuch, "{error}");
}

#[test]
fn what_is_no_server_is_told() {
    let error = error_of(Manner::Page, PATIENT);
    assert!(matches!(error.fault(), Fault::Protocol | Fault::Unreachable), "{error}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = ServerConfig::url(&format!("http://{closed}/mcp"), BTreeMap::new()).unwrap();
    let servers = servers_of(&[("shop", config)], Arc::new(Nobody), PATIENT);
    assert_eq!(block_on(servers.tools(&[])).errors[0].fault(), Fault::Unreachable);
}
