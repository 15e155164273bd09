//! A file's identifiers where they stand, in eight bytes each.

use super::Owner;
use crate::segment::Mention;

/// Bits of a name's place and of a line; a text of 4 MB has fewer of both.
const NAME_BITS: u32 = 27;
const LINE_BITS: u32 = 29;

/// Whose members mentions may be, by number.
const OWNERS: [Owner; 5] = [Owner::None, Owner::Own, Owner::Super, Owner::Value, Owner::Root];

/// Mentions in source order.
#[derive(Debug, Default)]
pub(crate) struct Mentions(Box<[(u32, u32)]>);

impl Mentions {
    /// Takes mentions over.
    pub fn new(all: &[Mention]) -> Self {
        Self(all.iter().map(packed).collect())
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the one at a place.
    pub fn get(&self, at: usize) -> Option<Mention> {
        self.0.get(at).map(unpacked)
    }

    /// Returns all.
    pub fn iter(&self) -> impl Iterator<Item = Mention> {
        self.0.iter().map(unpacked)
    }
}

/// Packs a name's place with the role and what joins it, and the line with the owner.
fn packed(mention: &Mention) -> (u32, u32) {
    let joint = u32::from(mention.is_joined) + u32::from(mention.is_joined && mention.is_in_path);
    let does = u32::from(mention.role.min(9)) * 3 + joint;
    let owner = OWNERS.iter().zip(0_u32..).find(|(owner, _)| **owner == mention.owner);
    let owner = owner.map_or(0, |(_, number)| number);
    let fit = |value: u32, bits: u32| value.min((1 << bits) - 1);
    (
        fit(mention.name, NAME_BITS) | does << NAME_BITS,
        fit(mention.line, LINE_BITS) | owner << LINE_BITS,
    )
}

fn unpacked((name, line): &(u32, u32)) -> Mention {
    let does = name >> NAME_BITS;
    let owner = OWNERS.get((line >> LINE_BITS) as usize);
    Mention {
        name: name & ((1 << NAME_BITS) - 1),
        line: line & ((1 << LINE_BITS) - 1),
        role: u8::try_from(does / 3).unwrap_or_default(),
        is_joined: matches!(does % 3, 1 | 2),
        is_in_path: does % 3 == 2,
        owner: owner.copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_come_back_as_they_were() {
        let mut all = Vec::new();
        for role in 0..10 {
            for (is_joined, is_in_path) in [(false, false), (true, false), (true, true)] {
                for owner in OWNERS {
                    let (name, line) = (u32::from(role) * 13_000_000, 1 << (role * 3));
                    all.push(Mention { name, line, role, is_joined, is_in_path, owner });
                }
            }
        }
        let mentions = Mentions::new(&all);
        assert_eq!(mentions.iter().collect::<Vec<_>>(), all);
        assert_eq!((mentions.len(), mentions.get(7), mentions.get(150)), (150, Some(all[7]), None));
    }
}
