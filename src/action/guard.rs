//! Keeps actions away from addresses that are not on the public internet.
//!
//! An action's URL is the operator's, but the answer of a name server is not: the check is made on
//! the very addresses that are connected to, so that a name cannot pass it and then mean another
//! machine. `allow_private = true` switches it off for one action.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// IPv4 that is not public: <https://www.iana.org/assignments/iana-ipv4-special-registry>.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this network
    v4([10, 0, 0, 0], 8),      // private
    v4([100, 64, 0, 0], 10),   // shared by carriers
    v4([127, 0, 0, 0], 8),     // loopback
    v4([169, 254, 0, 0], 16),  // link-local, with the metadata services of clouds
    v4([172, 16, 0, 0], 12),   // private
    v4([192, 0, 0, 0], 24),    // protocol assignments
    v4([192, 0, 2, 0], 24),    // documentation
    v4([192, 88, 99, 0], 24),  // 6to4 relays
    v4([192, 168, 0, 0], 16),  // private
    v4([198, 18, 0, 0], 15),   // benchmarking
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved, with broadcast
];

/// All of public IPv6 lies in here: <https://www.iana.org/assignments/ipv6-address-space>.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);

/// What is not public within [`GLOBAL_UNICAST`]:
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>.
const SPECIAL_V6: [Ipv6Net; 3] = [
    v6([0x2001, 0, 0], 23), // protocol assignments: Teredo, benchmarking, ORCHID
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x3fff, 0, 0], 20), // documentation
];

/// Prefixes whose addresses stand for an IPv4 address, and the octet at which that begins.
const EMBEDDING: [(Ipv6Net, usize); 3] = [
    (Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), 12), // mapped
    (v6([0x64, 0xff9b, 0], 96), 12),                                           // NAT64
    (v6([0x2002, 0, 0], 16), 2),                                               // 6to4
];

/// A destination that the guard refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` is not a public address; set `allow_private = true` on the action if it is meant"
)]
pub(super) struct NotPublic {
    host: String,
}

/// Resolves names to their public addresses only.
pub(super) struct PublicOnly;

/// Whether `address` is an ordinary address of the public internet.
///
/// Loopback, private, link-local, shared, documentation, benchmarking, multicast, unspecified and
/// reserved ones are not; an IPv6 address that stands for an IPv4 address is judged by that one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public(IpAddr::V4(inner)),
            None => {
                GLOBAL_UNICAST.contains(&address)
                    && !SPECIAL_V6.iter().any(|net| net.contains(&address))
            }
        },
    }
}

/// Refuses a URL whose host is written as an address and is not public.
///
/// Such a host never reaches [`PublicOnly`], because there is no name to resolve.
pub(super) fn check_literal(url: &url::Url) -> Result<(), NotPublic> {
    let address = match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
        Some(url::Host::Domain(_)) | None => return Ok(()),
    };
    if is_public(address) { Ok(()) } else { Err(NotPublic { host: address.to_string() }) }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(public_of(name.as_str(), found)?)
        })
    }
}

/// The public ones of the addresses of `host`, or a refusal when it has others only.
fn public_of(host: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, NotPublic> {
    let (public, others): (Vec<_>, Vec<_>) = found.partition(|address| is_public(address.ip()));
    if public.is_empty() && !others.is_empty() {
        return Err(NotPublic { host: host.to_owned() });
    }
    Ok(Box::new(public.into_iter()))
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let (_, start) = EMBEDDING.iter().find(|(net, _)| net.contains(&address))?;
    let inner: [u8; 4] = octets[*start..start + 4].try_into().ok()?;
    Some(Ipv4Addr::from(inner))
}

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c]: [u16; 3], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for address in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn special_ipv4_addresses_are_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn special_ipv6_addresses_are_refused() {
        for address in [
            "::",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "2001:2::1",
            "100::1",
            "64:ff9b:1::1",
            "5f00::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn an_address_that_stands_for_another_is_judged_by_that_one() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a00:1::",
            "::127.0.0.1",
            "::10.0.0.1",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn only_the_public_addresses_of_a_name_are_used() {
        let found = ["10.0.0.1:0", "8.8.8.8:0"].map(|address| address.parse().unwrap());
        let kept: Vec<_> = public_of("example.com", found.into_iter()).unwrap().collect();
        assert_eq!(kept, ["8.8.8.8:0".parse().unwrap()]);
    }

    #[test]
    fn a_name_with_private_addresses_only_is_refused_with_the_way_out() {
        let found = ["10.0.0.1:0".parse().unwrap()];
        let refusal = public_of("intern.example", found.into_iter()).err().unwrap().to_string();
        assert!(refusal.contains("intern.example"), "{refusal}");
        assert!(refusal.contains("allow_private = true"), "{refusal}");
    }

    #[test]
    fn an_address_in_any_spelling_is_refused() {
        for url in ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://[::1]/"] {
            let url = url::Url::parse(url).unwrap();
            assert!(check_literal(&url).is_err(), "{url}");
        }
    }
}
