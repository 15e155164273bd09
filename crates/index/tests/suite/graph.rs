//! The graph on small projects: each line that ends with a mark must mean what its mark says.

use distiq_index::Control;
use distiq_index::graph::{Direction, EdgeKind, Graph, MapRequest, Seeds, Target, map};

use crate::Project;

mod compiled;
mod cpp;
mod crowds;
mod dispatch;
mod paths;
mod receivers;
mod scripts;

#[test]
fn code_inside_other_formats_is_found_and_tied() {
    let files = "--- shop/Cart.vue
<template>
  <button @click=\"buyNow\">Buy</button>
</template>
<script setup lang=\"ts\">
import { price } from './price'
function buyNow() {
  return price(1)
}
</script>
--- shop/price.ts
export function price(count: number) {
  return count
}
--- churn.ipynb
{
 \"cells\": [
  {
   \"cell_type\": \"code\",
   \"outputs\": [
    \"iVBORw0KGgo zebra\"
   ],
   \"source\": [
    \"def fit(frame):\\n\",
    \"    return frame\\n\",
    \"fit(1)\"
   ]
  }
 ]
}
";
    let project = Project::new(files);
    let graph = Graph::of(&project.snapshot()).unwrap();
    assert_eq!(meant(&graph, "shop/Cart.vue", 7, "price"), "shop/price.ts:1");
    assert_eq!(meant(&graph, "churn.ipynb", 11, "fit"), "churn.ipynb:9");
    let price = graph.find("price")[0];
    let callers = graph.reach(&[price], Direction::NeededBy, &[EdgeKind::Call], 1);
    let callers: Vec<String> = callers.iter().map(|at| graph.label(at.node)).collect();
    assert_eq!(callers, ["shop/Cart.vue:buyNow"]);
    assert_eq!(project.found("fit")[0], "churn.ipynb:9 fit");
    assert!(project.found("button buy").iter().any(|hit| hit.starts_with("shop/Cart.vue:")));
    assert!(
        project.found("zebra").iter().all(|hit| !hit.contains("ipynb:")),
        "outputs say nothing"
    );
}

fn graph_of(files: &str) -> Graph {
    let project = Project::new(files);
    let index = project.index();
    index.refresh(&Control::default()).unwrap();
    Graph::of(&index.snapshot().unwrap()).unwrap()
}

/// Returns the places that use a symbol, as `PATH:LINE`.
fn used(files: &str, symbol: &str) -> Vec<String> {
    let graph = graph_of(files);
    let ids = graph.find(symbol);
    assert_eq!(ids.len(), 1, "{symbol}");
    let found = graph.references(ids[0]).into_iter();
    found.map(|of| format!("{}:{}", graph.file_path(of.file).unwrap(), of.line)).collect()
}

/// Shows what a graph says a name means.
fn meant(graph: &Graph, path: &str, line: u32, name: &str) -> String {
    match graph.definition(path, line, name).first() {
        Some((Target::Symbol(id), _)) => {
            let symbol = graph.symbol(*id).unwrap();
            format!("{}:{}", graph.path_of(symbol), symbol.line)
        }
        Some((Target::Local(_, line), _)) => format!("{path}:{line}"),
        Some((Target::File(file), _)) => {
            graph.label(u32::try_from(graph.symbols().len()).unwrap() + file)
        }
        None => "nothing".to_owned(),
    }
}

