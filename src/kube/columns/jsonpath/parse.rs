//! Reading a path.

use serde_json::Value;

use super::{Comparison, Filter, PathError, Slice, Step};

/// How deep filters and unions may stand in each other.
const MAX_DEPTH: usize = 16;

pub(super) fn path(path: &str) -> Result<Vec<Step>, PathError> {
    let mut reader = Reader { path, at: 0 };
    reader.steps(0)
}

struct Reader<'a> {
    path: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.path.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, start: &str) -> bool {
        let here = self.rest().starts_with(start);
        if here {
            self.at += start.len();
        }
        here
    }

    /// What stands before `end`, which is passed over.
    fn until(&mut self, end: char) -> Option<&'a str> {
        let (inside, _) = self.rest().split_once(end)?;
        self.at += inside.len() + end.len_utf8();
        Some(inside)
    }

    fn wrong(&self, why: &'static str) -> PathError {
        let place = self.path.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        PathError { path: self.path.to_owned(), place, why }
    }

    fn steps(&mut self, depth: usize) -> Result<Vec<Step>, PathError> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("too many things inside each other"));
        }
        let mut steps = Vec::new();
        while let Some(next) = self.peek() {
            if self.take("[?(") {
                steps.push(self.filter(depth)?);
            } else if self.take("..") {
                if steps.last() == Some(&Step::Descend) {
                    return Err(self.wrong("two .. after each other"));
                }
                steps.push(Step::Descend);
                if self.peek().is_some_and(|next| next.is_alphanumeric() || next == '_') {
                    steps.push(self.field());
                }
            } else {
                match next {
                    ' ' | '@' | '$' => {
                        self.next();
                    }
                    '.' => {
                        self.next();
                        steps.push(self.field());
                    }
                    '[' => {
                        self.next();
                        self.brackets(&mut steps, depth)?;
                    }
                    '"' | '\'' => steps.push(Step::Literal(Value::String(self.quoted()?))),
                    '+' | '-' | '0'..='9' => steps.push(self.number()?),
                    _ if next.is_alphanumeric() || next == '_' => steps.push(self.word()),
                    _ => return Err(self.wrong("this character has no meaning here")),
                }
            }
        }
        Ok(steps)
    }

    /// A field's name ends where a step begins; a backslash takes the next character as it is.
    fn field(&mut self) -> Step {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' => break,
                '\\' => {
                    self.next();
                    name.extend(self.next().filter(|next| *next != '\\'));
                }
                _ => {
                    self.next();
                    name.push(next);
                }
            }
        }
        match name.as_str() {
            "*" => Step::Wildcard,
            _ => Step::Field(name),
        }
    }

    /// What stands between square brackets; the first one is passed.
    fn brackets(&mut self, steps: &mut Vec<Step>, depth: usize) -> Result<(), PathError> {
        let inside = self.until(']').ok_or_else(|| self.wrong("no ] follows"))?;
        if inside.contains(',') {
            let mut parts = Vec::new();
            for part in inside.split(',') {
                let text = format!("[{}]", part.trim_matches(' '));
                parts.push(self.inner(&text, depth)?);
            }
            steps.push(Step::Union(parts));
            return Ok(());
        }
        if let Some(name) = inside.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))
            && !name.contains('\'')
        {
            steps.extend(self.inner(&format!(".{name}"), depth)?);
            return Ok(());
        }
        let slice = slice(if inside == "*" { ":" } else { inside });
        steps.push(Step::Slice(slice.ok_or_else(|| self.wrong("no index, slice or name in quotes before this"))?));
        Ok(())
    }

    /// A path inside this one.
    fn inner(&self, text: &str, depth: usize) -> Result<Vec<Step>, PathError> {
        let mut reader = Reader { path: text, at: 0 };
        reader.steps(depth + 1).map_err(|error| self.wrong(error.why))
    }

    /// A filter's inside up to `)]`; parentheses inside quotes do not count.
    fn filter(&mut self, depth: usize) -> Result<Step, PathError> {
        let start = self.at;
        let mut quote: Option<char> = None;
        let mut before = ' ';
        loop {
            let Some(next) = self.next() else { return Err(self.wrong("no )] follows")) };
            match (next, quote) {
                (')', None) => break,
                ('"' | '\'', None) => quote = Some(next),
                (_, Some(open)) if next == open && before != '\\' => quote = None,
                _ => {}
            }
            before = next;
        }
        let inside = self.path.get(start..self.at - 1).unwrap_or_default();
        if !self.take("]") {
            return Err(self.wrong("this needs a ]"));
        }
        let (left, comparison) = match split_comparison(inside) {
            None => (inside, None),
            Some((left, sign, right)) => {
                let sign = match sign {
                    "==" => Comparison::Equal,
                    "!=" => Comparison::NotEqual,
                    "<" => Comparison::Less,
                    "<=" => Comparison::LessOrEqual,
                    ">" => Comparison::Greater,
                    ">=" => Comparison::GreaterOrEqual,
                    _ => return Err(self.wrong("no comparison is written like this")),
                };
                (left, Some((sign, self.inner(right, depth)?)))
            }
        };
        Ok(Step::Filter(Box::new(Filter { left: self.inner(left, depth)?, comparison })))
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.wrong("the quotes are not closed")),
                next if next == quote => return Ok(text),
                Some('\\') => text.extend(self.next().map(|next| match next {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                })),
                Some(other) => text.push(other),
            }
        }
    }

    fn number(&mut self) -> Result<Step, PathError> {
        let rest = self.rest();
        let signs = usize::from(rest.starts_with(['+', '-']));
        let digits = rest.bytes().skip(signs).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let text = rest.get(..signs + digits).unwrap_or_default();
        self.at += text.len();
        let text = text.strip_prefix('+').unwrap_or(text);
        let number = match text.parse::<i64>() {
            Ok(number) => Some(Value::from(number)),
            Err(_) => text.parse::<f64>().ok().map(Value::from),
        };
        number.map(Step::Literal).ok_or_else(|| self.wrong("no number ends here"))
    }

    fn word(&mut self) -> Step {
        match self.field() {
            Step::Field(word) if word == "true" => Step::Literal(Value::Bool(true)),
            Step::Field(word) if word == "false" => Step::Literal(Value::Bool(false)),
            _ => Step::Word,
        }
    }
}

/// A comparison at its first sign; each side has at least one character.
fn split_comparison(text: &str) -> Option<(&str, &str, &str)> {
    let is_sign = |c: char| "!<>=".contains(c);
    let start = text.find(is_sign).filter(|start| *start > 0)?;
    let (left, rest) = text.split_at_checked(start)?;
    let end = rest.find(|c: char| !is_sign(c))?;
    let (sign, right) = rest.split_at_checked(end)?;
    Some((left, sign, right))
}

/// `2`, `-1`, `1:3`, `:`, `::2`
fn slice(text: &str) -> Option<Slice> {
    let mut parts = text.split(':');
    let number = |part: Option<&str>| match part {
        None | Some("") => Some(None),
        Some(part) => {
            let digits = part.strip_prefix('-').unwrap_or(part);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<i64>().ok()).flatten().map(Some)
        }
    };
    let start = number(parts.next())?;
    let second = parts.next();
    let end = number(second)?;
    let step = number(parts.next())?;
    if parts.next().is_some() {
        return None;
    }
    let single = second.is_none();
    let start = start.unwrap_or(0);
    Some(Slice { start, end: if single { start.checked_add(1) } else { end }, single, step })
}
