//! Which addresses may be dialled: those of the public internet, and private ones that the operator lists.
//!
//! Invariant: an address that carries another inside (IPv4 in IPv6, by mapping or by a translator) is judged by the
//! one inside, because that is who answers. What is not known to be public is not.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::{Error, Result};

/// Most networks that an operator may list.
const ALLOW_PRIVATE_MAX: usize = 64;

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                leading_v4(base, self.bits) == leading_v4(address, self.bits)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                leading_v6(base, self.bits) == leading_v6(address, self.bits)
            }
            _ => false,
        }
    }
}

fn leading_v4(address: Ipv4Addr, bits: u8) -> u32 {
    let past = 32_u32.saturating_sub(u32::from(bits));
    address.to_bits().checked_shr(past).unwrap_or(0)
}

fn leading_v6(address: Ipv6Addr, bits: u8) -> u128 {
    let past = 128_u32.saturating_sub(u32::from(bits));
    address.to_bits().checked_shr(past).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(
                "egress.allow_private",
                format!("`{}` is no network: {why}", text.escape_default()),
            )
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = address
            .parse()
            .map_err(|_| wrong("give it as `10.0.0.0/8`, `fd00::/8` or one address"))?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most),
            None => Some(most),
        };
        let bits = bits.ok_or_else(|| wrong("the number of its bits is too large, or none"))?;
        Ok(Self { base, bits })
    }
}

/// Decides over addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressFilter {
    allowed: Vec<Network>,
}

impl AddressFilter {
    /// Of the networks that an operator lists beside the public internet.
    ///
    /// # Errors
    /// `Invalid` that names the one that is none.
    pub fn new(allow_private: &[String]) -> Result<Self> {
        if allow_private.len() > ALLOW_PRIVATE_MAX {
            let got = allow_private.len();
            let reason = format!("{got} networks; at most {ALLOW_PRIVATE_MAX}");
            return Err(Error::invalid("egress.allow_private", reason));
        }
        let allowed = allow_private.iter().map(|text| text.parse());
        Ok(Self {
            allowed: allowed.collect::<Result<_>>()?,
        })
    }

    /// The address to dial for this one, or none if it must not be dialled.
    pub fn judge(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        (is_public(address) || self.lists(address)).then_some(address)
    }

    /// Whether the operator listed it, in this dress.
    pub(super) fn lists(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address))
    }
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Networks of IPv4 that are not the public internet, by base and bits: the special purpose registry of IANA, and the
/// one public address at which a cloud serves its own machines.
const SPECIAL_V4: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4
        .iter()
        .any(|(base, bits)| leading_v4(Ipv4Addr::from(*base), *bits) == leading_v4(address, *bits))
}

/// Networks within the global unicast range of IPv6 that are not the public internet: Teredo and other protocol
/// assignments, documentation.
const SPECIAL_V6: [([u16; 8], u8); 3] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
/// Global unicast: nothing outside of it is the public internet but what translates to IPv4.
const GLOBAL_V6: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Translates to IPv4, whose address is in the last 32 bits.
const NAT64: ([u16; 8], u8) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |(base, bits): ([u16; 8], u8)| {
        leading_v6(Ipv6Addr::from(base), bits) == leading_v6(address, bits)
    };
    let segments = address.segments();
    let [_, a, b, ..] = segments;
    let [.., c, d] = segments;
    if within(NAT64) {
        return is_public_v4(joined(c, d));
    }
    // 6to4: the address of the relay follows the prefix.
    if segments.first() == Some(&0x2002) {
        return is_public_v4(joined(a, b));
    }
    within(GLOBAL_V6) && !SPECIAL_V6.into_iter().any(within)
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Just outside of what is special, and what carries such an address.
    const PUBLIC: &str = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 \
        172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255 2606:4700:4700::1111 2a00:1450::1 \
        ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1";
    /// This network, this machine, its cloud and its neighbours, in each dress.
    const INSIDE: &str = "0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 \
        127.255.255.254 168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 \
        192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 \
        255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::127.0.0.1 \
        64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::1.1.1.1 2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe::1 \
        2001::1 2001:0:7f00:1::1 2001:db8::1 3fff::1 100::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 5f00::1";

    /// A89: what a name may resolve to, and whether it is dialled.
    #[test]
    fn only_public_addresses_are_dialled() {
        let filter = AddressFilter::default();
        for (addresses, public) in [(PUBLIC, true), (INSIDE, false)] {
            for address in addresses.split_whitespace() {
                let address: IpAddr = address.parse().unwrap();
                assert_eq!(filter.judge(address).is_some(), public, "{address}");
            }
        }
    }

    #[test]
    fn what_the_operator_lists_is_dialled_and_no_address_more() {
        let list = ["10.1.0.0/16", "fd00::/8", "127.0.0.1"].map(str::to_owned);
        let filter = AddressFilter::new(&list).unwrap();
        for (address, dialled) in [
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("10.0.255.255", false),
            ("10.2.0.0", false),
            ("::ffff:10.1.2.3", true),
            ("64:ff9b::10.1.2.3", false),
            ("fd12::1", true),
            ("fc00::1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(filter.judge(address).is_some(), dialled, "{address}");
        }
        let mapped = filter.judge("::ffff:10.1.2.3".parse().unwrap());
        assert_eq!(
            mapped,
            "10.1.2.3".parse().ok(),
            "what was judged is dialled"
        );
    }

    #[test]
    fn networks_are_read_or_refused_by_name() {
        for (text, expect) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("::/0", Some("::/0")),
            ("::1", Some("::1/128")),
            ("10.0.0.0/33", None),
            ("fd00::/129", None),
            ("10.0.0.0/-1", None),
            ("10/8", None),
            ("localhost", None),
            ("", None),
        ] {
            let got = text
                .parse::<Network>()
                .ok()
                .map(|network| network.to_string());
            assert_eq!(got.as_deref(), expect, "{text}");
        }
        let many = |count| vec!["10.0.0.0/8".to_owned(); count];
        assert!(AddressFilter::new(&many(ALLOW_PRIVATE_MAX)).is_ok());
        assert!(AddressFilter::new(&many(ALLOW_PRIVATE_MAX + 1)).is_err());
    }
}
