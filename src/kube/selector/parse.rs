//! The text of `-l`, token by token, with the words and signs that kubectl knows.

use super::{Needs, Requirement};

/// Why a label selector is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Something else was needed here.
    #[error("label selector {text:?}, character {place}: found {found}, but this needs {expected}")]
    Unexpected {
        /// The whole selector.
        text: String,
        /// Where, from 1.
        place: usize,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// A key that no label can have.
    #[error("label selector: {key:?} is no label key: {why}")]
    Key {
        /// The key.
        key: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A value that no label can have.
    #[error(
        "label selector: {value:?} is no value of a label: at most 63 letters, digits, `-`, `_` or `.`, with a letter or \
         digit at both ends"
    )]
    Value {
        /// The value.
        value: String,
    },
    /// An expression of an object with a wrong operator, or with a wrong number of values for it.
    #[error("matchExpressions of {key:?}: operator {operator:?} is unknown or does not take these values")]
    Expression {
        /// The key.
        key: String,
        /// The operator.
        operator: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(&'static str),
    End,
}

/// Two characters before one: `==` is no `=`.
const SIGNS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

struct Tokens<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// The next token and what follows it.
    fn look(&self) -> (Token<'a>, &'a str) {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return (Token::End, rest);
        }
        if let Some((sign, after)) = SIGNS.iter().find_map(|sign| Some((*sign, rest.strip_prefix(sign)?))) {
            return (Token::Sign(sign), after);
        }
        let end = rest.find(['=', '!', '(', ')', ',', '>', '<', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        (Token::Word(word), after)
    }

    fn peek(&self) -> Token<'a> {
        self.look().0
    }

    fn next(&mut self) -> Token<'a> {
        let (token, after) = self.look();
        self.rest = after;
        token
    }

    /// Takes this sign if it comes next.
    fn take(&mut self, sign: &str) -> bool {
        let here = self.peek() == Token::Sign(sign_of(sign));
        if here {
            self.next();
        }
        here
    }

    /// What is wrong with the token that comes next.
    fn unexpected(&self, expected: &'static str) -> SelectorError {
        let rest = self.rest.trim_start();
        let place = self.text.get(..self.text.len() - rest.len()).map_or(0, |before| before.chars().count()) + 1;
        let found = match self.peek() {
            Token::Word(word) => format!("{word:?}"),
            Token::Sign(sign) => format!("{sign:?}"),
            Token::End => "the end".to_owned(),
        };
        SelectorError::Unexpected { text: self.text.to_owned(), place, found, expected }
    }
}

/// The sign of the table that is written so.
fn sign_of(sign: &str) -> &'static str {
    SIGNS.iter().find(|known| **known == sign).copied().unwrap_or("")
}

/// All requirements of a text, in its order.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut tokens = Tokens { text, rest: text };
    let mut found = Vec::new();
    if tokens.peek() == Token::End {
        return Ok(found);
    }
    loop {
        found.push(requirement(&mut tokens)?);
        if tokens.peek() == Token::End {
            return Ok(found);
        }
        if !tokens.take(",") {
            return Err(tokens.unexpected("a comma or the end"));
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, SelectorError> {
    let absent = tokens.take("!");
    let Token::Word(key) = tokens.peek() else { return Err(tokens.unexpected("the key of a label")) };
    tokens.next();
    let needs = match absent {
        true => Needs::DoesNotExist,
        false => needs(tokens)?,
    };
    Ok(Requirement { key: key.to_owned(), needs })
}

fn needs(tokens: &mut Tokens<'_>) -> Result<Needs, SelectorError> {
    Ok(match tokens.peek() {
        Token::End | Token::Sign(",") => Needs::Exists,
        Token::Sign(sign @ ("=" | "==")) => {
            tokens.next();
            Needs::Equals(sign, value(tokens)?)
        }
        Token::Sign("!=") => {
            tokens.next();
            Needs::NotEquals(value(tokens)?)
        }
        Token::Sign(">") => Needs::GreaterThan(number(tokens)?),
        Token::Sign("<") => Needs::LessThan(number(tokens)?),
        Token::Word("in") => {
            tokens.next();
            Needs::In(values(tokens)?)
        }
        Token::Word("notin") => {
            tokens.next();
            Needs::NotIn(values(tokens)?)
        }
        _ => return Err(tokens.unexpected("=, ==, !=, in, notin, a comma or the end")),
    })
}

/// A value may be empty: `key=`.
fn value(tokens: &mut Tokens<'_>) -> Result<String, SelectorError> {
    match tokens.peek() {
        Token::Word(word) => {
            tokens.next();
            Ok(word.to_owned())
        }
        Token::End | Token::Sign(",") => Ok(String::new()),
        Token::Sign(_) => Err(tokens.unexpected("a value")),
    }
}

/// After `<` or `>`, which still stands there.
fn number(tokens: &mut Tokens<'_>) -> Result<i64, SelectorError> {
    tokens.next();
    let number = match tokens.peek() {
        Token::Word(word) => word.parse().ok(),
        _ => None,
    };
    match number {
        Some(number) => {
            tokens.next();
            Ok(number)
        }
        None => Err(tokens.unexpected("a whole number")),
    }
}

/// `(a,b)`; a missing value is the empty one, as in `(a,)`.
fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, SelectorError> {
    if !tokens.take("(") {
        return Err(tokens.unexpected("( and a list of values"));
    }
    let mut values = Vec::new();
    loop {
        match tokens.peek() {
            Token::Word(word) => {
                tokens.next();
                values.push(word.to_owned());
            }
            Token::Sign("," | ")") => values.push(String::new()),
            _ => return Err(tokens.unexpected("a value or )")),
        }
        if tokens.take(")") {
            values.sort();
            values.dedup();
            return Ok(values);
        }
        if !tokens.take(",") {
            return Err(tokens.unexpected("a comma or )"));
        }
    }
}

/// Refuses what no label can be (apimachinery pkg/util/validation/validation.go, IsQualifiedName and IsValidLabelValue).
pub(super) fn check(key: &str, values: &[String]) -> Result<(), SelectorError> {
    let refuse = |why| Err(SelectorError::Key { key: key.to_owned(), why });
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if !is_label_word(name) || name.is_empty() {
        return refuse("its name is 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends");
    }
    if !prefix.is_none_or(is_subdomain) {
        return refuse("what stands before the slash is a DNS name");
    }
    match values.iter().find(|value| !is_label_word(value)) {
        Some(value) => Err(SelectorError::Value { value: value.clone() }),
        None => Ok(()),
    }
}

fn is_label_word(word: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    word.len() <= 63
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends(word.chars().next())
        && ends(word.chars().next_back())
}

fn is_subdomain(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    name.len() <= 253 && name.split('.').all(part)
}
