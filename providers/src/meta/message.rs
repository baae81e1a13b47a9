//! A template message, and the bytes it becomes (A8).

use std::fmt;

use schemas::PhoneNumber;
use serde_json::{Value, json};

/// Most characters of `biz_opaque_callback_data` (A8).
pub(super) const MOST_REFERENCE_CHARS: usize = 512;

/// One approved template to one number.
#[derive(Clone, Copy)]
pub struct TemplateMessage<'a> {
    /// Whom to.
    pub to: &'a PhoneNumber,
    /// The template's name.
    pub template: &'a str,
    /// Its language, as Meta writes it: `tr`, `en_US`.
    pub language: &'a str,
    /// The values of `{{1}}`, `{{2}}`, … of the body, in this order. A run of blanks and line breaks becomes one blank:
    /// Meta takes neither line breaks nor more than four blanks (132018).
    pub body: &'a [&'a str],
    /// The values of buttons that take one.
    pub buttons: &'a [ButtonValue<'a>],
    /// `<ntf>-<n>`; every status webhook of the message brings it back.
    pub reference: &'a str,
}

impl fmt::Debug for TemplateMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateMessage")
            .field("template", &self.template)
            .field("language", &self.language)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ButtonKind {
    /// Answers with a payload of ours.
    QuickReply,
    /// Opens an address whose end is ours.
    Url,
}

impl ButtonKind {
    /// `sub_type` of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuickReply => "quick_reply",
            Self::Url => "url",
        }
    }
}

/// The value of one button.
#[derive(Clone, Copy)]
pub struct ButtonValue<'a> {
    /// Its place, from 0.
    pub index: u8,
    /// What it does.
    pub kind: ButtonKind,
    /// The payload, or the end of the address.
    pub value: &'a str,
}

impl fmt::Debug for ButtonValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ButtonValue")
            .field("index", &self.index)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl TemplateMessage<'_> {
    /// The recipient as Meta writes it: E.164 without `+`.
    pub(super) fn wa_id(&self) -> &str {
        self.to.e164().trim_start_matches('+')
    }

    /// The request body.
    pub(super) fn json(&self) -> Vec<u8> {
        let mut components = Vec::with_capacity(1 + self.buttons.len());
        if !self.body.is_empty() {
            let parameters: Vec<Value> = self
                .body
                .iter()
                .map(|value| json!({ "type": "text", "text": one_line(value) }))
                .collect();
            components.push(json!({ "type": "body", "parameters": parameters }));
        }
        for button in self.buttons {
            let parameter = match button.kind {
                ButtonKind::QuickReply => json!({ "type": "payload", "payload": button.value }),
                ButtonKind::Url => json!({ "type": "text", "text": one_line(button.value) }),
            };
            components.push(json!({
                "type": "button",
                "sub_type": button.kind.as_str(),
                "index": button.index.to_string(),
                "parameters": [parameter],
            }));
        }
        let mut template = json!({ "name": self.template, "language": { "code": self.language } });
        if !components.is_empty() {
            template["components"] = Value::Array(components);
        }
        let body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": self.wa_id(),
            "type": "template",
            "template": template,
            "biz_opaque_callback_data": self.reference,
        });
        body.to_string().into_bytes()
    }
}

/// Blanks, tabs and line breaks as one blank each run.
fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
