//! Changes of JSON that leave it JSON, mostly: values, names, order, depth, names given twice.

use serde_json::Value;

use super::words::{LETTERS, VALUES, WORDS};
use super::{Dice, range};

/// JSON whose scalars and names are kept as they are written, so that `1e400` and a name given twice can be.
#[derive(Clone)]
enum Node {
    Scalar(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The base with some changes; `None` where it is no JSON.
pub(super) fn changed(dice: &mut Dice, base: &[u8], other: &[u8], steps: usize) -> Option<Vec<u8>> {
    let mut root = Node::of(&serde_json::from_slice(base).ok()?);
    let other = serde_json::from_slice(other).ok().map(|value: Value| Node::of(&value));
    for _ in 0..steps {
        let place = dice.below(root.size());
        step(dice, root.at(place), other.as_ref());
    }
    let mut out = String::new();
    root.write(&mut out);
    Some(out.into_bytes())
}

/// The base with other words in some of its texts, names and order as they were: most of what a schema refuses at once stays out of
/// the way of what is behind it. `None` where it is no JSON, or has no texts.
pub(super) fn with_other_texts(dice: &mut Dice, base: &[u8]) -> Option<Vec<u8>> {
    let mut root = Node::of(&serde_json::from_slice(base).ok()?);
    for _ in 0..=dice.below(2) {
        let mut texts = root.texts();
        let place = dice.below(texts.len());
        let text = texts.get_mut(place)?;
        scalar(dice, text);
    }
    let mut out = String::new();
    root.write(&mut out);
    Some(out.into_bytes())
}

impl Node {
    /// Its texts, in order.
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Scalar(text) if text.starts_with('"') => vec![text],
            Self::Scalar(_) => Vec::new(),
            Self::Array(items) => items.iter_mut().flat_map(Self::texts).collect(),
            Self::Object(fields) => fields.iter_mut().flat_map(|(_, node)| node.texts()).collect(),
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::Array(items.iter().map(Self::of).collect()),
            Value::Object(fields) => Self::Object(
                fields.iter().map(|(name, value)| (quoted(name), Self::of(value))).collect(),
            ),
            scalar => Self::Scalar(scalar.to_string()),
        }
    }

    fn size(&self) -> usize {
        1 + match self {
            Self::Scalar(_) => 0,
            Self::Array(items) => items.iter().map(Self::size).sum(),
            Self::Object(fields) => fields.iter().map(|(_, node)| node.size()).sum(),
        }
    }

