//! What only PostgreSQL has: transactions of several connections that are open at the same time, roles, a server to reach.

pub mod engine;

mod calls;
mod overlapping;
mod server;
