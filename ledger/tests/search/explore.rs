//! Breadth first through every world that can be reached, with what is judged on the way and at the end.

use crate::bridge::{Bridge, Quick};
use crate::judge::{Violation, judge};
use crate::steps::{Kind, Step, Steps};
use crate::variant::Variant;
use crate::world::World;
use ledger::state::State;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// What a run found.
pub struct Found {
    /// Worlds reached.
    pub states: usize,
    /// Those in which nothing is left to do.
    pub quiet: usize,
    /// How the row stands in them.
    pub ends: BTreeSet<State>,
    /// The first, so shortest, trace to each kind of violation.
    pub violations: Vec<(Violation, String)>,
}

impl Found {
    /// The trace to a violation of this kind.
    pub fn trace(&self, violation: Violation) -> Option<&str> {
        self.violations.iter().find(|(v, _)| *v == violation).map(|(_, trace)| trace.as_str())
    }
}

struct Node {
    world: World,
    parent: u32,
    step: Option<Step>,
    swapped: bool,
}

struct Search {
    nodes: Vec<Node>,
    index: HashMap<u128, u32, Quick>,
    progress: Vec<(u32, u32)>,
    quiet: Vec<u32>,
    violations: Vec<(Violation, u32)>,
}

/// Searches everything. With `until`, ends at the first violation of that kind.
pub fn explore(variant: &Variant, until: Option<Violation>) -> Found {
    let bridge = Bridge::default();
    let mut steps = Steps { variant, bridge: &bridge, next: vec![] };
    let mut search = Search {
        nodes: vec![],
        index: HashMap::default(),
        progress: vec![],
        quiet: vec![],
        violations: vec![],
    };
    search.reach(World::start(variant), 0, None);
    let mut at = 0;
    while at < search.nodes.len() {
        let world = search.nodes[at].world;
        let here = at as u32;
        at += 1;
        if world.is_quiet() {
            search.quiet.push(here);
        }
        if let Some(violation) = judge(variant, &world) {
            search.violate(violation, here);
            if until == Some(violation) {
                break;
            }
            if until.is_none() {
                // what follows a violation says nothing more about the rules
                search.quiet.push(here);
                continue;
            }
        }
        steps.of(&world);
        for (step, next, kind) in steps.next.drain(..) {
            let there = search.reach(next, here, Some(step));
            if kind == Kind::Progress {
                search.progress.push((here, there));
            }
        }
    }
    if until.is_none_or(|v| v == Violation::Stuck) {
        search.find_stuck();
    }
    search.found()
}

impl Search {
    fn reach(&mut self, world: World, parent: u32, step: Option<Step>) -> u32 {
        let (world, swapped) = world.canonical();
        let new = self.nodes.len() as u32;
        let there = *self.index.entry(world.key()).or_insert(new);
        if there == new {
            self.nodes.push(Node { world, parent, step, swapped });
        }
        there
    }

    fn violate(&mut self, violation: Violation, node: u32) {
        if self.violations.iter().all(|(v, _)| *v != violation) {
            self.violations.push((violation, node));
        }
    }

    /// From every world a quiet end must be reachable by steps that are sure to come.
    fn find_stuck(&mut self) {
        let mut before = vec![vec![]; self.nodes.len()];
        for (from, to) in &self.progress {
            before[*to as usize].push(*from);
        }
        let mut good = vec![false; self.nodes.len()];
        let mut todo = self.quiet.clone();
        while let Some(node) = todo.pop() {
            if !good[node as usize] {
                good[node as usize] = true;
                todo.append(&mut before[node as usize]);
            }
        }
        if let Some(stuck) = good.iter().position(|good| !good) {
            self.violate(Violation::Stuck, stuck as u32);
        }
    }

    fn found(self) -> Found {
        let violations = self.violations.iter().map(|(v, node)| (*v, self.trace(*node))).collect();
        let ends = self.quiet.iter().filter_map(|n| self.nodes[*n as usize].world.state).collect();
        Found { states: self.nodes.len(), quiet: self.quiet.len(), ends, violations }
    }

    /// The steps to a world, the workers named as at the start.
    fn trace(&self, node: u32) -> String {
        let mut path = vec![];
        let mut at = node;
        while let Some(step) = self.nodes[at as usize].step {
            path.push((step, self.nodes[at as usize].swapped));
            at = self.nodes[at as usize].parent;
        }
        let mut swapped = self.nodes[0].swapped;
        let mut text = String::new();
        for (i, (step, swaps)) in path.into_iter().rev().enumerate() {
            let _ = writeln!(text, "  {:2}. {}", i + 1, step.line(swapped));
            swapped ^= swaps;
        }
        let end = self.nodes[node as usize].world;
        let state = end.state.map_or("no row", State::as_str);
        let _ = writeln!(text, "  end: {state}, release {}", end.fence);
        for (n, attempt) in end.attempts().iter().enumerate() {
            let _ = writeln!(
                text,
                "       attempt {} on channel {}: {}; provider accepted it {} times",
                n + 1,
                attempt.channel,
                attempt.state,
                attempt.accepted
            );
        }
        text
    }
}
