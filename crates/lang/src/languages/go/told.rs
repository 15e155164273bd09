//! What Go tells of types.

use crate::source::Told;
use crate::source::site::Site;
use crate::source::tell::{As, Bind, Keys, NO_TELLS, Pattern, Read, Teller, Tells};

/// How deep literals stand in each other.
const MAX_DEPTH: u8 = 6;

const FUNCTION: Read = Read::Function("parameters", "result", "body");

pub(crate) static TELLS: Tells = Tells {
    reads: &[
        ("identifier", Read::Name),
        ("selector_expression", Read::Last("field")),
        ("call_expression", Read::Call("function")),
        ("composite_literal", Read::Typed("type")),
        ("unary_expression", Read::In("operand")),
        ("type_assertion_expression", Read::Typed("type")),
        ("type_conversion_expression", Read::Typed("type")),
        ("index_expression", Read::Item("operand")),
        ("slice_expression", Read::In("operand")),
        ("parenthesized_expression", Read::In("")),
        ("func_literal", FUNCTION),
        ("expression_list", Read::Tuple),
        ("interpreted_string_literal", Read::Outside),
        ("raw_string_literal", Read::Outside),
        ("int_literal", Read::Outside),
        // Types.
        ("type_identifier", Read::Name),
        ("qualified_type", Read::Last("name")),
        ("pointer_type", Read::In("")),
        ("parenthesized_type", Read::In("")),
        ("slice_type", Read::List("element")),
        ("array_type", Read::List("element")),
        ("implicit_length_array_type", Read::List("element")),
        ("map_type", Read::List("value")),
        ("channel_type", Read::List("value")),
        ("generic_type", Read::Generic("type", "type_arguments")),
        ("type_elem", Read::In("")),
        ("struct_type", Read::Structure("")),
        ("function_type", Read::Function("parameters", "result", "")),
        ("parameter_list", Read::Tuple),
        ("parameter_declaration", Read::In("type")),
    ],
    patterns: &[
        ("identifier", Pattern::Name),
        ("field_identifier", Pattern::Name),
        ("expression_list", Pattern::Parts),
    ],
    binds: &[
        ("short_var_declaration", Bind::Value("left", "", "right")),
        ("assignment_statement", Bind::Value("left", "", "right")),
        ("var_spec", Bind::Value("name", "type", "value")),
        ("const_spec", Bind::Value("name", "type", "value")),
        ("parameter_declaration", Bind::Value("name", "type", "")),
        ("field_declaration", Bind::Value("name", "type", "")),
        ("range_clause", Bind::Last("left", "right")),
        ("method_elem", Bind::Function("name")),
    ],
    parameters: &[("parameter_declaration", Bind::Value("name", "type", ""))],
    members: &[("selector_expression", ("operand", "field"))],
    objects: &[("literal_value", Keys::Expected)],
    returns: &["return_statement"],
    closures: &["func_literal", "function_declaration", "method_declaration"],
    aliases: &[("type_alias", "type"), ("type_spec", "type")],
    functions: &[
        ("function_declaration", FUNCTION),
        ("method_declaration", FUNCTION),
        ("method_elem", Read::Function("parameters", "result", "")),
    ],
    expected,
    by_text: true,
    ..NO_TELLS
};

/// Returns the type whose members a literal gives.
fn expected(teller: &Teller<'_>, site: Site<'_, '_>, depth: u8) -> Told {
    let Some(above) = site.parent().filter(|_| depth < MAX_DEPTH) else { return Told::Unknown };
    if above.node.kind() == "composite_literal" {
        let of = above.node.child_by_field_name("type");
        return of.map_or(Told::Unknown, |of| teller.read(of, As::Type, 0));
    }
    if above.node.kind() != "literal_element" {
        return Told::Unknown;
    }
    // A part of another literal, whose type need not be written.
    let part = above.parent();
    let key = part.filter(|part| part.node.kind() == "keyed_element");
    let outer = if key.is_some() { part.and_then(Site::parent) } else { part };
    let outer = outer.map_or(Told::Unknown, |outer| expected(teller, outer, depth + 1));
    let key = key.and_then(|key| key.node.child_by_field_name("key")).map(|key| teller.text(key));
    match (outer, key) {
        (Told::Unknown, _) => Told::Unknown,
        (outer @ (Told::Own(_) | Told::Type(..) | Told::Member(..)), Some(key)) => {
            Told::Member(Box::new(outer), key.trim().to_owned())
        }
        (outer, _) => Told::Item(Box::new(outer)),
    }
}
