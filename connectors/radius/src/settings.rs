//! What a practice writes to connect its FreeRADIUS.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use drawbridge_sdk::{BuildContext, CallError, Secret, SecretRef, SettingsError, sql::DatabaseRef};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::connector::Radius;

/// The port gateways listen on for Disconnect-Request.
///
/// # Source
/// RFC 5176 section 2.1.
const COA_PORT: u16 = 3799;

/// Settings of the `radius` connector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// FreeRADIUS's database, with its own table names (`radcheck`, `radusergroup`, `radacct`).
    database: DatabaseRef,
    /// The secret shared with the gateways for Disconnect-Request.
    coa_secret: SecretRef,
    /// The gateways' port for Disconnect-Request.
    #[serde(default = "default_coa_port")]
    coa_port: u16,
    /// The gateways by the address FreeRADIUS notes for their sessions (`radacct.nasipaddress`).
    /// Where any is named, only the named ones are ever sent anything.
    #[serde(default)]
    gateways: BTreeMap<IpAddr, GatewaySettings>,
    /// For Wi-Fi: how many seconds the access points let a known device back in without asking
    /// FreeRADIUS (the lifetime of a cached key). Left out where the gateways are a VPN's.
    wifi_key_seconds: Option<u64>,
}

/// What differs at one gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GatewaySettings {
    /// Where it takes Disconnect-Request, when that is another address or port.
    coa_address: Option<SocketAddr>,
    /// Its own shared secret.
    coa_secret: Option<SecretRef>,
}

fn default_coa_port() -> u16 {
    COA_PORT
}

/// Which gateway is sent what.
#[derive(Debug)]
pub(crate) struct Gateways {
    secret: Secret,
    port: u16,
    named: BTreeMap<IpAddr, Gateway>,
}

/// Where one gateway takes Disconnect-Request, and the secret it shares.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) secret: Secret,
}

impl Gateways {
    /// The gateway of sessions noted with this address. `None` where gateways are named and this is
    /// none of them: the address comes from an accounting packet, and a signed packet sent to
    /// anybody's address would let them guess at the secret.
    pub(crate) fn find(&self, noted: IpAddr) -> Option<Gateway> {
        if self.named.is_empty() {
            let address = SocketAddr::new(noted, self.port);
            return Some(Gateway {
                address,
                secret: self.secret.clone(),
            });
        }
        self.named.get(&noted).cloned()
    }

    /// Reads every shared secret once.
    pub(crate) fn read_secrets(&self) -> Result<(), CallError> {
        self.secret.read()?;
        for gateway in self.named.values() {
            gateway.secret.read()?;
        }
        Ok(())
    }
}

/// Builds the connector.
pub(crate) fn build(settings: Settings, context: &BuildContext) -> Result<Radius, SettingsError> {
    let secret = settings.coa_secret.bind(&context.base_dir)?;
    let mut named = BTreeMap::new();
    for (noted, own) in &settings.gateways {
        let address = own
            .coa_address
            .unwrap_or(SocketAddr::new(*noted, settings.coa_port));
        let secret = match &own.coa_secret {
            Some(reference) => reference.bind(&context.base_dir)?,
            None => secret.clone(),
        };
        named.insert(*noted, Gateway { address, secret });
    }
    Ok(Radius {
        database: settings.database.bind("database", context)?,
        gateways: Gateways {
            secret,
            port: settings.coa_port,
            named,
        },
        wifi_key_lifetime: settings.wifi_key_seconds.map(Duration::from_secs),
        call_timeout: context.call_timeout,
    })
}
