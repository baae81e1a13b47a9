//! Rows into the ledger, or, in a dry run, what the same decisions would come to.

use std::collections::HashMap;

use ledger::facts::{SaidWord, WordBy};
use scheduler::facts::{Applier, Told as Became};
use schemas::{Channel, ClinicId, FactEvent};

use super::columns::Columns;
use super::row::{self, Bad, Defaults};
use super::told::{Fate, Told};
use crate::commands::Failure;
use crate::commands::consent::channels;
use crate::commands::consent::saying::Saying;
use crate::commands::desk::Desk;
use crate::commands::import::sheet::Line;
use crate::{operator, start};

/// What records name as the place that these facts came from.
const VIA: &str = "ulak consent import";

/// What rows are held against.
pub(super) struct Work<'a> {
    desk: &'a Desk,
    applier: &'a Applier,
    clinic: &'a ClinicId,
    defaults: &'a Defaults,
    columns: &'a Columns,
    apply: bool,
    reason: &'a str,
    file: &'a str,
    who: String,
    /// Facts of the rows so far, by their ids, with their lines.
    lines: HashMap<String, u64>,
    /// In a dry run, what the rows so far would have said: nobody else remembers it.
    said: HashMap<(String, Channel), SaidWord>,
}

/// A row that says something new to this file.
struct New {
    place: usize,
    fact: FactEvent,
}

impl<'a> Work<'a> {
    /// Sets up. `how`: whether it is done, why, and the file as records name it.
    pub(super) fn new(
        desk: &'a Desk,
        applier: &'a Applier,
        clinic: &'a ClinicId,
        defaults: &'a Defaults,
        columns: &'a Columns,
        (apply, reason, file): (bool, &'a str, &'a str),
    ) -> Self {
        let (lines, said) = (HashMap::new(), HashMap::new());
        let who = operator::name();
        Self { desk, applier, clinic, defaults, columns, apply, reason, file, who, lines, said }
    }

    /// Handles rows together: one answer for each.
    ///
    /// # Errors
    /// The ledger is away; what was answered before that is done.
    pub(super) async fn rows(&mut self, lines: &[Line]) -> Result<Vec<Told>, Failure> {
        let mut told = Vec::with_capacity(lines.len());
        let mut news = vec![];
        for (place, line) in lines.iter().enumerate() {
            let (one, fact) = self.read(line);
            news.extend(fact.map(|fact| New { place, fact }));
            told.push(one);
        }
        for (new, became) in news.iter().zip(self.say(&news, lines).await?) {
            told[new.place].fate = match became {
                Became::Applied { .. } => self.in_this_file(&told[new.place]),
                Became::Stale { why: "older", .. } => Fate::Older,
                Became::Stale { .. } | Became::Duplicate { .. } => Fate::Unchanged,
                Became::Refused(refusal) => Fate::LeftOut(Bad::rule(refusal.rule)),
            };
        }
        Ok(told)
    }

    /// A row with its fact, if it says something that no earlier row says.
    fn read(&mut self, line: &Line) -> (Told, Option<FactEvent>) {
        let bare = Told { line: line.number, saying: None, fact: None, fate: Fate::Unchanged };
        let saying = match row::read(line, self.columns, self.defaults) {
            Ok(saying) => saying,
            Err(bad) => return (Told { fate: Fate::LeftOut(bad), ..bare }, None),
        };
        let (registry, vault) = (&self.desk.settings.registry, self.desk.ledger.vault());
        let fact = match saying.fact(registry, vault, self.clinic, self.defaults.now) {
            Ok(fact) => fact,
            Err(refusal) => {
                return (Told { fate: Fate::LeftOut(Bad::rule(refusal.rule)), ..bare }, None);
            }
        };
        let id = fact.fact_id().as_str().to_owned();
        let told = Told { saying: Some(saying), fact: Some(id), ..bare };
        match self.lines.get(&fact.id) {
            Some(earlier) => (Told { fate: Fate::Repeated { line: *earlier }, ..told }, None),
            None => {
                self.lines.insert(fact.id.clone(), line.number);
                (told, Some(fact))
            }
        }
    }

    async fn say(&self, news: &[New], lines: &[Line]) -> Result<Vec<Became>, Failure> {
        if !self.apply {
            let facts: Vec<FactEvent> = news.iter().map(|new| new.fact.clone()).collect();
            return self.applier.preview(&facts).await.map_err(start::ledger_failure);
        }
        let words: Vec<(FactEvent, WordBy)> = news
            .iter()
            .map(|new| {
                let place = format!("line {} of {}", lines[new.place].number, self.file);
                let by = WordBy {
                    who: self.who.clone(),
                    why: self.reason.to_owned(),
                    place: Some(place),
                };
                (new.fact.clone(), by)
            })
            .collect();
        let became = self.applier.apply_written_down(&words, VIA).await;
        became.into_iter().collect::<Result<_, _>>().map_err(start::ledger_failure)
    }

    /// What a row that counts comes to beside the earlier rows of the file, which a dry run has not written.
    fn in_this_file(&mut self, told: &Told) -> Fate {
        let Some(saying) = told.saying.as_ref().filter(|_| !self.apply) else {
            return Fate::Recorded;
        };
        let fate = if self.all_stand_against(saying) { Fate::Older } else { Fate::Recorded };
        for channel in channels(saying.channel) {
            let word = SaidWord { channel, refused: saying.refused, said_at: saying.at };
            let known = self.said.entry((saying.phone.e164().to_owned(), channel)).or_insert(word);
            if !known.stands_against(word.refused, word.said_at) {
                *known = word;
            }
        }
        fate
    }

    fn all_stand_against(&self, saying: &Saying) -> bool {
        channels(saying.channel).into_iter().all(|channel| {
            let known = self.said.get(&(saying.phone.e164().to_owned(), channel));
            known.is_some_and(|known| known.stands_against(saying.refused, saying.at))
        })
    }
}
