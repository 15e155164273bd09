//! A journal's records, as bytes: length, checksum, then what happened to one request.
//!
//! Numbers are LEB128, signed ones zigzag; what may be missing is a count of none or one before it. A record
//! that was cut, or that a disk lost, does not hold its checksum: a journal ends before it.

use std::borrow::Cow;

use distiq_base::{Money, Usage};

use crate::ledger::owner::Owner;
use crate::ledger::rows::{FinalRow, OpenRow, Opening, Progress, Savings};

/// How a journal begins. Another ending is another version's: it is neither read nor removed.
pub(crate) const MAGIC: &[u8; 8] = b"distiqJ1";
/// Length and checksum.
const HEAD: usize = 8;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record<'a> {
    /// Whose journal it is; the first record.
    Owner(Owner),
    /// A request is about to be sent.
    Open(Opening<'a>),
    /// It goes elsewhere, with this set aside.
    Again(Redirect<'a>),
    /// So much is known of it.
    Progress(&'a str, Progress),
    /// It is over.
    End(&'a str, Cow<'a, FinalRow>),
}

/// Where a request under way goes instead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redirect<'a> {
    pub id: &'a str,
    pub provider: &'a str,
    pub model: &'a str,
    pub tier: Option<&'a str>,
    pub reserved: Option<Money>,
}

impl<'a> Redirect<'a> {
    pub fn new(row: &'a OpenRow, reserved: Option<Money>) -> Self {
        let OpenRow { id, provider, model, tier, .. } = row;
        Self { id: id.as_str(), provider, model, tier: tier.as_deref(), reserved }
    }
}

/// Appends a record to `out`.
pub(crate) fn append(out: &mut Vec<u8>, record: &Record<'_>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    match record {
        Record::Owner(owner) => put_owner(out, owner),
        Record::Open(opening) => put_opening(out, opening),
        Record::Again(redirect) => put_redirect(out, redirect),
        Record::Progress(id, progress) => {
            out.push(3);
            put_text(out, id);
            put_usage(out, &progress.usage);
            put_money(out, progress.cost);
        }
        Record::End(id, row) => put_end(out, id, row),
    }
    let body = out.get(start + HEAD..).unwrap_or_default();
    let (length, sum) = (u32::try_from(body.len()).unwrap_or(u32::MAX), checksum(body));
    if let Some(head) = out.get_mut(start..start + HEAD) {
        let mut bytes = length.to_le_bytes().into_iter().chain(sum.to_le_bytes());
        head.fill_with(|| bytes.next().unwrap_or_default());
    }
}

/// Takes the first record off `bytes`; `None` where no whole one is left.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    if checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let record = Reader(body).record()?;
    *bytes = rest;
    Some(record)
}

