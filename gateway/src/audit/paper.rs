//! What a page says on paper only: to what it is restricted. Its form is not printed, and a list without its filter proves nothing.

use crate::audit::call::Call;
use crate::audit::{catalogue, filter, search};
use ledger::access::Visitor;
use ledger::state::State;
use schemas::holds_a_number;

/// Fields of a query that restrict a page, with the key of their label.
const FIELDS: [(&str, &str); 11] = [
    ("from", "search.from"),
    ("to", "search.to"),
    ("clinic", "search.clinic"),
    ("type", "search.type"),
    ("state", "search.state"),
    ("channel", "search.channel"),
    ("provider", "search.provider"),
    ("reason", "search.reason"),
    ("event", "search.event"),
    ("rule", "dead.rule"),
    ("token", "access.token"),
];
/// What stands for a value that is not written back.
const WITHHELD: &str = "●●●";
/// Pages that show everything where nothing restricts them.
const LISTS: [&str; 3] = ["/audit", "/audit/dead-letters", "/audit/access"];

/// To what the page is restricted, in words, in one line; empty for a page that cannot be.
pub(super) fn held(call: &Call, visitor: &Visitor) -> String {
    let mut said: Vec<String> = FIELDS
        .iter()
        .filter_map(|(name, label)| {
            let value = value(call, visitor, name, call.asked(name))?;
            Some(format!("{}: {value}", call.text(label)))
        })
        .collect();
    // a page that goes on from another one is not the whole either
    if ["after", "before"].iter().any(|place| !call.asked(place).is_empty()) {
        said.push(call.text("paper.page").to_owned());
    }
    let all = said.is_empty() && call.asked("asked").is_empty();
    if all && LISTS.contains(&call.path.as_str()) {
        said.push(call.text("paper.all").to_owned());
    }
    said.join(" · ")
}

/// A field as a person reads it; `None`: it is empty. What holds a number that it should not is not written back, and said all the same:
/// the page is restricted by it. So is a clinic that the visitor may not see, whose name he does not learn.
fn value(call: &Call, visitor: &Visitor, name: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let is_number = holds_a_number(text) && !filter::is_lane(call, text) && !is_time(name);
    if is_number || (name == "clinic" && !visitor.sees(text)) {
        return Some(WITHHELD.to_owned());
    }
    Some(match name {
        "from" | "to" => text.replace('T', " "),
        "clinic" => call.settings().name(text).to_owned(),
        "type" => catalogue::of(call.tongue).get(&format!("type.{text}")).cloned()?,
        "state" => story::state(call.tongue, State::parse(text)?).to_owned(),
        "channel" => search::channel_name(call, text),
        _ => text.to_owned(),
    })
}

fn is_time(name: &str) -> bool {
    matches!(name, "from" | "to")
}
