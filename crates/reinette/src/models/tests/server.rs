//! A server on the loopback interface that misbehaves on request.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a server treats one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Behaviour {
    /// As it should.
    Well,
    /// In many small pieces with pauses.
    Slowly,
    /// It ignores ranges.
    WithoutRanges,
    /// It breaks the connection when this many bytes of the file are out.
    BreakingAt(usize),
    /// It goes silent when this many bytes of the file are out.
    SilentAt(usize),
    /// It never stops, and says no length.
    Endlessly,
    /// It answers with this status.
    Status(u16),
    /// It sends the client to another path.
    Redirecting,
    /// It sends the client to this port of the same machine.
    RedirectingTo(u16),
    /// It sends a byte now and then.
    Dripping,
}

/// A request that a server got.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) path: String,
    /// The byte from which on it asked.
    pub(super) first_byte: usize,
}

/// A server; its thread ends with the test program.
pub(super) struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves `files`, by the end of their path, treating the first request as `script` says first, and so on; the last
    /// behaviour goes on for ever.
    pub(super) fn start(files: Vec<(&'static str, Vec<u8>)>, script: &[Behaviour]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&seen), script.to_vec());
        thread::spawn(move || {
            for (index, connection) in listener.incoming().enumerate() {
                let behaviour = script[index.min(script.len() - 1)];
                let (log, files) = (Arc::clone(&log), files.clone());
                // A client that gives up is part of the tests.
                thread::spawn(move || connection.and_then(|stream| answer(stream, &files, behaviour, &log)));
            }
        });
        Self { address, seen }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The bytes from which on it was asked, request by request.
    pub(super) fn first_bytes(&self) -> Vec<usize> {
        self.seen().into_iter().map(|seen| seen.first_byte).collect()
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Seen> {
    let mut seen = Seen { path: String::new(), first_byte: 0 };
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(request) = line.strip_prefix("GET ") {
            seen.path = request.split(' ').next().unwrap_or_default().to_owned();
        } else if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            seen.first_byte = range.trim_end_matches('-').parse().unwrap();
        }
    }
    Ok(seen)
}

fn answer(
    mut stream: TcpStream,
    files: &[(&'static str, Vec<u8>)],
    behaviour: Behaviour,
    log: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let seen = read_request(&stream)?;
    log.lock().unwrap().push(seen.clone());
    let file = files.iter().find(|(name, _)| seen.path.ends_with(name)).map(|(_, bytes)| bytes.as_slice());
    let status = match (behaviour, file) {
        (Behaviour::Status(status), _) => Some(status),
        (_, None) => Some(404),
        (_, Some(file)) if seen.first_byte >= file.len() => Some(416),
        _ => None,
    };
    if let Some(status) = status {
        return write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let file = file.unwrap_or_default();
    match behaviour {
        Behaviour::Redirecting | Behaviour::RedirectingTo(_) => {
            let location = match behaviour {
                Behaviour::RedirectingTo(port) => format!("http://127.0.0.1:{port}{}", seen.path),
                _ => format!("/elsewhere{}", seen.path),
            };
            write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Behaviour::Endlessly => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(file)?;
            }
        }
        _ => send(stream, file, seen.first_byte, behaviour),
    }
}

fn send(mut stream: TcpStream, file: &[u8], asked: usize, behaviour: Behaviour) -> std::io::Result<()> {
    let first = if behaviour == Behaviour::WithoutRanges { 0 } else { asked };
    let (total, length) = (file.len(), file.len() - first);
    let status = match first {
        0 => "200 OK".to_owned(),
        _ => format!("206 Partial Content\r\nContent-Range: bytes {first}-{}/{total}", total - 1),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    let end = match behaviour {
        Behaviour::BreakingAt(end) | Behaviour::SilentAt(end) => end.clamp(first, total),
        _ => total,
    };
    if behaviour == Behaviour::Dripping {
        for byte in file[first..].chunks(1) {
            stream.write_all(byte)?;
            thread::sleep(Duration::from_millis(10));
        }
    }
    if behaviour == Behaviour::Slowly {
        for piece in file[first..].chunks(total / 8) {
            stream.write_all(piece)?;
            thread::sleep(Duration::from_millis(20));
        }
        return Ok(());
    }
    stream.write_all(&file[first..end])?;
    if matches!(behaviour, Behaviour::SilentAt(_)) {
        thread::sleep(Duration::from_mins(2));
    }
    Ok(())
}
