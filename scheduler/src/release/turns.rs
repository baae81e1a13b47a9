//! Whose turn it is: urgent classes first, and within a class every clinic in turn, however many rows one of them has.

use std::collections::{BTreeSet, HashMap};

/// A clinic's due rows, most urgent first: class and notification.
pub struct Queue {
    /// The clinic.
    pub clinic: String,
    /// Its rows.
    pub rows: Vec<(i64, String)>,
}

impl Queue {
    /// Takes in what the same clinic has elsewhere: one of each in turn, so that neither waits for all of the other. Classes are
    /// put in order by whoever chooses.
    pub fn join(&mut self, other: Self) {
        self.rows = round_robin(vec![std::mem::take(&mut self.rows), other.rows], usize::MAX);
    }
}

/// Who was served last, lane by lane: where there is room for a few rows at a time, it is not always the same clinic that gets it.
#[derive(Debug, Default)]
pub struct Turns {
    last: HashMap<String, String>,
}

impl Turns {
    /// Chooses at most `room` rows for a lane.
    pub fn choose(&mut self, lane: &str, mut queues: Vec<Queue>, room: usize) -> Vec<String> {
        queues.sort_by(|a, b| a.clinic.cmp(&b.clinic));
        if let Some(last) = self.last.get(lane) {
            let served = queues.partition_point(|queue| queue.clinic <= *last);
            queues.rotate_left(served);
        }
        let classes: BTreeSet<i64> =
            queues.iter().flat_map(|queue| &queue.rows).map(|(class, _)| *class).collect();
        let mut chosen = vec![];
        for class in classes {
            let of_class = queues.iter().map(|queue| {
                let rows = queue.rows.iter().filter(|(of, _)| *of == class);
                rows.map(|(_, ntf)| (queue.clinic.as_str(), ntf.as_str())).collect()
            });
            chosen.extend(round_robin(of_class.collect(), room - chosen.len()));
        }
        if let Some((clinic, _)) = chosen.last() {
            self.last.insert(lane.to_owned(), (*clinic).to_owned());
        }
        chosen.into_iter().map(|(_, ntf)| ntf.to_owned()).collect()
    }
}

/// One of each list in turn, at most `most` in all.
fn round_robin<T>(lists: Vec<Vec<T>>, most: usize) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut chosen = vec![];
    while chosen.len() < most && !lists.is_empty() {
        lists.retain_mut(|list| match list.next() {
            Some(item) if chosen.len() < most => {
                chosen.push(item);
                true
            }
            _ => false,
        });
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn queue(clinic: &str, rows: &[(i64, &str)]) -> Queue {
        let rows = rows.iter().map(|(class, ntf)| (*class, (*ntf).to_owned())).collect();
        Queue { clinic: clinic.to_owned(), rows }
    }

    #[test]
    fn clinics_take_turns_and_the_window_is_kept() {
        let lists = vec![vec!["a1", "a2", "a3", "a4"], vec!["b1"], vec!["c1", "c2"]];
        assert_eq!(round_robin(lists.clone(), 5), ["a1", "b1", "c1", "a2", "c2"]);
        assert_eq!(round_robin(lists.clone(), 100).len(), 7);
        assert!(round_robin(lists, 0).is_empty());
    }

    #[test]
    fn a_clinic_has_one_turn_wherever_its_rows_are() {
        let mut joined = queue("a", &[(1, "a1"), (1, "a2"), (2, "a3")]);
        joined.join(queue("a", &[(0, "n1"), (1, "n2")]));
        let queues = vec![joined, queue("b", &[(1, "b1"), (1, "b2"), (1, "b3")])];
        let all = Turns::default().choose("l", queues, 10);
        assert_eq!(all, ["n1", "a1", "b1", "a2", "b2", "n2", "b3", "a3"]);
    }

    #[test]
    fn what_is_urgent_goes_first_whichever_clinic_it_is_of() {
        let queues = || {
            vec![
                queue("a", &[(1, "a1"), (1, "a2"), (2, "a3")]),
                queue("b", &[(0, "b1"), (0, "b2"), (2, "b3")]),
            ]
        };
        assert_eq!(Turns::default().choose("l", queues(), 3), ["b1", "b2", "a1"]);
        let all = Turns::default().choose("l", queues(), 10);
        assert_eq!(all, ["b1", "b2", "a1", "a2", "a3", "b3"]);
    }

    #[test]
    fn where_there_is_room_for_one_at_a_time_every_clinic_gets_it_in_turn() {
        let mut turns = Turns::default();
        let mut served = vec![];
        for _ in 0..6 {
            let queues =
                vec![queue("a", &[(1, "a")]), queue("b", &[(1, "b")]), queue("c", &[(1, "c")])];
            served.extend(turns.choose("l", queues, 1));
        }
        assert_eq!(served, ["a", "b", "c", "a", "b", "c"]);
        // another lane has turns of its own
        assert_eq!(
            turns.choose("m", vec![queue("a", &[(1, "a")]), queue("b", &[(1, "b")])], 1),
            ["a"]
        );
        // a clinic that is gone, or new, does no harm
        assert_eq!(
            turns.choose("l", vec![queue("b", &[(1, "b")]), queue("d", &[(1, "d")])], 1),
            ["d"]
        );
        assert_eq!(turns.choose("l", vec![queue("b", &[(1, "b")])], 1), ["b"]);
        assert!(turns.choose("l", vec![], 1).is_empty());
    }

    proptest! {
        /// A small clinic waits for no more rows of a big one than there are clinics, each time it has one.
        #[test]
        fn nobody_is_late_because_of_a_big_clinic(big in 100usize..1_000, small in 1usize..6, room in 1usize..40) {
            let mut turns = Turns::default();
            let mut left: Vec<(String, usize)> = vec![("m-big".to_owned(), big)];
            left.extend((0..small).map(|i| (format!("{}-small", ["a", "z", "b", "y", "c"][i % 5]), 2)));
            let mut sent = vec![];
            while left.iter().any(|(_, n)| *n > 0) {
                let queues = left.iter().map(|(clinic, n)| Queue {
                    clinic: clinic.clone(),
                    rows: (0..(*n).min(room)).map(|i| (1, format!("{clinic}/{i}"))).collect(),
                });
                let chosen = turns.choose("lane", queues.collect(), room);
                prop_assert!(!chosen.is_empty() && chosen.len() <= room);
                for ntf in chosen {
                    let clinic = ntf.split('/').next().unwrap().to_owned();
                    let (_, n) = left.iter_mut().find(|(of, _)| *of == clinic).unwrap();
                    *n -= 1;
                    sent.push(clinic);
                }
            }
            let last_small = sent.iter().rposition(|clinic| clinic != "m-big").unwrap();
            prop_assert!(last_small < 2 * (small + 1) + 2, "{last_small} of {}", sent.len());
        }
    }
}
