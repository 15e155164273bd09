//! How a language says what its nodes tell.

use super::Teller;
use crate::source::Told;
use crate::source::site::Site;

/// How a node is read that is a value or a type. The texts are fields; an empty one is the first named child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// A name.
    Name,
    /// A path: what the name in the field means, the last of it.
    Last(&'static str),
    /// A member of a value: of the value, of the member; a number is a part.
    Field(&'static str, &'static str),
    /// The object around.
    Own,
    /// Its bases.
    Super,
    /// As what is in it.
    In(&'static str),
    /// As the last thing in it.
    LastIn,
    /// A call of what is in it.
    Call(&'static str),
    /// An item of what is in it.
    Item(&'static str),
    /// An item as a value; as a type the generic one with its arguments.
    Subscript(&'static str),
    /// What comes of awaiting it.
    Awaited(&'static str),
    /// A value of the type in it.
    Typed(&'static str),
    /// A value of the type that stands last in it.
    Cast,
    /// The value that a type asks for, as `typeof x`.
    Query,
    /// A text; as a type the type of that name.
    Text,
    /// One of what is in the fields; without any, of all that is in it.
    Either(&'static [&'static str]),
    /// A list; of types the type of its items.
    List(&'static str),
    Tuple,
    /// A type's name with its arguments: of the name, of the arguments.
    Generic(&'static str, &'static str),
    /// A structure by its name in the field; without one its members are those of the unit around.
    Structure(&'static str),
    /// A function or its type: the parameters, the type that it returns, its body.
    Function(&'static str, &'static str, &'static str),
    /// An object, or a type that is written as one.
    Object,
    /// A type's member by a text: `T["name"]`.
    Indexed,
    /// Nothing of the project.
    Outside,
}

/// What is bound to names, and what is told of it. The texts are fields.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bind {
    /// The names, the type, the value.
    Value(&'static str, &'static str, &'static str),
    /// As `Value`; with a modifier before the name it is a field of the class around, too.
    Property(&'static str, &'static str, &'static str),
    /// The names, that whose items they are.
    Items(&'static str, &'static str),
    /// The names, that which has another name by them.
    Inner(&'static str, &'static str),
    /// The names of which the last is given the items, and of what.
    Last(&'static str, &'static str),
    /// The names of a case, and the field of what is looked at, two nodes above.
    Arm(&'static str, &'static str),
    /// The name of a variant, and the types that it takes.
    Variant(&'static str, &'static str),
    /// The name of a function without a body.
    Function(&'static str),
    /// The name of a type's member within the type's arguments: `Iterator<Item = u8>`.
    Associated(&'static str),
    /// A variable of types by its name, and what it must be; it is defined elsewhere in the item.
    Bound(&'static str, &'static str),
    /// A variable of types, the first name in it, and what it must be, which stands last in it.
    Bounded,
}

/// How a pattern gives parts of a value to names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pattern {
    Name,
    /// Members by their names; the children are names and pairs of these fields.
    Members,
    /// A member of a name: the fields of the key and of the pattern.
    Pair(&'static str, &'static str),
    /// Parts by their places.
    Parts,
    /// As the pattern in the field.
    In(&'static str),
    /// As the last pattern in it.
    Last,
    /// What is left of a list, in the last name in it; of a parameter the list, as its type says.
    Rest,
    /// A list of all further arguments, of which the parameter's type is that of each.
    Further,
    /// What is inside of the value: `Some(x)`.
    Inner,
    /// Members of a type: of the field.
    Of(&'static str),
}

/// How a language's declarations and expressions are read.
pub(crate) struct Tells {
    pub(crate) reads: &'static [(&'static str, Read)],
    pub(crate) patterns: &'static [(&'static str, Pattern)],
    pub(crate) binds: &'static [(&'static str, Bind)],
    /// Accesses to members: the fields of the object and of the name.
    pub(crate) members: &'static [(&'static str, (&'static str, &'static str))],
    /// Arguments by name: the fields of the name and of the value.
    pub(crate) keywords: &'static [(&'static str, (&'static str, &'static str))],
    /// Objects whose keys are members of a type: the field of the type, or nothing where only the place tells.
    pub(crate) objects: &'static [(&'static str, Keys)],
    /// Parameters, for what a function takes.
    pub(crate) parameters: &'static [(&'static str, Bind)],
    /// Names of parameters that no call gives.
    pub(crate) own: &'static [&'static str],
    /// Nodes that return what is in them.
    pub(crate) returns: &'static [&'static str],
    /// Functions within functions.
    pub(crate) closures: &'static [&'static str],
    /// Units that stand for a type: the node and the field of it.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// Units that are functions: the node or what the field in the last place holds.
    pub(crate) functions: &'static [(&'static str, Read)],
    /// Returns what a place expects of the node in it.
    pub(crate) expected: Expected,
    /// Returns the types that a comment tells: of parameters by their names, of what is returned or held.
    pub(crate) documented: Documented,
    /// Whether the text around a name may tell more than the syntax does, as in macros.
    pub(crate) by_text: bool,
}

/// Returns the types that a comment tells: of parameters by their names, of what is returned or held.
pub(crate) type Documented = fn(&str) -> Vec<(Option<&str>, &str)>;

/// Returns what a place expects of the node in it.
pub(crate) type Expected = fn(&Teller<'_>, Site<'_, '_>, u8) -> Told;

/// Whose members the keys of an object are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// Of what the place expects; the object's children with a `key` or a `name`.
    Expected,
    /// Of the type in the field of the node above the object.
    Above(&'static str),
    /// They define its members.
    Defined,
}

/// Tables that tell nothing.
pub(crate) const NO_TELLS: Tells = Tells {
    reads: &[],
    patterns: &[],
    binds: &[],
    members: &[],
    keywords: &[],
    objects: &[],
    parameters: &[],
    own: &[],
    returns: &[],
    closures: &[],
    aliases: &[],
    functions: &[],
    expected: |_, _, _| Told::Unknown,
    documented: |_| Vec::new(),
    by_text: false,
};
