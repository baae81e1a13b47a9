//! Runs fuzz targets with the seeded mutator, on any toolchain.
//!
//! ```text
//! fuzz-targets list
//! fuzz-targets all [INPUTS [SEED]]             every target, on as many threads as there are cores
//! fuzz-targets TARGET [INPUTS [SEED [FIRST]]]  one; a failure prints the command that shows it alone
//! fuzz-targets TARGET seeds                    its corpus only
//! fuzz-targets TARGET file PATH...             inputs from files, such as libFuzzer's artifacts
//! fuzz-targets corpus FOLDER                   writes each target's corpus into FOLDER/TARGET/ for `cargo fuzz run`
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fuzz_targets::{TARGETS, Target, find, run};

const SEED: u64 = 20_261_122;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |at: usize, otherwise: u64| {
        words.get(at).map_or(otherwise, |word| word.parse().expect("a number"))
    };
    match &words[..] {
        ["list"] => {
            for target in TARGETS {
                println!("{}", target.name);
            }
            ExitCode::SUCCESS
        }
        ["corpus", folder] => {
            write_corpus(Path::new(folder));
            ExitCode::SUCCESS
        }
        ["all", ..] => all(number(1, 100_000), number(2, SEED)),
        [name, "seeds"] => said(&[told(named(name), 0, 0, 0)]),
        [name, "file", paths @ ..] => {
            let target = named(name);
            let told: Vec<bool> = paths
                .iter()
                .map(|path| {
                    let input = std::fs::read(path).expect("a file that can be read");
                    let ended = run::one(target, &input);
                    println!("{path}: {}", ended.as_ref().err().map_or("holds", String::as_str));
                    ended.is_ok()
                })
                .collect();
            said(&told)
        }
        [name, ..] => said(&[told(named(name), number(2, SEED), number(3, 0), number(1, 100_000))]),
        [] => {
            println!(
                "fuzz-targets list | all [INPUTS [SEED]] | TARGET [INPUTS [SEED [FIRST]]] | TARGET seeds | TARGET file PATH... | corpus FOLDER"
            );
            ExitCode::from(2)
        }
    }
}

fn named(name: &str) -> &'static Target {
    find(name).unwrap_or_else(|| panic!("no target {name}; see `fuzz-targets list`"))
}

fn told(target: &Target, seed: u64, first: u64, inputs: u64) -> bool {
    match run::run(target, seed, first, inputs) {
        Ok(ran) => {
            let seconds = ran.took.as_secs_f64();
            println!(
                "{:<18} {:>9} inputs  {seconds:>7.1} s  seed {seed}  no promise broken",
                target.name, ran.inputs
            );
            true
        }
        Err(failure) => {
            println!("{:<18} BROKEN: {failure}", target.name);
            false
        }
    }
}

fn said(told: &[bool]) -> ExitCode {
    if told.iter().all(|good| *good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(inputs: u64, seed: u64) -> ExitCode {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let good = told(target, seed, 0, inputs);
                    all.lock().expect("no panic").push(good);
                }
            });
        }
    });
    said(&all.into_inner().expect("no panic"))
}

fn write_corpus(folder: &Path) {
    for target in TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (number, input) in (target.corpus)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:04}")), input).expect("a file");
        }
    }
}
