//! What a look at a provider's books shows of attempts in doubt. Pure: rows, how they fit, and what the look was worth go in,
//! one judgement an attempt comes out.
//!
//! The order of dangers: a second message is worse than none, and a silent guess is worse than an honest `unresolved`. So a
//! message is absent only where *nothing* is there that could be it (a row of the same number with other segments, or of the same
//! minute with another text, is enough to doubt), and every other case sends nothing.

use std::collections::BTreeMap;

/// How a row of the provider's books fits an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Something of it differs that should not, yet it cannot be ruled out: it proves no arrival, and it forbids absence.
    Maybe,
    /// All that the provider tells agrees.
    Likely,
}

/// A row that may be an attempt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Its place among the rows.
    pub row: usize,
    /// How it fits.
    pub fit: Fit,
}

/// Whether a message that was accepted after the attempt was seen in the same look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The account has accepted none since.
    None,
    /// There is one, and the provider's books do not show it yet.
    NotShown,
    /// It is there: the books are newer than the attempt.
    Shown,
}

/// An attempt in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Rows that may be it, in the order of the books.
    pub edges: Vec<Edge>,
    /// The control message.
    pub proof: Proof,
    /// Its worker may still be at it.
    pub under_way: bool,
    /// No later look will show more: the looks of `reconcile.settle` are over, or its time is.
    pub last_look: bool,
}

/// What a row says became of the message, as far as it must agree within a group.
pub type Kind = u8;

/// Everything that one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What each row says, in the order of the books. Rows whose attempt is known are not among them.
    pub rows: Vec<Kind>,
    /// The attempts that share the look, oldest first.
    pub doubts: Vec<Doubt>,
    /// Why the look was not complete, in bounded words.
    pub gap: Option<String>,
}

/// What the look shows of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// This row is it.
    Found(usize),
    /// It is not there, and it would be.
    Absent,
    /// Neither is shown; why, in bounded words.
    Nothing(String),
    /// What is there may be it or another one's, and no later look can tell.
    Ambiguous,
}

/// Rows are there that may be its own or another's, and a later look may still tell.
const NOT_YET_CLEAR: &str = "a message is there that may be it or another one";
/// An attempt to the same number has no outcome yet, and what is there may be its own.
const UNDER_WAY: &str = "another attempt that may own it is still under way";
/// See [`Proof::None`].
const NO_CONTROL: &str = "no later message of the account to compare with";
/// See [`Proof::NotShown`].
const CONTROL_NOT_SHOWN: &str = "the provider does not show a later message yet";

/// Judges all attempts of a look, in their order.
///
/// Attempts and rows that fit each other form groups. A group with as many rows as attempts has arrived whole, since an attempt
/// is one request and at most one message; any other number is ambiguous.
pub fn judge(evidence: &Evidence) -> Vec<Judgement> {
    let mut judged: Vec<Option<Judgement>> = vec![None; evidence.doubts.len()];
    for group in groups(evidence) {
        if group.attempts.iter().any(|it| evidence.doubts[*it].under_way) {
            for attempt in group.attempts {
                judged[attempt] = Some(Judgement::Nothing(UNDER_WAY.to_owned()));
            }
            continue;
        }
        match paired(evidence, &group) {
            Some(pairs) => {
                for (attempt, row) in pairs {
                    judged[attempt] = Some(Judgement::Found(row));
                }
            }
            None => {
                // all of a group at once: left alone, the next one would take a row that may be this one's
                let last = group.attempts.iter().any(|it| is_last(evidence, *it));
                for attempt in group.attempts {
                    judged[attempt] = Some(unclear(last));
                }
            }
        }
    }
    let rest = judged
        .into_iter()
        .enumerate()
        .map(|(attempt, judged)| judged.unwrap_or_else(|| alone(evidence, attempt)));
    rest.collect()
}

/// An attempt to which no row fits as it should.
fn alone(evidence: &Evidence, attempt: usize) -> Judgement {
    let doubt = &evidence.doubts[attempt];
    if doubt.under_way {
        return Judgement::Nothing(UNDER_WAY.to_owned());
    }
    if !doubt.edges.is_empty() {
        return unclear(is_last(evidence, attempt));
    }
    match (&evidence.gap, doubt.proof) {
        (Some(gap), _) => Judgement::Nothing(gap.clone()),
        (None, Proof::None) => Judgement::Nothing(NO_CONTROL.to_owned()),
        (None, Proof::NotShown) => Judgement::Nothing(CONTROL_NOT_SHOWN.to_owned()),
        (None, Proof::Shown) => Judgement::Absent,
    }
}

fn unclear(last: bool) -> Judgement {
    if last { Judgement::Ambiguous } else { Judgement::Nothing(NOT_YET_CLEAR.to_owned()) }
}

fn is_last(evidence: &Evidence, attempt: usize) -> bool {
    evidence.doubts[attempt].last_look
}

/// Attempts and rows that fit each other, directly or through others.
#[derive(Debug, Default)]
struct Group {
    attempts: Vec<usize>,
    rows: Vec<usize>,
}

fn likely(evidence: &Evidence, attempt: usize) -> impl Iterator<Item = usize> {
    let edges = evidence.doubts[attempt].edges.iter();
    edges.filter(|edge| edge.fit == Fit::Likely).map(|edge| edge.row)
}

fn groups(evidence: &Evidence) -> Vec<Group> {
    let attempts = evidence.doubts.len();
    let mut roots: Vec<usize> = (0..attempts + evidence.rows.len()).collect();
    for attempt in 0..attempts {
        for row in likely(evidence, attempt) {
            let (a, b) = (root(&mut roots, attempt), root(&mut roots, attempts + row));
            roots[a.max(b)] = a.min(b);
        }
    }
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for node in 0..roots.len() {
        let group = groups.entry(root(&mut roots, node)).or_default();
        match node.checked_sub(attempts) {
            None => group.attempts.push(node),
            Some(row) => group.rows.push(row),
        }
    }
    groups.into_values().filter(|it| !it.attempts.is_empty() && !it.rows.is_empty()).collect()
}

fn root(roots: &mut [usize], mut node: usize) -> usize {
    while roots[node] != node {
        roots[node] = roots[roots[node]];
        node = roots[node];
    }
    node
}

/// Each attempt of a group with a row of its own, if the group arrived whole and its rows say the same. Which row is whose does not
/// matter then: all went to one number, and all became the same.
fn paired(evidence: &Evidence, group: &Group) -> Option<Vec<(usize, usize)>> {
    if group.attempts.len() != group.rows.len() {
        return None;
    }
    let mut kinds = group.rows.iter().map(|row| evidence.rows[*row]);
    let first = kinds.next();
    if !kinds.all(|kind| Some(kind) == first) {
        return None;
    }
    let mut owner: BTreeMap<usize, usize> = BTreeMap::new();
    for attempt in &group.attempts {
        let mut tried = Vec::new();
        if !augment(evidence, *attempt, &mut owner, &mut tried) {
            return None;
        }
    }
    Some(owner.into_iter().map(|(row, attempt)| (attempt, row)).collect())
}

/// Finds a row for an attempt; whoever has it may move to another one.
fn augment(
    evidence: &Evidence,
    attempt: usize,
    owner: &mut BTreeMap<usize, usize>,
    tried: &mut Vec<usize>,
) -> bool {
    for row in likely(evidence, attempt) {
        if tried.contains(&row) {
            continue;
        }
        tried.push(row);
        let free = match owner.get(&row).copied() {
            None => true,
            Some(other) => augment(evidence, other, owner, tried),
        };
        if free {
            owner.insert(row, attempt);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
