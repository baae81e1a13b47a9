//! From method and path to the call of a twin.

use hyper::Method;

use crate::faults::{Operation, Provider};
use crate::iys::{IysCall, Place};
use crate::meta::MetaCall;
use crate::twilio::{ContentCall, TwilioPlace};

/// A call of a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub provider: Provider,
    pub operation: Operation,
    pub target: Target<'a>,
}

/// What a path says beside the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// Netgsm's paths say no more.
    Netgsm,
    /// Which call, and whose data it asks for.
    Iys(IysCall<'a>, Option<Place<'a>>),
    /// Whose account, and which message.
    Twilio(TwilioPlace<'a>),
    /// Which call about Twilio's content templates.
    TwilioContent(ContentCall<'a>),
    /// Which call of Meta's, and whose number or account.
    Meta(MetaCall, &'a str),
}

/// What a path is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Twin(Route<'a>),
    /// The path is a twin's, the method is not.
    OtherMethod,
    Nothing,
}

/// Finds the call. Paths are the vendors' own (facts A1–A7, B1, B3).
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let (wanted, route) = match path {
        "/sms/rest/v2/send" => (Method::POST, netgsm(Operation::Send)),
        "/sms/rest/v2/otp" => (Method::POST, netgsm(Operation::Otp)),
        "/sms/rest/v2/report" => (Method::POST, netgsm(Operation::Report)),
        "/sms/rest/v2/stats" => (Method::POST, netgsm(Operation::Stats)),
        "/sms/rest/v2/cancel" => (Method::POST, netgsm(Operation::Cancel)),
        "/sms/rest/v2/msgheader" => (Method::GET, netgsm(Operation::Msgheader)),
        "/sms/rest/v2/inbox" => (Method::GET, netgsm(Operation::Inbox)),
        "/balance" => (Method::POST, netgsm(Operation::Balance)),
        "/iys/add" => (Method::POST, netgsm(Operation::IysAdd)),
        "/iys/search" => (Method::POST, netgsm(Operation::IysSearch)),
        "/oauth2/token" => (Method::POST, iys(Operation::Token, IysCall::Token, None)),
        _ => match sps(path)
            .or_else(|| twilio(method, path))
            .or_else(|| content(path))
            .or_else(|| meta(method, path))
        {
            Some(found) => found,
            None => return Found::Nothing,
        },
    };
    if *method == wanted { Found::Twin(route) } else { Found::OtherMethod }
}

fn netgsm(operation: Operation) -> Route<'static> {
    Route { provider: Provider::Netgsm, operation, target: Target::Netgsm }
}

fn iys<'a>(operation: Operation, call: IysCall<'a>, place: Option<Place<'a>>) -> Route<'a> {
    Route { provider: Provider::Iys, operation, target: Target::Iys(call, place) }
}

/// `/2010-04-01/Accounts/{AccountSid}…`; the method tells a create from a list.
fn twilio<'a>(method: &Method, path: &'a str) -> Option<(Method, Route<'a>)> {
    let mut parts = path.strip_prefix("/2010-04-01/Accounts/")?.strip_suffix(".json")?.split('/');
    let account_sid = parts.next().filter(|sid| !sid.is_empty())?;
    let rest = [parts.next(), parts.next(), parts.next()];
    let (wanted, operation, message_sid) = match rest {
        [None, ..] => (Method::GET, Operation::Account, None),
        [Some("Balance"), None, _] => (Method::GET, Operation::Balance, None),
        [Some("Messages"), None, _] if method == Method::GET => {
            (Method::GET, Operation::List, None)
        }
        [Some("Messages"), None, _] => (Method::POST, Operation::Send, None),
        [Some("Messages"), Some(sid), None] if method == Method::GET => {
            (Method::GET, Operation::Fetch, Some(sid))
        }
        [Some("Messages"), Some(sid), None] if method == Method::DELETE => {
            (Method::DELETE, Operation::Update, Some(sid))
        }
        [Some("Messages"), Some(sid), None] => (Method::POST, Operation::Update, Some(sid)),
        _ => return None,
    };
    let target = Target::Twilio(TwilioPlace { account_sid, message_sid });
    Some((wanted, Route { provider: Provider::Twilio, operation, target }))
}

/// `/v1/ContentAndApprovals`, `/v1/Content/{Sid}…`.
fn content(path: &str) -> Option<(Method, Route<'_>)> {
    let parts: Vec<&str> = path.strip_prefix("/v1/")?.split('/').collect();
    let call = match parts.as_slice() {
        ["ContentAndApprovals"] => ContentCall::List,
        ["Content", sid] => ContentCall::One(sid),
        ["Content", sid, "ApprovalRequests"] => ContentCall::Approval(sid),
        _ => return None,
    };
    let target = Target::TwilioContent(call);
    let route = Route { provider: Provider::Twilio, operation: Operation::Templates, target };
    Some((Method::GET, route))
}

/// `/v23.0/{id}…`.
fn meta<'a>(method: &Method, path: &'a str) -> Option<(Method, Route<'a>)> {
    let mut parts = path.strip_prefix("/v")?.split('/');
    let (major, minor) = parts.next()?.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(major) || !is_number(minor) {
        return None;
    }
    let id = parts.next().filter(|id| is_number(id))?;
    let (wanted, operation, call) = match [parts.next(), parts.next()] {
        [None, _] => (Method::GET, Operation::Account, MetaCall::Number),
        [Some("messages"), None] => (Method::POST, Operation::Send, MetaCall::Send),
        [Some("message_templates"), None] if method == Method::GET => {
            (Method::GET, Operation::Templates, MetaCall::Templates)
        }
        _ => return None,
    };
    let target = Target::Meta(call, id);
    Some((wanted, Route { provider: Provider::Meta, operation, target }))
}

