//! Resolving a name once, for the check and for the connection.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::AddressRules;

/// A name led only to addresses that may not be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub struct AddressRefused;

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("the name cannot be resolved")]
pub struct NameUnknown;

/// Gives the connection only addresses that passed the rules, so that a name server cannot answer
/// the check with one address and the connection with another.
#[derive(Debug)]
pub struct CheckedResolver {
    pub rules: AddressRules,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            // Port 0: the caller puts in the one of the URL.
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|_| NameUnknown)?;
            let found: Vec<SocketAddr> = found.collect();
            if found.is_empty() {
                return Err(NameUnknown.into());
            }
            let admitted: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| rules.admit(address.ip()))
                .collect();
            if admitted.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}
