//! What scenarios stand on: a private broker and database, the outside world's twins, and real `ulak` processes.

pub mod attack;
pub mod audit;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod embedded;
pub mod event;
pub mod held;
pub mod hooks;
pub mod installation;
pub mod lanes;
pub mod load;
pub mod log_line;
pub mod month;
pub mod outage;
pub mod own_services;
pub mod points;
pub mod process;
pub mod proxy;
pub mod publisher;
pub mod random;
pub mod reconcile;
pub mod scaled;
pub mod schedulers;
pub mod scrape;
pub mod services;
pub mod small_disk;
pub mod whatsapp;

pub use embedded::Embedded;
pub use event::{Event, RECEIPT, REMINDER, receipt, reminder};
pub use installation::{Installation, Options, Row};
pub use process::PATIENCE;
pub use proxy::Proxy;
