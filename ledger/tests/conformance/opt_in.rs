//! The registry: what persons said, read back channel by channel, and a claim that stands on nothing that was said after it was decided.

use crate::draft::{CLINIC, claim, known, stranger};
use crate::place::{Place, fresh};
use ledger::decision::{Claimed, PersonBasis};
use ledger::facts::{Applied, FactState, FactWord, FactWrite, WordBy};
use ledger::opt_in::{Words, WordsAsk};
use ledger::record::Entry;
use schemas::Channel;

/// Words about a number, as a fact of this name says them.
fn said(id: &str, name: &str, channels: &[Channel], refused: bool, at: i64) -> FactWrite {
    let word = FactWord {
        key: format!("number-{name}"),
        person: format!("person-{name}"),
        channels: channels.to_vec(),
        refused,
        said_at: at,
        why: "consent-refused".to_owned(),
        evidence: Some("form-7".to_owned()),
        by: Some(WordBy { who: "ayse@m".to_owned(), why: "at the desk".to_owned(), place: None }),
    };
    FactWrite {
        id: format!("fct_{id}"),
        clinic: CLINIC.to_owned(),
        fact_type: "clinic.consent-changed.v1".to_owned(),
        source: "/clinics/atasehir".to_owned(),
        event_id: id.to_owned(),
        digest: "d1".to_owned(),
        state: FactState::Applied,
        why: String::new(),
        about: None,
        appointment: None,
        cancels: vec![],
        word: Some(word),
        person: Some(stranger(name)),
        plan: vec![],
        entry: Entry::FactApplied {
            fact_type: "clinic.consent-changed.v1".to_owned(),
            source: "/clinics/atasehir".to_owned(),
            id: id.to_owned(),
            digest: "d1".to_owned(),
            person: Some(format!("per_{name}")),
            body: "sealed".to_owned(),
            via: "test".to_owned(),
            plan: vec![],
            cancelled: vec![],
        },
    }
}

impl Place {
    /// `false`: later words stand.
    async fn say(&self, fact: &FactWrite) -> bool {
        let mut tx = self.begin_facts().await.unwrap();
        match tx.write(fact).await.unwrap() {
            Applied::Written { .. } => {
                tx.commit().await.unwrap();
                true
            }
            Applied::LookAgain => false,
            known @ Applied::Known { .. } => panic!("{known:?}"),
        }
    }

    async fn words_of(&self, name: &str) -> Words {
        self.words(&[ask(name)]).await.unwrap().remove(0)
    }
}

fn ask(name: &str) -> WordsAsk {
    WordsAsk { key: format!("number-{name}"), person: format!("person-{name}") }
}

/// Channel, what was said of it, when, and the fact.
fn told(words: &Words) -> Vec<(Channel, bool, i64, Option<&str>)> {
    [Channel::Sms, Channel::Whatsapp]
        .into_iter()
        .filter_map(|channel| {
            let word = words.of(channel)?;
            Some((channel, word.refused, word.said_at, word.fact.as_deref()))
        })
        .collect()
}

#[tokio::test]
async fn each_channel_has_its_own_word_with_the_fact_that_said_it() {
    use Channel::{Sms, Whatsapp};
    let place = fresh().await;
    assert_eq!(place.words_of("a").await, Words::default(), "nobody knows the number");
    assert!(place.say(&said("1", "a", &[Sms, Whatsapp], false, 10)).await);
    assert!(place.say(&said("2", "a", &[Whatsapp], true, 20)).await);
    let words = place.words_of("a").await;
    assert_eq!(
        told(&words),
        [(Sms, false, 10, Some("fct_1")), (Whatsapp, true, 20, Some("fct_2"))]
    );
    assert!(words.given(Sms) && words.refused(Whatsapp));
    assert_eq!(place.number("SELECT count(*) FROM suppression").await, 0, "text messages may go");
    assert!(place.say(&said("3", "a", &[Sms, Whatsapp], false, 15)).await, "for one of both");
    let words = place.words_of("a").await;
    assert_eq!(
        told(&words),
        [(Sms, false, 15, Some("fct_3")), (Whatsapp, true, 20, Some("fct_2"))]
    );
    place.assert_sound().await;
}

