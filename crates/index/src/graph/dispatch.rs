//! Members by way of which others are called: a call of an interface's method may reach each that implements it, and what
//! makes an object of a class calls its constructor.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use distiq_lang::Language;

use super::resolve::Resolver;
use super::{Edge, EdgeKind, Graph, Owner, Symbol, SymbolId, imports, is_class, is_function};

/// Ties to a member that may reach what overrides it.
const REACHING: [EdgeKind; 2] = [EdgeKind::Call, EdgeKind::Use];

/// Finds what members override or implement.
pub(super) struct Dispatch<'g> {
    graph: &'g Graph,
    resolver: Resolver<'g>,
    /// By name, the methods of Go's interfaces that are called so.
    asked: RefCell<HashMap<&'g str, Rc<[Asked<'g>]>>>,
}

/// A method of an interface of Go.
struct Asked<'g> {
    method: SymbolId,
    /// All that its interface asks for.
    names: HashSet<&'g str>,
}

impl<'g> Dispatch<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self { graph, resolver: Resolver::new(graph), asked: RefCell::default() }
    }

    /// Returns the members of bases, interfaces and traits that a method overrides or implements; of a constructor the class.
    pub(super) fn above(&self, id: SymbolId) -> Vec<SymbolId> {
        let graph = self.graph;
        let method = graph.symbol(id).filter(|symbol| is_function(&symbol.kind));
        let Some(symbol) = method else { return Vec::new() };
        let language = graph.files.get(symbol.file as usize).and_then(|file| file.language);
        let is_c = matches!(language, Some(Language::C | Language::Cpp));
        let own: Vec<&Symbol> = match is_c {
            true => {
                let of = graph.defined(id);
                let named = graph.called(&symbol.name).iter().copied();
                let own = named.filter(|other| graph.defined(*other) == of);
                own.filter_map(|other| graph.symbol(other)).collect()
            }
            false => vec![symbol],
        };
        if let Some(class) = own.iter().find_map(|symbol| self.made_by(symbol)) {
            return vec![class];
        }
        let mut found = match language {
            Some(Language::Go) => self.of_interfaces(symbol),
            Some(Language::Rust) => graph.trait_member(symbol, &self.resolver),
            _ => own.iter().flat_map(|symbol| self.of_bases(symbol)).collect::<Vec<_>>(),
        };
        found = found.into_iter().map(|of| graph.defined(of)).filter(|of| *of != id).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the ties that may reach a method by way of what it overrides. A call of the base by what overrides it, too,
    /// reaches the base alone.
    pub(super) fn ties(&self, id: SymbolId) -> Vec<Edge> {
        let above = self.above(id).into_iter();
        let ties = above.flat_map(|of| self.graph.incoming(of));
        let reaches = |edge: &&Edge| {
            let is_class = self.is_class(edge.to);
            let reaches =
                REACHING.contains(&edge.kind) && (edge.kind == EdgeKind::Call || !is_class);
            reaches && edge.from != id && !self.is_of_base(edge)
        };
        ties.filter(reaches).copied().collect()
    }

    /// Returns the class that a constructor makes: what calls it names that.
    fn made_by(&self, symbol: &Symbol) -> Option<SymbolId> {
        let class = symbol.parent.map(|parent| self.graph.owner_of(parent));
        let class = class.filter(|class| self.is_class(*class))?;
        let is_maker = matches!(symbol.name.as_str(), "__init__" | "constructor")
            || symbol.kind == "constructor"
            || symbol.name == self.graph.name_of(class);
        is_maker.then_some(class)
    }

    fn is_class(&self, id: SymbolId) -> bool {
        self.graph.symbol(id).is_some_and(|of| is_class(&of.kind))
    }

    fn of_bases(&self, symbol: &Symbol) -> Vec<SymbolId> {
        let graph = self.graph;
        let class = symbol.parent.map(|parent| graph.owner_of(parent));
        let class = class.filter(|id| self.is_class(*id));
        let above = class.map(|class| graph.family_above(class)).unwrap_or_default();
        let above = above.into_iter().skip(1);
        above.flat_map(|class| graph.own_members(class, &symbol.name)).collect()
    }

    fn of_interfaces(&self, symbol: &'g Symbol) -> Vec<SymbolId> {
        let graph = self.graph;
        let Some(own) = graph.receiver(symbol, &self.resolver) else { return Vec::new() };
        if graph.is_interface(own) {
            return Vec::new();
        }
        let is_hidden = !symbol.name.starts_with(char::is_uppercase);
        let fits = |asked: &&Asked<'g>| {
            let other = graph.symbol(asked.method);
            let is_near = other.is_some_and(|other| {
                let (here, there) = (graph.path_of(symbol), graph.path_of(other));
                imports::folder(here) == imports::folder(there)
            });
            (is_near || !is_hidden) && graph.has_all(own, &asked.names, &self.resolver)
        };
        self.asked(&symbol.name).iter().filter(fits).map(|asked| asked.method).collect()
    }

    /// Returns the methods of a name that interfaces ask for.
    fn asked(&self, name: &'g str) -> Rc<[Asked<'g>]> {
        if let Some(known) = self.asked.borrow().get(name) {
            return Rc::clone(known);
        }
        let graph = self.graph;
        let asked = |id: &SymbolId| {
            let interface = graph.symbol(*id)?.parent?;
            let names = graph.asked(interface, &self.resolver)?;
            Some(Asked { method: *id, names })
        };
        let found: Rc<[Asked<'g>]> = graph.called(name).iter().filter_map(asked).collect();
        self.asked.borrow_mut().insert(name, Rc::clone(&found));
        found
    }

    /// Tells whether a tie is what overrides a member calling the base's: `super.run()`.
    fn is_of_base(&self, edge: &Edge) -> bool {
        let graph = self.graph;
        let name = graph.name_of(edge.to);
        let from = graph.symbol(edge.from).filter(|from| from.name == name);
        let file = from.and_then(|from| graph.files.get(from.file as usize));
        file.is_some_and(|file| {
            file.facts.mentions.iter().enumerate().any(|(at, mention)| {
                mention.line == edge.line
                    && mention.owner == Owner::Super
                    && file.name(at) == Some(name)
            })
        })
    }
}

impl Graph {
    /// Returns the members of bases, interfaces and traits by way of which a method may be called.
    pub fn overridden_by(&self, id: SymbolId) -> Vec<SymbolId> {
        let dispatch = Dispatch::new(self);
        let above = dispatch.above(id).into_iter();
        above.filter(|of| !dispatch.is_class(*of)).collect()
    }
}
