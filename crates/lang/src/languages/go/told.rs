//! What Go tells of types.

use crate::source::tell::{Bind, Keys, NO_TELLS, Pattern, Read, Tells, argument};

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
        ("map_type", Read::List("value")),
        ("channel_type", Read::List("value")),
        ("generic_type", Read::Generic("type", "type_arguments")),
        ("type_elem", Read::In("")),
        ("function_type", Read::Function("parameters", "result", "")),
        ("parameter_list", Read::Tuple),
        ("parameter_declaration", Read::In("type")),
    ],
    patterns: &[
        ("identifier", Pattern::Name),
        ("field_identifier", Pattern::Name),
        ("expression_list", Pattern::Parts),
        ("selector_expression", Pattern::In("field")),
    ],
    binds: &[
        ("short_var_declaration", Bind::Value("left", "", "right")),
        ("assignment_statement", Bind::Value("left", "", "right")),
        ("var_spec", Bind::Value("name", "type", "value")),
        ("const_spec", Bind::Value("name", "type", "value")),
        ("parameter_declaration", Bind::Value("name", "type", "")),
        ("field_declaration", Bind::Value("name", "type", "")),
        ("range_clause", Bind::Last("left", "right")),
    ],
    parameters: &[("parameter_declaration", Bind::Value("name", "type", ""))],
    members: &[("selector_expression", ("operand", "field"))],
    objects: &[("literal_value", Keys::Above("type"))],
    returns: &["return_statement"],
    closures: &["func_literal", "function_declaration", "method_declaration"],
    aliases: &[("type_alias", "type"), ("type_spec", "type")],
    functions: &[
        ("function_declaration", FUNCTION),
        ("method_declaration", FUNCTION),
        ("method_elem", Read::Function("parameters", "result", "")),
    ],
    expected: argument,
    by_text: true,
    ..NO_TELLS
};