/// Mixes eight bytes at a time (multiply and rotate, as FxHash does): enough to tell a whole record from a torn
/// one, and from zeros.
fn checksum(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let mut sum = mix(FACTOR, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        sum = mix(sum, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    sum = mix(sum, u64::from_le_bytes(last));
    (sum ^ (sum >> 32)) as u32
}

fn put_owner(out: &mut Vec<u8>, owner: &Owner) {
    out.push(0);
    put_signed(out, owner.pid);
    put_text(out, &owner.process);
}

fn put_opening(out: &mut Vec<u8>, opening: &Opening<'_>) {
    out.push(1);
    put_text(out, opening.id);
    put_signed(out, opening.at_ms);
    for text in [opening.session, opening.project, opening.run, opening.key, opening.owner] {
        put_optional_text(out, text);
    }
    put_optional_text(out, opening.client);
    for text in [opening.kind, opening.provider, opening.model, opening.route] {
        put_text(out, text);
    }
    put_optional_text(out, opening.tier);
    put_text(out, &opening.reasons);
    put_text(out, &opening.scope);
    put_money(out, opening.reserved);
    put_money(out, opening.estimate);
}

fn put_redirect(out: &mut Vec<u8>, redirect: &Redirect<'_>) {
    out.push(2);
    for text in [redirect.id, redirect.provider, redirect.model] {
        put_text(out, text);
    }
    put_optional_text(out, redirect.tier);
    put_money(out, redirect.reserved);
}

fn put_end(out: &mut Vec<u8>, id: &str, row: &FinalRow) {
    out.push(4);
    put_text(out, id);
    put_usage(out, &row.usage);
    put_money(out, row.cost);
    out.push(u8::from(row.estimated));
    let savings = &row.savings;
    for money in [
        savings.baseline_premium,
        savings.baseline_append_only,
        savings.route,
        savings.prompt_cache,
        savings.response_cache,
        savings.compression,
        savings.zero_token,
        savings.context,
    ] {
        put_money(out, money);
    }
    put_number(out, row.latency_ms);
    put_optional(out, row.first_token_ms, put_number);
    put_number(out, row.attempts.into());
    put_number(out, row.fallbacks.into());
    put_optional_text(out, row.node.as_deref());
    put_optional(out, row.status.map(u64::from), put_number);
    put_optional_text(out, row.stop.as_deref());
    put_optional_text(out, row.error.as_deref());
}

fn put_usage(out: &mut Vec<u8>, usage: &Usage) {
    let Usage { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } = *usage;
    for tokens in [input, cache_read, cache_write, cache_write_long, output, reasoning] {
        put_number(out, tokens);
    }
}

fn put_money(out: &mut Vec<u8>, money: Option<Money>) {
    put_optional(out, money, |out, money| put_signed(out, money.nanos()));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_optional(out, text, put_text);
}

fn put_optional<T>(out: &mut Vec<u8>, value: Option<T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What is left of a record's body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn record(&mut self) -> Option<Record<'a>> {
        Some(match self.byte()? {
            0 => Record::Owner(Owner { pid: self.signed()?, process: self.text()?.to_owned() }),
            1 => Record::Open(self.opening()?),
            2 => Record::Again(Redirect {
                id: self.text()?,
                provider: self.text()?,
                model: self.text()?,
                tier: self.optional(Self::text)?,
                reserved: self.money()?,
            }),
            3 => {
                let id = self.text()?;
                Record::Progress(id, Progress { usage: self.usage()?, cost: self.money()? })
            }
            4 => Record::End(self.text()?, Cow::Owned(self.end()?)),
            _ => return None,
        })
    }

    fn opening(&mut self) -> Option<Opening<'a>> {
        Some(Opening {
            id: self.text()?,
            at_ms: self.signed()?,
            session: self.optional(Self::text)?,
            project: self.optional(Self::text)?,
            run: self.optional(Self::text)?,
            key: self.optional(Self::text)?,
            owner: self.optional(Self::text)?,
            client: self.optional(Self::text)?,
            kind: self.text()?,
            provider: self.text()?,
            model: self.text()?,
            route: self.text()?,
            tier: self.optional(Self::text)?,
            reasons: Cow::Borrowed(self.text()?),
            scope: Cow::Borrowed(self.text()?),
            reserved: self.money()?,
            estimate: self.money()?,
        })
    }

    fn end(&mut self) -> Option<FinalRow> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(FinalRow {
            usage: self.usage()?,
            cost: self.money()?,
            estimated: self.byte()? != 0,
            savings: Savings {
                baseline_premium: self.money()?,
                baseline_append_only: self.money()?,
                route: self.money()?,
                prompt_cache: self.money()?,
                response_cache: self.money()?,
                compression: self.money()?,
                zero_token: self.money()?,
                context: self.money()?,
            },
            latency_ms: self.number()?,
            first_token_ms: self.optional(Self::number)?,
            attempts: self.number()?.try_into().ok()?,
            fallbacks: self.number()?.try_into().ok()?,
            node: owned(self.optional(Self::text)?),
            status: match self.optional(Self::number)? {
                Some(status) => Some(status.try_into().ok()?),
                None => None,
            },
            stop: owned(self.optional(Self::text)?),
            error: owned(self.optional(Self::text)?),
        })
    }

    fn usage(&mut self) -> Option<Usage> {
        Some(Usage {
            input: self.number()?,
            cache_read: self.number()?,
            cache_write: self.number()?,
            cache_write_long: self.number()?,
            output: self.number()?,
            reasoning: self.number()?,
            cost: None,
        })
    }

    fn money(&mut self) -> Option<Option<Money>> {
        self.optional(|reader| reader.signed().map(Money::from_nanos))
    }

    fn optional<T>(&mut self, take: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            _ => take(self).map(Some),
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}
