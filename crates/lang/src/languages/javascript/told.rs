//! What JavaScript and TypeScript tell of types.

use crate::source::Told;
use crate::source::site::Site;
use crate::source::tell::{
    As, Bind, Keys, NO_TELLS, Pattern, Read, Teller, Tells, argument, place_in,
};

const ARROW: Read = Read::Function("parameters", "return_type", "body");

/// A declaration of JavaScript has no types: fields that a grammar lacks are none of its nodes.
pub(crate) static TELLS: Tells = Tells {
    reads: &[
        ("identifier", Read::Name),
        ("shorthand_property_identifier", Read::Name),
        ("member_expression", Read::Last("property")),
        ("this", Read::Own),
        ("super", Read::Super),
        ("call_expression", Read::Call("function")),
        ("new_expression", Read::Call("constructor")),
        ("parenthesized_expression", Read::In("")),
        ("non_null_expression", Read::In("")),
        ("instantiation_expression", Read::In("")),
        ("await_expression", Read::Awaited("")),
        ("as_expression", Read::Cast),
        ("satisfies_expression", Read::In("")),
        ("type_assertion", Read::Cast),
        ("subscript_expression", Read::Item("object")),
        ("ternary_expression", Read::Either(&["consequence", "alternative"])),
        ("binary_expression", Read::Either(&["left", "right"])),
        ("assignment_expression", Read::In("right")),
        ("sequence_expression", Read::LastIn),
        ("array", Read::List("")),
        ("object", Read::Object),
        ("arrow_function", ARROW),
        ("function_expression", ARROW),
        ("generator_function", ARROW),
        ("string", Read::Outside),
        ("template_string", Read::Outside),
        ("number", Read::Outside),
        ("regex", Read::Outside),
        // Types.
        ("type_annotation", Read::In("")),
        ("constraint", Read::In("")),
        ("default_type", Read::In("")),
        ("type_identifier", Read::Name),
        ("nested_type_identifier", Read::Last("name")),
        ("generic_type", Read::Generic("name", "type_arguments")),
        ("array_type", Read::List("")),
        ("readonly_type", Read::In("")),
        ("optional_type", Read::In("")),
        ("parenthesized_type", Read::In("")),
        ("union_type", Read::Either(&[])),
        ("intersection_type", Read::Either(&[])),
        ("conditional_type", Read::Either(&["consequence", "alternative"])),
        ("tuple_type", Read::Tuple),
        ("required_parameter", Read::In("type")),
        ("function_type", Read::Function("parameters", "return_type", "")),
        ("constructor_type", Read::Function("parameters", "type", "")),
        ("object_type", Read::Object),
        ("type_query", Read::Query),
        ("lookup_type", Read::Indexed),
        ("this_type", Read::Own),
        ("predefined_type", Read::Outside),
        ("literal_type", Read::Outside),
        ("template_literal_type", Read::Outside),
        ("index_type_query", Read::Outside),
    ],
    patterns: &[
        ("identifier", Pattern::Name),
        ("property_identifier", Pattern::Name),
        ("private_property_identifier", Pattern::Name),
        ("type_identifier", Pattern::Name),
        ("shorthand_property_identifier_pattern", Pattern::Name),
        ("object_pattern", Pattern::Members),
        ("pair_pattern", Pattern::Pair("key", "value")),
        ("array_pattern", Pattern::Parts),
        ("rest_pattern", Pattern::Rest),
        ("assignment_pattern", Pattern::In("left")),
        ("object_assignment_pattern", Pattern::In("left")),
        ("required_parameter", Pattern::In("pattern")),
        ("optional_parameter", Pattern::In("pattern")),
        ("member_expression", Pattern::In("property")),
    ],
    binds: &[
        ("variable_declarator", Bind::Value("name", "type", "value")),
        ("required_parameter", Bind::Property("pattern", "type", "value")),
        ("optional_parameter", Bind::Property("pattern", "type", "value")),
        ("assignment_pattern", Bind::Value("left", "", "right")),
        ("public_field_definition", Bind::Value("name", "type", "value")),
        ("field_definition", Bind::Value("property", "", "value")),
        ("property_signature", Bind::Value("name", "type", "")),
        ("assignment_expression", Bind::Value("left", "", "right")),
        ("for_in_statement", Bind::Items("left", "right")),
        ("type_parameter", Bind::Value("name", "constraint", "value")),
    ],
    parameters: &[
        ("required_parameter", Bind::Value("pattern", "type", "value")),
        ("optional_parameter", Bind::Value("pattern", "type", "value")),
        ("assignment_pattern", Bind::Value("left", "", "right")),
    ],
    members: &[("member_expression", ("object", "property"))],
    objects: &[
        ("object", Keys::Expected),
        ("object_type", Keys::Defined),
        ("jsx_opening_element", Keys::Expected),
        ("jsx_self_closing_element", Keys::Expected),
    ],
    returns: &["return_statement"],
    closures: &[
        "arrow_function",
        "function_expression",
        "generator_function",
        "function_declaration",
        "method_definition",
        "class_body",
    ],
    aliases: &[("type_alias_declaration", "value")],
    functions: &[
        ("function_declaration", ARROW),
        ("generator_function_declaration", ARROW),
        ("function_signature", ARROW),
        ("method_definition", ARROW),
        ("method_signature", ARROW),
        ("abstract_method_signature", ARROW),
    ],
    expected,
    documented,
    ..NO_TELLS
};

