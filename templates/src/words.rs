//! Words for choices: how `payment.method = "card"` is said in the text's language.

use std::collections::BTreeMap;

use crate::error::TemplateError;
use crate::plan::{Form, Plan, SlotKind, Source};
use crate::view::Use;

/// The `words.json` of one type and language: field → choice → word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(BTreeMap<String, BTreeMap<String, String>>);

impl Words {
    pub(crate) fn parse(file: &str, source: &str) -> Result<Self, TemplateError> {
        serde_json::from_str(source).map(Self).map_err(|error| {
            TemplateError::at(
                file,
                (error.line(), error.column()),
                "is not JSON of the form {\"field\": {\"choice\": \"word\"}}",
            )
        })
    }

    pub(crate) fn word(&self, field: &str, choice: &str) -> Option<&str> {
        self.0.get(field)?.get(choice).map(String::as_str)
    }

    /// Every field and choice must be of the type: a misspelt one would never be found.
    pub(crate) fn check_known(&self, file: &str, plan: &Plan) -> Result<(), TemplateError> {
        for (field, words) in &self.0 {
            let slot = plan.slots.iter().find(|slot| slot.dotted == *field);
            let Some(SlotKind::Choice { values }) = slot.map(|slot| &slot.kind) else {
                return Err(TemplateError::new(
                    file,
                    format!("`{field}` is not a field with choices of this type"),
                ));
            };
            for (choice, word) in words {
                if !values.contains(choice) {
                    return Err(TemplateError::new(
                        file,
                        format!("`{field}` has no choice `{choice}`; it has {}", values.join(", ")),
                    ));
                }
                if word.trim().is_empty() {
                    return Err(TemplateError::new(
                        file,
                        format!("the word for `{choice}` of `{field}` is empty"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Every choice of a field whose word a text uses must have one.
    pub(crate) fn check_complete(
        &self,
        file: &str,
        plan: &Plan,
        uses: &[Use],
    ) -> Result<(), TemplateError> {
        for Use { source, .. } in uses {
            let Source::Field { slot, form: Form::Word } = source else { continue };
            let Some(slot) = plan.slots.get(*slot) else { continue };
            let SlotKind::Choice { values } = &slot.kind else { continue };
            if let Some(choice) =
                values.iter().find(|choice| self.word(&slot.dotted, choice).is_none())
            {
                return Err(TemplateError::new(
                    file,
                    format!("add the word for `{choice}` of `{}`: a text shows it", slot.dotted),
                ));
            }
        }
        Ok(())
    }
}
