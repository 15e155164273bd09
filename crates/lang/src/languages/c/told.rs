//! What C tells of types. Pointers, lists and functions are told as what they point to, hold and return.

use tree_sitter::Node;

use crate::source::Told;
use crate::source::site::Site;
use crate::source::tell::{As, Bind, Keys, NO_TELLS, Pattern, Read, Teller, Tells};

/// How deep lists of values stand in each other.
const MAX_DEPTH: u8 = 6;

pub(crate) static TELLS: Tells = Tells {
    reads: &[
        ("identifier", Read::Name),
        ("field_expression", Read::Last("field")),
        ("call_expression", Read::Call("function")),
        ("pointer_expression", Read::In("argument")),
        ("subscript_expression", Read::In("argument")),
        ("parenthesized_expression", Read::In("")),
        ("cast_expression", Read::Typed("type")),
        ("compound_literal_expression", Read::Typed("type")),
        ("conditional_expression", Read::Either(&["consequence", "alternative"])),
        ("assignment_expression", Read::In("left")),
        ("update_expression", Read::In("argument")),
        ("comma_expression", Read::In("right")),
        ("binary_expression", Read::In("left")),
        ("string_literal", Read::Outside),
        ("number_literal", Read::Outside),
        // Types.
        ("type_identifier", Read::Name),
        ("type_descriptor", Read::In("type")),
        ("struct_specifier", Read::Structure("name")),
        ("union_specifier", Read::Structure("name")),
        ("enum_specifier", Read::In("name")),
        ("primitive_type", Read::Outside),
        ("sized_type_specifier", Read::Outside),
    ],
    patterns: &[
        ("identifier", Pattern::Name),
        ("field_identifier", Pattern::Name),
        ("pointer_declarator", Pattern::In("declarator")),
        ("array_declarator", Pattern::In("declarator")),
        ("function_declarator", Pattern::In("declarator")),
        ("init_declarator", Pattern::In("declarator")),
        ("parenthesized_declarator", Pattern::In("")),
    ],
    binds: &[
        ("declaration", Bind::Value("declarator", "type", "")),
        ("parameter_declaration", Bind::Value("declarator", "type", "")),
        ("field_declaration", Bind::Value("declarator", "type", "")),
    ],
    members: &[("field_expression", ("argument", "field"))],
    objects: &[("initializer_list", Keys::Expected)],
    aliases: &[("type_definition", "type")],
    functions: &[
        ("function_definition", Read::Function("parameters", "type", "")),
        ("declaration", Read::Function("parameters", "type", "")),
    ],
    expected,
    // Bodies of macros are no tree.
    by_text: true,
    ..NO_TELLS
};

/// Returns the type whose members a list of values gives.
fn expected(teller: &Teller<'_>, site: Site<'_, '_>, depth: u8) -> Told {
    let Some(above) = site.parent().filter(|_| depth < MAX_DEPTH) else { return Told::Unknown };
    match above.node.kind() {
        "compound_literal_expression" => of_type(teller, above.node),
        "init_declarator" => above.parent().map_or(Told::Unknown, |of| of_type(teller, of.node)),
        "initializer_list" => expected(teller, above, depth + 1),
        "initializer_pair" => {
            let outer = above.parent().map_or(Told::Unknown, |of| expected(teller, of, depth + 1));
            let field = above.node.child_by_field_name("designator");
            match field.filter(|field| field.kind() == "field_designator") {
                Some(field) if !outer.is_unknown() => {
                    let name = teller.text(field).trim_start_matches('.').trim();
                    Told::Member(Box::new(outer), name.to_owned())
                }
                _ => outer,
            }
        }
        _ => Told::Unknown,
    }
}

fn of_type(teller: &Teller<'_>, node: Node<'_>) -> Told {
    let of = node.child_by_field_name("type");
    of.map_or(Told::Unknown, |of| teller.read(of, As::Type, 0))
}
