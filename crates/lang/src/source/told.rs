//! What a file tells of a value or a type, without resolving any name.

use std::cell::Cell;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// How deeply they may lie in each other where they are read back; what is told of a text comes to less than half.
const MOST_NESTED: u32 = 128;

/// What is told of a value or a type. Names stand for themselves, so that nothing is resolved here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// What the name means that begins at this byte; of a type's name also a value of it.
    Name(u32),
    /// A value of the type whose name begins at this byte, with the type's arguments.
    Type(u32, #[serde(deserialize_with = "nested")] Vec<Told>),
    /// What a path means, as written and with dots.
    Path(String),
    /// A value of the type that a path means, as written and with dots.
    Written(String),
    /// The object around this unit: `this`, `self`.
    Own(u32),
    /// That of its bases.
    Super(u32),
    /// What a call of it gives.
    Call(#[serde(deserialize_with = "nested")] Box<Told>),
    /// What is in it: of a list's items, of an option's value.
    Item(#[serde(deserialize_with = "nested")] Box<Told>),
    /// What comes of awaiting it, or of taking its error away.
    Awaited(#[serde(deserialize_with = "nested")] Box<Told>),
    /// Its member of a name.
    Member(#[serde(deserialize_with = "nested")] Box<Told>, String),
    /// Its part at a place, counted from 0.
    Part(#[serde(deserialize_with = "nested")] Box<Told>, u8),
    /// What it takes at a place, counted from 0, if it is called.
    Argument(#[serde(deserialize_with = "nested")] Box<Told>, u8),
    /// What an instance of it is given under a name, if it is a class that is called.
    Field(#[serde(deserialize_with = "nested")] Box<Told>, String),
    /// A list of such.
    List(#[serde(deserialize_with = "nested")] Box<Told>),
    /// Values beside each other.
    Tuple(#[serde(deserialize_with = "nested")] Vec<Told>),
    /// One of them, or all at once.
    Either(#[serde(deserialize_with = "nested")] Vec<Told>),
    /// A function, by what it takes and what it returns.
    Function(
        #[serde(deserialize_with = "nested")] Vec<Told>,
        #[serde(deserialize_with = "nested")] Box<Told>,
    ),
    /// The object that begins at this byte, [`Object`](crate::Object).
    Object(u32),
    /// Something that no file of the project defines: a number, a text.
    Outside,
    /// Nothing is known.
    Unknown,
}

impl Told {
    /// Tells whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        match self {
            Told::Unknown => true,
            Told::Either(all) => all.iter().all(Told::is_unknown),
            Told::Call(of)
            | Told::Item(of)
            | Told::Awaited(of)
            | Told::Member(of, _)
            | Told::Part(of, _)
            | Told::Field(of, _)
            | Told::Argument(of, _) => of.is_unknown(),
            _ => false,
        }
    }

    /// Returns the last of the names that it stands on.
    pub fn last_name(&self) -> Option<u32> {
        let all = |of: &[Told]| of.iter().filter_map(Told::last_name).max();
        match self {
            Told::Name(at) => Some(*at),
            Told::Type(at, arguments) => all(arguments).max(Some(*at)),
            Told::Call(of)
            | Told::Item(of)
            | Told::Awaited(of)
            | Told::Member(of, _)
            | Told::Part(of, _)
            | Told::Argument(of, _)
            | Told::Field(of, _)
            | Told::List(of) => of.last_name(),
            Told::Tuple(of) | Told::Either(of) => all(of),
            Told::Function(takes, returns) => all(takes).max(returns.last_name()),
            Told::Path(_)
            | Told::Written(_)
            | Told::Own(_)
            | Told::Super(_)
            | Told::Object(_)
            | Told::Outside
            | Told::Unknown => None,
        }
    }

    /// Puts numbers in the place of bytes: `name` numbers a name, `object` an object. What has none is unknown.
    #[must_use]
    pub fn numbered(
        self,
        name: &dyn Fn(u32) -> Option<u32>,
        object: &dyn Fn(u32) -> Option<u32>,
    ) -> Self {
        let one = |of: Box<Told>| Box::new(of.numbered(name, object));
        let all = |of: Vec<Told>| of.into_iter().map(|of| of.numbered(name, object)).collect();
        match self {
            Told::Name(at) => name(at).map_or(Told::Unknown, Told::Name),
            Told::Type(at, arguments) => {
                name(at).map_or(Told::Outside, |at| Told::Type(at, all(arguments)))
            }
            Told::Object(at) => object(at).map_or(Told::Unknown, Told::Object),
            Told::Call(of) => Told::Call(one(of)),
            Told::Item(of) => Told::Item(one(of)),
            Told::Awaited(of) => Told::Awaited(one(of)),
            Told::Member(of, name) => Told::Member(one(of), name),
            Told::Field(of, name) => Told::Field(one(of), name),
            Told::Part(of, at) => Told::Part(one(of), at),
            Told::Argument(of, at) => Told::Argument(one(of), at),
            Told::List(of) => Told::List(one(of)),
            Told::Tuple(of) => Told::Tuple(all(of)),
            Told::Either(of) => Told::Either(all(of)),
            Told::Function(takes, returns) => Told::Function(all(takes), one(returns)),
            other => other,
        }
    }
}

/// Reads what lies in another, unless it lies too deep: who made the bytes does not say how much of the stack that takes.
fn nested<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
    }
    let depth = DEPTH.get();
    if depth >= MOST_NESTED {
        return Err(D::Error::custom("too deep"));
    }
    DEPTH.set(depth + 1);
    let read = T::deserialize(from);
    DEPTH.set(depth);
    read
}
