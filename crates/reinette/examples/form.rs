//! A type that is known only when the program runs: `form [FIELD=KIND ...]`, where a kind is `text`, `yes-no`, numbers such as
//! `1-5`, or words such as `red|green`. With `--schema '{JSON Schema}'` instead, that schema is taken as it is.

#![expect(clippy::print_stdout, reason = "the form is what it is for")]

use futures_lite::future::block_on;
use reinette::{Property, Schema, Session, SystemModel};
use std::error::Error;

/// `size=1-5` as a property.
fn property(field: &str) -> Result<Property, Box<dyn Error>> {
    let (name, kind) = field.split_once('=').ok_or("write FIELD=KIND")?;
    let schema = match kind {
        "text" => Schema::text().with("maxLength", 60),
        "yes-no" => Schema::boolean(),
        _ if kind.contains('|') => Schema::one_of_words(kind.split('|')),
        _ => {
            let (least, greatest) = kind.split_once('-').ok_or_else(|| format!("{kind:?} is no kind of field"))?;
            Schema::integer(least.parse()?, greatest.parse()?)
        }
    };
    Ok(Property::required(name, schema))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let fields: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let built = match fields.as_slice() {
        ["--schema", json] => Schema::from_json_schema(serde_json::from_str(json)?),
        [] => Ok(Schema::object([property("name=text")?, property("size=36-47")?, property("colour=black|brown")?])),
        fields => {
            let properties = fields.iter().map(|field| property(field)).collect::<Result<Vec<_>, _>>()?;
            // Two fields of one name are a mistake that is told here, not by the model.
            Ok(Schema::object(properties).checked()?)
        }
    };
    let schema = match built {
        Ok(schema) => schema,
        Err(refused) => {
            println!("refused before any model was asked: {refused}");
            return Ok(());
        }
    };
    block_on(async {
        let model = SystemModel::default().await?;
        let session = Session::new(&model).instructions("You fill in forms.");
        let response = session.turn("Fill in the form for a pair of shoes.").respond_under(schema.clone()).await?;
        println!("{}", response.content);
        schema.validate(&response.content)?;
        Ok(())
    })
}
