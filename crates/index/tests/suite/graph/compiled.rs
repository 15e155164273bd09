//! Rust, Go and C, whose names language servers resolve by types.

use super::{check, graph_of, used};

#[test]
fn bounds_without_end_are_read_as_far_as_they_tell() {
    let bounds = "    T: A,\n".repeat(50_000);
    let text = format!(
        "--- src/lib.rs\npub trait A {{ fn go(&self); }}\npub fn f<T>(t: T)\nwhere\n{bounds}{{ t.go(); }}\n"
    );
    assert_eq!(used(&text, "go"), ["src/lib.rs:50004"]);
}

#[test]
fn crates_and_modules_of_rust() {
    check(
        "--- Cargo.toml
[package]
name = \"my-app\"
[lib]
name = \"app\"
--- src/lib.rs
mod deep;
mod inner;
pub mod shown { pub use crate::inner::{Leaf, grow}; pub use crate::deep::*; }
pub use deep::deep;
--- src/inner.rs
pub struct Leaf;
impl Leaf { pub fn shine(&self) {} }
pub fn grow() -> Leaf { crate::deep::deep() }  //= deep -> src/deep.rs:1
mod tests {
    use super::*;
    fn one() { assert!(crate::deep::deep().shine()); }  //= deep -> src/deep.rs:1; shine -> src/inner.rs:2
    fn two() { super::grow().shine(); }  //= grow -> src/inner.rs:3; shine -> src/inner.rs:2
}
--- src/deep.rs
pub fn deep() -> super::inner::Leaf { super::inner::grow() }  //= grow -> src/inner.rs:3
--- tests/whole.rs
mod common;
use app::shown::{Leaf, grow};  //= Leaf -> src/inner.rs:1; grow -> src/inner.rs:3
fn test() { app::deep().shine(); common::help(); grow().shine(); }  //= deep -> src/deep.rs:1; shine -> src/inner.rs:2; help -> tests/common/mod.rs:2
--- tests/common/mod.rs
use app::shown;
pub fn help() { shown::deep(); }  //= deep -> src/deep.rs:1
--- examples/one.rs
fn main() { my_app::deep(); }  //= deep -> src/deep.rs:1
",
    );
}

#[test]
fn types_of_rust() {
    check(
        "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
pub struct Leaf { size: u32, edges: Vec<Leaf> }
pub trait Shine { fn shine(&self); fn new() -> Self; }
impl Leaf {
    pub fn new() -> Self { todo!() }
    pub fn size(&self) -> u32 { 1 }
    pub fn twice(&self) -> u32 { self.size() }  //= size -> src/lib.rs:5
    pub fn half(&self) -> u32 { self.size }  //= size -> src/lib.rs:1
}
impl Shine for Leaf { fn shine(&self) {} fn new() -> Self { todo!() } }
pub enum Change { Grow { leaf: Leaf, by: u32 }, Cut(Leaf, u32), None }
pub struct Pair(Leaf, Change);
pub struct List<T> { items: T }
impl<T> List<T> { pub fn of(x: u8) -> Self { todo!() } pub fn first(&self) {} }
pub trait Tree { type Kind: Shine; fn kind(&self) -> Self::Kind; fn all(&self) -> Iterator<Item = Self::Kind>; }
fn f(change: &Change, pair: Pair) {
    match change {
        Change::Grow { leaf, .. } => leaf.twice(),  //= leaf -> src/lib.rs:10; twice -> src/lib.rs:6
        Change::Cut(leaf, _) => leaf.twice(),  //= twice -> src/lib.rs:6
        Change::None => 0,
    };
    pair.0.twice();  //= twice -> src/lib.rs:6
    Leaf::new();  //= new -> src/lib.rs:4
    List::<u8>::of(1).first();  //= of -> src/lib.rs:13; first -> src/lib.rs:13
    let list = List::<u8>::of(1);
    list.first();  //= first -> src/lib.rs:13
    <Leaf as Shine>::shine(&leaf);  //= shine -> src/lib.rs:9
}
fn g<T, S>(tree: T, by: &S) where T: Tree, S: Shine {
    by.shine();  //= shine -> src/lib.rs:2
    tree.kind().shine();  //= kind -> src/lib.rs:14; shine -> src/lib.rs:2
    for one in tree.all() { one.shine(); }  //= all -> src/lib.rs:14; shine -> src/lib.rs:2
}
fn h(tree: impl Tree<Kind = Leaf>) {}  //= Kind -> src/lib.rs:14
",
    );
}

