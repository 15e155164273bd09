//! Paths, packages and imports: which file and which definition a name leads to.

use super::{check, graph_of, used};

#[test]
fn what_leads_a_path_of_rust_is_no_variable() {
    check(
        "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
pub mod ast;
pub mod age;
pub mod prefix;
fn fixed(prefix: &str) -> bool {
    prefix::fixed(prefix)  //= fixed -> src/prefix.rs:1
}
fn node(ast: &ast::Node) -> ast::Node {  //= Node -> src/ast.rs:1
    ast.grown();  //= grown -> src/ast.rs:2
    ast::Node { size: 1 }  //= Node -> src/ast.rs:1; size -> src/ast.rs:1
}
fn ages(all: &[(u8, u8)]) -> u8 {
    all.iter().map(|&(age, _)| age).count();
    age::V1  //= V1 -> src/age.rs:1
}
fn made<T: Default>() -> T { T::default() }  //= T -> src/lib.rs:15
--- src/ast.rs
pub struct Node { size: u8 }
impl Node { pub fn grown(&self) {} }
--- src/age.rs
pub const V1: u8 = 1;
--- src/prefix.rs
pub fn fixed(text: &str) -> bool { true }
",
    );
}

#[test]
fn what_another_crate_of_rust_holds_is_no_member_of_the_projects_types() {
    let files = "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
use std::mem;
pub struct Table { rows: Vec<u8> }
impl Table {
    pub fn swap(&mut self, other: &mut Self) { core::mem::swap(self, other); }
    pub fn replace_all(&mut self) { mem::replace_all(self); std::mem::replace_all(self); }
    pub fn with_capacity(rows: usize) -> Self { Table { rows: Vec::with_capacity(rows) } }
}
fn f(table: &mut Table) { table.swap(x); table.replace_all(); Table::with_capacity(1); }
";
    assert_eq!(used(files, "swap"), ["src/lib.rs:8"]);
    assert_eq!(used(files, "replace_all"), ["src/lib.rs:8"]);
    assert_eq!(used(files, "with_capacity"), ["src/lib.rs:8"]);
    let graph = graph_of(files);
    let swap = graph.find("swap")[0];
    assert!(graph.outgoing(swap).iter().all(|edge| edge.to != swap), "it calls another crate's");
}

