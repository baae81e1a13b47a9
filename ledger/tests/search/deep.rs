//! Breadth first through a model of one part of the world, with steps that are sure to come and steps that only may.

use crate::bridge::Quick;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;

/// States that a model may have: more is a mistake in its bounds.
const MOST: usize = 1_500_000;

/// A step in a trace: who, what, and to what.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Who takes it.
    pub who: &'static str,
    /// What it is.
    pub does: &'static str,
    /// Its object's number, if there is one.
    pub n: Option<u8>,
}

/// One step.
pub struct Next<S> {
    /// What it is called.
    pub line: Line,
    /// Where it leads.
    pub to: S,
    /// It will happen if it can; nothing may depend on the others.
    pub sure: bool,
}

/// Gathers steps.
pub struct Steps<S>(pub Vec<Next<S>>);

impl<S> Steps<S> {
    /// A step that is sure to come.
    pub fn sure(&mut self, who: &'static str, does: &'static str, n: impl Into<Option<u8>>, to: S) {
        self.0.push(Next { line: Line { who, does, n: n.into() }, to, sure: true });
    }

    /// A step that may come: a fault, a delay, somebody's wish.
    pub fn may(&mut self, who: &'static str, does: &'static str, n: impl Into<Option<u8>>, to: S) {
        self.0.push(Next { line: Line { who, does, n: n.into() }, to, sure: false });
    }
}

/// See [`Model::next`].
pub type NextOf<S> = Box<dyn Fn(&S, &mut Steps<S>)>;

/// See [`Model::wrong`].
pub type WrongOf<S> = Box<dyn Fn(&S) -> Option<&'static str>>;

/// What a search is told.
pub struct Model<S> {
    /// Where it begins.
    pub start: S,
    /// What can happen next.
    pub next: NextOf<S>,
    /// What is wrong with a state, if anything; what follows it is not searched.
    pub wrong: WrongOf<S>,
    /// Ends: from every state one must be reachable by steps that are sure, or it is `stuck`.
    pub good: Box<dyn Fn(&S) -> bool>,
}

/// What was found: states, and the shortest trace to each thing that must not be.
struct Found {
    states: usize,
    wrong: Vec<(&'static str, String)>,
}

impl<S: Copy + Eq + Hash> Model<S> {
    /// Every rule is kept: nothing is wrong, and no less was searched than before.
    #[track_caller]
    pub fn clean(&self, name: &str, at_least: usize) {
        let found = self.search(None);
        say(name, found.states, None);
        if let Some((what, trace)) = found.wrong.first() {
            panic!("{name}: {what}\n{trace}");
        }
        let states = found.states;
        assert!(states >= at_least, "{name}: only {states} states, once {at_least}");
    }

    /// A rule is left out: just this must be found.
    #[track_caller]
    pub fn breaks(&self, name: &str, what: &str) {
        let found = self.search(Some(what));
        let it = found.wrong.iter().find(|(known, _)| *known == what);
        let all: Vec<_> = found.wrong.iter().map(|(known, _)| *known).collect();
        let states = found.states;
        assert!(it.is_some(), "{name}: {what:?} not found in {states} states, only {all:?}");
        say(name, states, it);
    }

    /// Searches everything; with `until`, ends at the first state that is wrong in that way.
    fn search(&self, until: Option<&str>) -> Found {
        let mut nodes: Vec<Node<S>> = vec![(self.start, 0, None)];
        let mut index: HashMap<S, u32, Quick> = HashMap::from_iter([(self.start, 0)]);
        let mut progress: Vec<(u32, u32)> = vec![];
        let mut ends: Vec<u32> = vec![];
        let mut wrong: Vec<(&'static str, u32)> = vec![];
        let mut steps = Steps(vec![]);
        let mut at = 0;
        while let Some((state, ..)) = nodes.get(at).copied() {
            let here = at as u32;
            at += 1;
            assert!(at < MOST, "more than {MOST} states: this search is too wide");
            if (self.good)(&state) {
                ends.push(here);
            }
            if let Some(what) = (self.wrong)(&state) {
                if wrong.iter().all(|(known, _)| *known != what) {
                    wrong.push((what, here));
                }
                ends.push(here);
                if until == Some(what) {
                    break;
                }
                continue;
            }
            (self.next)(&state, &mut steps);
            for next in steps.0.drain(..) {
                let new = nodes.len() as u32;
                let there = *index.entry(next.to).or_insert(new);
                if there == new {
                    nodes.push((next.to, here, Some(next.line)));
                }
                if next.sure {
                    progress.push((here, there));
                }
            }
        }
        if until.is_none_or(|what| what == "stuck")
            && let Some(stuck) = stuck(nodes.len(), &progress, ends)
        {
            wrong.push(("stuck", stuck));
        }
        let wrong = wrong.into_iter().map(|(what, node)| (what, trace(&nodes, node))).collect();
        Found { states: nodes.len(), wrong }
    }
}

/// A state, the one before it on the shortest way, and the step between them.
type Node<S> = (S, u32, Option<Line>);

fn stuck(nodes: usize, progress: &[(u32, u32)], mut todo: Vec<u32>) -> Option<u32> {
    let mut before = vec![vec![]; nodes];
    for (from, to) in progress {
        before[*to as usize].push(*from);
    }
    let mut good = vec![false; nodes];
    while let Some(node) = todo.pop() {
        if !std::mem::replace(&mut good[node as usize], true) {
            todo.append(&mut before[node as usize]);
        }
    }
    good.iter().position(|good| !good).map(|node| node as u32)
}

fn trace<S>(nodes: &[Node<S>], mut node: u32) -> String {
    let mut lines = vec![];
    while let (_, parent, Some(line)) = &nodes[node as usize] {
        lines.push(*line);
        node = *parent;
    }
    let mut text = String::new();
    for (i, line) in lines.into_iter().rev().enumerate() {
        let n = line.n.map_or_else(String::new, |n| format!(" {n}"));
        let _ = writeln!(text, "  {:2}. {} {}{n}", i + 1, line.who, line.does);
    }
    text
}

#[expect(clippy::print_stdout, reason = "sizes and counterexamples, for who asks with --nocapture")]
fn say(name: &str, states: usize, found: Option<&(&'static str, String)>) {
    println!("{name}: {states} states");
    if let Some((what, trace)) = found {
        println!("{name}: {what}\n{trace}");
    }
}
