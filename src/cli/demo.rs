//! `ulak demo`.

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  ulak demo                                everything in a folder of its own; needs nothing
  ulak demo --broker amqp://… --database postgres://…    the same through RabbitMQ and PostgreSQL

Two dozen events: sent, retried, failed over to another provider, duplicate, without consent, malformed, waiting, unknown. Ends with 0 if
each ended as foreseen and the books balance. Nothing is sent to anybody: Netgsm, Twilio and İYS are simulated.";

/// Show a whole installation at work, with simulated providers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// RabbitMQ to use, amqp://…: a vhost of its own, for its queues are declared in it
    #[arg(long, value_name = "URL", requires = "database")]
    pub broker: Option<String>,
    /// PostgreSQL to use, postgres://…: an empty database
    #[arg(long, value_name = "URL", requires = "broker")]
    pub database: Option<String>,
}
