//! Our server, spoken to by hand and by our own client.

use crate::{Chooser, PATIENT, SERVER, arguments, call, command, prepare, servers_of, tool};
use futures_lite::future::block_on;
use reinette::{Invocation, Prepared, Tool};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A client that writes the protocol by hand.
struct Client {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    is_new: bool,
    can_ask: bool,
    next_id: u32,
}

impl Client {
    fn begin(is_new: bool, can_ask: bool) -> Self {
        let mut process =
            Command::new(SERVER).arg("host").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        let mut client = Self { process, input, output, is_new, can_ask, next_id: 0 };
        if !is_new {
            let us = json!({"name": "by hand", "version": "1"});
            let params =
                json!({"protocolVersion": "2025-11-25", "capabilities": client.capabilities(), "clientInfo": us});
            assert_eq!(client.ask("initialize", params)["result"]["serverInfo"]["name"], "reinette");
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        client
    }

    fn capabilities(&self) -> Value {
        if self.can_ask { json!({"elicitation": {}}) } else { json!({}) }
    }

    fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the server ended");
        serde_json::from_str(&line).unwrap()
    }

    /// What comes back first: an answer, or a request.
    fn ask(&mut self, method: &str, mut params: Value) -> Value {
        self.next_id += 1;
        if self.is_new {
            params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "by hand", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": self.capabilities()});
        }
        self.send(&json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}));
        self.receive()
    }

    /// Calls a tool, and answers all that is asked meanwhile with `answers`. Gives the result and what was asked.
    fn call(&mut self, name: &str, arguments: &Value, answers: &[Value]) -> (Value, Vec<String>) {
        let mut came = self.ask("tools/call", json!({"name": name, "arguments": arguments}));
        let mut asked = Vec::new();
        for answer in answers {
            let params = if self.is_new {
                assert_eq!(came["result"]["resultType"], "input_required", "{came}");
                &came["result"]["inputRequests"]["answer"]["params"]
            } else {
                assert_eq!(came["method"], "elicitation/create", "{came}");
                &came["params"]
            };
            asked.push(params["message"].as_str().unwrap().to_owned());
            came = if self.is_new {
                let state = came["result"]["requestState"].clone();
                self.ask(
                    "tools/call",
                    json!({"name": name, "arguments": arguments, "requestState": state,
                    "inputResponses": {"answer": answer}}),
                )
            } else {
                self.send(&json!({"jsonrpc": "2.0", "id": came["id"], "result": answer}));
                self.receive()
            };
        }
        (came["result"].clone(), asked)
    }

    fn notes(&mut self) -> String {
        let read = self.ask("resources/read", json!({"uri": "reinette://notes"}));
        read["result"]["contents"][0]["text"].as_str().unwrap().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        // A client that left ends the server.
        let status = self.process.wait();
        assert!(std::thread::panicking() || status.is_ok_and(|status| status.success()));
    }
}

