//! Servers of other programs.

use crate::program::{home, run, stderr, stdout};
#[cfg(unix)]
use serde_json::Value;
use std::fs;

/// A server of one tool, as a shell can be one.
#[cfg(unix)]
const BELL: &str = r#"
while IFS= read -r line; do
    id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    case "$line" in
    *'"initialize"'*) result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"b","version":"1"}}' ;;
    *tools/list*) result='{"tools":[{"name":"ring","inputSchema":{"type":"object"}}]}' ;;
    *discover*)
        printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}\n' "$id"
        continue
        ;;
    *) continue ;;
    esac
    printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

#[cfg(unix)]
#[test]
fn servers_are_added_listed_and_removed() {
    let home = home();
    let folder = home.path().join("h");
    let in_home = |arguments: &[&str]| {
        let home = folder.to_str().unwrap();
        run(folder.parent().unwrap(), &[&["--home", home], arguments].concat())
    };
    fs::create_dir(&folder).unwrap();
    let config = folder.join("config.toml");
    let before = "# Mine.\n[folders]\nnotes = \"n\"\n";
    fs::write(&config, before).unwrap();
    let bell = folder.join("bell.sh");
    fs::write(&bell, BELL).unwrap();

    stdout(&in_home(&["mcp", "add", "bell", "--env", "VOLUME=3", "--", "sh", bell.to_str().unwrap()]));
    stdout(&in_home(&["mcp", "add", "gone", "--", "no-such-program-anywhere", "-y"]));
    let again = in_home(&["mcp", "add", "bell", "--url", "https://a.example/mcp"]);
    assert!(!again.status.success() && stderr(&again).contains("already"), "{}", stderr(&again));

    let lines = stdout(&in_home(&["mcp", "list", "--json"]));
    let servers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&servers[0]["type"], &servers[0]["name"]), (&"mcp_server".into(), &"bell".into()));
    assert_eq!((&servers[0]["tools"], &servers[0]["protocol"]), (&["ring"][..].into(), &"2025-11-25".into()));
    assert!(servers[1]["error"].as_str().unwrap().contains("`no-such-program-anywhere`"), "{lines}");
    let text = stdout(&in_home(&["mcp", "list"]));
    assert!(
        text.contains("bell: 1 tools") && text.contains("  tools: ring") && text.contains("cannot be used"),
        "{text}"
    );

    stdout(&in_home(&["mcp", "remove", "bell", "gone"]));
    assert_eq!(fs::read_to_string(&config).unwrap(), before, "what else stands there stays");
    assert!(!in_home(&["mcp", "remove", "bell"]).status.success());
}

#[test]
fn servers_of_other_programs_are_taken_over() {
    let home = home();
    let path = home.path().join("theirs.json");
    let json = r#"{"mcpServers": {"My files": {"command": "npx", "args": ["-y", "x"]}, "off": {"command": "y", "disabled": true},
        "orders": {"url": "https://a.example/mcp", "headers": {"Authorization": "Bearer hush"}}}}"#;
    fs::write(&path, json).unwrap();
    let home_folder = home.path().join("h");
    let arguments = ["--home", home_folder.to_str().unwrap(), "mcp", "import", path.to_str().unwrap(), "--json"];
    let imported = run(home.path(), &arguments);
    let lines = stdout(&imported);
    assert!(lines.lines().count() == 2 && lines.contains("My-files") && lines.contains("orders"), "{lines}");
    assert!(!lines.contains("hush") && stderr(&imported).contains("“off” is left out"), "{}", stderr(&imported));
    assert!(fs::read_to_string(home_folder.join("config.toml")).unwrap().contains("Bearer hush"));
}

#[test]
fn a_server_needs_a_command_or_an_address() {
    let home = home();
    for (arguments, status) in [
        (&["mcp", "add", "a"][..], 2),
        (&["mcp", "add", "a", "--url", "https://a.example", "--", "run"], 2),
        (&["mcp", "add", "a b", "--", "run"], 1),
        (&["mcp", "add", "a", "--url", "file:///etc/passwd"], 1),
        (&["mcp", "import", "nowhere.json"], 1),
    ] {
        let output = run(home.path(), arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
    }
}

/// What is asked of the program, a message a line, and what it answers to each that wants an answer.
#[cfg(unix)]
fn served(home: &std::path::Path, messages: &[Value]) -> Vec<Value> {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    let mut program = crate::program::reinette(home);
    let mut child =
        program.arg("--home").arg(home).arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answers = Vec::new();
    for message in messages {
        writeln!(input, "{message}").unwrap();
        if message.get("id").is_some() {
            answers.push(serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap());
        }
    }
    drop(input);
    assert!(child.wait().unwrap().success(), "it ends when its client has gone");
    answers
}

/// Another program reads what is there; whoever cannot ask its user changes nothing.
#[cfg(unix)]
#[test]
fn our_apps_are_offered_to_other_programs() {
    use serde_json::json;
    let home = home();
    let folder = home.path().join("h");
    let reminders = folder.join("reminders");
    fs::create_dir_all(&reminders).unwrap();
    let ics = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\nUID:b\nSUMMARY:water the plants\nEND:VTODO\nEND:VCALENDAR\n";
    fs::write(reminders.join("b.ics"), ics).unwrap();
    let client = json!({"name": "c", "version": "1"});
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
    let call = |id: usize, name: &str, arguments: Value| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}});
    let answers = served(
        &folder,
        &[
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
            json!({"jsonrpc": "2.0", "id": 3, "method": "resources/read", "params": {"uri": "reinette://reminders"}}),
            call(4, "list_reminders", json!({})),
            call(5, "create_reminder", json!({"title": "buy milk"})),
            call(6, "undo", json!({})),
        ],
    );
    let tools = answers[1]["result"]["tools"].as_array().unwrap();
    let tool = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(tool("list_reminders")["annotations"]["readOnlyHint"], true);
    assert_eq!(tool("create_reminder")["annotations"]["readOnlyHint"], false);
    assert!(tool("undo").is_object() && tool("journal").is_object());
    assert!(answers[2].to_string().contains("water the plants"), "{}", answers[2]);
    assert!(answers[3].to_string().contains("water the plants"), "{}", answers[3]);
    assert_eq!(answers[4]["result"]["isError"], true, "{}", answers[4]);
    assert_eq!(answers[5]["result"]["isError"], true, "{}", answers[5]);
    assert_eq!(fs::read_dir(&reminders).unwrap().count(), 1);
}
