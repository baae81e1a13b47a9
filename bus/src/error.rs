//! What can go wrong with the broker, in one line each that says what to do.

use std::{fmt, time::Duration};

use lapin::ErrorKind;

/// The kind of a declared thing, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A queue: it holds messages, so mending it needs care.
    Queue,
    /// An exchange: it holds no messages.
    Exchange,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        })
    }
}

/// A fault of the broker, of the way to it, or of its configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// `broker.url` cannot be read. Its text is not repeated: it holds a password.
    #[error(
        "broker.url is not an AMQP address: write amqp://user:password@host:5672/vhost (vhost / is %2f)"
    )]
    Url,
    /// The broker knows neither this user, password nor vhost, or the user may not do this. Permanent until mended.
    #[error(
        "RabbitMQ refused access ({said}): check user, password and vhost in broker.url and the user's permissions"
    )]
    AccessRefused {
        /// The broker's words: user and vhost, never the password.
        said: String,
    },
    /// A queue or exchange exists with other arguments than [`crate::Topology`] needs (AMQP 406). Permanent until mended.
    #[error("{}", mend(*.object, .name, .vhost, .said))]
    Mismatch {
        /// What it is.
        object: Object,
        /// Its name.
        name: String,
        /// Its vhost.
        vhost: String,
        /// The broker's words: which argument differs.
        said: String,
    },
    /// Nobody answers there: waiting is right.
    #[error("RabbitMQ does not answer at broker.url ({said})")]
    Unreachable {
        /// The transport's words.
        said: String,
    },
    /// One step took longer than its limit.
    #[error("RabbitMQ did not finish {what} within {limit:?}")]
    Timeout {
        /// The step.
        what: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The broker or the connection refused one step.
    #[error("RabbitMQ: {what} failed ({said})")]
    Broken {
        /// The step.
        what: String,
        /// The broker's or lapin's words.
        said: String,
    },
    /// A confirm came back as "not requested": the channel is not in confirm mode, nothing published on it is safe.
    #[error("RabbitMQ: the publishing channel lost its confirm mode")]
    ConfirmsOff,
    /// The bus was closed.
    #[error("the connection to RabbitMQ was closed by this process")]
    Closed,
}

impl BusError {
    /// Whether waiting cannot mend it: the process should say so and exit (before its first connection was up).
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Url | Self::AccessRefused { .. } | Self::Mismatch { .. })
    }

    /// An error while the connection was being opened: there, "not allowed" and "access refused" mean credentials.
    pub(crate) fn at_connect(error: &lapin::Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(e) if matches!(e.get_id(), ACCESS_REFUSED | NOT_ALLOWED) => {
                Self::AccessRefused { said: e.get_message().to_string() }
            }
            ErrorKind::AuthProviderError(said) => Self::AccessRefused { said: said.clone() },
            _ => Self::Unreachable { said: error.to_string() },
        }
    }

    /// An error of one step on an open connection.
    pub(crate) fn at(what: &str, error: &lapin::Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(e) if e.get_id() == ACCESS_REFUSED => {
                Self::AccessRefused { said: e.get_message().to_string() }
            }
            _ => Self::Broken { what: what.to_owned(), said: error.to_string() },
        }
    }

    /// An error of one declaration.
    pub(crate) fn at_declare(
        object: Object,
        name: &str,
        vhost: &str,
        error: &lapin::Error,
    ) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(e) if e.get_id() == PRECONDITION_FAILED => Self::Mismatch {
                object,
                name: name.to_owned(),
                vhost: vhost.to_owned(),
                said: e.get_message().to_string(),
            },
            _ => Self::at(&format!("declaring {object} {name}"), error),
        }
    }
}

const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// One line that names the thing, keeps its messages, and prints the command. `delete_queue --if-empty` does not exist
/// for quorum queues (the broker answers "not implemented"), hence "when it shows 0 messages".
fn mend(object: Object, name: &str, vhost: &str, said: &str) -> String {
    match object {
        Object::Queue => format!(
            "queue {name} exists with other arguments than Ulak declares ({said}). To keep its messages, stop whoever \
             publishes to it and let the old consumers empty it, or move them with a shovel (bus/README.md); when \
             `rabbitmqctl -p '{vhost}' list_queues name messages` shows 0: `rabbitmqctl -p '{vhost}' delete_queue \
             {name}`, then start again"
        ),
        Object::Exchange => format!(
            "exchange {name} exists with other arguments than Ulak declares ({said}). An exchange holds no messages, \
             but stop its publishers first: `rabbitmqctl eval 'rabbit_exchange:delete(rabbit_misc:r(<<\"{vhost}\">>, \
             exchange, <<\"{name}\">>), false, <<\"operator\">>).'`, then start again"
        ),
    }
}
