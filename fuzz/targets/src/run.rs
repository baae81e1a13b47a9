//! Runs a target over many inputs, and says how to see a failure again.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::{Target, mutate};

/// One input may take so long, everything else on the machine included. Nothing that is read takes longer the more it is looked at.
const LONGEST: Duration = Duration::from_secs(10);

/// What a run was.
#[derive(Debug)]
pub struct Ran {
    /// Inputs.
    pub inputs: u64,
    /// How long they took.
    pub took: Duration,
}

/// A promise that was broken.
#[derive(Debug)]
pub struct Failure {
    /// The panic's words and place.
    pub said: String,
    /// The input.
    pub input: Vec<u8>,
    /// The command that shows it again.
    pub replay: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = String::from_utf8_lossy(&self.input);
        let shown: String = shown.chars().take(600).collect();
        write!(
            f,
            "{}\n  again: {}\n  input ({} bytes): {shown:?}",
            self.said,
            self.replay,
            self.input.len()
        )
    }
}

/// Runs a target over inputs `first..first + inputs` of a seed. The corpus itself is run first.
///
/// # Errors
/// The first broken promise.
pub fn run(target: &Target, seed: u64, first: u64, inputs: u64) -> Result<Ran, Box<Failure>> {
    let corpus = (target.corpus)();
    assert!(!corpus.is_empty(), "{} has no corpus", target.name);
    let began = Instant::now();
    for (number, input) in corpus.iter().enumerate() {
        one(target, input).map_err(|said| {
            failure(said, input, format!("{} seeds # number {number}", target.name))
        })?;
    }
    for index in first..first + inputs {
        let input = mutate::input(target, &corpus, seed, index);
        one(target, &input)
            .map_err(|said| failure(said, &input, format!("{} 1 {seed} {index}", target.name)))?;
    }
    Ok(Ran { inputs: inputs + corpus.len() as u64, took: began.elapsed() })
}

fn failure(said: String, input: &[u8], how: String) -> Box<Failure> {
    let replay = format!("cargo run -p fuzz-targets -- {how}");
    Box::new(Failure { said, input: input.to_vec(), replay })
}

/// Runs a target once.
///
/// # Errors
/// The panic's words and place, or that it took too long.
pub fn one(target: &Target, input: &[u8]) -> Result<(), String> {
    caught();
    let began = Instant::now();
    LISTENS.set(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    LISTENS.set(false);
    if ended.is_err() {
        return Err(SAID.take());
    }
    let took = began.elapsed();
    if took > LONGEST { Err(format!("took {took:?} for {} bytes", input.len())) } else { Ok(()) }
}

/// The regression cases of a target: inputs that broke a promise once, `fuzz/regressions/<target>/*`.
pub fn regressions(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = crate::corpus::root().join("fuzz/regressions").join(target.name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(&path).expect("a file"))).collect()
}

thread_local! {
    static LISTENS: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on a panic of a target is kept and not printed.
fn caught() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            if LISTENS.get() {
                SAID.set(about.to_string());
            } else {
                usual(about);
            }
        }));
    });
}
