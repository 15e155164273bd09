//! What Java tells of types.

use crate::source::tell::{Bind, NO_TELLS, Pattern, Read, Tells, argument};

const METHOD: Read = Read::Function("parameters", "type", "body");

pub(crate) static TELLS: Tells = Tells {
    reads: &[
        ("identifier", Read::Name),
        ("this", Read::Own),
        ("super", Read::Super),
        ("method_invocation", Read::Call("name")),
        ("field_access", Read::Last("field")),
        ("object_creation_expression", Read::Typed("type")),
        ("cast_expression", Read::Typed("type")),
        ("array_access", Read::Item("array")),
        ("parenthesized_expression", Read::In("")),
        ("assignment_expression", Read::In("right")),
        ("ternary_expression", Read::Either(&["consequence", "alternative"])),
        ("lambda_expression", Read::Function("parameters", "", "body")),
        ("string_literal", Read::Outside),
        ("decimal_integer_literal", Read::Outside),
        // Types.
        ("type_identifier", Read::Name),
        ("scoped_type_identifier", Read::LastIn),
        ("generic_type", Read::Subscript("")),
        ("array_type", Read::List("element")),
        ("type_bound", Read::Either(&[])),
        ("superclass", Read::In("")),
        ("integral_type", Read::Outside),
        ("floating_point_type", Read::Outside),
        ("boolean_type", Read::Outside),
        ("void_type", Read::Outside),
    ],
    patterns: &[
        ("identifier", Pattern::Name),
        ("type_identifier", Pattern::Name),
        ("variable_declarator", Pattern::In("name")),
    ],
    binds: &[
        ("local_variable_declaration", Bind::Value("declarator", "type", "")),
        ("field_declaration", Bind::Value("declarator", "type", "")),
        ("constant_declaration", Bind::Value("declarator", "type", "")),
        ("variable_declarator", Bind::Value("name", "", "value")),
        ("formal_parameter", Bind::Value("name", "type", "")),
        ("enhanced_for_statement", Bind::Value("name", "type", "")),
        ("resource", Bind::Value("name", "type", "value")),
        ("instanceof_expression", Bind::Value("name", "right", "")),
        ("type_parameter", Bind::Bounded),
    ],
    parameters: &[("formal_parameter", Bind::Value("name", "type", ""))],
    members: &[("method_invocation", ("object", "name")), ("field_access", ("object", "field"))],
    own: &[],
    aliases: &[("class_declaration", "superclass")],
    returns: &["return_statement"],
    closures: &["lambda_expression", "method_declaration"],
    functions: &[
        ("method_declaration", METHOD),
        ("constructor_declaration", Read::Function("parameters", "", "")),
    ],
    expected: argument,
    by_text: true,
    ..NO_TELLS
};