/// Holds `// NAME -> PLACE` marks (or `# …`) at the ends of lines against the graph.
fn check(files: &str) {
    let graph = graph_of(files);
    let (mut path, mut line, mut wrong, mut count) = ("", 0, Vec::new(), 0);
    for text in files.lines() {
        if let Some(next) = text.strip_prefix("--- ") {
            (path, line) = (next, 0);
            continue;
        }
        line += 1;
        let Some((_, marks)) = text.split_once("//=").or_else(|| text.split_once("#=")) else {
            continue;
        };
        for mark in marks.split(';') {
            let (name, place) = mark.split_once("->").unwrap();
            let found = meant(&graph, path, line, name.trim());
            count += 1;
            if found != place.trim() {
                wrong.push(format!("{path}:{line} {name} -> {found}, not {place}"));
            }
        }
    }
    assert!(count > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn python_names() {
    check(
        "--- pkg/__init__.py
from .models import User as Person  #= User -> pkg/models.py:4; models -> pkg/models.py
--- pkg/models.py
import os
class Base:
    def save(self): pass
class User(Base):
    limit = 3
    def __init__(self, name: str, peer: \"User\" = None):
        self.name = name
        self.peer = peer
    def save(self):
        super().save()  #= save -> pkg/models.py:3
        self.name  #= name -> pkg/models.py:7
        return helper(self.limit)  #= helper -> pkg/models.py:13; limit -> pkg/models.py:5
def helper(x):
    name = x  #= x -> pkg/models.py:13
    return name  #= name -> pkg/models.py:14
--- app/main.py
from pkg import Person  #= Person -> pkg/models.py:4
import pkg.models as m
from pkg.models import *
def run(user: Person):
    user.save()  #= save -> pkg/models.py:9; user -> app/main.py:4
    other = m.User('x')  #= User -> pkg/models.py:4
    other.peer  #= peer -> pkg/models.py:8
    helper(1)  #= helper -> pkg/models.py:13
    print(len(user))  #= print -> nothing
",
    );
}

#[test]
fn typescript_names() {
    check(
        "--- tsconfig.json
{ \"compilerOptions\": { \"baseUrl\": \".\", \"paths\": { \"@/*\": [\"src/*\"], }, }, }
--- src/index.ts
export * from './shapes';
export { make as build } from './make';
--- src/shapes.ts
export interface Shape { area(): number }
export class Square implements Shape {  //= Shape -> src/shapes.ts:1
  constructor(private side: number) {}
  area() { return this.size(); }  //= size -> src/shapes.ts:5
  private size() { return this.side; }
}
--- src/make.ts
import { Square } from '@/shapes';  //= Square -> src/shapes.ts:2
export function make(): Square { return new Square(1); }  //= Square -> src/shapes.ts:2
const later = 1;
export default later;
--- src/use.ts
import { build, Square as S } from '.';
import last from './make';
const s = build();  //= build -> src/make.ts:2
s.area();  //= area -> src/shapes.ts:4
last;  //= last -> src/make.ts:3
function g(q: S) { q.area(); }  //= area -> src/shapes.ts:4; q -> src/use.ts:6
",
    );
}

#[test]
fn rust_names() {
    check(
        "--- Cargo.toml
[package]
name = \"my-app\"
--- src/lib.rs
mod store;
pub use store::Store;  //= Store -> src/store.rs:2
pub fn open() -> Store { Store::new() }  //= new -> src/store.rs:5
--- src/store.rs
use crate::open;
pub struct Store { count: u32 }
pub trait Read { fn read(&self) -> u32; }
impl Store {
    pub fn new() -> Self { Self { count: 0 } }
    fn bump(&mut self) { self.count += 1; self.bump(); }  //= count -> src/store.rs:2
}
impl Read for Store {  //= Read -> src/store.rs:3
    fn read(&self) -> u32 { let store = open(); store.bump(); inner::f() }  //= open -> src/lib.rs:3; bump -> src/store.rs:6
}
mod inner { pub fn f() -> u32 { 1 } }
--- src/main.rs
use my_app::Store;  //= Store -> src/store.rs:2
fn main() { let s: Store = my_app::open(); s.read(); }  //= open -> src/lib.rs:3; read -> src/store.rs:9
",
    );
}

#[test]
fn go_java_and_c_names() {
    check(
        "--- go.mod
module example.com/app
--- store/store.go
package store
type Store struct { count int }
func New() *Store { return &Store{} }
func (s *Store) Bump() { s.count++ }  //= count -> store/store.go:2; s -> store/store.go:4
--- main.go
package main
import \"example.com/app/store\"
func main() {
    s := store.New()  //= New -> store/store.go:3
    s.Bump()  //= Bump -> store/store.go:4
    helper()  //= helper -> other.go:2
}
--- other.go
package main
func helper() {}
--- src/a/b/Shape.java
package a.b;
public abstract class Shape { abstract int area(); protected int side; }
--- src/a/c/Square.java
package a.c;
import a.b.Shape;
class Square extends Shape {  //= Shape -> src/a/b/Shape.java:2
    int area() { return side * twice(side); }  //= side -> src/a/b/Shape.java:2; twice -> src/a/c/Square.java:5
    static int twice(int x) { return x; }  //= x -> src/a/c/Square.java:5
    void f(Other o) { Shape s = new Square(); s.area(); o.go(); }  //= area -> src/a/b/Shape.java:2; go -> src/a/c/Other.java:2
}
--- src/a/c/Other.java
package a.c;
class Other { void go() {} }
--- lib/list.h
struct list { int size; };
int list_add(struct list *l);
--- lib/list.c
#include \"list.h\"
static int grow(struct list *l) { return l->size; }  //= size -> lib/list.h:1
int list_add(struct list *l) { return grow(l); }  //= grow -> lib/list.c:2
",
    );
}

const CHAIN: &str = "--- a.py
from b import two
def one():
    two()
--- b.py
from c import three
class Base: pass
class Derived(Base): pass
def two():
    three()
--- c.py
import a
def three():
    a.one()
";

#[test]
fn questions_follow_ties() {
    let graph = graph_of(CHAIN);
    let id = |name: &str| graph.find(name)[0];
    let names = |found: &[distiq_index::graph::Reached]| -> Vec<(String, u32)> {
        found.iter().map(|at| (graph.label(at.node), at.depth)).collect()
    };
    let calls = [EdgeKind::Call];
    let needs = graph.reach(&[id("one")], Direction::Needs, &calls, 2);
    assert_eq!(names(&needs), [("b.py:two".to_owned(), 1), ("c.py:three".to_owned(), 2)]);
    let impact = graph.reach(&[id("three")], Direction::NeededBy, &calls, 1);
    assert_eq!(names(&impact), [("b.py:two".to_owned(), 1)]);
    let bases = graph.reach(&[id("Derived")], Direction::Needs, &[EdgeKind::Inherit], 9);
    assert_eq!(names(&bases), [("b.py:Base".to_owned(), 1)]);
    let way = graph.path(&[id("one")], &[id("three")]).unwrap();
    assert_eq!(way.len(), 2);
    assert!(graph.path(&[id("Base")], &[id("one")]).is_none());
    let cycles = graph.cycles(&calls);
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0].len(), 3);
    let lines: Vec<u32> = graph.references(id("two")).iter().map(|of| of.line).collect();
    assert_eq!(lines, [1, 3]);
    assert!(graph.dot_pieces(&way).collect::<String>().contains("-> n"));
    let json = graph.json_pieces(&way).collect::<String>();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["edges"].as_array().unwrap().len(), 2);
    let nodes = json["nodes"].as_array().unwrap();
    assert!(json["edges"].as_array().unwrap().iter().all(|edge| {
        ["from", "to"].iter().all(|end| edge[*end].as_u64().unwrap() < nodes.len() as u64)
    }));
    assert_eq!(graph.json_pieces(&[]).collect::<String>(), r#"{"nodes":[],"edges":[]}"#);
}

#[test]
fn a_map_keeps_its_budget_and_follows_the_request() {
    let graph = graph_of(CHAIN);
    let count = |text: &str| text.split_whitespace().count();
    for budget in 0..40 {
        let request =
            MapRequest { seeds: Seeds::default(), budget, without: Vec::new(), count: &count };
        assert!(count(&map(&graph, &request)) <= budget, "{budget}");
    }
    let seeds = Seeds::of("what is Derived of `b.py` for?");
    let request = MapRequest { seeds, budget: 9, without: vec!["a.py".to_owned()], count: &count };
    let shown = map(&graph, &request);
    assert!(shown.contains("class Derived(Base)") && !shown.contains("a.py"), "{shown}");
    let ranks: f32 = graph.ranks(&Seeds::default()).iter().sum();
    assert!((ranks - 1.0).abs() < 0.01, "{ranks}");
}

/// Types that lead to each other, and modules that import each other, come to an end.
#[test]
fn circles_come_to_an_end() {
    let graph = graph_of(
        "--- a.py
from b import *
from c import *
x = y
y = x
class A(B):
    z: A.z = A.z.z
def f(): return x.y.z(f().g().h)
--- b.py
from a import *
from c import *
class B(A):
    def g(self) -> \"A.g\": return self.g().g()
x = x.x
--- c.py
from a import *
from b import *
class C(C, A, B): q = C.q.q
",
    );
    assert!(graph.symbols().len() > 8);
    for name in ["x", "y", "z", "g"] {
        for id in graph.find(name) {
            let _ = graph.references(id);
        }
    }
}

#[test]
fn values_and_types_lead_to_members() {
    check(
        "--- src/a.ts
export type Options = { onError?: (error: Failure) => void; depth: number };
export class Failure { reason() {} }
export interface Store<T> { items: Failure[]; get(key: string): Promise<Failure> }
export function make() {
  return new Failure();
}
export const open = (options: Options): Store<number> => load(options);
export function start(options: Options) {}
class Base { run() {} }
export class Task extends Base { run() {} }
--- src/index.ts
export * from './a';
--- src/b.ts
import * as all from './index';
import { make, open, start, Failure as F, Task } from './index';
make().reason(); //= reason -> src/a.ts:2
const store = open({ depth: 1 }); //= depth -> src/a.ts:1
store.items.map(item => item.reason()); //= item -> src/b.ts:5; reason -> src/a.ts:2
for (const one of store.items) one.reason(); //= reason -> src/a.ts:2
async function main() {
  const { items } = store; //= items -> src/a.ts:3
  items[0].reason(); //= reason -> src/a.ts:2
  (await store.get('x')).reason(); //= reason -> src/a.ts:2
}
start({ onError: e => e.reason(), depth: 2 }); //= onError -> src/a.ts:1; reason -> src/a.ts:2
all.make().reason(); //= make -> src/a.ts:4; reason -> src/a.ts:2
new Task().run(); //= run -> src/a.ts:10
// Ends with a name.
make(); //= make -> src/a.ts:4
const list = [...items(new F())]; //= items -> src/b.ts:18
function items(of: F) { return [of]; }
--- src/c.js
import { Task } from './a';
/**
 * @param {Task} task
 */
function take(task) {
  task.run(); //= run -> src/a.ts:10
}
",
    );
}

#[test]
fn values_lead_to_members_in_other_languages() {
    check(
        r#"--- a.py
class Leaf:
    def shine(self): pass
class Tree:
    leaves: list[Leaf]
    def first(self):
        return self.leaves[0]
def plant(seed=1):
    return Tree()
def main():
    plant().first().shine()  #= first -> a.py:5; shine -> a.py:2
    for leaf in plant().leaves:
        leaf.shine()  #= shine -> a.py:2
--- main.go
package main
type Leaf struct { Size int }
func (l *Leaf) Shine() {}
type Tree struct { leaves []*Leaf }
func NewTree() (*Tree, error) { return &Tree{leaves: nil}, nil } //= leaves -> main.go:4
func main() {
	tree, _ := NewTree()
	for _, leaf := range tree.leaves { //= leaves -> main.go:4
		leaf.Shine() //= Shine -> main.go:3
	}
}
--- Cargo.toml
[package]
name = "x"
--- src/lib.rs
pub struct Leaf { size: u8 }
impl Leaf { pub fn shine(&self) {} }
pub struct Tree { leaves: Vec<Leaf>, root: Option<Box<Leaf>> }
impl Tree {
    pub fn first(&self) -> Option<&Leaf> { self.leaves.iter().next() }
    fn all(&self) {
        for leaf in &self.leaves { leaf.shine(); } //= shine -> src/lib.rs:2
        if let Some(root) = &self.root { root.shine(); } //= shine -> src/lib.rs:2
        self.first().unwrap().shine(); //= first -> src/lib.rs:5; shine -> src/lib.rs:2
        let Leaf { size } = self.make()?; //= size -> src/lib.rs:1
    }
}
"#,
    );
}

#[test]
fn a_graph_is_made_once_for_a_state() {
    let project = Project::new("--- a.py\ndef f(): pass\n");
    let first = Graph::shared(&project.snapshot()).unwrap();
    let again = Graph::shared(&project.snapshot()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    project.write("a.py", "def f(): pass\ndef g(): pass\n");
    let later = Graph::shared(&project.snapshot()).unwrap();
    assert_eq!((first.find("g").len(), later.find("g").len()), (0, 1));
}

#[test]
fn circles_are_of_ties_that_can_mean_one_definition_alone() {
    let graph = graph_of(
        "--- A.java
class A {
    int f(int a) { return f(a, 1, 2); }
    int f(int a, int b) { return f(a, b, 3); }
    int f(int a, int b, int c) { return a; }
    int even(int n) { return odd(n - 1); }
    int odd(int n) { return even(n - 1); }
    void stop(Object o) { o.halt(); }
}
class B { void halt() { new A().stop(this); } }
class C { void halt() { new A().stop(this); } }
--- a.ts
export function up(n: number): number
export function up(n: string): number
export function up(n: any): number { return down(n) }
export function down(n: number): number { return up(n) }
",
    );
    let names = |node: &u32| graph.qualified(*node);
    let circles = graph.cycles(&[EdgeKind::Call]);
    let circles: Vec<Vec<String>> =
        circles.iter().map(|circle| circle.iter().map(names).collect()).collect();
    assert_eq!(circles, [["A.even", "A.odd"], ["up", "down"]]);
}

#[test]
fn lines_are_in_the_innermost_definition_around_them() {
    let graph = graph_of(
        "--- go.mod
module example.com/app
--- main.go
package main
type S struct{}
func (s *S) Run() int {
\treturn 1
}
var last = 1
",
    );
    let run = graph.find("S.Run")[0];
    let file = graph.symbol(run).unwrap().file;
    assert_eq!(graph.around(file, 4), Some(run));
    assert_eq!(graph.around(file, 1), None);
    assert_eq!(graph.node_json(run)["within"], "type");
}
