//! Whose method a call means: what fields, parameters and containers hold.

use super::{graph_of, used};

#[test]
fn parameter_properties_of_typescript_are_fields() {
    let files = "--- s.ts
export class S { run() {} }
export class O { run() {} }
--- u.ts
import { S, O } from './s'
class A { constructor(private s: S, public readonly o: O) {}
  m() { this.s.run() }
  n() { this.o.run() } }
class B { constructor(readonly s: S) { s.run() }
  m() { this.s.run() } }
class C { private s
  constructor(s: S) { this.s = s }
  m() { this.s.run() } }
class D { constructor(s: O) {}
  m() { this.s.run() } }
";
    assert_eq!(used(files, "S.run"), ["u.ts:3", "u.ts:5", "u.ts:6", "u.ts:9"]);
    assert_eq!(used(files, "O.run"), ["u.ts:4"]);
}

#[test]
fn smart_pointers_of_cpp_have_the_members_of_what_they_point_to() {
    let files = "--- a.cc
#include <memory>
struct S { void run() {} };
struct O { void run() {} };
void a(std::shared_ptr<S> x) { x->run(); }
void b(const std::unique_ptr<S>& x) { x->run(); }
class K { std::unique_ptr<S> u_; std::shared_ptr<const O> o_;
  void m() { u_->run(); }
  void o() { o_->run(); }
};
void t(std::shared_ptr<O> x) { x->run(); }
";
    assert_eq!(used(files, "S.run"), ["a.cc:4", "a.cc:5", "a.cc:7"]);
    assert_eq!(used(files, "O.run"), ["a.cc:8", "a.cc:10"]);
}

#[test]
fn calls_of_what_others_define_are_no_calls_of_the_projects() {
    let go = "--- go.mod
module m
--- a.go
package m
import \"net/http\"
type M struct{}
func (m M) Get(key string) string { return key }
func f(r *http.Request) string { return r.Header.Get(\"x\") }
func g(m M) string { return m.Get(\"x\") }
";
    assert_eq!(used(go, "M.Get"), ["a.go:6"]);
    let embedded = "--- go.mod
module m
--- a.go
package m
type S struct{}
func (s *S) Run() {}
type E struct{ in *S }
type K struct{ E }
func (k K) d() { k.E.in.Run() }
";
    assert_eq!(used(embedded, "S.Run"), ["a.go:6"]);
    let java = "--- p/Spec.java
package p; class Spec { public int iterator() { return 1; } }
--- p/U.java
package p; import java.util.List;
class U { void f(List<String> l) { l.iterator(); }
  void g(Spec s) { s.iterator(); } }
";
    assert_eq!(used(java, "Spec.iterator"), ["p/U.java:3"]);
}

#[test]
fn what_a_name_alone_tells_is_a_guess() {
    let files = "--- a.py
class A:
    def shine(self): pass
class B:
    def shine(self): pass
def sure(a: A):
    a.shine()
def guess(x):
    x.shine()
";
    let graph = graph_of(files);
    let id = graph.find("A.shine")[0];
    let uses: Vec<(u32, bool)> =
        graph.references(id).iter().map(|of| (of.line, of.is_guess)).collect();
    assert_eq!(uses, [(6, false), (8, true)]);
    let ties: Vec<(String, bool)> =
        graph.incoming(id).map(|edge| (graph.qualified(edge.from), edge.is_guess)).collect();
    let is_told = |name: &str, is_guess: bool| ties.contains(&(name.to_owned(), is_guess));
    assert!(is_told("sure", false) && is_told("guess", true), "{ties:?}");
}
