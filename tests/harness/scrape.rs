//! `/metrics` of a process, read back.

use std::collections::{BTreeMap, BTreeSet};

use super::process::{PATIENCE, Process};

/// What a process says of itself.
#[derive(Debug)]
pub struct Scrape {
    /// As it came.
    pub text: String,
    /// Values by name and labels, as they are written.
    values: Vec<(String, BTreeMap<String, String>, f64)>,
    /// Type of each metric.
    pub types: BTreeMap<String, String>,
}

/// Asks a process.
pub async fn scrape(process: &mut Process) -> Scrape {
    let line = process.log_where("its address", |line| line["listen"].is_string()).await;
    let url = format!("http://{}/metrics", line["listen"].as_str().expect("an address"));
    read(&get(&url).await)
}

/// Asks an address.
pub async fn get(url: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    let answer = client.get(url).send().await.expect("it answers");
    assert_eq!(answer.status().as_u16(), 200);
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.expect("a body")
}

/// Reads the text format; fails on whatever is not in it, and on a value that nobody described.
pub fn read(text: &str) -> Scrape {
    let (mut values, mut types, mut helped) = (vec![], BTreeMap::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            let [word, name, rest] = words[..] else { panic!("{line}") };
            let new = match word {
                "HELP" => helped.insert(name.to_owned()),
                "TYPE" => types.insert(name.to_owned(), rest.to_owned()).is_none(),
                _ => panic!("{line}"),
            };
            assert!(new && !rest.is_empty(), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
        let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
            let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        });
        let of = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let described = of.filter(|of| types.contains_key(*of)).unwrap_or(name);
        assert!(types.contains_key(described) && helped.contains(described), "{line}");
        let value = value.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
        values.push((name.to_owned(), labels.collect(), value));
    }
    Scrape { text: text.to_owned(), values, types }
}

impl Scrape {
    /// The sum of a metric over everything that has these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| of.get(*label).is_some_and(|is| is == value))
        };
        let fitting = self.values.iter().filter(|(is, of, _)| is == name && fits(of));
        fitting.map(|(.., value)| value).sum()
    }
}
