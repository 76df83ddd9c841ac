//! Everything from the outside in, in one test binary.

mod architecture;
mod rounds_closing;
mod rounds_failures;
mod rounds_opening;
mod rounds_reading;
mod scim_idp;
mod store_suite;
mod support;
