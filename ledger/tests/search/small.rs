//! Breadth first through a model that is small enough to keep its steps as text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;

/// What a small model found.
pub struct Small<S> {
    /// States reached, in the order of their distance.
    nodes: Vec<(S, usize, String)>,
    stuck: Option<usize>,
}

/// Searches everything that `next` can reach. A state from which no `good` one can be reached is stuck.
pub fn small<S: Clone + Eq + Hash>(
    start: S,
    next: impl Fn(&S) -> Vec<(String, S)>,
    good: impl Fn(&S) -> bool,
) -> Small<S> {
    let mut nodes = vec![(start.clone(), 0, String::new())];
    let mut index = HashMap::from([(start, 0)]);
    let mut before: Vec<Vec<usize>> = vec![vec![]];
    let mut at = 0;
    while at < nodes.len() {
        for (step, state) in next(&nodes[at].0.clone()) {
            let there = *index.entry(state.clone()).or_insert(nodes.len());
            if there == nodes.len() {
                nodes.push((state, at, step));
                before.push(vec![]);
            }
            before[there].push(at);
        }
        at += 1;
    }
    let mut reaches = vec![false; nodes.len()];
    let mut todo: Vec<usize> = (0..nodes.len()).filter(|n| good(&nodes[*n].0)).collect();
    while let Some(node) = todo.pop() {
        if !std::mem::replace(&mut reaches[node], true) {
            todo.extend(&before[node]);
        }
    }
    let stuck = reaches.iter().position(|reaches| !reaches);
    Small { nodes, stuck }
}

impl<S> Small<S> {
    /// How many states there are.
    pub fn states(&self) -> usize {
        self.nodes.len()
    }

    /// The shortest way to a state from which no good one can be reached.
    pub fn stuck(&self) -> Option<String> {
        self.stuck.map(|node| self.trace(node))
    }

    /// The shortest way to a state.
    pub fn way_to(&self, wanted: impl Fn(&S) -> bool) -> Option<String> {
        self.nodes.iter().position(|(state, ..)| wanted(state)).map(|node| self.trace(node))
    }

    fn trace(&self, mut node: usize) -> String {
        let mut steps = vec![];
        while node != 0 {
            steps.push(self.nodes[node].2.as_str());
            node = self.nodes[node].1;
        }
        let mut text = String::new();
        for (i, step) in steps.into_iter().rev().enumerate() {
            let _ = writeln!(text, "  {}. {step}", i + 1);
        }
        text
    }
}