#[tokio::test]
async fn a_word_is_recorded_with_the_channels_for_which_it_stands_and_who_wrote_it_down() {
    use Channel::{Sms, Whatsapp};
    let place = fresh().await;
    place.say(&said("1", "a", &[Whatsapp], true, 20)).await;
    place.say(&said("2", "a", &[Sms, Whatsapp], false, 10)).await;
    let records = place.records("fct_2").await.unwrap();
    let kinds: Vec<_> = records.iter().map(|record| record.entry.kind()).collect();
    assert_eq!(kinds, ["fact-applied", "consent-said"]);
    let Entry::ConsentSaid { channels, said, said_at, evidence, by } = &records[1].entry else {
        panic!("another record")
    };
    assert_eq!((channels.join(" "), said.as_str(), *said_at), ("sms".to_owned(), "given", 10));
    assert_eq!(evidence.as_deref(), Some("form-7"));
    assert_eq!(by.as_ref().map(|by| by.who.as_str()), Some("ayse@m"));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_claim_that_was_decided_before_a_word_writes_nothing() {
    let place = fresh().await;
    // of a stranger: the claim would make the person known
    let before = place.words_of("a").await;
    place.say(&said("1", "a", &[Channel::Whatsapp], true, 10)).await;
    let stale = ledger::decision::Claim {
        person: PersonBasis { rev: before.rev, ..stranger("a") },
        ..claim("a")
    };
    assert!(matches!(place.claim_one(stale).await, Claimed::LookAgain(_)));
    // of somebody known: by one revision for each word
    let known_then = place.words_of("a").await;
    let basis = |words: &Words| PersonBasis { rev: words.rev, ..known("a") };
    place.say(&said("2", "a", &[Channel::Whatsapp], false, 20)).await;
    let stale = ledger::decision::Claim { person: basis(&known_then), ..claim("a") };
    let rose = Claimed::LookAgain("the person's revision rose");
    assert_eq!(place.claim_one(stale).await, rose);
    let now = place.words_of("a").await;
    let fresh = ledger::decision::Claim { person: basis(&now), ..claim("a") };
    assert_eq!(place.claim_one(fresh).await, Claimed::Won);
    place.assert_sound().await;
}

#[tokio::test]
async fn many_numbers_are_asked_about_at_once_and_each_gets_its_own_answer() {
    let place = fresh().await;
    for n in 0..10 {
        let name = n.to_string();
        place.say(&said(&name, &name, &[Channel::Whatsapp], n % 2 == 0, 10 + n)).await;
    }
    // some twice, some that nobody knows
    let names: Vec<String> = (0..30).map(|n| (n * 7 % 15).to_string()).collect();
    let asks: Vec<WordsAsk> = names.iter().map(|name| ask(name)).collect();
    let answers = place.words_each(&asks).await;
    assert_eq!(answers.len(), asks.len());
    for (name, words) in names.iter().zip(answers) {
        let (words, n) = (words.unwrap(), name.parse::<i64>().unwrap());
        let fact = format!("fct_{name}");
        let expected =
            (n < 10).then_some((Channel::Whatsapp, n % 2 == 0, 10 + n, Some(fact.as_str())));
        assert_eq!(told(&words), Vec::from_iter(expected), "{name}");
        assert_eq!(words.rev, if n < 10 { 2 } else { 0 }, "{name}");
    }
    assert!(place.words_each(&[]).await.is_empty());
}

#[tokio::test]
async fn in_whatever_order_words_arrive_the_latest_stands_and_at_one_instant_the_refusal() {
    let words = [(10, false), (30, false), (20, true), (30, true)];
    let place = fresh().await;
    let mut orders = vec![vec![]];
    for n in 0..words.len() {
        // every order of one more: put it at each place of every order of those before
        orders = orders
            .iter()
            .flat_map(|order: &Vec<usize>| {
                (0..=order.len()).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, n);
                    longer
                })
            })
            .collect();
    }
    assert_eq!(orders.len(), 24);
    for (round, order) in orders.iter().enumerate() {
        let name = format!("r{round}");
        for n in order {
            let (at, refused) = words[*n];
            place.say(&said(&format!("{name}-{n}"), &name, &[Channel::Sms], refused, at)).await;
        }
        let stands = place.words_of(&name).await;
        let fact = format!("fct_{name}-3");
        assert_eq!(told(&stands), [(Channel::Sms, true, 30, Some(fact.as_str()))], "{order:?}");
    }
    let listed = place.number("SELECT count(*) FROM suppression").await;
    assert_eq!(listed, 24, "what stands is a refusal of text messages");
    place.assert_sound().await;
}

#[tokio::test]
async fn a_word_of_before_its_fact_was_kept_with_it_still_counts() {
    let place = fresh().await;
    place.say(&said("1", "a", &[Channel::Whatsapp], false, 10)).await;
    assert_eq!(place.run("UPDATE consent_word SET fact = NULL").await, 1);
    let words = place.words_of("a").await;
    assert_eq!(told(&words), [(Channel::Whatsapp, false, 10, None)]);
    let evidence = words.evidence(Channel::Whatsapp);
    assert_eq!((evidence.said.as_str(), evidence.fact), ("given", None));
}
