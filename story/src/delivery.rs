//! What providers said became of messages that they had taken, in both languages.

use ledger::receipts::Delivery;
use ledger::record::Entry;
use ledger::state::State;

use crate::local;

/// Whether a row waits for its next channel, and so was sent on the one before.
pub(crate) fn goes_on(why: &str) -> bool {
    why.starts_with("next-channel")
}

/// A receipt, or what followed from there being none; `None`: it is another kind of record.
pub(crate) fn english(entry: &Entry) -> Option<String> {
    let said = |delivery: Option<Delivery>, word: &str| match delivery {
        Some(Delivery::Queued) => "the provider has it".to_owned(),
        Some(Delivery::Sent) => "it is on its way".to_owned(),
        Some(Delivery::Delivered) => "it arrived".to_owned(),
        Some(Delivery::Read) => "the person opened it".to_owned(),
        Some(Delivery::Undelivered) => "it did not arrive".to_owned(),
        Some(Delivery::Failed) => "it could not be sent on".to_owned(),
        None => format!("a word that Ulak does not know, {word:?}"),
    };
    Some(match entry {
        Entry::Receipt { attempt, word, delivery, then, moved, via, .. } => {
            let begins = format!("receipt of attempt {attempt} ({via}): {}", said(*delivery, word));
            let ends = moved.then(|| format!("; now {}", ended(*then)));
            receipt(entry, begins, ["provider's id", "by the provider's clock"], ends.as_deref())
        }
        Entry::Overdue { attempt } => {
            format!("nothing was heard of attempt {attempt} in its time: the next channel is tried")
        }
        Entry::TwoChannel { attempt } => format!(
            "attempt {attempt} was accepted on a second channel, after the first one was lost or not heard of"
        ),
        _ => return None,
    })
}

fn ended(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting for the next channel",
        other => other.as_str(),
    }
}

/// What a receipt says beside its state: code, the provider's words, its id and its clock, under these two names.
fn receipt(entry: &Entry, mut text: String, [id, clock]: [&str; 2], ends: Option<&str>) -> String {
    let Entry::Receipt { code, detail, provider_ref, at, .. } = entry else { return text };
    if !code.is_empty() {
        text = format!("{text}, {code}");
    }
    if !detail.is_empty() {
        text = format!("{text}: {detail}");
    }
    if let Some(reference) = provider_ref {
        text = format!("{text}, {id} {reference}");
    }
    if let Some(at) = at {
        text = format!("{text}, {clock} {}", local(*at));
    }
    text + ends.unwrap_or_default()
}

/// The same in Turkish. Nothing that varies takes a suffix.
pub(crate) fn turkish(entry: &Entry, state: fn(State) -> &'static str) -> Option<String> {
    let said = |delivery: Option<Delivery>, word: &str| match delivery {
        Some(Delivery::Queued) => "sağlayıcıda".to_owned(),
        Some(Delivery::Sent) => "yolda".to_owned(),
        Some(Delivery::Delivered) => "telefona ulaştı".to_owned(),
        Some(Delivery::Read) => "kişi açtı".to_owned(),
        Some(Delivery::Undelivered) => "ulaşmadı".to_owned(),
        Some(Delivery::Failed) => "iletilemedi".to_owned(),
        None => format!("Ulak'ın bilmediği bir sözcük, {word:?}"),
    };
    Some(match entry {
        Entry::Receipt { attempt, word, delivery, then, moved, via, .. } => {
            let begins =
                format!("deneme {attempt} için teslim bilgisi ({via}): {}", said(*delivery, word));
            let ends = moved.then(|| match then {
                State::Waiting => "; durum: sıradaki kanal bekleniyor".to_owned(),
                then => format!("; durum: {}", state(*then)),
            });
            receipt(
                entry,
                begins,
                ["sağlayıcının numarası", "sağlayıcının saatiyle"],
                ends.as_deref(),
            )
        }
        Entry::Overdue { attempt } => {
            format!("deneme {attempt} için süresi içinde haber gelmedi: sıradaki kanal denenir")
        }
        Entry::TwoChannel { attempt } => format!(
            "ilk kanal ulaşmadıktan ya da haber vermedikten sonra deneme {attempt} ikinci kanalda kabul edildi"
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::state::Reach;

    fn received(delivery: Option<Delivery>, then: State, moved: bool) -> Entry {
        Entry::Receipt {
            attempt: 41,
            word: "beamed".to_owned(),
            delivery,
            code: "whatsapp:131026".to_owned(),
            detail: "not on WhatsApp".to_owned(),
            provider_ref: Some("wamid.x".to_owned()),
            at: Some(0),
            via: "webhook".to_owned(),
            reach: Reach::Lost,
            then,
            moved,
        }
    }

    #[test]
    fn a_receipt_is_told_with_everything_that_it_says_in_both_languages() {
        let all = Delivery::ALL.iter().copied().map(Some).chain([None]);
        let mut told = std::collections::BTreeSet::new();
        for delivery in all {
            for (then, moved) in
                [(State::Waiting, true), (State::Delivered, true), (State::Delivered, false)]
            {
                let entry = received(delivery, then, moved);
                let both = [english(&entry), turkish(&entry, |_| "durum-x")].map(Option::unwrap);
                for said in both {
                    for part in ["41", "webhook", "whatsapp:131026", "not on WhatsApp", "wamid.x"] {
                        assert!(said.contains(part), "{said}");
                    }
                    assert!(delivery.is_some() || said.contains("beamed"), "{said}");
                    assert!(told.insert(said.clone()), "said twice: {said}");
                }
            }
        }
        for entry in [Entry::Overdue { attempt: 41 }, Entry::TwoChannel { attempt: 41 }] {
            let both = [english(&entry), turkish(&entry, |_| "")].map(Option::unwrap);
            assert!(both[0] != both[1] && both.iter().all(|said| said.contains("41")), "{both:?}");
        }
        assert_eq!(english(&Entry::SentTwice { attempt: 1 }), None);
        assert!(goes_on("next-channel: overdue") && !goes_on("retry"));
    }
}