#[test]
fn scopes_of_rust() {
    check(
        "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
#[macro_use]
mod macros;
mod client;
use std::ops::Deref;
pub struct Guard { inner: Stream }
pub struct Stream { id: u32 }
impl Deref for Guard {
    type Target = Stream;
    fn deref(&self) -> &Stream { &self.inner }
}
fn f(guard: Guard) {
    told!(guard.id);  //= told -> src/macros.rs:1; id -> src/lib.rs:6
    let guard = guard.inner;  //= inner -> src/lib.rs:5
    guard.id;  //= id -> src/lib.rs:6
    let (client, rest) = client::open();  //= open -> src/client.rs:2
}
--- src/client.rs
use crate::Guard;
pub fn open() -> (Guard, u32) { crate::told!(1) }  //= told -> src/macros.rs:1
--- src/macros.rs
macro_rules! told { ($e:expr) => { $e } }
",
    );
}

#[test]
fn items_within_macros_of_rust_are_definitions_and_attributes_mean_nothing_of_the_project() {
    let files = "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
#![cfg(test)]
#[macro_use]
mod macros;
cfg_io! {
    mod pipe;
    pub fn open() -> pipe::Pipe { pipe::connect() }  //= connect -> src/pipe.rs:4
}
#[cfg(feature = \"io\")]
#[test]
fn uses() {
    open().send();  //= open -> src/lib.rs:6; send -> src/pipe.rs:3
    let list = test![1];  //= test -> src/macros.rs:1
    let feature = test(feature);
}
#[test]
fn uses_nothing() {}
--- src/pipe.rs
pub struct Pipe;
cfg_io! { impl Pipe {
    pub fn send(&self) {} } }
pub fn connect() -> Pipe { Pipe }
--- src/macros.rs
macro_rules! test { ($e:expr) => { $e } }
macro_rules! feature { ($e:expr) => { $e } }
macro_rules! cfg { ($e:expr) => { $e } }
";
    check(files);
    // Called without a mark it is no macro, either; the line above calls it with brackets.
    assert_eq!(used(files, "test"), ["src/lib.rs:12", "src/lib.rs:13"]);
    assert_eq!(used(files, "feature"), [""; 0]);
    assert_eq!(used(files, "cfg"), [""; 0]);
}

#[test]
fn a_traits_member_is_used_where_its_implementations_are() {
    let files = "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
pub trait Shine { type Of; fn shine(&self); }
pub struct One; pub struct Two;
impl Shine for One { type Of = u8; fn shine(&self) {} }
impl Shine for Two { type Of = u8; fn shine(&self) {} }
fn f(one: One, two: &dyn Shine) { one.shine(); }
fn g(two: &dyn Shine) { two.shine(); }
fn h<T: Shine>() -> T::Of { todo!() }
";
    let all = ["src/lib.rs:3", "src/lib.rs:4", "src/lib.rs:5", "src/lib.rs:6"];
    assert_eq!(used(files, "src/lib.rs:Shine.shine"), all);
    let graph = graph_of(files);
    let types = graph.find("Of");
    assert_eq!(types.len(), 3);
    for id in types {
        assert!(graph.references(id).iter().any(|of| of.line == 7), "{id}");
    }
}

