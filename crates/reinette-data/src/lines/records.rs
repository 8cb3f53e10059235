//! The records of a file of training data: the lines of JSON Lines, or the elements of an array that others publish.

use super::foreign;
use crate::DataError;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A line may have this many bytes: far above what a context holds, far below what a machine does.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// An array, which is read as a whole, may have this many.
const MAX_ARRAY_BYTES: u64 = 1 << 30;

/// The mark with which some programs begin files in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The records of a file, each with the line on which it begins.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Lines { reader: BufReader<File>, number: usize },
    Elements(std::vec::IntoIter<(usize, String)>),
}

impl Records {
    /// Opens a file: one object a line in UTF-8, or an array in `ShareGPT`'s or Alpaca's form, in which such files are
    /// published.
    ///
    /// # Errors
    /// If the file cannot be read, is in UTF-16, or is another array.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::read(path))?;
        let mut reader = BufReader::new(file);
        let wrong = |problem: &str| wrong_line(path, 1, problem.to_owned());
        let start = reader.fill_buf().map_err(DataError::read(path))?;
        if start.starts_with(BYTE_ORDER_MARK) {
            reader.consume(BYTE_ORDER_MARK.len());
        } else if matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]) {
            return Err(wrong("is in UTF-16: save the file as UTF-8"));
        }
        let start = reader.fill_buf().map_err(DataError::read(path))?;
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        let rest = if first == Some(&b'[') {
            let mut text = String::new();
            let length = reader.take(MAX_ARRAY_BYTES).read_to_string(&mut text).map_err(DataError::read(path))?;
            if length as u64 == MAX_ARRAY_BYTES {
                return Err(wrong("is an array too large to be read as a whole: write one object a line"));
            }
            Rest::Elements(elements(&text, path)?.into_iter())
        } else {
            Rest::Lines { reader, number: 0 }
        };
        Ok(Self { path: path.to_owned(), rest })
    }
}

impl Iterator for Records {
    type Item = Result<(usize, String), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rest {
            Rest::Elements(elements) => elements.next().map(Ok),
            Rest::Lines { reader, number } => loop {
                match next_line(reader, &self.path, *number + 1) {
                    Ok(None) => return None,
                    Ok(Some(line)) => {
                        *number += 1;
                        if !line.trim().is_empty() {
                            return Some(Ok((*number, line)));
                        }
                    }
                    Err(error) => return Some(Err(error)),
                }
            },
        }
    }
}

fn wrong_line(path: &Path, line: usize, problem: String) -> DataError {
    DataError::line(&path.display().to_string(), line, problem)
}

fn next_line(reader: &mut impl BufRead, path: &Path, number: usize) -> Result<Option<String>, DataError> {
    let mut line = Vec::new();
    let length = reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(DataError::read(path))?;
    let wrong = |problem| wrong_line(path, number, problem);
    if length as u64 == MAX_LINE_BYTES {
        return Err(wrong(format!("is longer than {MAX_LINE_BYTES} bytes")));
    }
    let text = String::from_utf8(line);
    let text = text.map_err(|error| {
        wrong(format!("is not UTF-8 from byte {}: save the file as UTF-8", error.utf8_error().valid_up_to() + 1))
    })?;
    Ok((length > 0).then_some(text))
}

/// A place in a text, and its line.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Goes on by so many bytes, which it gives.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
        passed
    }

    /// The next character that is no white space, where it stays.
    fn next(&mut self) -> Option<char> {
        self.advance(self.rest.len() - self.rest.trim_start().len());
        self.rest.chars().next()
    }
}

