//! A shop that behaves, but for what its name says.

use serde_json::{Value, json};
use std::io::{self, BufRead, Write};

/// Which server.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Version {
    /// 2025-11-25: `initialize`, requests of its own.
    Old,
    /// 2026-07-28: `server/discover`, answers that want more input.
    New,
    /// As [`Old`](Self::Old), but it does not survive a request that it does not know.
    DiesAtTheProbe,
    /// As [`Old`](Self::Old), but each page of tools names another.
    ListsWithoutEnd,
}

struct Shop {
    version: Version,
    /// The call that waits for its user's answer.
    asking: Option<Value>,
    has_grown: bool,
}

pub(crate) fn serve(version: Version) -> io::Result<()> {
    let mut shop = Shop { version, asking: None, has_grown: false };
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        shop.take(&message)?;
    }
    Ok(())
}

fn send(message: &Value) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{message}")?;
    output.flush()
}

fn text(words: &str) -> Value {
    json!({"content": [{"type": "text", "text": words}]})
}

impl Shop {
    fn answer(&self, id: &Value, mut result: Value) -> io::Result<()> {
        if self.version == Version::New && result.get("resultType").is_none() {
            result["resultType"] = json!("complete");
        }
        send(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    fn take(&mut self, message: &Value) -> io::Result<()> {
        let (id, params) = (&message["id"], &message["params"]);
        match message["method"].as_str() {
            Some("server/discover") if self.version == Version::DiesAtTheProbe => {
                writeln!(io::stderr(), "panicked at an unknown request")?;
                std::process::exit(101);
            }
            Some("server/discover") if self.version == Version::New => self.answer(
                id,
                json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities(), "ttlMs": 0, "cacheScope": "private",
                    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "shop", "version": "1"}}}),
            ),
            Some("initialize") => self.answer(
                id,
                json!({"protocolVersion": "2025-11-25", "capabilities": capabilities(),
                    "serverInfo": {"name": "shop", "version": "1"}}),
            ),
            Some("tools/list") if self.version == Version::ListsWithoutEnd => {
                self.answer(id, json!({"tools": [], "nextCursor": "more"}))
            }
            Some("tools/list") => self.answer(id, json!({"tools": self.tools(), "ttlMs": 0, "cacheScope": "private"})),
            Some("tools/call") => self.call(id, params),
            Some("resources/list") => {
                let orders = json!({"uri": "orders://17", "name": "order-17", "title": "Order 17", "mimeType": "text/plain"});
                self.answer(id, json!({"resources": [orders], "ttlMs": 0, "cacheScope": "private"}))
            }
            Some("resources/read") => {
                let contents = json!([{"uri": params["uri"], "mimeType": "text/plain", "text": "Order 17: a\u{1b}[2J kettle"}]);
                self.answer(id, json!({"contents": contents, "ttlMs": 0, "cacheScope": "private"}))
            }
            Some("prompts/list") => {
                let argument = json!({"name": "name", "description": "whose", "required": true});
                let prompt = json!({"name": "complain", "description": "A complaint", "arguments": [argument]});
                self.answer(id, json!({"prompts": [prompt], "ttlMs": 0, "cacheScope": "private"}))
            }
            Some("prompts/get") => {
                let words = format!("Where is {}'s kettle?", params["arguments"]["name"].as_str().unwrap_or_default());
                self.answer(id, json!({"messages": [{"role": "user", "content": {"type": "text", "text": words}}]}))
            }
            Some("subscriptions/listen") => send(&json!({"jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged", "params": {"notifications": params["notifications"],
                "_meta": {"io.modelcontextprotocol/subscriptionId": id}}})),
            Some("notifications/cancelled") => {
                if let Ok(path) = std::env::var("SHOP_LOG") {
                    std::fs::write(path, "cancelled")?;
                }
                Ok(())
            }
            Some(method) if !id.is_null() => send(&json!({"jsonrpc": "2.0", "id": id,
                "error": {"code": -32601, "message": format!("there is no {method}")}})),
            Some(_) => Ok(()),
            None => match self.asking.take() {
                Some(call) => self.answer(&call, text(&format!("the user said {}", message["result"]))),
                None => Ok(()),
            },
        }
    }

    fn tools(&self) -> Value {
        let tool = |name: &str, properties: Value, annotations: Value| {
            let required: Vec<&String> = properties.as_object().into_iter().flatten().map(|(name, _)| name).collect();
            json!({"name": name, "description": format!("{name} of the shop"), "annotations": annotations,
                "inputSchema": {"type": "object", "properties": properties, "required": required}})
        };
        let reads = || json!({"readOnlyHint": true});
        let mut find = tool("find-order", json!({"name": {"type": "string", "not": {"const": ""}}}), reads());
        find["outputSchema"] = json!({"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]});
        let mut lie = tool("lie", json!({}), reads());
        lie["outputSchema"] = find["outputSchema"].clone();
        let mut tools = vec![
            find,
            lie,
            tool("order_status", json!({"id": {"type": "integer"}}), reads()),
            tool(
                "leave_note",
                json!({"text": {"type": "string"}}),
                json!({"readOnlyHint": false, "openWorldHint": false}),
            ),
            tool("write_to_the_shop", json!({"text": {"type": "string"}}), json!({})),
            tool("ask_back", json!({}), reads()),
            tool("take_your_time", json!({}), reads()),
            tool("never_answer", json!({}), reads()),
            tool("crash", json!({}), reads()),
            tool("say_much", json!({}), reads()),
            tool("fail", json!({}), reads()),
            tool("environment", json!({}), reads()),
            tool("grow", json!({}), reads()),
            json!({"name": "odd", "inputSchema": {"type": "string"}}),
        ];
        if self.has_grown {
            tools.push(tool("grown", json!({}), reads()));
        }
        Value::Array(tools)
    }

    fn call(&mut self, id: &Value, params: &Value) -> io::Result<()> {
        let arguments = &params["arguments"];
        let result = match params["name"].as_str().unwrap_or_default() {
            "find-order" => json!({"content": [{"type": "text", "text": "order 17"}], "structuredContent": {"id": 17}}),
            "lie" => json!({"content": [], "structuredContent": {"id": "seventeen"}}),
            "order_status" if arguments["id"] == 17 => text("It arrives on Monday."),
            "leave_note" | "write_to_the_shop" => {
                if let Ok(path) = std::env::var("SHOP_LOG") {
                    std::fs::write(path, arguments["text"].as_str().unwrap_or_default())?;
                }
                text("written")
            }
            "ask_back" => return self.ask(id, params),
            "take_your_time" => {
                for done in 1..=5 {
                    std::thread::sleep(std::time::Duration::from_millis(150));
                    let token = &params["_meta"]["progressToken"];
                    send(&json!({"jsonrpc": "2.0", "method": "notifications/progress",
                        "params": {"progressToken": token, "progress": done, "total": 5, "message": "looking"}}))?;
                }
                text("found")
            }
            "never_answer" => return Ok(()),
            "crash" => {
                writeln!(io::stderr(), "the shop burns")?;
                std::process::exit(3);
            }
            "say_much" => text(&"é".repeat(1 << 20)),
            "environment" => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
                text(&names.join(" "))
            }
            "grow" => {
                self.has_grown = true;
                let meta = if self.version == Version::New {
                    json!({"io.modelcontextprotocol/subscriptionId": null})
                } else {
                    json!({})
                };
                send(
                    &json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}}),
                )?;
                text("grown")
            }
            _ => json!({"content": [{"type": "text", "text": "we do not know that"}], "isError": true}),
        };
        self.answer(id, result)
    }

    /// Asks the user, each version in its own way.
    fn ask(&mut self, id: &Value, params: &Value) -> io::Result<()> {
        let form = json!({"mode": "form", "message": "Which size?", "requestedSchema": {"type": "object", "properties":
            {"size": {"type": "string", "enum": ["small", "large"]}}, "required": ["size"]}});
        if self.version != Version::New {
            self.asking = Some(id.clone());
            return send(&json!({"jsonrpc": "2.0", "id": "ask-1", "method": "elicitation/create", "params": form}));
        }
        match params["inputResponses"].get("size") {
            Some(response) if params["requestState"] == "asked" => {
                self.answer(id, text(&format!("the user said {response}")))
            }
            _ => self.answer(
                id,
                json!({"resultType": "input_required", "requestState": "asked",
                "inputRequests": {"size": {"method": "elicitation/create", "params": form}}}),
            ),
        }
    }
}

fn capabilities() -> Value {
    json!({"tools": {"listChanged": true}, "resources": {}, "prompts": {}})
}
