//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::connector::SettingsError;

/// Networks that are not the public internet, beyond loopback.
///
/// # Source
/// The IANA special-purpose address registries for IPv4 and IPv6.
const NOT_PUBLIC_V4: [&str; 14] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Which addresses one endpoint may connect to: public ones, and what the settings add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    loopback: bool,
    only_loopback: bool,
    networks: Vec<IpNet>,
}

impl AddressRules {
    /// Rules from the settings `allow_plain_http` and `allow_networks`.
    ///
    /// # Errors
    /// When a network is not written as `10.0.0.0/8` or as one address.
    pub fn new(allow_plain_http: bool, allow_networks: &[String]) -> Result<Self, SettingsError> {
        let networks = allow_networks
            .iter()
            .map(|written| network(written))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            loopback: allow_plain_http,
            only_loopback: false,
            networks,
        })
    }

    /// Says whether this address may be connected to.
    ///
    /// An IPv4 address dressed as IPv6 is judged as the IPv4 address that it is.
    pub fn admit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.only_loopback {
            return address.is_loopback();
        }
        (self.loopback && address.is_loopback())
            || is_public(address)
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }

    /// Checks a URL from the settings, as far as it can be without resolving a name, and gives the
    /// rules for connecting to it.
    ///
    /// # Errors
    /// When the URL is malformed, carries a credential, a query or a fragment, uses plain HTTP where
    /// that is not allowed, or names an address that may not be connected to.
    pub fn check(&self, key: &'static str, written: &str) -> Result<(Url, Self), SettingsError> {
        let wrong = |problem: String| SettingsError::Value { key, problem };
        let url = Url::parse(written).map_err(|error| {
            wrong(format!(
                "is not a URL ({error}): write it like https://host.example.org/api"
            ))
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "holds a user or password: store those as secrets".to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("holds a `?` or `#` part: leave it out".to_owned()));
        }
        let host = url
            .host()
            .ok_or_else(|| wrong("names no host: write it after https://".to_owned()))?;
        let rules = match url.scheme() {
            "https" => self.clone(),
            "http" if !self.loopback => {
                return Err(wrong(
                    "uses http, which sends the credential in the clear: use https, or set \
                     allow_plain_http = true for a system on this machine"
                        .to_owned(),
                ));
            }
            "http" if !names_this_machine(&host) => {
                return Err(wrong(
                    "uses http to another machine, which sends the credential in the clear: use \
                     https; allow_plain_http is for localhost, 127.0.0.0/8 and ::1 only"
                        .to_owned(),
                ));
            }
            "http" => Self {
                only_loopback: true,
                ..self.clone()
            },
            other => return Err(wrong(format!("uses `{other}`: write https"))),
        };
        match literal(&host) {
            Some(address) if !rules.admit(address) => Err(wrong(format!(
                "leads to {address}, which is not on the public internet: add its network to \
                 allow_networks if it is right"
            ))),
            _ => Ok((url, rules)),
        }
    }
}

fn network(written: &str) -> Result<IpNet, SettingsError> {
    written
        .parse::<IpNet>()
        .or_else(|_| written.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| SettingsError::Value {
            key: "allow_networks",
            problem: format!("`{written}` is not a network: write it like 10.0.0.0/8"),
        })
}

fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

fn names_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        _ => literal(host).is_some_and(|address| address.is_loopback()),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4
        .iter()
        .filter_map(|network| network.parse::<IpNet>().ok())
        .any(|network| network.contains(&IpAddr::V4(address)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_global_unicast = first & 0xe000 == 0x2000;
    // 2001::/23 is protocol assignments (Teredo), 2001:db8::/32 and 3fff::/20 are for documents, and
    // 2002::/16 wraps an IPv4 address that would go unchecked.
    let is_special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(plain: bool, networks: &[&str]) -> AddressRules {
        let networks: Vec<String> = networks.iter().map(|&network| network.to_owned()).collect();
        AddressRules::new(plain, &networks).expect("usable")
    }

    #[test]
    fn only_public_addresses_are_admitted_by_default() {
        for public in ["9.9.9.9", "2606:4700::1111", "::ffff:9.9.9.9"] {
            assert!(
                rules(false, &[]).admit(public.parse().expect("address")),
                "{public}"
            );
        }
        for inside in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(
                !rules(false, &[]).admit(inside.parse().expect("address")),
                "{inside}"
            );
        }
    }

    #[test]
    fn allowed_networks_are_admitted_and_no_others() {
        let rules = rules(false, &["10.0.0.0/8", "192.168.7.7", "fd00::/8"]);

        for (address, admitted) in [
            ("10.200.0.1", true),
            ("::ffff:10.200.0.1", true),
            ("192.168.7.7", true),
            ("192.168.7.8", false),
            ("fd12::1", true),
            ("127.0.0.1", false),
        ] {
            assert_eq!(
                rules.admit(address.parse().expect("address")),
                admitted,
                "{address}"
            );
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let plain = rules(true, &["10.0.0.0/8"]);

        for fine in [
            "http://localhost:1/x",
            "http://127.9.9.9",
            "http://[::1]:8080",
            "http://2130706433/",
        ] {
            assert!(plain.check("base_url", fine).is_ok(), "{fine}");
        }
        for wrong in [
            "http://10.0.0.1",
            "http://example.org",
            "http://[::ffff:10.0.0.1]",
            "http://localhost.example.org",
        ] {
            assert!(plain.check("base_url", wrong).is_err(), "{wrong}");
        }
        assert!(
            rules(false, &["127.0.0.0/8"])
                .check("base_url", "http://127.0.0.1")
                .is_err()
        );
    }

    #[test]
    fn a_plain_name_may_only_lead_to_this_machine() {
        let (_, rules) = rules(true, &["10.0.0.0/8"])
            .check("base_url", "http://localhost")
            .expect("usable");

        assert!(rules.admit("127.0.0.1".parse().expect("address")));
        assert!(!rules.admit("10.0.0.1".parse().expect("address")));
        assert!(!rules.admit("9.9.9.9".parse().expect("address")));
    }

    #[test]
    fn hostile_addresses_are_refused_when_the_settings_are_read() {
        for wrong in [
            "https://127.0.0.1",
            "https://[::ffff:127.0.0.1]",
            "https://2130706433",
            "https://0x7f.1",
            "https://169.254.169.254/latest",
            "https://user:pw@example.org",
            "https://example.org/?a=b",
            "https://example.org/#x",
            "ftp://example.org",
            "file:///etc/passwd",
            "example.org",
            "",
        ] {
            let error = rules(false, &[])
                .check("base_url", wrong)
                .expect_err(wrong)
                .to_string();
            assert!(!error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_mistyped_network_is_an_error() {
        assert!(AddressRules::new(false, &["10.0.0.0/33".to_owned()]).is_err());
    }
}
