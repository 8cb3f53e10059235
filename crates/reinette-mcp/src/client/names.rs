//! What tools are called here.

use std::collections::BTreeMap;

/// The longest name of a tool that all models' interfaces take.
const LONGEST_NAME: usize = 64;

/// A tool of a server, by the names that both have elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    pub(crate) server: &'a str,
    pub(crate) tool: &'a str,
}

/// Names for `tools`, in their order: in `snake_case`, all different and none of those that are `taken`. Where two would
/// have one name, both begin with their server's.
pub(crate) fn assign(tools: &[Original<'_>], taken: &[String]) -> Vec<String> {
    let mut uses: BTreeMap<String, usize> = taken.iter().map(|name| (name.clone(), 1)).collect();
    for tool in tools {
        *uses.entry(snake_case(tool.tool)).or_default() += 1;
    }
    let mut given = taken.to_vec();
    for tool in tools {
        let plain = snake_case(tool.tool);
        let wanted = if uses[&plain] > 1 { snake_case(&format!("{}_{}", tool.server, tool.tool)) } else { plain };
        // One of so many is not given yet.
        let mut numbers = 1..=given.len() + 1;
        let free = numbers.find_map(|number| Some(numbered(&wanted, number)).filter(|name| !given.contains(name)));
        let name = free.unwrap_or(wanted);
        given.push(name);
    }
    given.split_off(taken.len())
}

fn numbered(name: &str, number: usize) -> String {
    let suffix = if number == 1 { String::new() } else { format!("_{number}") };
    format!("{}{suffix}", &name[..name.len().min(LONGEST_NAME - suffix.len())])
}

/// The name in letters, digits and underscores.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut previous = '_';
    for character in name.chars() {
        if character.is_ascii_uppercase() && (previous.is_ascii_lowercase() || previous.is_ascii_digit()) {
            snake.push('_');
        }
        if character.is_ascii_alphanumeric() {
            snake.push(character.to_ascii_lowercase());
        } else if !snake.ends_with('_') && !snake.is_empty() {
            snake.push('_');
        }
        previous = character;
    }
    let snake = snake.trim_end_matches('_');
    let snake = &snake[..snake.len().min(LONGEST_NAME)];
    match snake.chars().next() {
        None => "tool".to_owned(),
        Some('0'..='9') => numbered(&format!("tool_{snake}"), 1),
        Some(_) => snake.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &[(&str, &str)], taken: &[&str]) -> Vec<String> {
        let tools: Vec<Original<'_>> = tools.iter().map(|(server, tool)| Original { server, tool }).collect();
        assign(&tools, &taken.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_snake_case() {
        let tools =
            [("s", "readFile"), ("s", "get-sum"), ("s", "a.b/c d"), ("s", "3d"), ("s", "日本"), ("s", "getURL2Go")];
        assert_eq!(names(&tools, &[]), ["read_file", "get_sum", "a_b_c_d", "tool_3d", "tool", "get_url2_go"]);
    }

    #[test]
    fn names_that_clash_begin_with_their_servers() {
        let tools = [("one", "search"), ("two", "search"), ("two", "undo"), ("two", "get-x"), ("two", "get_x")];
        let expected = ["one_search", "two_search", "two_undo", "two_get_x", "two_get_x_2"];
        assert_eq!(names(&tools, &["undo"]), expected);
        let long = "x".repeat(100);
        let names = names(&[("one", &long), ("two", &long), ("one", &long)], &[]);
        assert!(names.iter().all(|name| name.len() <= LONGEST_NAME));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }
}
