//! Attempts as spans to an OpenTelemetry collector (`telemetry.otlp_endpoint`): OTLP over HTTP, protobuf.
//!
//! A trace is no record: what a collector does not take, or what comes faster than it takes it, is dropped, and the last second before a
//! stop may be. Nothing waits for it.

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::sync::mpsc;
use worker::spans::Finished;

/// Spans that wait for the collector at most.
const ROOM: usize = 4_096;
/// Spans of one request at most.
const TOGETHER: usize = 512;
/// How long the first of a request waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts exporting to the collector at `endpoint` (its root, without a closing slash) for the process of this name; ends when the other
/// end of the channel does.
///
/// # Errors
/// No HTTP client can be made.
pub fn start(endpoint: &str, process: &str) -> anyhow::Result<mpsc::Sender<Finished>> {
    let limits = providers::Limits {
        connect: PATIENCE / 2,
        total: PATIENCE,
        connections: 1,
        ..providers::Limits::default()
    };
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(providers::http::client(&limits)?)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_timeout(PATIENCE)
        .build()
        .context("telemetry.otlp_endpoint cannot be used")?;
    let service = Resource::builder_empty().with_service_name(format!("ulak-{process}"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    exporter.set_resource(&service.with_attribute(version).build());
    let (to, from) = mpsc::channel(ROOM);
    tokio::spawn(export(exporter, from));
    Ok(to)
}

async fn export(exporter: opentelemetry_otlp::SpanExporter, mut from: mpsc::Receiver<Finished>) {
    let mut taken = true;
    loop {
        let mut spans = vec![];
        if from.recv_many(&mut spans, TOGETHER).await == 0 {
            return;
        }
        if spans.len() < TOGETHER {
            tokio::time::sleep(LINGER).await;
            while spans.len() < TOGETHER
                && let Ok(span) = from.try_recv()
            {
                spans.push(span);
            }
        }
        let count = spans.len();
        let spans = spans.into_iter().map(span).collect();
        match exporter.export(spans).await {
            Ok(()) if !std::mem::replace(&mut taken, true) => {
                tracing::info!("the collector takes spans again");
            }
            Ok(()) => {}
            // the library's own words may hold the address, which may hold a password
            Err(_) if std::mem::replace(&mut taken, false) => {
                tracing::warn!(
                    spans = count,
                    "the collector of telemetry.otlp_endpoint takes no spans: they are dropped until it does"
                );
            }
            Err(_) => tracing::debug!(spans = count, "spans are dropped"),
        }
    }
}

/// An attempt as OpenTelemetry has it.
fn span(of: Finished) -> SpanData {
    let id = |text: String| SpanId::from_hex(&text).unwrap_or(SpanId::INVALID);
    let trace = TraceId::from_hex(&of.trace.trace_id()).unwrap_or(TraceId::INVALID);
    let context = SpanContext::new(
        trace,
        id(of.trace.span_id()),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let status = match of.outcome {
        "accepted" => Status::Ok,
        _ => Status::error(of.code.clone()),
    };
    let attributes = vec![
        KeyValue::new("ulak.ntf", of.ntf),
        KeyValue::new("ulak.clinic", of.clinic),
        KeyValue::new("ulak.lane", of.lane),
        KeyValue::new("ulak.attempt", i64::from(of.attempt)),
        KeyValue::new("ulak.outcome", of.outcome),
        KeyValue::new("ulak.code", of.code),
    ];
    SpanData {
        span_context: context,
        parent_span_id: id(of.parent.span_id()),
        parent_span_is_remote: true,
        span_kind: SpanKind::Client,
        name: "send".into(),
        start_time: (of.ended - chrono::TimeDelta::from_std(of.took).unwrap_or_default()).into(),
        end_time: of.ended.into(),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: InstrumentationScope::builder("ulak").build(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use schemas::trace::{SpanId as Name, TraceParent};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn finished(outcome: &'static str) -> Finished {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = TraceParent::parse(parent).expect("well-formed");
        Finished {
            trace: parent.with_span(Name::named("ntf_x", 2)),
            parent,
            ntf: "ntf_x".to_owned(),
            clinic: "atasehir".to_owned(),
            lane: "netgsm/default/K".to_owned(),
            attempt: 2,
            outcome,
            code: "netgsm:00".to_owned(),
            ended: chrono::DateTime::from_timestamp_millis(1_800_000_000_250).expect("a time"),
            took: Duration::from_millis(250),
        }
    }

    #[test]
    fn an_attempt_is_a_child_of_what_the_clinic_began() {
        let of = finished("accepted");
        let span = span(of.clone());
        assert_eq!(span.span_context.trace_id().to_string(), of.trace.trace_id());
        assert_eq!(span.span_context.span_id().to_string(), of.trace.span_id());
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
        let begins = span.start_time.duration_since(UNIX_EPOCH).expect("after 1970");
        assert_eq!(begins.as_millis(), 1_800_000_000_000);
        assert_eq!(span.status, Status::Ok);
        assert_ne!(super::span(finished("refused")).status, Status::Ok);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_collector_is_told_of_attempts_by_otlp_over_http() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let spans = start(&format!("http://{address}"), "worker").expect("an exporter");
        spans.send(finished("accepted")).await.expect("it listens");
        let (mut stream, _) = listener.accept().await.expect("a request");
        let mut heard: Vec<u8> = vec![];
        while !heard.windows(8).any(|window| window == b"ulak.ntf") {
            let mut part = [0; 4_096];
            let n = stream.read(&mut part).await.expect("bytes");
            assert!(n > 0, "it ended without a span: {}", String::from_utf8_lossy(&heard));
            heard.extend(&part[..n]);
        }
        let head = String::from_utf8_lossy(&heard).to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.expect("answered");
    }
}
