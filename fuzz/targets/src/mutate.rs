//! Seeded changes of corpus entries. One seed and one index give one input, on every machine.

mod json;
mod words;

use crate::{Shape, Target};
use words::{BYTES, LETTERS, WORDS};

/// Longest input: above the 64 KiB of an event, so that the limit is met.
const LONGEST: usize = 70 * 1024;

/// Numbers that look random: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Begins anew.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.number() % end as u64) as usize }
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of several.
    pub fn of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The input with this number.
pub fn input(target: &Target, corpus: &[Vec<u8>], seed: u64, index: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
    dice.number();
    let base = dice.of(corpus);
    let (head, tail) = base.split_at(target.head.min(base.len()));
    let mut head = head.to_vec();
    for byte in &mut head {
        if dice.once_in(4) {
            *byte = dice.number() as u8;
        }
    }
    let other = dice.of(corpus);
    let other = &other[target.head.min(other.len())..];
    let tail = match dice.below(64) {
        0 => tail.to_vec(),
        1 => (0..dice.below(200)).map(|_| dice.number() as u8).collect(),
        _ => changed(target.shape, &mut dice, tail, other),
    };
    head.extend(tail);
    head.truncate(LONGEST);
    head
}

fn changed(shape: Shape, dice: &mut Dice, base: &[u8], other: &[u8]) -> Vec<u8> {
    if shape == Shape::Json
        && dice.once_in(3)
        && let Some(changed) = json::with_other_texts(dice, base)
    {
        return changed;
    }
    let steps = 1 + dice.below(4);
    if shape == Shape::Json
        && !dice.once_in(5)
        && let Some(mut changed) = json::changed(dice, base, other, steps)
    {
        if dice.once_in(8) {
            byte_step(dice, &mut changed, other);
        }
        return changed;
    }
    if shape != Shape::Bytes
        && let Ok(text) = std::str::from_utf8(base)
    {
        let mut letters: Vec<char> = text.chars().collect();
        let other: Vec<char> = String::from_utf8_lossy(other).chars().collect();
        for _ in 0..steps {
            text_step(dice, &mut letters, &other);
        }
        let mut bytes = letters.into_iter().collect::<String>().into_bytes();
        if dice.once_in(10) {
            byte_step(dice, &mut bytes, &[]);
        }
        return bytes;
    }
    let mut bytes = base.to_vec();
    for _ in 0..steps {
        byte_step(dice, &mut bytes, other);
    }
    bytes
}

/// A range within a length, mostly short.
fn range(dice: &mut Dice, length: usize) -> std::ops::Range<usize> {
    let most = if dice.once_in(4) { length } else { length.min(12) };
    let size = dice.below(most + 1);
    let start = dice.below(length - size + 1);
    start..start + size
}

fn text_step(dice: &mut Dice, text: &mut Vec<char>, other: &[char]) {
    let at = dice.below(text.len() + 1);
    match dice.below(9) {
        0 => drop(text.splice(at..at, dice.of::<&str>(WORDS).chars().collect::<Vec<_>>())),
        1 => drop(text.splice(at..at, [*dice.of(LETTERS)])),
        2 => {
            if let Some(letter) = text.get_mut(at) {
                *letter = *dice.of(LETTERS);
            }
        }
        3 => {
            let gone = range(dice, text.len());
            text.drain(gone);
        }
        4 => {
            let again = range(dice, text.len());
            let piece = text[again].to_vec();
            for _ in 0..=dice.below(3) {
                text.splice(at..at, piece.iter().copied());
            }
        }
        5 => {
            let piece = other[range(dice, other.len())].to_vec();
            text.splice(at..at, piece);
        }
        6 => {
            if let Some(letter) = text.get_mut(at) {
                *letter = match *letter {
                    '0'..='9' => char::from(b'0' + dice.below(10) as u8),
                    letter => char::from_u32(u32::from(letter) ^ 0x20).unwrap_or(letter),
                };
            }
        }
        7 => {
            // one digit in another writing
            let digits: Vec<usize> =
                (0..text.len()).filter(|at| text[*at].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let place = *dice.of(&digits);
                let value = text[place].to_digit(10).unwrap_or(0);
                let zero = *dice.of(&[0x0660_u32, 0x06f0, 0xff10, 0x1d7ce, 0x30]);
                text[place] = char::from_u32(zero + value).unwrap_or('0');
            }
        }
        _ => {
            let word: Vec<char> = dice.of::<&str>(WORDS).chars().collect();
            let over = range(dice, text.len());
            text.splice(over, word);
        }
    }
}

fn byte_step(dice: &mut Dice, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = dice.below(bytes.len() + 1);
    match dice.below(8) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *dice.of(BYTES);
            }
        }
        2 => bytes.insert(at, *dice.of(BYTES)),
        3 => {
            let gone = range(dice, bytes.len());
            bytes.drain(gone);
        }
        4 => {
            let again = range(dice, bytes.len());
            let piece = bytes[again].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let piece = other[range(dice, other.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        6 => {
            // a length, a place or a count somewhere in it
            let value = *dice.of(&[0_u64, 1, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX]);
            let size = *dice.of(&[2_usize, 4, 8]);
            let number = value.to_le_bytes();
            for (offset, byte) in number.iter().take(size).enumerate() {
                if let Some(place) = bytes.get_mut(at + offset) {
                    *place = *byte;
                }
            }
        }
        _ => bytes.truncate(at),
    }
}
