//! MCP servers for tests and for `checks/mcp`: one that behaves, in the old version of the protocol and in the new, several
//! that do not, and ours over a small host.
//!
//! The first argument says which; see [`main`]. All but `host` write the protocol by hand, so that a mistake in the library
//! that we speak it with is not made on both sides.
//!
//! Invariants: nothing but the protocol is on standard output; a server ends when its input does, but for those that hang.

mod behaving;
mod host;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

fn main() -> ExitCode {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let ended = match kind.as_str() {
        "old" => behaving::serve(behaving::Version::Old),
        "new" => behaving::serve(behaving::Version::New),
        "dies-at-the-probe" => behaving::serve(behaving::Version::DiesAtTheProbe),
        "lists-without-end" => behaving::serve(behaving::Version::ListsWithoutEnd),
        "hangs" => hang(),
        "floods" => flood(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"\"}}\n"),
        "never-ends-its-line" => flood(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        "talks-something-else" => flood(b"Welcome to the shop!\n"),
        "has-no-key" => {
            let _ = writeln!(io::stderr(), "starting\nerror: SHOP_KEY is not set\u{1b}[0m");
            return ExitCode::from(2);
        }
        "host" => match reinette_mcp::serve(reinette_mcp::Transport::Stdio, Arc::new(host::SmallHost::default())) {
            Ok(()) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        },
        _ => Err(io::Error::other("say which server: old, new, host …")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes everything and says nothing, and does not go when it is not wanted any more.
fn hang() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        line?;
    }
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}

/// Says the same without end.
fn flood(words: &[u8]) -> io::Result<()> {
    let words = words.repeat(1000);
    let mut output = io::stdout().lock();
    loop {
        output.write_all(&words)?;
    }
}
