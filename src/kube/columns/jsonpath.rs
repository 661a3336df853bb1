//! The JSONPath of kubectl and of printer columns: fields, indices, slices, unions, wildcards, filters and `..`.
//!
//! What it means is defined by client-go util/jsonpath; the parts that write text (`range`, literal text) are not part of
//! a column's path.

mod eval;
mod parse;

use std::borrow::Cow;

use serde_json::Value;

/// Why a path cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("JSONPath {path:?}, character {place}: {why}")]
pub struct PathError {
    /// The path.
    pub path: String,
    /// Where, from 1.
    pub place: usize,
    /// What is wrong.
    pub why: &'static str,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `.name`, `['name']`
    Field(String),
    /// `.*`
    Wildcard,
    /// `..`
    Descend,
    /// `[2]`, `[-1]`, `[1:3]`, `[::2]`, `[*]`
    Slice(Slice),
    /// `[0,2]`, `['a','b']`
    Union(Vec<Vec<Step>>),
    /// `[?(@.a == "b")]`
    Filter(Box<Filter>),
    /// A value of its own, as on the right side of a comparison.
    Literal(Value),
    /// A word alone, which the original reads as a command: none of them is for a column, so the path leads nowhere.
    Word,
}

/// Elements of an array, by Python's rules but for what lies outside, which is an error here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    start: i64,
    /// None: up to the end.
    end: Option<i64>,
    /// Whether the end only follows from the start, as in `[2]`.
    single: bool,
    step: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Vec<Step>,
    /// None: what `left` leads to has to exist.
    comparison: Option<(Comparison, Vec<Step>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A path that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

impl JsonPath {
    /// Reads a path without the braces around it, as `.spec.replicas`.
    ///
    /// # Errors
    /// [`PathError`] with the place.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        parse::path(path).map(|steps| Self { steps })
    }

    /// Everything that the path leads to, in order; nothing where a key is missing or a step does not fit.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<Cow<'a, Value>> {
        eval::walk(vec![Cow::Borrowed(value)], &self.steps, 0).unwrap_or_default()
    }

    /// The first thing that the path leads to.
    pub fn first<'a>(&self, value: &'a Value) -> Option<Cow<'a, Value>> {
        self.find(value).into_iter().next()
    }
}
