//! Tools and requests written by hand, in the notation of `english.inventions`.

use super::record::{InventedRecord, InventedRequest, schema};
use crate::DataError;
use crate::generator::rules::lines;
use serde_json::{Map, Value, json};

/// Reads the records of a file, numbered from 0.
///
/// # Errors
/// If a line is not in the notation.
pub(super) fn read_all(file: &str, text: &str) -> Result<Vec<InventedRecord>, DataError> {
    let mut records: Vec<InventedRecord> = Vec::new();
    for (line, words) in lines(text) {
        let error = |problem: String| DataError::line(file, line, problem);
        let (mark, words) = words.split_at_checked(2).unwrap_or((words, ""));
        if mark == "> " {
            let mut pieces = words.splitn(3, " | ");
            let (Some(field), Some(name), Some(description)) = (pieces.next(), pieces.next(), pieces.next()) else {
                return Err(error("is no tool: write `> field | name | description`".to_owned()));
            };
            let parameters = json!({
                "type": "object", "properties": {}, "required": [], "additionalProperties": false,
            });
            let tool = json!({ "name": name, "description": description, "parameters": parameters });
            records.push(InventedRecord {
                number: records.len() as u64,
                field: field.to_owned(),
                tool,
                requests: Vec::new(),
            });
            continue;
        }
        let record = records.last_mut().ok_or_else(|| error("stands before the first `> field`".to_owned()))?;
        match mark {
            "- " => add_parameter(&mut record.tool["parameters"], words),
            "+ " | "& " => {
                request(words, mark == "& ", &record.tool["parameters"]).map(|request| record.requests.push(request))
            }
            _ => Err("begins with none of >, -, + and &".to_owned()),
        }
        .map_err(error)?;
    }
    Ok(records)
}

/// Reads `name? : type : description`.
fn add_parameter(parameters: &mut Value, words: &str) -> Result<(), String> {
    let mut pieces = words.splitn(3, " : ");
    let (Some(name), Some(kind), description) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err("is no parameter: write `name : type : description`".to_owned());
    };
    let mut schema = schema(kind).ok_or_else(|| format!("`{kind}` is no type"))?;
    if let Some(description) = description {
        schema["description"] = json!(description);
    }
    let bare = name.trim_end_matches('?');
    if bare == name
        && let Some(required) = parameters["required"].as_array_mut()
    {
        required.push(json!(name));
    }
    parameters["properties"][bare] = schema;
    Ok(())
}

/// Reads words in which arguments are marked: `{name=words}`, or `{name=words>value}` where the value is another one. Those
/// of a list are several. Of several calls, `{2:name=words}` is the second one's, and what has no number all of theirs.
fn request(marked: &str, is_several: bool, parameters: &Value) -> Result<InventedRequest, String> {
    let mut words = String::new();
    let mut calls: Vec<Map<String, Value>> = Vec::new();
    let mut shared = Map::new();
    let mut rest = marked;
    while let Some((before, after)) = rest.split_once('{') {
        let (mark, after) = after.split_once('}').ok_or("has a { without its }")?;
        let (name, said) = mark.split_once('=').ok_or_else(|| format!("`{mark}` has no ="))?;
        let (number, name) = name.split_once(':').unwrap_or(("", name));
        let arguments = if number.is_empty() {
            &mut shared
        } else {
            let place =
                number.parse::<usize>().ok().filter(|place| is_several && (1..=calls.len() + 1).contains(place));
            let place = place.ok_or_else(|| format!("`{mark}` belongs to no call, or to one before its turn"))? - 1;
            calls.resize_with(calls.len().max(place + 1), Map::new);
            &mut calls[place]
        };
        let (said, value) = said.rsplit_once('>').unwrap_or((said, said));
        add_argument(arguments, name, value, &parameters["properties"][name])?;
        words.extend([before, said]);
        rest = after;
    }
    words.push_str(rest);
    if is_several && calls.len() < 2 {
        return Err("has one call: mark the arguments of several with their numbers".to_owned());
    }
    calls.resize_with(calls.len().max(1), Map::new);
    let calls = calls.into_iter().map(|own| whole_call(own, &shared, parameters));
    let mut calls = calls.collect::<Result<Vec<_>, _>>()?.into_iter();
    Ok(InventedRequest { words, arguments: calls.next().unwrap_or_default(), further: calls.collect() })
}

