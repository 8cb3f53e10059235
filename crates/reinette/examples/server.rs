//! The same session with a model of a server: `server http://127.0.0.1:8080/v1 MODEL`.

#![expect(clippy::print_stdout, reason = "the answer is what it is for")]

use reinette::{ChatCompletionsConfig, ChatCompletionsModel, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(base_url), Some(name)) = (arguments.next(), arguments.next()) else {
        return Err("usage: server ADDRESS MODEL, as in: server http://127.0.0.1:8080/v1 qwen3-8b".into());
    };
    let model = ChatCompletionsModel::new(ChatCompletionsConfig::new(base_url, name));
    for words in Session::new(&model).stream("Three days in Lyon with a child").blocking() {
        print!("{}", words?);
    }
    println!();
    Ok(())
}
