//! What of the JSON-Schema-Test-Suite guided generation covers: `json_schema_test_suite FOLDER`, where the folder holds
//! the suite's files of one draft, such as `tests/draft2020-12`. The source distribution of the Python package
//! `jsonschema` carries it under `json/`.
//!
//! A schema is either refused by name or enforced. What is enforced must admit no instance that the suite calls invalid;
//! of the valid ones it may leave some out, because what a schema leaves open is closed and bounded.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use reinette_engine::constraint::{Constraint, ConstraintCompiler, Grammar};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{SpecialTokens, Tokenizer};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A schema of the suite, and what it says of some values.
#[derive(Deserialize)]
struct Group {
    description: String,
    schema: Value,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    description: String,
    data: Value,
    valid: bool,
}

/// What became of the schemas and values of the suite.
#[derive(Default)]
struct Coverage {
    n_schemas: usize,
    n_enforced: usize,
    /// Why schemas were refused, and how many for each reason.
    refused: BTreeMap<String, usize>,
    n_valid: usize,
    n_valid_admitted: usize,
    n_invalid: usize,
    /// Invalid values that were admitted: there are to be none.
    violations: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name the folder of a draft, such as tests/draft2020-12")?;
    let tokenizer = Arc::new(byte_level_tokenizer()?);
    let compiler = ConstraintCompiler::new(Arc::clone(&tokenizer));
    let mut coverage = Coverage::default();
    for file in files(Path::new(&folder))? {
        let groups: Vec<Group> = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
        for group in &groups {
            coverage.count(&compiler, &tokenizer, group);
        }
    }
    coverage.print();
    if coverage.violations.is_empty() { Ok(()) } else { Err("invalid values were admitted".into()) }
}

/// A vocabulary in which every text can be written.
fn byte_level_tokenizer() -> Result<Tokenizer, Box<dyn Error>> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), reinette_testkit::byte_level_model("gpt-2"))?;
    Ok(Tokenizer::from_gguf(&Gguf::open(file.path())?)?)
}

/// The suite's files; what is optional in it is left out.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl Coverage {
    fn count(&mut self, compiler: &ConstraintCompiler, tokenizer: &Tokenizer, group: &Group) {
        self.n_schemas += 1;
        let grammar = Grammar::JsonSchema(group.schema.clone());
        if let Err(error) = compiler.compile(&grammar) {
            *self.refused.entry(reason(&error.to_string())).or_default() += 1;
            return;
        }
        self.n_enforced += 1;
        for case in &group.tests {
            // Each value is held against the grammar from its start.
            let Ok(constraint) = compiler.compile(&grammar) else { continue };
            let is_admitted = admits(constraint, tokenizer, &spaced(&case.data));
            if case.valid {
                self.n_valid += 1;
                self.n_valid_admitted += usize::from(is_admitted);
            } else {
                self.n_invalid += 1;
                if is_admitted {
                    self.violations.push(format!("{}: {}: {}", group.description, case.description, case.data));
                }
            }
        }
    }

    fn print(&self) {
        println!("{} of {} schemas are enforced; the others are refused:", self.n_enforced, self.n_schemas);
        for (reason, count) in &self.refused {
            println!("{count:6}  {reason}");
        }
        println!("{} of {} valid values of the enforced ones can be said", self.n_valid_admitted, self.n_valid);
        println!("{} of {} invalid values can be said", self.violations.len(), self.n_invalid);
        for violation in &self.violations {
            println!("        {violation}");
        }
    }
}

/// What an error is about: the keyword that it names, or what is wrong.
fn reason(error: &str) -> String {
    match error.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((keyword, _)) => format!("`{keyword}`"),
        None => error.split_once(": ").map_or(error, |(_, reason)| reason).lines().next().unwrap_or(error).to_owned(),
    }
}

/// Whether `text` is a whole sentence of the grammar.
fn admits(mut constraint: Constraint, tokenizer: &Tokenizer, text: &str) -> bool {
    tokenizer.encode(text, SpecialTokens::AsText).into_iter().all(|token| constraint.commit(token).is_ok())
        && constraint.may_stop().unwrap_or(false)
}

/// JSON as the grammar has it: a space after each colon and comma.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}