/// The elements of an array that has a form of others; what is in one of ours has a line each.
fn elements(text: &str, path: &Path) -> Result<Vec<(usize, String)>, DataError> {
    let mut elements = Vec::new();
    let mut cursor = Cursor { rest: text, line: 1 };
    cursor.next();
    cursor.advance(1);
    while cursor.next() != Some(']') {
        let line = cursor.line;
        let wrong = |problem: &str| wrong_line(path, line, problem.to_owned());
        let mut values = serde_json::Deserializer::from_str(cursor.rest).into_iter::<Value>();
        let value = values.next().ok_or_else(|| wrong("the array has no end"))?;
        let value = value.map_err(|error| wrong(&format!("is not JSON: {error}")))?;
        if !foreign::is_published_as_array(&value) {
            return Err(wrong(
                "the file is a JSON array: write JSON Lines, one object a line without brackets and commas between them \
                 (jq -c '.[]' FILE > FILE.jsonl)",
            ));
        }
        elements.push((line, cursor.advance(values.byte_offset()).to_owned()));
        match cursor.next() {
            Some(',') => {
                cursor.advance(1);
            }
            Some(']') => {}
            _ => return Err(wrong("after this element of the array comes neither `,` nor `]`")),
        }
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(usize, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.jsonl");
        std::fs::write(&path, bytes).unwrap();
        Records::open(&path).and_then(Iterator::collect).map_err(|error| error.to_string())
    }

    fn utf16(text: &str, mark: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        [mark.to_vec(), text.encode_utf16().flat_map(bytes).collect()].concat()
    }

    #[test]
    fn lines_are_told_apart_whatever_ends_them() {
        let line = |number, text: &str| (number, text.to_owned());
        assert_eq!(
            read(b"{\"a\": 1}\r\n\r\n\n {\"b\": 2}").unwrap(),
            [line(1, "{\"a\": 1}\r\n"), line(4, " {\"b\": 2}"),]
        );
        assert_eq!(
            read(b"\xef\xbb\xbf{\"a\": 1}\n{\"b\": 2}\n").unwrap(),
            [line(1, "{\"a\": 1}\n"), line(2, "{\"b\": 2}\n"),]
        );
        assert_eq!(read(b"").unwrap(), []);
        assert_eq!(read(b"\xef\xbb\xbf").unwrap(), []);
    }

    #[test]
    fn what_is_no_utf_8_is_said_with_its_line() {
        for bytes in [
            utf16("{\"text\": \"a\"}", &[0xff, 0xfe], u16::to_le_bytes),
            utf16("{\"text\": \"a\"}", &[0xfe, 0xff], u16::to_be_bytes),
            utf16("{\"text\": \"a\"}", &[], u16::to_le_bytes),
            utf16("{\"text\": \"a\"}", &[], u16::to_be_bytes),
        ] {
            let problem = read(&bytes).unwrap_err();
            assert!(problem.contains("UTF-16") && problem.contains("line 1"), "{problem}");
        }
        let problem = read(b"{\"text\": \"a\"}\n{\"text\": \"\xe9\"}\n").unwrap_err();
        assert!(problem.contains("line 2: is not UTF-8 from byte 11"), "{problem}");
    }

    #[test]
    fn arrays_are_read_in_the_forms_that_are_published_so() {
        let alpaca =
            b"[\n {\"instruction\": \"a\",\n  \"output\": \"b\"},\n {\"instruction\": \"c\", \"output\": \"d\"}\n]\n";
        let records = read(alpaca).unwrap();
        assert_eq!(records.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(records[1].1, "{\"instruction\": \"c\", \"output\": \"d\"}");
        assert_eq!(read(b"\xef\xbb\xbf [{\"conversations\": []}]").unwrap().len(), 1);
        assert_eq!(read(b"[]").unwrap(), []);
        for (text, problem) in [
            ("[\n{\"messages\": []}]", "line 2: the file is a JSON array: write JSON Lines, one object a line"),
            ("[1, 2]", "JSON array"),
            ("[{\"instruction\": \"a\"}\n{\"instruction\": \"a\"}]", "line 1: after this element"),
            ("[{\"instruction\": ", "line 1: is not JSON"),
            ("[", "has no end"),
        ] {
            let found = read(text.as_bytes()).unwrap_err();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }
}