fn accept(content: &Value) -> Value {
    json!({"action": "accept", "content": content})
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn tools_and_resources_are_listed() {
    for is_new in [false, true] {
        let mut client = Client::begin(is_new, true);
        let listed = client.ask("tools/list", json!({}));
        let tools = listed["result"]["tools"].as_array().unwrap();
        let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        assert_eq!(names, ["find_notes", "add_note", "journal", "undo"]);
        assert_eq!(tools[0]["annotations"]["readOnlyHint"], true);
        assert_eq!(tools[1]["annotations"]["readOnlyHint"], false);
        assert_eq!(tools[1]["inputSchema"]["properties"]["text"]["type"], "string");
        let listed = client.ask("resources/list", json!({}));
        assert_eq!(listed["result"]["resources"][0]["uri"], "reinette://notes");
        assert!(client.ask("resources/read", json!({"uri": "reinette://nothing"}))["error"].is_object());
        let (result, _) = client.call("find_notes", &json!({"words": "x"}), &[]);
        assert_eq!(result["structuredContent"], json!({"found": []}));
        let (result, _) = client.call("find_notes", &json!({"words": 3}), &[]);
        assert!(result["isError"] == true && text(&result).contains("do not fit"), "{result}");
        assert!(client.ask("tools/call", json!({"name": "nothing", "arguments": {}}))["error"].is_object());
    }
}

#[test]
fn an_effect_is_done_when_its_user_allows_it_and_undone_likewise() {
    for is_new in [false, true] {
        let mut client = Client::begin(is_new, true);
        let (result, asked) = client.call("add_note", &json!({"text": "milk"}), &[json!({"action": "decline"})]);
        assert!(result["isError"] == true && text(&result).contains("declined"), "{result}");
        assert!(asked[0].contains("“milk”") && asked[0].contains("+ milk") && asked[0].contains("can be undone"));
        assert_eq!(client.notes(), "");

        let (result, _) = client.call("add_note", &json!({"text": "milk"}), &[accept(&json!({}))]);
        assert_eq!((text(&result), &result["structuredContent"]), ("Wrote “milk”.", &json!({"text": "milk"})));
        assert_eq!(client.notes(), "milk");
        let (result, _) = client.call("journal", &json!({}), &[]);
        assert_eq!(text(&result), "0: wrote “milk”");

        let (result, _) = client.call("undo", &json!({}), &[json!({"action": "cancel"})]);
        assert!(result["isError"] == true);
        assert_eq!(client.notes(), "milk");
        let (result, _) = client.call("undo", &json!({"entry": "0"}), &[accept(&json!({}))]);
        assert_eq!(text(&result), "Took back “milk”.");
        assert_eq!(client.notes(), "");
    }
}

#[test]
fn nothing_is_done_for_a_client_that_cannot_ask() {
    for is_new in [false, true] {
        let mut client = Client::begin(is_new, false);
        let (result, _) = client.call("add_note", &json!({"text": "milk"}), &[]);
        assert!(result["isError"] == true && text(&result).contains("elicitation"), "{result}");
        let (result, _) = client.call("add_note", &json!({"text": "fruit"}), &[]);
        assert!(result["isError"] == true && text(&result).contains("apple, pear"), "{result}");
        assert_eq!(client.notes(), "");
    }
}

#[test]
fn what_is_not_clear_is_asked_before_it_is_allowed() {
    for is_new in [false, true] {
        let mut client = Client::begin(is_new, true);
        let answers = [accept(&json!({"choice": "pear"})), accept(&json!({}))];
        let (result, asked) = client.call("add_note", &json!({"text": "fruit"}), &answers);
        assert_eq!((asked[0].as_str(), text(&result)), ("Which fruit?", "Wrote “pear”."));
        let (result, _) = client.call("add_note", &json!({"text": "fruit"}), &[accept(&json!({"choice": "plum"}))]);
        assert!(result["isError"] == true);
        assert_eq!(client.notes(), "pear");
    }
}

#[test]
fn what_changed_meanwhile_is_asked_again() {
    for is_new in [false, true] {
        let mut client = Client::begin(is_new, true);
        let yes = accept(&json!({}));
        let (result, asked) = client.call("add_note", &json!({"text": "changing"}), &[yes.clone(), yes]);
        assert_eq!((asked.len(), text(&result)), (2, "Wrote “changing”."));
        assert_eq!(client.notes(), "changing");
    }
}

#[test]
fn an_answer_counts_once_and_only_for_its_own_call() {
    let mut client = Client::begin(true, true);
    let milk = json!({"text": "milk"});
    let asked = client.ask("tools/call", json!({"name": "add_note", "arguments": milk}));
    let state = asked["result"]["requestState"].clone();
    let answer = |arguments: Value, state: &Value| {
        json!({"name": "add_note", "arguments": arguments, "requestState": state,
            "inputResponses": {"answer": {"action": "accept", "content": {}}}})
    };
    // Another call does not take over what was allowed for this one, and uses the answer up.
    assert!(client.ask("tools/call", answer(json!({"text": "wine"}), &state))["error"].is_object());
    assert!(client.ask("tools/call", answer(milk.clone(), &state))["error"].is_object());
    assert!(client.ask("tools/call", answer(milk.clone(), &json!("made up")))["error"].is_object());
    assert_eq!(client.notes(), "");
    let asked = client.ask("tools/call", json!({"name": "add_note", "arguments": milk}));
    let state = asked["result"]["requestState"].clone();
    let (arguments, nothing) = (milk, json!({}));
    let silent = json!({"name": "add_note", "arguments": arguments, "requestState": state, "inputResponses": nothing});
    assert_eq!(client.ask("tools/call", silent)["result"]["isError"], true);
    assert_eq!(client.notes(), "");
}

#[test]
fn our_own_client_and_server_understand_each_other() {
    let user = Chooser::new(0);
    let servers = servers_of(&[("notes", command("host", &[]))], user.clone(), PATIENT);
    let offer = block_on(servers.tools(&[]));
    assert_eq!(block_on(servers.states())[0].protocol.as_deref(), Some("2026-07-28"));
    assert!(tool(&offer, "find_notes").only_reads() && !tool(&offer, "add_note").only_reads());
    let Prepared::Effect(effect) = prepare(tool(&offer, "add_note"), json!({"text": "fruit"})).unwrap() else {
        panic!("no effect");
    };
    let answer = block_on(effect.action.commit()).unwrap();
    assert_eq!((answer.text.as_str(), user.told().len()), ("Wrote “apple”.", 2));
    let found = call(tool(&offer, "find_notes"), json!({"words": "app"})).unwrap();
    assert_eq!(found.data, json!({"found": ["apple"]}));
    let undo = tool(&offer, "undo").prepare(Invocation::new(arguments(json!({}))));
    let Ok(Prepared::Effect(effect)) = block_on(undo) else { panic!("no effect") };
    assert_eq!(block_on(effect.action.commit()).unwrap().text, "Took back “apple”.");
    block_on(servers.close());
}
