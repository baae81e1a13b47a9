//! What [`Client`](super::Client) makes of an answer, for the fuzz targets (`fuzz/README.md`).

use std::time::Duration;

use schemas::PhoneNumber;

use super::errors::{Asked, Errors, IysTrouble};
use super::wire::{BatchAnswer, Brand, ConsentRecord, Tokens, brands as brands_of};
use crate::outside::Said;

/// As `login` reads a good answer.
pub fn tokens(body: &[u8]) -> Option<Tokens> {
    Tokens::parse(body)
}

/// As `with_consent` reads a good answer.
pub fn batch(body: &[u8], asked: &[PhoneNumber]) -> Option<BatchAnswer> {
    BatchAnswer::parse(body, asked)
}

/// As `status` reads a good answer.
pub fn record(body: &[u8], asked: &PhoneNumber) -> Option<ConsentRecord> {
    ConsentRecord::parse(body, asked)
}

/// As `brands` reads a good answer.
pub fn brands(body: &[u8]) -> Option<Vec<Brand>> {
    brands_of(body)
}

/// What any other answer means.
pub fn trouble(errors: &Errors, said: &Said<'_>, has_token: bool, own: &[&str]) -> IysTrouble {
    let unread_429_after = Duration::from_secs(1);
    errors.trouble(&said.answer(), Asked { has_token, unread_429_after, own })
}
