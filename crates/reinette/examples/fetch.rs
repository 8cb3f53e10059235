//! A model of the project's list, brought into a folder with its bytes checked, unless it is there: `fetch DIR NAME`.

#![expect(clippy::print_stdout, reason = "where it is, is what it is for")]

use reinette::models::ModelStore;
use std::sync::atomic::AtomicBool;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name] = arguments.as_slice() else { return Err("usage: fetch DIR NAME".into()) };
    let store = ModelStore::open(folder);
    let Some(model) = store.manifest().model(name) else {
        let names: Vec<&str> = store.manifest().models().iter().map(|model| model.name.as_str()).collect();
        return Err(format!("no model `{name}`: there are {}", names.join(", ")).into());
    };
    println!("{}", store.fetch(model, &mut |_| {}, &AtomicBool::new(false))?.display());
    Ok(())
}
