//! C++.

use crate::Language;
use crate::language::{ITEM, Item, Reader, Spec};
use crate::languages::c::{C_RULES, branches};
use crate::languages::c::{declarator_name, declared_function, defined};
use crate::source::Role;
use crate::source::rules::{Place, Rules};

pub(crate) static SPEC: Spec = Spec {
    name: "C++",
    extensions: &[
        "cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "h++", "ipp", "inl", "tpp", "cu", "cuh",
    ],
    file_names: &[],
    reader: Reader::Grammar(|| tree_sitter_cpp::LANGUAGE.into()),
    items: &[
        Item {
            node: "function_definition",
            kind: "function",
            nested_kind: "method",
            name: declarator_name,
            ..ITEM
        },
        Item {
            node: "declaration",
            kind: "function",
            nested_kind: "method",
            name: declared_function,
            ..ITEM
        },
        Item { node: "field_declaration", kind: "method", name: declared_function, ..ITEM },
        Item { node: "class_specifier", kind: "class", name: defined, members: true, ..ITEM },
        Item { node: "struct_specifier", kind: "struct", name: defined, members: true, ..ITEM },
        Item { node: "union_specifier", kind: "union", name: defined, ..ITEM },
        Item { node: "enum_specifier", kind: "enum", name: defined, ..ITEM },
        Item { node: "namespace_definition", kind: "namespace", members: true, ..ITEM },
        Item { node: "concept_definition", kind: "concept", ..ITEM },
        Item { node: "alias_declaration", kind: "type", ..ITEM },
        Item { node: "type_definition", kind: "type", name: declarator_name, ..ITEM },
        Item { node: "preproc_def", kind: "macro", ..ITEM },
        Item { node: "preproc_function_def", kind: "macro", ..ITEM },
    ],
    through: &[
        "preproc_if",
        "preproc_ifdef",
        "preproc_else",
        "preproc_elif",
        "linkage_specification",
        "declaration_list",
        "field_declaration_list",
        "template_declaration",
    ],
    rules: &RULES,
};

static RULES: Rules = Rules {
    places: &[
        ("reference_declarator", Place::Same),
        ("optional_parameter_declaration.declarator", Place::Is(Role::Local)),
        ("variadic_parameter_declaration.declarator", Place::Is(Role::Local)),
        ("variadic_declarator", Place::Same),
        ("for_range_loop.declarator", Place::Is(Role::Local)),
        ("structured_binding_declarator", Place::Is(Role::Local)),
        ("qualified_identifier.name", Place::Same),
        ("template_function.name", Place::Same),
        ("template_type.name", Place::Same),
        ("template_method.name", Place::Same),
        ("destructor_name", Place::Same),
        ("class_specifier.name", Place::Named),
        ("alias_declaration.name", Place::Is(Role::Definition)),
        ("concept_definition.name", Place::Is(Role::Definition)),
        ("namespace_definition.name", Place::Is(Role::Definition)),
        ("nested_namespace_specifier", Place::Same),
        ("base_class_clause", Place::Is(Role::Base)),
        ("field_initializer", Place::Is(Role::Key)),
    ],
    wrappers: &["template_declaration"],
    scopes: &["lambda_expression"],
    hides_members: true,
    split,
    opened: |tree, text| branches::opened(Language::Cpp, tree, text),
    ..C_RULES
};

/// `A<T>::B::f` is `f` of `A.B`.
fn split(name: &str) -> (Option<String>, &str) {
    let mut depth = 0_usize;
    let (mut class, mut from) = (String::new(), 0);
    for (at, char) in name.char_indices() {
        let rest = name.get(at..).unwrap_or("");
        match char {
            // Its name may have angle brackets.
            'o' if depth == 0 && at == from && rest.starts_with("operator") => break,
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && rest.starts_with("::") => {
                let part = name.get(from..at).unwrap_or("");
                let part = part.split('<').next().unwrap_or(part).trim();
                class.push_str(if class.is_empty() || part.is_empty() { "" } else { "." });
                class.push_str(part);
                from = at + 2;
            }
            _ => {}
        }
    }
    (Some(class).filter(|of| !of.is_empty()), name.get(from..).unwrap_or(name).trim())
}
