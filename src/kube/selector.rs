//! What people select: labels as kubectl's `-l` has them, and `KIND[.GROUP][/NAME]`.

mod argument;
mod parse;

use std::fmt;

use serde_json::Value;

pub use argument::{ArgumentError, Selection};
pub use parse::SelectorError;

/// How a label has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Needs {
    /// `key=value`, `key==value`: the sign is kept for showing it.
    Equals(&'static str, String),
    /// `key!=value`
    NotEquals(String),
    /// `key in (a,b)`, values sorted.
    In(Vec<String>),
    /// `key notin (a,b)`, values sorted.
    NotIn(Vec<String>),
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `key>5`
    GreaterThan(i64),
    /// `key<5`
    LessThan(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    needs: Needs,
}

/// A label selector: all its requirements must be met (apimachinery pkg/labels/selector.go).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    /// The absent selector of an object, which takes nothing, while the empty one takes everything.
    takes_nothing: bool,
}

impl LabelSelector {
    /// What `-l` takes: requirements with a comma between them.
    ///
    /// # Errors
    /// [`SelectorError`] with the place in the text.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Self::sorted(parse::requirements(text)?)
    }

    /// A `selector` of an object: `matchLabels` and `matchExpressions`. Null selects nothing, an empty one everything.
    ///
    /// # Errors
    /// [`SelectorError`] for an operator, a key or a value that Kubernetes refuses.
    pub fn of_object(selector: &Value) -> Result<Self, SelectorError> {
        if selector.is_null() {
            return Ok(Self { requirements: Vec::new(), takes_nothing: true });
        }
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement { key: key.clone(), needs: Needs::Equals("=", value) });
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            requirements.push(expression_requirement(expression)?);
        }
        Self::sorted(requirements)
    }

    fn sorted(mut requirements: Vec<Requirement>) -> Result<Self, SelectorError> {
        for requirement in &requirements {
            parse::check(&requirement.key, requirement.values())?;
        }
        requirements.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(Self { requirements, takes_nothing: false })
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty() && !self.takes_nothing
    }

    /// Whether an object with these labels (`metadata.labels`; none if it has none) is selected.
    pub fn matches(&self, labels: Option<&Value>) -> bool {
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        !self.takes_nothing && self.requirements.iter().all(|requirement| requirement.met(label(&requirement.key)))
    }

    /// Whether an object is selected.
    pub fn matches_object(&self, object: &Value) -> bool {
        self.matches(object.pointer("/metadata/labels"))
    }
}

fn expression_requirement(expression: &Value) -> Result<Requirement, SelectorError> {
    let text = |name: &str| expression.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut values: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    values.sort();
    let (key, operator) = (text("key"), text("operator"));
    let needs = match (operator.as_str(), values.is_empty()) {
        ("In", false) => Needs::In(values),
        ("NotIn", false) => Needs::NotIn(values),
        ("Exists", true) => Needs::Exists,
        ("DoesNotExist", true) => Needs::DoesNotExist,
        _ => return Err(SelectorError::Expression { key, operator }),
    };
    Ok(Requirement { key, needs })
}

impl Requirement {
    fn values(&self) -> &[String] {
        match &self.needs {
            Needs::Equals(_, value) | Needs::NotEquals(value) => std::slice::from_ref(value),
            Needs::In(values) | Needs::NotIn(values) => values,
            Needs::Exists | Needs::DoesNotExist | Needs::GreaterThan(_) | Needs::LessThan(_) => &[],
        }
    }

    fn met(&self, label: Option<&str>) -> bool {
        let among = |values: &[String], label: &str| values.iter().any(|value| value == label);
        let number = |label: &str| label.parse::<i64>().ok();
        match (&self.needs, label) {
            (Needs::Equals(_, value), Some(label)) => value == label,
            (Needs::In(values), Some(label)) => among(values, label),
            (Needs::NotEquals(value), Some(label)) => value != label,
            (Needs::NotIn(values), Some(label)) => !among(values, label),
            (Needs::GreaterThan(bound), Some(label)) => number(label).is_some_and(|number| number > *bound),
            (Needs::LessThan(bound), Some(label)) => number(label).is_some_and(|number| number < *bound),
            (Needs::Exists, label) => label.is_some(),
            (Needs::DoesNotExist, label) => label.is_none(),
            (Needs::NotEquals(_) | Needs::NotIn(_), None) => true,
            (Needs::Equals(..) | Needs::In(_) | Needs::GreaterThan(_) | Needs::LessThan(_), None) => false,
        }
    }
}

/// As kubectl prints a selector in a table: sorted by key, without spaces; nothing for one that takes all or nothing.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Requirement { key, needs }) in self.requirements.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match needs {
                Needs::Equals(sign, value) => write!(f, "{key}{sign}{value}")?,
                Needs::NotEquals(value) => write!(f, "{key}!={value}")?,
                Needs::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Needs::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Needs::Exists => f.write_str(key)?,
                Needs::DoesNotExist => write!(f, "!{key}")?,
                Needs::GreaterThan(bound) => write!(f, "{key}>{bound}")?,
                Needs::LessThan(bound) => write!(f, "{key}<{bound}")?,
            }
        }
        Ok(())
    }
}
