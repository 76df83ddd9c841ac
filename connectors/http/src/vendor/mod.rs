//! The vendor file: a REST vendor as data.
//!
//! - [`mod@file`]: the file as a whole, parsed once into a type that cannot be wrong
//! - [`step`]: what is sent, and how success looks
//! - [`request`], [`body`], [`template`]: requests with placeholders that a person's data cannot break out of
//! - [`record`], [`mod@pointer`]: how an account is read from an answer
//! - [`condition`], [`failure`]: how success and the kinds of failure look
//! - [`paging`]: how a list goes on
//! - [`auth`]: who is asking
//! - [`shipped`]: the files that come with Drawbridge

pub mod auth;
pub mod body;
pub mod condition;
pub mod error;
pub mod failure;
pub mod file;
pub mod paging;
pub mod pointer;
pub mod record;
pub mod request;
pub mod shipped;
pub mod step;
pub mod template;

pub use error::VendorFileError;
pub use file::{LevelSteps, VendorFile};