    /// The node with this number, counted from the root.
    fn at(&mut self, place: usize) -> &mut Self {
        if place == 0 {
            return self;
        }
        let mut rest = place - 1;
        let children: Vec<&mut Self> = match self {
            Self::Scalar(_) => Vec::new(),
            Self::Array(items) => items.iter_mut().collect(),
            Self::Object(fields) => fields.iter_mut().map(|(_, node)| node).collect(),
        };
        for child in children {
            let size = child.size();
            if rest < size {
                return child.at(rest);
            }
            rest -= size;
        }
        unreachable!("a place below the size")
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn step(dice: &mut Dice, node: &mut Node, other: Option<&Node>) {
    match dice.below(12) {
        0 | 1 => *node = Node::Scalar((*dice.of(VALUES)).to_owned()),
        2 => {
            if let Some(other) = other {
                let place = dice.below(other.size());
                *node = other.clone().at(place).clone();
            }
        }
        3 => deepen(dice, node),
        _ => match node {
            Node::Scalar(text) => scalar(dice, text),
            Node::Array(items) => list(dice, items, other),
            Node::Object(fields) => object(dice, fields, other),
        },
    }
}

fn deepen(dice: &mut Dice, node: &mut Node) {
    let levels = if dice.once_in(4) { 100 + dice.below(60) } else { 1 + dice.below(3) };
    let inner = if dice.once_in(2) { node.clone() } else { Node::Array(Vec::new()) };
    let named = dice.once_in(2);
    *node = (0..levels).fold(inner, |inner, _| {
        if named {
            Node::Object(vec![("\"a\"".to_owned(), inner)])
        } else {
            Node::Array(vec![inner])
        }
    });
}

/// A name that means something here, or anything.
fn name(dice: &mut Dice, other: Option<&Node>) -> String {
    if let Some(Node::Object(fields)) = other
        && !fields.is_empty()
        && dice.once_in(2)
    {
        return dice.of(fields).0.clone();
    }
    quoted(dice.of::<&str>(WORDS))
}

fn list(dice: &mut Dice, items: &mut Vec<Node>, other: Option<&Node>) {
    if items.is_empty() || dice.once_in(3) {
        let size = other.map_or(1, Node::size);
        let place = dice.below(size);
        let more =
            other.map_or(Node::Scalar("0".to_owned()), |other| other.clone().at(place).clone());
        items.push(more);
        return;
    }
    let at = dice.below(items.len());
    match dice.below(3) {
        0 => drop(items.remove(at)),
        1 => {
            let again = items[at].clone();
            let times = if dice.once_in(8) { 300 } else { 1 };
            // so many of something large are no input any more
            let times = if again.size() > 30 { 1 } else { times };
            items.extend(std::iter::repeat_n(again, times));
        }
        _ => {
            let to = dice.below(items.len());
            items.swap(at, to);
        }
    }
}

fn object(dice: &mut Dice, fields: &mut Vec<(String, Node)>, other: Option<&Node>) {
    if fields.is_empty() || dice.once_in(5) {
        let value = Node::Scalar((*dice.of(VALUES)).to_owned());
        fields.push((name(dice, other), value));
        return;
    }
    let at = dice.below(fields.len());
    match dice.below(5) {
        0 => drop(fields.remove(at)),
        1 => {
            // the same name twice, with the same value or another
            let mut again = fields[at].clone();
            if dice.once_in(2) {
                again.1 = Node::Scalar((*dice.of(VALUES)).to_owned());
            }
            fields.push(again);
        }
        2 => fields[at].0 = name(dice, other),
        3 => {
            // two values change places
            let to = dice.below(fields.len());
            let value = fields[at].1.clone();
            fields[at].1 = fields[to].1.clone();
            fields[to].1 = value;
        }
        _ => {
            let key = &mut fields[at].0;
            // upper case, or a letter of it as an escape: the same name, written otherwise
            *key = if dice.once_in(2) {
                key.to_ascii_uppercase()
            } else {
                key.replacen('e', "\\u0065", 1)
            };
        }
    }
}

fn scalar(dice: &mut Dice, text: &mut String) {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        *text = (*dice.of(VALUES)).to_owned();
        return;
    };
    let mut letters: Vec<char> = inner.chars().collect();
    let at = dice.below(letters.len() + 1);
    match dice.below(6) {
        0 => {
            let letter = *dice.of(LETTERS);
            let written = quoted(&letter.to_string());
            letters.splice(at..at, written[1..written.len() - 1].chars());
        }
        1 => {
            let gone = range(dice, letters.len());
            letters.drain(gone);
        }
        2 => {
            let piece = letters[range(dice, letters.len())].to_vec();
            let times = if dice.once_in(10) { 400 } else { 1 };
            for _ in 0..times {
                letters.splice(at..at, piece.iter().copied());
            }
        }
        3 => {
            let word = quoted(dice.of::<&str>(WORDS));
            letters.splice(at..at, word[1..word.len() - 1].chars());
        }
        4 => {
            let digits: Vec<usize> =
                (0..letters.len()).filter(|i| letters[*i].is_ascii_digit()).collect();
            if !digits.is_empty() {
                letters[*dice.of(&digits)] = char::from(b'0' + dice.below(10) as u8);
            }
        }
        _ => {
            let written = *dice.of(&[
                "\\u0000", "\\ud800", "\\udfff", "\\u202E", "\\u0131", "\\/", "\\b", "\\u00e9",
            ]);
            letters.splice(at..at, written.chars());
        }
    }
    *text = format!("\"{}\"", letters.into_iter().collect::<String>());
}