fn add_argument(arguments: &mut Map<String, Value>, name: &str, words: &str, schema: &Value) -> Result<(), String> {
    let kind = schema["items"]["type"].as_str().or(schema["type"].as_str());
    let value = value_of(kind.ok_or_else(|| format!("there is no parameter {name}"))?, words)?;
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(&value)) {
        return Err(format!("{value} is no choice of {name}"));
    }
    if schema["type"] == "array" {
        let list = arguments.entry(name).or_insert_with(|| json!([]));
        list.as_array_mut().into_iter().for_each(|list| list.push(value.clone()));
    } else if arguments.insert(name.to_owned(), value).is_some() {
        return Err(format!("says {name} twice"));
    }
    Ok(())
}

/// The arguments of a call, its own and those that all share, in the order of the parameters.
fn whole_call(
    mut own: Map<String, Value>,
    shared: &Map<String, Value>,
    parameters: &Value,
) -> Result<Map<String, Value>, String> {
    for (name, value) in shared {
        if own.insert(name.clone(), value.clone()).is_some() {
            return Err(format!("says {name} twice"));
        }
    }
    let required = parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !own.contains_key(*name)) {
        return Err(format!("lacks {missing}"));
    }
    let names = parameters["properties"].as_object().into_iter().flatten().map(|(name, _)| name);
    Ok(names.filter_map(|name| Some((name.clone(), own.remove(name)?))).collect())
}

/// What words stand for in a parameter of some type.
fn value_of(kind: &str, words: &str) -> Result<Value, String> {
    let figures = words.replace(',', "");
    let value = match kind {
        "integer" => figures.parse::<i64>().ok().map(Value::from),
        "number" => {
            figures.parse::<i64>().ok().map(Value::from).or_else(|| figures.parse::<f64>().ok().map(Value::from))
        }
        "boolean" => words.parse::<bool>().ok().map(Value::from),
        _ => Some(words.into()),
    };
    value.ok_or_else(|| format!("`{words}` is no {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str =
        "> law | find_lawyers | Finds lawyers.\n- city : string : Where.\n- fee? : number\n- fields : string[]\n";

    #[test]
    fn marked_words_are_arguments_in_the_order_of_the_parameters() {
        let text = format!(
            "{TOOL}+ Who does {{fields=tax}} and {{fields=labour law>labour}} in {{city=Lyon}} for {{fee=1,200.50}}?\n"
        );
        let records = read_all("f", &text).unwrap();
        let request = &records[0].requests[0];
        assert_eq!(request.words, "Who does tax and labour law in Lyon for 1,200.50?");
        let arguments = json!({ "city": "Lyon", "fee": 1200.5, "fields": ["tax", "labour"] });
        assert_eq!(Value::Object(request.arguments.clone()).to_string(), arguments.to_string());
        assert_eq!(records[0].tool["parameters"]["required"], json!(["city", "fields"]));
    }

    #[test]
    fn calls_share_what_has_no_number() {
        let text = format!(
            "{TOOL}& {{fields=Tax}} lawyers in {{1:city=Lyon}} and {{2:city=Nice}}, there for {{2:fee=90}} at most.\n"
        );
        let records = read_all("f", &text).unwrap();
        let request = &records[0].requests[0];
        assert_eq!(request.words, "Tax lawyers in Lyon and Nice, there for 90 at most.");
        assert_eq!(Value::Object(request.arguments.clone()), json!({ "city": "Lyon", "fields": ["Tax"] }));
        let further: Vec<Value> = request.further.iter().cloned().map(Value::Object).collect();
        assert_eq!(further, [json!({ "city": "Nice", "fee": 90, "fields": ["Tax"] })]);
    }

    #[test]
    fn mistakes_have_a_place() {
        for (line, problem) in [
            ("+ a", "lacks city"),
            ("+ {town=a}", "no parameter town"),
            ("+ {city=a} {city=b}", "says city twice"),
            ("+ {fee=much}", "is no number"),
            ("+ {city=a", "without its }"),
            ("+ {1:city=a}", "belongs to no call"),
            ("& {2:city=a} {1:city=b} {fields=c}", "before its turn"),
            ("& {city=a} {fields=c}", "has one call"),
            ("& {1:city=a} {2:city=b} {city=c}", "says city twice"),
            ("& {1:city=a} {2:city=b}", "lacks fields"),
            ("- a", "is no parameter"),
            ("! a", "begins with none"),
        ] {
            let error = read_all("f", &format!("{TOOL}{line}\n")).unwrap_err().to_string();
            assert!(error.contains("line 5") && error.contains(problem), "{line}: {error}");
        }
    }
}
