//! From method and path to the call of a twin.

use hyper::Method;

use crate::faults::{Operation, Provider};
use crate::iys::{IysCall, Place};

/// A call of a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub provider: Provider,
    pub operation: Operation,
    /// İYS: which call, and whose data it asks for.
    pub iys: Option<(IysCall<'a>, Option<Place<'a>>)>,
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
        _ => match sps(path) {
            Some(found) => found,
            None => return Found::Nothing,
        },
    };
    if *method == wanted { Found::Twin(route) } else { Found::OtherMethod }
}

fn netgsm(operation: Operation) -> Route<'static> {
    Route { provider: Provider::Netgsm, operation, iys: None }
}

fn iys<'a>(operation: Operation, call: IysCall<'a>, place: Option<Place<'a>>) -> Route<'a> {
    Route { provider: Provider::Iys, operation, iys: Some((call, place)) }
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
    fn another_method_and_another_path_are_told_apart() {
        assert_eq!(find(&Method::GET, "/sms/rest/v2/send"), Found::OtherMethod);
        for path in ["/", "/sms/send/get", "/sps", "/sps/1/brands/2", "/v2/sps/1/brands", "//"] {
            assert_eq!(find(&Method::POST, path), Found::Nothing, "{path}");
        }
    }
}
