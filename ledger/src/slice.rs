//! Grouped statements (`shared/PROTOCOL.md` rule 14): one bad row must not fail its neighbours, two slices must not deadlock.

use crate::error::LedgerError;
use std::collections::HashSet;
use std::ops::Range;

/// Runs `write` over slices so that every item gets an answer of its own.
///
/// An error that is not the database's absence is halved down to the item that causes it; after two conflicts a slice goes one
/// by one. While the database is away all items of the slice get that answer, and the caller keeps what it holds.
///
/// `write` gets the range of the slice: a closure over a borrowed slice would not be `Send` for every lifetime.
pub(crate) async fn each<R, F>(
    items: usize,
    write: impl Fn(Range<usize>) -> F,
) -> Vec<Result<R, LedgerError>>
where
    F: Future<Output = Result<Vec<R>, LedgerError>>,
{
    let mut answers = Vec::with_capacity(items);
    // a stack of ranges, the leftmost on top, so that answers come out in order
    let mut todo = vec![(0, items, 0)];
    while let Some((from, to, conflicts)) = todo.pop() {
        if from == to {
            continue;
        }
        match write(from..to).await {
            Ok(done) => answers.extend(done.into_iter().map(Ok)),
            Err(LedgerError::Conflict) if conflicts < 2 => todo.push((from, to, conflicts + 1)),
            Err(LedgerError::Conflict) if to - from > 1 => {
                todo.extend((from..to).rev().map(|i| (i, i + 1, 0)));
            }
            Err(error) if error.is_away() || to - from == 1 => {
                answers.extend((from..to).map(|_| Err(error.clone())));
            }
            Err(_) => {
                let middle = usize::midpoint(from, to);
                todo.push((middle, to, 0));
                todo.push((from, middle, 0));
            }
        }
    }
    answers
}

/// Splits items into rounds in which no two share a key; order within a key is kept.
fn rounds<'a, T>(items: &'a [T], keys: impl Fn(&'a T) -> Vec<&'a str>) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..items.len()).collect();
    let mut rounds = vec![];
    while !left.is_empty() {
        let mut taken: HashSet<&str> = HashSet::new();
        let mut round = vec![];
        let mut rest = vec![];
        for i in left {
            let mine = keys(&items[i]);
            if mine.iter().any(|key| taken.contains(key)) {
                // what waits keeps its place: later items with its keys wait behind it
                rest.push(i);
            } else {
                round.push(i);
            }
            taken.extend(mine);
        }
        rounds.push(round);
        left = rest;
    }
    rounds
}

/// Writes items in rounds in which no two share a key, each round as a slice ([`each`]); one answer an item, in their order.
pub(crate) async fn in_rounds<'a, T, R, F>(
    items: &'a [T],
    keys: impl Fn(&'a T) -> Vec<&'a str>,
    write: impl Fn(Vec<&'a T>) -> F,
) -> Vec<Result<R, LedgerError>>
where
    F: Future<Output = Result<Vec<R>, LedgerError>>,
{
    let mut answers = Vec::with_capacity(items.len());
    for round in rounds(items, keys) {
        let slice: Vec<&T> = round.iter().map(|i| &items[*i]).collect();
        let done = each(slice.len(), |range| write(slice[range].to_vec())).await;
        answers.extend(round.into_iter().zip(done));
    }
    answers.sort_unstable_by_key(|(i, _)| *i);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn one_bad_item_fails_alone_and_order_is_kept() {
        let items: Vec<u32> = (0..9).collect();
        let answers = each(items.len(), async |range| {
            let slice = &items[range];
            if slice.contains(&5) {
                Err(LedgerError::Statement("bad".into()))
            } else {
                Ok(slice.to_vec())
            }
        })
        .await;
        let seen: Vec<_> = answers.into_iter().map(Result::ok).collect();
        assert_eq!(seen, (0..9).map(|i| (i != 5).then_some(i)).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn after_two_conflicts_a_slice_goes_one_by_one() {
        let widest = Cell::new(0);
        let answers = each(3, async |slice: Range<usize>| {
            if slice.len() > 1 {
                widest.set(widest.get() + 1);
                return Err(LedgerError::Conflict);
            }
            Ok(slice.collect())
        })
        .await;
        assert_eq!(widest.get(), 3);
        assert!(answers.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn while_the_database_is_away_everybody_hears_it_once() {
        let calls = Cell::new(0);
        let answers = each(3, async |_| {
            calls.set(calls.get() + 1);
            Err::<Vec<u32>, _>(LedgerError::Away("gone".into()))
        })
        .await;
        assert_eq!((calls.get(), answers.len()), (1, 3));
        assert!(answers.iter().all(|a| matches!(a, Err(LedgerError::Away(_)))));
    }

    proptest! {
        #[test]
        fn rounds_are_unique_inside_and_lose_nothing(items in proptest::collection::vec("[abc]", 0..20)) {
            let rounds = rounds(&items, |item| vec![item.as_str()]);
            let mut all: Vec<usize> = rounds.iter().flatten().copied().collect();
            for round in &rounds {
                let keys: HashSet<_> = round.iter().map(|i| &items[*i]).collect();
                prop_assert_eq!(keys.len(), round.len());
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..items.len()).collect::<Vec<_>>());
        }
    }
}
