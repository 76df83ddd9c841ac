//! The limit of requests without a valid token.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;

use crate::{
    ids::TokenId,
    tries::{Tries, network},
};

/// Counts failures per address and per id of a token, whether there is such a token or not. A request
/// whose token is valid never comes here, so nobody can lock another out by guessing.
#[derive(Debug, Default)]
pub(super) struct Failures(Tries<Stranger>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stranger {
    Token(TokenId),
    Address(IpAddr),
}

impl Failures {
    /// Counts a failure.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) fn count(
        &self,
        token: Option<&TokenId>,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let token = token.cloned().map(Stranger::Token);
        let address = address.map(network).map(Stranger::Address);
        let strangers = token.into_iter().chain(address);
        let waits = strangers.filter_map(|stranger| self.0.count(stranger, now).err());
        waits.max().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn address(number: u32) -> Option<IpAddr> {
        Some(std::net::Ipv4Addr::from(number).into())
    }

    /// How many failures in a row are let pass.
    fn passing(failures: &Failures, token: Option<&TokenId>, address: Option<IpAddr>) -> usize {
        (0..100)
            .take_while(|_| failures.count(token, address, at(0)).is_ok())
            .count()
    }

    #[test]
    fn twenty_a_minute_pass_from_one_address_or_for_one_token() {
        let failures = Failures::default();
        let token = TokenId::from("one");

        assert_eq!(passing(&failures, Some(&token), None), 20);
        assert_eq!(passing(&failures, None, address(1)), 20);
        assert_eq!(passing(&failures, Some(&token), address(2)), 0);
        assert_eq!(passing(&failures, None, address(3)), 20);
        assert_eq!(passing(&failures, None, None), 100);
        let wait = failures.count(Some(&token), None, at(0)).unwrap_err();
        assert_eq!(wait.as_secs_f64().round(), 3.0);
        assert!(failures.count(Some(&token), None, at(3)).is_ok());
        assert!(failures.count(Some(&token), None, at(3)).is_err());
    }

    #[test]
    fn changing_addresses_within_a_network_helps_nobody() {
        let failures = Failures::default();
        let one: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let other: IpAddr = "2001:db8:1:2:ffff::2".parse().unwrap();
        let elsewhere: IpAddr = "2001:db8:1:3::1".parse().unwrap();
        let mapped: IpAddr = "::ffff:0.0.0.1".parse().unwrap();

        assert_eq!(passing(&failures, None, Some(one)), 20);
        assert_eq!(passing(&failures, None, Some(other)), 0);
        assert_eq!(passing(&failures, None, Some(elsewhere)), 20);
        assert_eq!(passing(&failures, None, Some(mapped)), 20);
        assert_eq!(passing(&failures, None, address(1)), 0);
        assert_eq!(passing(&failures, None, address(2)), 20);
    }

    #[test]
    fn a_flood_of_strangers_fills_no_memory_and_hides_nobody_who_goes_on() {
        let failures = Failures::default();
        let remembered = || failures.0.remembered();
        let mut now = at(0);
        passing(&failures, None, address(0));

        for number in 0..20_000 {
            now = clock::after(now, Duration::from_millis(1));
            let made_up = TokenId::from(number.to_string());
            let _ = failures.count(Some(&made_up), address(0), now);
            assert!(remembered() <= 4096);
        }

        assert!(failures.count(None, address(0), now).is_err());
    }

    #[test]
    fn who_stopped_is_forgotten_first() {
        let failures = Failures::default();
        for number in 0..4096 {
            let _ = failures.count(None, address(number), at(0));
        }

        let _ = failures.count(None, address(5_000), at(3_600));

        assert_eq!(failures.0.remembered(), 1);
    }
}
