//! The HTTP client against servers that misbehave.

mod addresses;
mod answers;
mod credentials;
mod failures;
mod support;
mod tls;
mod tokens;