#[test]
fn crates_of_rust_begin_where_their_manifest_says() {
    let files = "--- tool/Cargo.toml
[package]
name = \"tool\"
[[bin]]
name = \"tool\"
path = \"main.rs\"
[dependencies]
leaf = { package = \"x-leaf\", path = \"../leaf\" }
--- tool/main.rs
mod cmd;
mod help;
fn main() { cmd::run(); help::show(); leaf::grow(); }
--- tool/help.rs
pub fn show() { crate::cmd::run(); }
--- tool/cmd/mod.rs
mod deep;
pub fn run() { deep::go(); }
pub fn count() {}
--- tool/cmd/deep.rs
pub fn go() { super::count(); }
--- tool/build.rs
fn main() { show(); }
--- leaf/Cargo.toml
[package]
name = \"x-leaf\"
[lib]
path = \"code/root.rs\"
--- leaf/code/root.rs
mod inner;
pub use inner::grow;
--- leaf/code/inner.rs
pub fn grow() { crate::inner::shrink(); }
fn shrink() {}
";
    assert_eq!(used(files, "run"), ["tool/help.rs:1", "tool/main.rs:3"]);
    assert_eq!(used(files, "count"), ["tool/cmd/deep.rs:1"]);
    assert_eq!(used(files, "go"), ["tool/cmd/mod.rs:2"]);
    assert_eq!(used(files, "show"), ["tool/main.rs:3"]);
    assert_eq!(used(files, "grow"), ["leaf/code/root.rs:2", "tool/main.rs:3"]);
    assert_eq!(used(files, "shrink"), ["leaf/code/inner.rs:1"]);
}

#[test]
fn modules_of_rust_may_name_their_files() {
    let files = "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
#[cfg(unix)]
#[path = \"odd/one.rs\"]
mod sys;
#[path = \"odd/two.rs\"]
#[cfg(not(unix))]
mod sys;
mod odd;
use crate::sys::open;
fn f() { sys::open(); open(); sys::deep::shut(); crate::odd::kept::keep(); }
--- src/odd/mod.rs
pub mod kept;
--- src/odd/kept.rs
pub fn keep() {}
--- src/odd/one.rs
pub mod deep;
pub fn open() { deep::shut(); super::f(); }
--- src/odd/deep.rs
pub fn shut() { super::open(); }
--- tests/all.rs
#[path = \"../src/odd/kept.rs\"]
mod kept;
fn test() { kept::keep(); }
";
    assert_eq!(used(files, "open"), ["src/lib.rs:8", "src/lib.rs:9", "src/odd/deep.rs:1"]);
    assert_eq!(used(files, "shut"), ["src/lib.rs:9", "src/odd/one.rs:2"]);
    assert_eq!(used(files, "f"), ["src/odd/one.rs:2"]);
    assert_eq!(used(files, "keep"), ["src/lib.rs:9", "tests/all.rs:3"]);
}

#[test]
fn packages_of_go_are_called_as_they_call_themselves() {
    let files = "--- go.mod
module example.com/go-kit/v6
--- kit.go
package kit
func Open() {}
--- README.md
# Kit
--- gen.go
package main
func main() {}
--- yaml/yaml.go
package yamlx
func Read() {}
--- yaml/yaml_test.go
package yamlx_test
--- dot/dot.go
package dot
import . \"example.com/go-kit/v6/yaml\"
func use() { Read() }
--- cmd/main.go
package main
import (
\t\"example.com/go-kit/v6\"
\t\"example.com/go-kit/v6/yaml\"
)
func main() {
\tkit.Open()
\tyamlx.Read()
\tyaml.Read()
}
";
    assert_eq!(used(files, "Open"), ["cmd/main.go:7"]);
    assert_eq!(used(files, "Read"), ["cmd/main.go:8", "dot/dot.go:3"]);
}

#[test]
fn keys_of_maps_and_lists_of_go_are_values() {
    let files = "--- go.mod
module example.com/app
--- main.go
package main
type Sig int
const (
\tpgp Sig = iota
\tssh
)
type Names map[Sig]string
type Page struct { pgp int }
var names = map[Sig]string{
\tpgp: \"a\",
}
var more = Names{pgp: \"b\"}
var list = [...]string{
\tssh: \"c\",
}
var page = Page{
\tpgp: 1,
}
";
    assert_eq!(used(files, "main.go:4"), ["main.go:10", "main.go:12"]);
    assert_eq!(used(files, "main.go:5"), ["main.go:14"]);
    assert_eq!(used(files, "Page.pgp"), ["main.go:17"]);
    let graph = graph_of(files);
    let pgp = graph.find("main.go:4")[0];
    let names = graph.find("main.go:names")[0];
    assert!(graph.outgoing(names).iter().any(|edge| edge.to == pgp), "a use is a tie");
}

#[test]
fn names_of_java_lead_through_packages_and_nested_classes() {
    let files = "--- a/Conn.java
package a;
public class Conn {
    public static class Response {
        public static int fix(int of) { return of; }
        public void close() {}
    }
    public static int lone() { return 1; }
    public void act() {}
}
--- b/Use.java
package b;
import static a.Conn.Response.fix;
import a.Conn.Response;
class Use {
    a.Conn conn = new a.Conn();
    void f(a.Conn.Response response) {
        fix(1);
        conn.act();
        response.close();
        a.Conn.lone();
    }
}
--- c/Star.java
package c;
import static a.Conn.*;
import a.Conn;
class Star<T extends Conn> {
    T kept;
    void g() { lone(); kept.act(); }
    <S extends Conn, R> void h(S one, R other) { one.act(); other.act(); }
}
--- a/Conns.java
package a;
import java.util.ArrayList;
public class Conns extends ArrayList<Conn> {}
--- b/All.java
package b;
import a.Conns;
class All {
    void f(Conns all) { all.get(0).act(); all.size(); }
}
--- c/a/Other.java
package c.a;
class Other { int act; }
";
    assert_eq!(used(files, "fix"), ["b/Use.java:2", "b/Use.java:7"]);
    assert_eq!(used(files, "Response.close"), ["b/Use.java:9"]);
    assert_eq!(
        used(files, "Conn.act"),
        ["b/All.java:4", "b/Use.java:8", "c/Star.java:6", "c/Star.java:7"]
    );
    assert_eq!(used(files, "lone"), ["b/Use.java:10", "c/Star.java:6"]);
    assert_eq!(used(files, "Conn.Response"), ["b/Use.java:2", "b/Use.java:3", "b/Use.java:6"]);
    assert_eq!(
        used(files, "Conn"),
        [
            "a/Conns.java:3",
            "b/Use.java:2",
            "b/Use.java:3",
            "b/Use.java:5",
            "b/Use.java:6",
            "b/Use.java:10",
            "c/Star.java:2",
            "c/Star.java:3",
            "c/Star.java:4",
            "c/Star.java:7",
        ]
    );
}

#[test]
fn uses_under_other_names_are_found() {
    let python = "--- pkg/__init__.py
from .core import run as go
--- pkg/core.py
def run(): pass
class Leaf:
    def shine(self): pass
--- use.py
from pkg import go
import pkg
from pkg.core import Leaf
go()
pkg.go()
def run(): pass
run()
def f(a: \"Leaf\", b: \"list[Leaf] | None\", c: Literal[\"Leaf\"], *more: Leaf):
    a.shine()
    for one in more: one.shine()
";
    assert_eq!(
        used(python, "pkg/core.py:run"),
        ["pkg/__init__.py:1", "use.py:1", "use.py:4", "use.py:5"]
    );
    assert_eq!(used(python, "Leaf"), ["use.py:3", "use.py:8"]);
    assert_eq!(used(python, "shine"), ["use.py:9", "use.py:10"]);
    let rust = "--- Cargo.toml
[package]
name = \"app\"
--- src/lib.rs
mod a;
pub use a::shown as renamed;
--- src/a.rs
pub fn shown() {}
--- tests/it.rs
use app::renamed;
fn test() { renamed(); app::renamed(); }
fn renamed_not() { other::renamed(); }
";
    assert_eq!(used(rust, "shown"), ["src/lib.rs:2", "tests/it.rs:1", "tests/it.rs:2"]);
    let script = "--- index.ts
export { two as deux } from './b'
export { default as Def } from './c'
--- again.ts
export { deux as dos } from './index'
--- b.ts
export function two() {}
--- c.ts
export default class Klass { go() {} }
--- use.ts
import { deux, Def } from './index'
import { dos } from './again'
deux()
dos()
new Def().go()
const { two: own } = await import('./b')
own()
const all = await import('./b')
all.two()
function f(...many: Def[]) {
  for (const one of many) one.go()
}
";
    assert_eq!(
        used(script, "two"),
        [
            "again.ts:1",
            "index.ts:1",
            "use.ts:1",
            "use.ts:2",
            "use.ts:3",
            "use.ts:4",
            "use.ts:6",
            "use.ts:7",
            "use.ts:9"
        ]
    );
    assert_eq!(used(script, "Klass"), ["index.ts:2", "use.ts:1", "use.ts:5", "use.ts:10"]);
    assert_eq!(used(script, "go"), ["use.ts:5", "use.ts:11"]);
}

#[test]
fn configurations_of_typescript_extend_others() {
    check(
        "--- tsconfig.base.json
{ \"compilerOptions\": { \"paths\": { \"#x/*\": [\"./x/*\"] } } }
--- app/tsconfig.json
{ \"extends\": \"../tsconfig.base\" }
--- web/tsconfig.json
{ \"files\": [], \"references\": [{ \"path\": \"./tsconfig.app.json\" }] }
--- web/tsconfig.app.json
{ \"compilerOptions\": { \"baseUrl\": \".\", \"paths\": { \"@/*\": [\"src/*\"] } } }
--- x/m.ts
export function em() {}
--- web/src/deep.ts
export function deep() {}
--- app/a.ts
import { em } from '#x/m'
em()  //= em -> x/m.ts:1
--- web/src/main.ts
import { deep } from '@/deep'
deep()  //= deep -> web/src/deep.ts:1
",
    );
}
