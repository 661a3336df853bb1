//! Manifests as kubectl reads them: several documents of YAML, or of JSON, one behind the other.

use serde_json::Value;

use super::build;
use super::odd_breaks::OddBreaks;
use crate::kube::json::{JsonError, Reader, ValueSink};

/// Why a manifest cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: usize,
    /// The character on that line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: YamlFault,
}

/// What can be wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlFault {
    /// Not YAML.
    #[error("{0}")]
    Syntax(String),
    /// Looks like JSON and is none.
    #[error("{}", .0.fault)]
    Json(JsonError),
    /// Bytes that are no text.
    #[error("not UTF-8")]
    NotText,
    /// A character that YAML wants escaped.
    #[error("control characters are not allowed (U+{0:04X}); write it as an escape in double quotes")]
    ControlCharacter(u32),
    /// Text behind `---` on its line.
    #[error("only a comment may follow --- on its line, as in kubectl")]
    Separator,
    /// Text behind the end of a document.
    #[error("kubectl does not read what follows the end of a document (...); begin a new one with ---")]
    BehindEnd,
    /// The same key twice in one map.
    #[error("key {0:?} is already set in this map")]
    RepeatedKey(String),
    /// A list, a map, null, or a huge number as key.
    #[error("a key must be a string, a number or a boolean")]
    Key,
    /// `<<` with anything but maps.
    #[error("a merge (<<) wants a map or a list of maps")]
    Merge,
    /// A tag that its value does not fit.
    #[error("cannot read this as {0}")]
    Tag(String),
    /// Infinity, or not a number.
    #[error("JSON has no such number")]
    NotFinite,
    /// An alias inside what it refers to.
    #[error("an anchor contains itself")]
    AnchorInItself,
    /// Aliases that grow out of all proportion.
    #[error("the aliases expand to too much text")]
    TooManyAliases,
    /// Nested deeper than [`crate::kube::json::MAX_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
    /// U+2028 or U+2029 where it is not part of a string.
    #[error("a Unicode line separator outside of a quoted string")]
    OddBreak,
}

/// One document of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The line it begins on, from 1.
    pub line: usize,
    /// What it holds; never `null`. Numbers are as in Go's Unstructured: `i64` where they fit, else `f64`.
    pub value: Value,
}

/// Reads all documents; those that hold nothing are left out, as kubectl does.
///
/// # Errors
/// When the text is neither YAML nor JSON, or says one thing twice.
pub fn read_manifest(text: &[u8]) -> Result<Vec<Document>, YamlError> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let good = text.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok()).unwrap_or_default();
        at_end_of(good, YamlFault::NotText)
    })?;
    if !text.trim_start().starts_with('{') {
        return read_documents(text);
    }
    // What begins like JSON may still be YAML; kubectl then shows the first of the two errors.
    read_json(text).or_else(|error| read_documents(text).map_err(|_| error))
}

/// An error behind `text`.
fn at_end_of(text: &str, fault: YamlFault) -> YamlError {
    let line_start = text.rfind('\n').map_or(0, |at| at + 1);
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.get(line_start..).unwrap_or_default().chars().count() + 1;
    YamlError { line, column, fault }
}

/// Values of JSON one behind the other.
fn read_json(text: &str) -> Result<Vec<Document>, YamlError> {
    let mut documents = Vec::new();
    let mut reader = Reader::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let start = at + rest.len() - rest.trim_start().len();
        let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) else { return Ok(documents) };
        let place = |offset: usize, fault| at_end_of(text.get(..start + offset).unwrap_or(text), fault);
        let mut sink = ValueSink::new();
        let read = reader.read_first(rest, &mut sink).map_err(|error| place(error.offset, YamlFault::Json(error)))?;
        if let Some(repeated) = read.repeated {
            return Err(place(repeated.offset, YamlFault::RepeatedKey(repeated.key)));
        }
        documents.push(Document { line: place(0, YamlFault::NotText).line, value: sink.finish() });
        at = start + read.len;
    }
}

/// Documents of YAML between lines of `---`.
fn read_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut first_line = 1;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(YamlError { line: number, column: 4, fault: YamlFault::Separator });
            }
            documents.extend(read_document(text.get(start..at).unwrap_or_default(), first_line)?);
            start = at + line.len();
            first_line = number + 1;
        }
        at += line.len();
    }
    documents.extend(read_document(text.get(start..).unwrap_or_default(), first_line)?);
    Ok(documents)
}

fn read_document(text: &str, first_line: usize) -> Result<Option<Document>, YamlError> {
    let shift = |error: YamlError| YamlError { line: error.line + first_line - 1, ..error };
    refuse_control_characters(text).map_err(shift)?;
    let (text, odd_breaks) = OddBreaks::hide_in(text);
    let Some((value, line)) = build::document(&text, &odd_breaks).map_err(shift)? else { return Ok(None) };
    Ok((!value.is_null()).then(|| Document { line: line + first_line - 1, value }))
}

/// go-yaml v2, readerc.go: tab, line breaks and what can be printed.
fn refuse_control_characters(text: &str) -> Result<(), YamlError> {
    let is_allowed = |character: char| match character {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        character => !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}'),
    };
    match text.char_indices().find(|(_, character)| !is_allowed(*character)) {
        None => Ok(()),
        Some((at, character)) => {
            let before = text.get(..at).unwrap_or_default();
            Err(at_end_of(before, YamlFault::ControlCharacter(character.into())))
        }
    }
}
