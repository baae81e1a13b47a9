//! The auditors' pages over real TCP: who gets in, who sees what, what is masked, what is recorded.

mod browser;
mod escaping;
mod exporting;
mod headers;
mod letters;
mod login;
mod opening;
mod printing;
mod roles;
mod searching;
mod telling;
