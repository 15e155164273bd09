//! Methods that are called by way of an interface, a base class or a trait.

use distiq_index::graph::{Direction, EdgeKind};

use super::graph_of;

/// Returns what calls a method, each with what the call names where that is another.
fn callers(files: &str, symbol: &str) -> Vec<String> {
    let graph = graph_of(files);
    let ids = graph.find(symbol);
    assert_eq!(ids.len(), 1, "{symbol}");
    let found = graph.reach(&ids, Direction::NeededBy, &[EdgeKind::Call], 1);
    let shown = found.iter().map(|at| {
        let via = at.overriding.map(|_| format!(" via {}", graph.qualified(at.edge.to)));
        format!("{}{}", graph.qualified(at.node), via.unwrap_or_default())
    });
    shown.collect()
}

#[test]
fn calls_of_what_is_overridden_reach_what_overrides() {
    for (files, symbol, expect) in [
        (
            "--- go.mod
module m
--- a.go
package m
type H interface{ Serve(x int) }
type Wide interface{ Serve(x int); Stop() }
type Impl struct{}
func (i *Impl) Serve(x int) {}
func call(h H) { h.Serve(1) }
func other(w Wide) { w.Serve(1) }
",
            "Impl.Serve",
            vec!["call via H.Serve"],
        ),
        (
            "--- a.ts
interface H { serve(x: number): void }
class Impl implements H { serve(x: number) {} }
class Other { serve(x: number) {} }
function call(h: H) { h.serve(1) }
function other(o: Other) { o.serve(1) }
",
            "Impl.serve",
            vec!["call via H.serve"],
        ),
        (
            "--- a.py
class H:
    def serve(self, x): pass
class Impl(H):
    def serve(self, x): pass
class Third(H):
    def serve(self, x):
        super().serve(x)
def call(h: H):
    h.serve(1)
def own(i: Impl):
    i.serve(1)
",
            "Impl.serve",
            vec!["own", "call via H.serve"],
        ),
        (
            "--- p/H.java
package p; interface H { void serve(int x); }
--- p/Impl.java
package p; class Impl implements H { public Impl() {} public void serve(int x) {} }
--- p/U.java
package p; class U { void call(H h) { h.serve(1); } }
",
            "Impl.serve",
            vec!["U.call via H.serve"],
        ),
        (
            "--- Cargo.toml
[package]
name = \"m\"
--- src/lib.rs
pub trait H { fn serve(&self, x: u32); }
pub struct Impl;
impl H for Impl { fn serve(&self, x: u32) {} }
pub fn call(h: &dyn H) { h.serve(1) }
",
            "Impl.serve",
            vec!["call via H.serve"],
        ),
    ] {
        assert_eq!(callers(files, symbol), expect, "{files}");
    }
}

#[test]
fn a_method_of_cpp_is_reached_by_way_of_its_base() {
    let graph = graph_of(
        "--- a.cc
struct H { virtual void serve(int x) = 0; };
struct Impl : H { void serve(int x) override; };
void Impl::serve(int x) { (void)x; }
void call(H& h) { h.serve(1); }
",
    );
    for id in graph.find("Impl.serve") {
        let found = graph.reach(&[graph.defined(id)], Direction::NeededBy, &[EdgeKind::Call], 1);
        let found: Vec<String> = found.iter().map(|at| graph.qualified(at.node)).collect();
        assert_eq!(found, ["call"]);
    }
}

#[test]
fn what_makes_an_object_calls_its_constructor() {
    let java = "--- p/X.java
package p; class X { void f() {}
  X(int a) {} }
--- p/U.java
package p; class U { void make() { new X(1); } void take(X x) { x.f(); } }
";
    assert_eq!(callers(java, "p/X.java:2"), ["U.make via X"]);
    let cpp = "--- a.cc
struct X { explicit X(int a); };
X::X(int a) { (void)a; }
void make() { X x = X(1); }
";
    let graph = graph_of(cpp);
    let maker = graph.find("a.cc:2")[0];
    let found = graph.reach(&[maker], Direction::NeededBy, &[EdgeKind::Call], 1);
    let found: Vec<String> = found.iter().map(|at| graph.qualified(at.node)).collect();
    assert_eq!(found, ["make"]);
}

#[test]
fn ways_are_of_calls_where_some_lead_there() {
    let graph = graph_of(
        "--- a.py
class A:
    def shine(self):
        far()
class B:
    def shine(self): pass
def near(x):
    x.shine()
    one()
def one():
    two()
def two():
    far()
def far(): pass
def lone(x):
    x.shine()
",
    );
    let way = |from: &str| -> Vec<String> {
        let way = graph.path(&graph.find(from), &graph.find("far")).unwrap();
        way.iter().map(|edge| graph.qualified(edge.to)).collect()
    };
    assert_eq!(way("near"), ["one", "two", "far"]);
    assert_eq!(way("lone"), ["A.shine", "far"]);
}
