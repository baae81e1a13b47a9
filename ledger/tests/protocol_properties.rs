//! What must hold of `protocol::apply` for every row and every command, reachable or not; what must hold of every row that can be
//! reached; and the page `docs/protocol-table.md`, which is generated from it.

#[path = "protocol_properties/any_row.rs"]
mod any_row;
#[path = "protocol_properties/reachable.rs"]
mod reachable;
#[path = "protocol_properties/table.rs"]
mod table;
