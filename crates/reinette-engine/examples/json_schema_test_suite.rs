//! What of the JSON-Schema-Test-Suite guided generation covers, beside llguidance alone, which our constraints are built
//! on: `json_schema_test_suite FOLDER`, where the folder holds the suite's files of one draft, such as `tests/draft2020-12`.
//! The source distribution of the Python package `jsonschema` carries it under `json/`.
//!
//! A schema is either refused or enforced. What is enforced should admit no instance that the suite calls invalid: ours must
//! not, and fails if it does. Of the valid ones it may leave some out, because what a schema leaves open is closed and bounded.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use reinette_engine::constraint::{ConstraintCompiler, Grammar};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{SpecialTokens, Tokenizer};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toktrie::{ApproximateTokEnv, InferenceCapabilities};

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

/// Somebody who holds answers to schemas.
trait Candidate {
    /// Whether `text` can be said under the schema; an error if the schema is refused.
    fn admits(&self, schema: &Value, text: &str) -> Result<bool, String>;
}

/// Ours, on a vocabulary in which every text can be written.
struct Ours {
    tokenizer: Arc<Tokenizer>,
    compiler: ConstraintCompiler,
}

impl Ours {
    fn new() -> Result<Self, Box<dyn Error>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), reinette_testkit::byte_level_model("gpt-2"))?;
        let tokenizer = Arc::new(Tokenizer::from_gguf(&Gguf::open(file.path())?)?);
        Ok(Self { compiler: ConstraintCompiler::new(Arc::clone(&tokenizer)), tokenizer })
    }
}

impl Candidate for Ours {
    fn admits(&self, schema: &Value, text: &str) -> Result<bool, String> {
        let grammar = Grammar::JsonSchema(schema.clone());
        let mut constraint = self.compiler.compile(&grammar).map_err(|error| error.to_string())?;
        let tokens = self.tokenizer.encode(text, SpecialTokens::AsText);
        let is_said = tokens.into_iter().all(|token| constraint.commit(token).is_ok());
        Ok(is_said && constraint.may_stop())
    }
}

/// llguidance as it comes, a token a byte.
struct Alone {
    factory: ParserFactory,
}

impl Alone {
    fn new() -> Result<Self, Box<dyn Error>> {
        let environment = ApproximateTokEnv::single_byte_env();
        let mut factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &[])?;
        factory.quiet();
        Ok(Self { factory })
    }
}

impl Candidate for Alone {
    fn admits(&self, schema: &Value, text: &str) -> Result<bool, String> {
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema.clone()));
        let mut matcher = Matcher::new(Ok(parser.map_err(|error| error.to_string())?));
        let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
        let is_said = matcher.try_consume_tokens(&bytes).is_ok_and(|count| count == bytes.len());
        Ok(is_said && matcher.is_accepting().unwrap_or(false))
    }
}

/// What became of schemas and values.
#[derive(Clone, Default)]
struct Coverage {
    n_schemas: usize,
    n_enforced: usize,
    n_valid: usize,
    n_valid_admitted: usize,
    n_invalid: usize,
    /// Invalid values that were admitted.
    violations: Vec<String>,
    /// Why schemas were refused, and how many for each reason.
    refused: BTreeMap<String, usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name the folder of a draft, such as tests/draft2020-12")?;
    let candidates: [(&str, Box<dyn Candidate>); 2] =
        [("reinette", Box::new(Ours::new()?)), ("llguidance", Box::new(Alone::new()?))];
    let mut totals = vec![Coverage::default(); candidates.len()];
    println!(
        "| keyword | schemas | enforced | valid said | invalid said | llguidance: enforced | valid said | invalid said |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for file in files(Path::new(&folder))? {
        let groups: Vec<Group> = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
        let keyword = file.file_stem().unwrap_or_default().to_string_lossy();
        let mut row = format!("| {keyword} | {}", groups.len());
        for ((_, candidate), total) in candidates.iter().zip(&mut totals) {
            let mut coverage = Coverage::default();
            for group in &groups {
                coverage.count(candidate.as_ref(), group);
            }
            row += &coverage.columns();
            total.add(coverage);
        }
        println!("{row} |");
    }
    println!("| all | {}{} |", totals[0].n_schemas, totals.iter().map(Coverage::columns).collect::<String>());
    for ((name, _), total) in candidates.iter().zip(&totals) {
        total.explain(name);
    }
    if totals[0].violations.is_empty() { Ok(()) } else { Err("invalid values were admitted".into()) }
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
    fn count(&mut self, candidate: &dyn Candidate, group: &Group) {
        self.n_schemas += 1;
        if let Err(error) = candidate.admits(&group.schema, "") {
            *self.refused.entry(reason(&error)).or_default() += 1;
            return;
        }
        self.n_enforced += 1;
        for case in &group.tests {
            let is_admitted = candidate.admits(&group.schema, &spaced(&case.data)).unwrap_or(false);
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

    fn add(&mut self, other: Self) {
        self.n_schemas += other.n_schemas;
        self.n_enforced += other.n_enforced;
        self.n_valid += other.n_valid;
        self.n_valid_admitted += other.n_valid_admitted;
        self.n_invalid += other.n_invalid;
        self.violations.extend(other.violations);
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
    }

    /// How many schemas are enforced, and of their values how many valid and how many invalid ones can be said.
    fn columns(&self) -> String {
        let Self { n_enforced, n_valid, n_valid_admitted, n_invalid, violations, .. } = self;
        format!(" | {n_enforced} | {n_valid_admitted} of {n_valid} | {} of {n_invalid}", violations.len())
    }

    fn explain(&self, name: &str) {
        println!("\n{name} refuses {} schemas:", self.n_schemas - self.n_enforced);
        for (reason, count) in &self.refused {
            println!("{count:6}  {reason}");
        }
        println!("{name} admits {} invalid values:", self.violations.len());
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
