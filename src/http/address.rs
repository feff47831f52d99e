//! Where a request comes from. Behind a proxy that the settings name, the proxy's word counts; nobody else's does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::HttpRequest;

use super::State;
use super::input::text;
use crate::domain::net::Network;

impl State {
    /// The client's address: the right-most hop of `X-Forwarded-For` that is none of our proxies.
    pub fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let forwarded = text(request, "x-forwarded-for").unwrap_or_default();
        forwarded_by(peer.to_canonical(), forwarded, &self.settings.trusted_proxies)
    }
}

fn forwarded_by(peer: IpAddr, forwarded: &str, proxies: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut client = peer;
    for hop in forwarded.rsplit(',') {
        if !trusted(client) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// What is counted as one client: a whole /64 of IPv6, which one person has to choose from.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_of_our_proxies_counts() {
        let proxies = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap());
        let client = |peer: &str, forwarded: &str| {
            forwarded_by(peer.parse().unwrap(), forwarded, &proxies).to_string()
        };
        assert_eq!(client("192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(client("10.1.1.1", ""), "10.1.1.1");
        assert_eq!(client("10.1.1.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(client("10.1.1.1", "1.2.3.4, 203.0.113.9, 10.2.2.2"), "203.0.113.9");
        assert_eq!(client("10.1.1.1", "1.2.3.4, nonsense"), "10.1.1.1");
        assert_eq!(client("::1", "2001:db8::7"), "2001:db8::7");
        assert_eq!(network("2001:db8::7".parse().unwrap()).to_string(), "2001:db8::");
    }
}