/// Reads the types of `@param {T} name` and `@returns {T}`.
fn documented(comment: &str) -> Vec<(Option<&str>, &str)> {
    let mut found = Vec::new();
    for line in comment.lines().take(200) {
        let line = line.trim_start_matches([' ', '\t', '*', '/']);
        let Some((tag, rest)) = line.split_once(char::is_whitespace) else { continue };
        let Some(rest) = rest.trim_start().strip_prefix('{') else { continue };
        let mut depth = 1_usize;
        let end = rest.find(|c: char| {
            depth = match c {
                '{' => depth + 1,
                '}' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let Some((of, behind)) = end.and_then(|end| rest.split_at_checked(end)) else { continue };
        let of = of.trim_matches(['?', '!', '(', ')', ' ', '.', '=']);
        match tag {
            "@param" | "@arg" => {
                let name = behind.trim_start_matches(['}', ' ', '[']);
                let end = name.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$'));
                found.push((name.get(..end.unwrap_or(name.len())), of));
            }
            "@return" | "@returns" | "@type" => found.push((None, of)),
            _ => {}
        }
    }
    found
}

/// Returns the type that the place of an expression asks for.
fn expected(teller: &Teller<'_>, site: Site<'_, '_>, depth: u8) -> Told {
    let node = site.node;
    if matches!(node.kind(), "jsx_opening_element" | "jsx_self_closing_element") {
        let name = node.child_by_field_name("name");
        let told = name.map_or(Told::Unknown, |name| teller.read(name, As::Value, 0));
        let is_known = !told.is_unknown();
        return if is_known { Told::Argument(Box::new(told), 0) } else { Told::Unknown };
    }
    let Some(outer) = site.parent().filter(|_| depth < 8) else { return Told::Unknown };
    let around = outer.node;
    let read = |field: &str, way: As| {
        around.child_by_field_name(field).map_or(Told::Unknown, |node| teller.read(node, way, 0))
    };
    let is = |field: &str| around.child_by_field_name(field) == Some(node);
    let inner = || expected(teller, outer, depth + 1);
    match around.kind() {
        "arguments" => {
            let told = argument(teller, site, depth);
            let made = outer.parent().and_then(|call| call.node.child_by_field_name("constructor"));
            match made.filter(|_| told.is_unknown()) {
                Some(made) => {
                    let of = Box::new(teller.read(made, As::Value, 0));
                    Told::Argument(of, place_in(around, node).unwrap_or(u8::MAX))
                }
                None => told,
            }
        }
        "variable_declarator" | "public_field_definition" => read("type", As::Type),
        "required_parameter" | "optional_parameter" if is("value") => read("type", As::Type),
        "assignment_expression" if is("right") => read("left", As::Value),
        "assignment_pattern" if is("right") => match around.child_by_field_name("left") {
            Some(_) => inner(),
            None => Told::Unknown,
        },
        "as_expression" | "satisfies_expression" => {
            let last = around.named_child(1).filter(|last| *last != node);
            let told = last.map_or(Told::Unknown, |last| teller.read(last, As::Type, 0));
            if told.is_unknown() { inner() } else { told }
        }
        "jsx_expression" => inner(),
        "jsx_attribute" => match (outer.parent(), around.named_child(0)) {
            (Some(element), Some(key)) => {
                let of = expected(teller, element, depth + 1);
                if of.is_unknown() {
                    return of;
                }
                Told::Member(Box::new(of), teller.text(key).to_owned())
            }
            _ => Told::Unknown,
        },
        "pair" => match (outer.parent(), around.child_by_field_name("key")) {
            (Some(object), Some(key)) => match expected(teller, object, depth + 1) {
                of if of.is_unknown() => Told::Unknown,
                of => Told::Member(Box::new(of), teller.text(key).trim_matches(['"', '\'']).into()),
            },
            _ => Told::Unknown,
        },
        "array" => match inner() {
            of if of.is_unknown() => Told::Unknown,
            of => Told::Item(Box::new(of)),
        },
        "parenthesized_expression"
        | "ternary_expression"
        | "await_expression"
        | "spread_element" => inner(),
        "binary_expression" if is("right") => inner(),
        "return_statement" => {
            let mut next = outer.parent();
            while let Some(function) = next {
                if let Some(told) = returned(teller, function, depth) {
                    return told;
                }
                next = function.parent();
            }
            Told::Unknown
        }
        "arrow_function" if is("body") => returned(teller, outer, depth).unwrap_or(Told::Unknown),
        _ => Told::Unknown,
    }
}

/// Returns what a function is expected to return; `None` where the node is none.
fn returned(teller: &Teller<'_>, function: Site<'_, '_>, depth: u8) -> Option<Told> {
    let is_function = matches!(
        function.node.kind(),
        "arrow_function"
            | "function_expression"
            | "function_declaration"
            | "method_definition"
            | "generator_function"
            | "generator_function_declaration"
    );
    is_function.then_some(())?;
    let told = match function.node.child_by_field_name("return_type") {
        Some(of) => Told::Awaited(Box::new(teller.read(of, As::Type, 0))),
        None => match expected(teller, function, depth + 1) {
            of if of.is_unknown() => Told::Unknown,
            of => Told::Awaited(Box::new(Told::Call(Box::new(of)))),
        },
    };
    Some(told)
}