#[test]
fn types_of_go() {
    check(
        "--- go.mod
module example.com/app
--- ast/ast.go
package ast
const (
\tbegin, end Place = 0, 1
)
type Place byte
type Node interface {
\tNext() Node
\tRaw() bool
}
func Count(n int) (int, error) { return n, nil }
--- main.go
package main
import \"example.com/app/ast\"
type Info struct { Raw int }
type Page struct {
\tInfo map[string]Info
\tsize int
}
type Iterator struct { page *Page }
func (p *Page) Iterator() Iterator { return Iterator{page: p} }  //= page -> main.go:8
func f(parent ast.Node, page *Page) {
\tfor c := parent.Next(); c != nil; {
\t\tc.Raw()  //= Raw -> ast/ast.go:8
\t}
\tparent.Raw()  //= Raw -> ast/ast.go:8
\tpage.size, err = ast.Count(1)  //= size -> main.go:6
\tpage.Info[\"a\"].Raw = 1  //= Raw -> main.go:3
\tvar again Iterator  //= Iterator -> main.go:8
\ttests := []struct {
\t\twant int
\t\tleaf *Page
\t}{
\t\t{want: 1, leaf: nil},  //= want -> main.go:19; leaf -> main.go:20
\t}
\tfor _, tt := range tests {
\t\ttt.leaf.size = tt.want  //= size -> main.go:6; want -> main.go:19
\t}
}
var pages = map[string]Page{
\t\"a\": {size: 1},  //= size -> main.go:6
}
--- ast/use.go
package ast
var last = end  //= end -> ast/ast.go:3
",
    );
}

#[test]
fn a_method_of_go_is_used_by_way_of_its_interfaces() {
    let files = "--- go.mod
module example.com/app
--- main.go
package main
type Shape interface {
\tArea() int
\tName() string
}
type Square struct{}
func (s Square) Area() int { return 1 }
func (s Square) Name() string { return \"\" }
type Part struct{}
func (p Part) Area() int { return 1 }
func f(s Shape) { s.Area() }
func g(s Square) { s.Area() }
func h(p Part) { p.Area() }
";
    assert_eq!(used(files, "main.Square.Area"), ["main.go:11", "main.go:12"]);
    assert_eq!(used(files, "main.Shape.Area"), ["main.go:11", "main.go:12"]);
    // It has no name, so that it is no shape.
    assert_eq!(used(files, "main.Part.Area"), ["main.go:13"]);
}

#[test]
fn interfaces_of_go_ask_for_what_those_ask_for_that_they_embed() {
    let files = "--- go.mod
module example.com/app
--- main.go
package main
import \"io\"
type Store interface {
\tio.ReadCloser
\tSave()
}
type Disk struct{}
func (d *Disk) Save() {}
func (d *Disk) Read(to []byte) (int, error) { return 0, nil }
func (d *Disk) Close() error { return nil }
type Wrapped struct { io.ReadCloser }
func (w Wrapped) Save() {}
type Note struct{}
func (n Note) Save() {}
func f(s Store) { s.Save() }
func g(d *Disk) { d.Save() }
func h(w Wrapped) { w.Save() }
func i(n Note) { n.Save() }
";
    let by_interface = ["main.go:15", "main.go:16", "main.go:17"];
    assert_eq!(used(files, "main.Store.Save"), by_interface);
    assert_eq!(used(files, "main.Disk.Save"), ["main.go:15", "main.go:16"]);
    // It can be neither read nor closed, so that it is no store.
    assert_eq!(used(files, "main.Note.Save"), ["main.go:18"]);
}

#[test]
fn types_of_c() {
    check(
        "--- list.h
typedef struct list list;
typedef struct item_s item;
typedef enum { RED, GREEN } color;
enum size { SMALL, LARGE };
list *list_new(void);
struct item_s { item *next; union { int number; color kind; }; struct { int x; } place; };
--- list.c
#include \"list.h\"
struct list { item *first; int size; };
static int size_of(list *l);
static item *first_of(list *l) { return l->first; }  //= first -> list.c:2
list *list_new(void) { list *l = make(); l->size = SMALL; return l; }  //= size -> list.c:2; SMALL -> list.h:4
static int size_of(list *l) { return l->size; }  //= size -> list.c:2
int third(list *l) { return first_of(l)->next->number; }  //= next -> list.h:6; number -> list.h:6
int where(list **l) { return (*l)->first->place.x + l[0]->size; }  //= x -> list.h:6; size -> list.c:2
int sum(void) { list *l = list_new(); return size_of(l) + ((item *)l)->place.x; }  //= list_new -> list.c:5; size_of -> list.c:6; place -> list.h:6
item made = { .kind = RED, .place = { .x = 1 } };  //= kind -> list.h:6; RED -> list.h:3; x -> list.h:6
--- use.c
#include \"list.h\"
int use(void) { return list_new()->size; }  //= list_new -> list.c:5; size -> list.c:2
",
    );
    check(
        "--- limit.c
#ifdef A
#define LIMIT 1
#else
#define LIMIT 2
#endif
int limit(void) { return LIMIT; }  //= LIMIT -> limit.c:2
",
    );
    let files = "--- a.h
int grow(int n);
--- a.c
#include \"a.h\"
int grow(int n) { return n; }
--- b.c
#include \"a.h\"
int two(void) { return grow(2); }
static int shrink(void) { return 1; }
--- c.c
static int shrink(void) { return 2; }
int three(void) { return shrink(); }
";
    assert_eq!(used(files, "a.c:grow"), ["a.h:1", "b.c:2"]);
    assert_eq!(used(files, "a.h:grow"), ["a.c:2", "b.c:2"]);
    assert_eq!(used(files, "b.c:shrink"), [""; 0]);
}
