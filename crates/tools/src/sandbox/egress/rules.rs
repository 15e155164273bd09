//! Which hosts may be reached.
//!
//! A name is allowed by its text and then again by its address: a name of somebody else's may point
//! into the user's own network, or to the host's own services (server-side request forgery, DNS
//! rebinding). Addresses that are not public must be listed themselves.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The ports of a rule that names none.
const PORTS: [u16; 2] = [443, 80];
/// Most rules of a list.
const MAX_RULES: usize = 1000;

/// Where a client wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case, without a final dot.
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Reads `host:port`, `[v6]:port`, or a host alone where there is a usual port.
    pub fn parse(text: &str, usual_port: Option<u16>) -> Option<Self> {
        let (host, port) = split_port(text)?;
        let port = match port {
            Some(port) => port,
            None => usual_port?,
        };
        (port != 0).then_some(Self { host: Host::parse(host)?, port })
    }

    pub(super) fn host(&self) -> &str {
        match &self.host {
            Host::Name(name) => name,
            Host::Address(_) => "",
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Name(_) => None,
            Host::Address(address) => Some(address),
        }
    }

    /// Writes the rule that would allow it.
    pub(super) fn as_rule(&self) -> String {
        let text = self.to_string();
        if PORTS.contains(&self.port) {
            text.rsplit_once(':').map_or(text.clone(), |(host, _)| host.to_owned())
        } else {
            text
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
        }
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Address(IpAddr::V6(address).to_canonical()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Host::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let bytes = label.as_bytes();
            (1..=63).contains(&bytes.len())
                && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
        };
        let is_name = name.len() <= 253 && name.split('.').all(is_label);
        // What ends in a number is an address in one of the old spellings (`127.1`, `0x7f000001`).
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|b| b.is_ascii_digit())
            || last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
        (is_name && !is_number).then(|| Host::Name(name.to_ascii_lowercase()))
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let is_bare = match text.strip_prefix('[') {
        Some(_) => text.ends_with(']'),
        None => !text.contains(':'),
    };
    if is_bare {
        return Some((text, None));
    }
    let (host, port) = text.rsplit_once(':')?;
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    Some((host, Some(port.parse().ok().filter(|_| digits)?)))
}

/// A list of hosts that may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    /// This name.
    Name(String),
    /// Every name below this one, with its dot in front.
    Below(String),
    /// Addresses that begin with these bits.
    Network(IpAddr, u8),
}

/// Why a list of hosts cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// An entry is no host.
    #[error(
        "`{0}` is no host: write `example.com`, `*.example.com`, `example.com:8080` or `10.0.0.0/8`"
    )]
    NoHost(String),
    /// An entry stands for every host.
    #[error("`{0}` stands for every host; `sandbox.network = \"on\"` opens all")]
    Everything(String),
    /// The list is too long.
    #[error("The list has over {MAX_RULES} hosts")]
    TooMany,
}

impl HostRules {
    /// Reads a list of hosts.
    ///
    /// # Errors
    /// The first entry that is not right.
    pub fn parse<S: AsRef<str>>(list: &[S]) -> Result<Self, BadRule> {
        if list.len() > MAX_RULES {
            return Err(BadRule::TooMany);
        }
        list.iter()
            .map(|text| Rule::parse(text.as_ref().trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Tells whether a target is listed.
    pub fn allow(&self, target: &Target) -> bool {
        self.0.iter().any(|rule| rule.fits_port(target.port) && rule.names(&target.host))
    }

    /// Tells whether a listed target may be reached at this address.
    pub fn allow_address(&self, target: &Target, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_itself = matches!(&target.host, Host::Name(name) if name == "localhost");
        is_public(address)
            || is_itself && address.is_loopback()
            || self
                .0
                .iter()
                .any(|rule| rule.fits_port(target.port) && rule.names(&Host::Address(address)))
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, BadRule> {
        let bad = || BadRule::NoHost(text.to_owned());
        if matches!(text, "*" | "*.*" | "0.0.0.0/0" | "::/0" | "[::]/0") {
            return Err(BadRule::Everything(text.to_owned()));
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            let address: IpAddr = address.parse().map_err(|_| bad())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits =
                bits.parse().ok().filter(|bits| (1..=most).contains(bits)).ok_or_else(bad)?;
            return Ok(Self { whom: Whom::Network(address, bits), port: None });
        }
        let all =
            |address: IpAddr| Whom::Network(address, if address.is_ipv4() { 32 } else { 128 });
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self { whom: all(IpAddr::V6(address).to_canonical()), port: None });
        }
        let (host, port) = split_port(text).ok_or_else(bad)?;
        let whom = match host.strip_prefix("*.") {
            Some(below) => match Host::parse(below) {
                // `*.com` would be everybody.
                Some(Host::Name(name)) if name.contains('.') => Whom::Below(format!(".{name}")),
                _ => return Err(bad()),
            },
            None => match Host::parse(host).ok_or_else(bad)? {
                Host::Name(name) => Whom::Name(name),
                Host::Address(address) => all(address),
            },
        };
        Ok(Self { whom, port })
    }

    fn fits_port(&self, port: u16) -> bool {
        match (self.port, &self.whom) {
            (Some(wanted), _) => wanted == port,
            // A network's rule says where names may lead, and these have their own ports.
            (None, Whom::Network(..)) => true,
            (None, _) => PORTS.contains(&port),
        }
    }

    fn names(&self, host: &Host) -> bool {
        match (&self.whom, host) {
            (Whom::Name(wanted), Host::Name(name)) => wanted == name,
            (Whom::Below(end), Host::Name(name)) => name.ends_with(end.as_str()),
            (Whom::Network(network, bits), Host::Address(address)) => {
                begins_with(*network, *address, *bits)
            }
            _ => false,
        }
    }
}

fn begins_with(network: IpAddr, address: IpAddr, bits: u8) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32u32.saturating_sub(bits.into());
            network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128u32.saturating_sub(bits.into());
            network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

/// Addresses that are nobody's on the public network: this host, private and link-local networks
/// (where clouds keep their metadata), multicast, and reserved ones (IANA's special-purpose
/// registries of IPv4 and IPv6).
const SPECIAL: &[(IpAddr, u8)] = &[
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // Alibaba's metadata service lies in 100.64.0.0/10, Oracle's in 192.0.0.0/24; Azure's does not.
    v4(168, 63, 129, 16, 32),
];

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> (IpAddr, u8) {
    (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => {
            !SPECIAL.iter().any(|(network, bits)| begins_with(*network, address, *bits))
        }
        IpAddr::V6(address) => match address.segments() {
            // NAT64 and 6to4 carry an IPv4 address, which counts.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                is_public(IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))))
            }
            [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => false,
            // All that is public today lies here.
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}