/// `/sps/{iysCode}/brands…`, and the same under `/v2` where İYS has it.
fn sps(path: &str) -> Option<(Method, Route<'_>)> {
    let (v2, path) = match path.strip_prefix("/v2/") {
        Some(rest) => (true, rest),
        None => (false, path.strip_prefix('/')?),
    };
    let mut parts = path.split('/');
    if parts.next() != Some("sps") {
        return None;
    }
    let iys_code = parts.next()?;
    if parts.next() != Some("brands") {
        return None;
    }
    let Some(brand_code) = parts.next() else {
        let place = Place { iys_code, brand_code: None };
        let route = iys(Operation::Brands, IysCall::Brands, Some(place));
        return (!v2).then_some((Method::GET, route));
    };
    if parts.next() != Some("consents") {
        return None;
    }
    let rest: Vec<&str> = parts.collect();
    let (method, call) = match (rest.as_slice(), v2) {
        ([], v2) => (Method::POST, IysCall::Add { repeatable: v2 }),
        (["request"], _) => (Method::POST, IysCall::Upload),
        (["request", request_id], _) => (Method::GET, IysCall::UploadResult { request_id }),
        (["status"], false) => (Method::POST, IysCall::Status),
        (["history"], false) => (Method::POST, IysCall::History),
        (["changes"], false) => (Method::GET, IysCall::Changes),
        ([recipient_type, "status", channel], false) => {
            (Method::POST, IysCall::Batch { recipient_type, channel })
        }
        _ => return None,
    };
    let place = Place { iys_code, brand_code: Some(brand_code) };
    Some((method, iys(Operation::Consents, call, Some(place))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_paths_lead_to_their_calls() {
        for (path, call) in [
            ("/sps/1/brands/2/consents", IysCall::Add { repeatable: false }),
            ("/v2/sps/1/brands/2/consents", IysCall::Add { repeatable: true }),
            ("/sps/1/brands/2/consents/request", IysCall::Upload),
            ("/sps/1/brands/2/consents/status", IysCall::Status),
            (
                "/sps/1/brands/2/consents/BIREYSEL/status/MESAJ",
                IysCall::Batch { recipient_type: "BIREYSEL", channel: "MESAJ" },
            ),
        ] {
            let place = Place { iys_code: "1", brand_code: Some("2") };
            let wanted = Found::Twin(iys(Operation::Consents, call, Some(place)));
            assert_eq!(find(&Method::POST, path), wanted, "{path}");
        }
    }

    #[test]
    fn twilios_paths_lead_to_their_calls() {
        let all = "/2010-04-01/Accounts/AC1/Messages.json";
        let one = "/2010-04-01/Accounts/AC1/Messages/SM1.json";
        for (method, path, operation, message_sid) in [
            (Method::POST, all, Operation::Send, None),
            (Method::GET, all, Operation::List, None),
            (Method::GET, one, Operation::Fetch, Some("SM1")),
            (Method::POST, one, Operation::Update, Some("SM1")),
            (Method::DELETE, one, Operation::Update, Some("SM1")),
            (Method::GET, "/2010-04-01/Accounts/AC1.json", Operation::Account, None),
            (Method::GET, "/2010-04-01/Accounts/AC1/Balance.json", Operation::Balance, None),
        ] {
            let target = Target::Twilio(TwilioPlace { account_sid: "AC1", message_sid });
            let wanted = Found::Twin(Route { provider: Provider::Twilio, operation, target });
            assert_eq!(find(&method, path), wanted, "{method} {path}");
        }
        assert_eq!(find(&Method::DELETE, all), Found::OtherMethod);
        for path in [
            "/2010-04-01/Accounts/AC1/Messages",
            "/2010-04-01/Accounts/.json",
            "/2010-04-01/Accounts/AC1/Calls.json",
        ] {
            assert_eq!(find(&Method::GET, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn metas_and_the_templates_paths_lead_to_their_calls() {
        for (method, path, operation, call) in [
            (Method::POST, "/v23.0/1/messages", Operation::Send, MetaCall::Send),
            (Method::GET, "/v26.0/1/message_templates", Operation::Templates, MetaCall::Templates),
            (Method::GET, "/v23.0/1", Operation::Account, MetaCall::Number),
        ] {
            let target = Target::Meta(call, "1");
            let wanted = Found::Twin(Route { provider: Provider::Meta, operation, target });
            assert_eq!(find(&method, path), wanted, "{path}");
        }
        for (path, call) in [
            ("/v1/ContentAndApprovals", ContentCall::List),
            ("/v1/Content/HX1", ContentCall::One("HX1")),
            ("/v1/Content/HX1/ApprovalRequests", ContentCall::Approval("HX1")),
        ] {
            let target = Target::TwilioContent(call);
            let (provider, operation) = (Provider::Twilio, Operation::Templates);
            let wanted = Found::Twin(Route { provider, operation, target });
            assert_eq!(find(&Method::GET, path), wanted, "{path}");
        }
        assert_eq!(find(&Method::GET, "/v23.0/1/messages"), Found::OtherMethod);
        for path in ["/v23/1/messages", "/v23.0/x/messages", "/v23.0/1/messages/2", "/v1/Content"] {
            assert_eq!(find(&Method::POST, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn another_method_and_another_path_are_told_apart() {
        assert_eq!(find(&Method::GET, "/sms/rest/v2/send"), Found::OtherMethod);
        for path in ["/", "/sms/send/get", "/sps", "/sps/1/brands/2", "/v2/sps/1/brands", "//"] {
            assert_eq!(find(&Method::POST, path), Found::Nothing, "{path}");
        }
    }
}
