//! Which message has which fate: the bookkeeping around lapin's confirms, without any input or output.
//!
//! lapin hangs a returned message on whichever confirm completes next (2.9 % on the wrong one with 256 in flight,
//! probes §7), so a return is booked by its own `message_id`, and only after every confirm that is ready has been taken:
//! a return is always handed out no later than with the confirm of the message it belongs to.

use std::collections::HashMap;

/// One completed confirm as lapin reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirm {
    /// The message whose confirm this is.
    pub(super) id: String,
    /// Whether the broker refused it.
    pub(super) nack: bool,
    /// A returned message that came along: its id, and the broker's code. Often not the same message.
    pub(super) returned: Option<(String, u16)>,
}

/// What follows for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Confirmed,
    Returned(u16),
    Nacked,
    /// Its confirm carried somebody else's return: its own fate cannot be known. Publish it again, with the same id.
    Unknown,
}

/// The messages of one session that wait for their confirm.
pub(super) struct Window<T> {
    waiting: HashMap<String, T>,
    returned: HashMap<String, u16>,
}

impl<T> Window<T> {
    pub(super) fn new() -> Self {
        Self { waiting: HashMap::new(), returned: HashMap::new() }
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.waiting.contains_key(id)
    }

    /// Books a message as published. Its id must not be waiting already.
    pub(super) fn publish(&mut self, id: String, message: T) {
        self.returned.remove(&id);
        self.waiting.insert(id, message);
    }

    /// Judges all confirms that are ready, together.
    pub(super) fn judge(&mut self, ready: Vec<Confirm>) -> Vec<(T, Verdict)> {
        for (id, code) in ready.iter().filter_map(|confirm| confirm.returned.as_ref()) {
            if self.waiting.contains_key(id) {
                self.returned.insert(id.clone(), *code);
            }
        }
        let mut judged = Vec::with_capacity(ready.len());
        for confirm in ready {
            let Some(message) = self.waiting.remove(&confirm.id) else { continue };
            let foreign = confirm.returned.as_ref().is_some_and(|(id, _)| *id != confirm.id);
            let verdict = match self.returned.remove(&confirm.id) {
                Some(code) => Verdict::Returned(code),
                None if confirm.nack => Verdict::Nacked,
                None if foreign => Verdict::Unknown,
                None => Verdict::Confirmed,
            };
            judged.push((message, verdict));
        }
        judged
    }

    /// Everything whose fate the end of the session left unknown.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = T> {
        self.waiting.into_values()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn ack(id: &str, returned: Option<&str>) -> Confirm {
        Confirm { id: id.to_owned(), nack: false, returned: returned.map(|r| (r.to_owned(), 312)) }
    }

    fn window(ids: &[&str]) -> Window<String> {
        let mut window = Window::new();
        for id in ids {
            window.publish((*id).to_owned(), (*id).to_owned());
        }
        window
    }

    #[test]
    fn a_return_on_another_confirm_is_booked_to_its_own_message() {
        let mut window = window(&["good", "bad"]);
        let judged = window.judge(vec![ack("good", Some("bad")), ack("bad", None)]);
        assert_eq!(
            judged,
            [("good".to_owned(), Verdict::Unknown), ("bad".to_owned(), Verdict::Returned(312))]
        );
    }

    #[test]
    fn a_return_that_came_earlier_waits_for_its_message() {
        let mut window = window(&["good", "bad"]);
        assert_eq!(window.judge(vec![ack("good", Some("bad"))])[0].1, Verdict::Unknown);
        assert_eq!(window.judge(vec![ack("bad", None)])[0].1, Verdict::Returned(312));
    }

    #[test]
    fn a_refused_message_is_nacked_and_an_unknown_confirm_is_ignored() {
        let mut window = window(&["a"]);
        let nack = Confirm { id: "a".to_owned(), nack: true, returned: None };
        assert_eq!(window.judge(vec![nack.clone(), nack]), [("a".to_owned(), Verdict::Nacked)]);
        assert_eq!(window.into_waiting().count(), 0);
    }

    proptest! {
        /// lapin's `acknowledgement.rs` as a model: the broker sends a message's return before its ack; an ack may
        /// cover several messages, which complete in any order, and each completion takes the oldest return there is.
        /// Our task may look after any completion. No message may ever get a wrong fate.
        #[test]
        fn no_message_gets_a_wrong_fate(
            good in prop::collection::vec(any::<bool>(), 1..60),
            acks in prop::collection::vec((1usize..8, any::<u64>()), 60),
            looks in prop::collection::vec(any::<bool>(), 60),
        ) {
            let id = |n: usize| format!("m-{n}");
            let mut window = Window::new();
            for n in 0..good.len() {
                window.publish(id(n), n);
            }
            let (mut returns, mut completed, mut looks) = (VecDeque::new(), Vec::new(), looks.into_iter());
            let mut fates = Vec::new();
            let (mut next, mut acks) = (0, acks.into_iter());
            while next < good.len() {
                let (count, order) = acks.next().unwrap_or((1, 0));
                let end = (next + count).min(good.len());
                returns.extend((next..end).filter(|n| !good[*n]).map(id));
                let mut covered: Vec<_> = (next..end).collect();
                covered.sort_by_key(|n| (*n as u64 + 1).wrapping_mul(order | 1));
                for n in covered {
                    let returned = returns.pop_front().map(|r| (r, 312));
                    completed.push(Confirm { id: id(n), nack: false, returned });
                    if looks.next().unwrap_or(false) {
                        fates.extend(window.judge(std::mem::take(&mut completed)));
                    }
                }
                next = end;
            }
            fates.extend(window.judge(completed));
            prop_assert_eq!(fates.len(), good.len());
            for (n, verdict) in fates {
                let right = match verdict {
                    Verdict::Confirmed => good[n],
                    Verdict::Returned(_) => !good[n],
                    Verdict::Unknown => true,
                    Verdict::Nacked => false,
                };
                prop_assert!(right, "message {n} routable={} got {verdict:?}", good[n]);
            }
        }
    }
}
