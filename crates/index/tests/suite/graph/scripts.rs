//! Modules by `require` and `module.exports`, and tests that are called like what they test.

use super::{check, graph_of, used};

const LIBRARY: &str = "--- lib/decl.js
function declFn(m) { return m; }
module.exports = declFn;
--- lib/arrow.js
const arrowFn = (m) => m;
arrowFn.extra = 1;
module.exports = arrowFn;
--- lib/klass.js
class Klass { go() {} }
module.exports = Klass;
--- lib/named.js
function named1(m) { return m; }
function own() {}
module.exports = { named1, other: own, decl: require('./decl') };
module.exports.named2 = named2; function named2() {}
exports.named3 = function () {};
exports.named4 = own;
--- lib/whole.js
module.exports = require('./decl');
--- lib/spread.js
module.exports = { ...require('./named') };
--- lib/made.js
module.exports = function made() {};
--- lib/typed.ts
function typed() {}
export = typed;
--- lib/UPPER.js
module.exports = { upper };
function upper() {}
";

fn lines(graph: &distiq_index::graph::Graph, of: &str) -> Vec<String> {
    let id = graph.find(of)[0];
    let found = graph.references(id);
    found.iter().map(|of| format!("{}:{}", graph.file_path(of.file).unwrap(), of.line)).collect()
}

#[test]
fn names_by_require_mean_what_modules_export() {
    check(&format!(
        "{LIBRARY}--- use.js
const arrowFn = require('./lib/arrow'); //= arrowFn -> lib/arrow.js:1
const declFn = require('./lib/decl'); //= declFn -> lib/decl.js:1
const other = require('./lib/decl'), UPPER = require('./lib/UPPER');
const {{ named1, named2: second, other: third = 1 }} = require('./lib/named'); //= named1 -> lib/named.js:1
const Klass = require('./lib/klass'), all = require('./lib/named');
const own = require('./lib/named').named1;
function user() {{
  arrowFn(1); //= arrowFn -> lib/arrow.js:1
  declFn(1); //= declFn -> lib/decl.js:1
  other(1); //= other -> lib/decl.js:1
  named1(1); second(); //= named1 -> lib/named.js:1; second -> lib/named.js:4
  third(); //= third -> lib/named.js:2
  own(); //= own -> lib/named.js:1
  new Klass().go(); //= Klass -> lib/klass.js:1; go -> lib/klass.js:1
  all.named1(); all.named3(); //= named1 -> lib/named.js:1; named3 -> lib/named.js:5
  all.named4(); all.other(); //= named4 -> lib/named.js:2; other -> lib/named.js:2
  all.decl(); //= decl -> lib/decl.js:1
  UPPER.upper(); //= upper -> lib/UPPER.js:2
  require('./lib/named').named2(1); //= named2 -> lib/named.js:4
  const lazy = require('./lib/decl');
  lazy(); //= lazy -> lib/decl.js:1
}}
const whole = require('./lib/whole'), spread = require('./lib/spread'), made = require('./lib/made');
whole(); //= whole -> lib/decl.js:1
spread.named1(); //= named1 -> lib/named.js:1
made(); //= made -> lib/made.js:1
const fs = require('fs');
fs.named1(); //= named1 -> nothing
const {{ named1: {{ length }}, ...rest }} = require('./lib/named');
rest(length); //= rest -> use.js:29; length -> use.js:29
function local(declFn) {{ declFn(); }} //= declFn -> use.js:31
--- use.ts
import typed = require('./lib/typed');
import decl from './lib/decl';
typed(); //= typed -> lib/typed.ts:1
decl(); //= decl -> lib/decl.js:1
"
    ));
}

#[test]
fn references_lead_through_require() {
    let graph = graph_of(&format!(
        "{LIBRARY}--- use.js
const declFn = require('./lib/decl');
declFn(1);
--- again.js
const again = require('./lib/whole');
function run() {{
  again(2);
}}
"
    ));
    let expected = ["again.js:1", "again.js:3", "lib/decl.js:2", "use.js:1", "use.js:2"];
    assert_eq!(lines(&graph, "lib/decl.js:declFn"), expected);
    assert_eq!(graph.find("named2").len(), 1, "its export is no other symbol");
}

#[test]
fn titles_of_tests_are_no_names() {
    let graph = graph_of(
        "--- a.ts
export function helper(of: string) { return of; }
--- a.spec.ts
import { helper } from './a';
describe('outer', () => {
  describe('helper', () => {
    it('helper', () => { helper('1'); });
  });
});
",
    );
    assert_eq!(lines(&graph, "a.ts:helper"), ["a.spec.ts:1", "a.spec.ts:4"]);
}

#[test]
fn private_members_of_scripts_are_asked_by_their_names() {
    let files = "--- a.js
export class Box {
  #count = 0;
  #grow(by) { return this.#count + by; }  //= #count -> a.js:2
  go() {
    return this.#grow(1);  //= #grow -> a.js:3
  }
}
export class Bag { #grow() {} }
";
    check(files);
    for name in ["Box.#grow", "Box#grow", "Box.grow", "a.js:Box.#grow"] {
        assert_eq!(used(files, name), ["a.js:5"], "{name}");
    }
    assert_eq!(used(files, "#count"), ["a.js:3"]);
    assert_eq!(used(files, "Bag.#grow"), [""; 0]);
}

#[test]
fn packages_tell_what_they_export_and_what_they_name_for_themselves() {
    check(
        r##"--- package.json
{ "workspaces": ["packages/*"],
  "imports": {
    "#internal/*": "./src/internal/*.js",
    "#internal/told": { "node": "./src/node.js", "default": "./src/other.js" },
    "#kit": "@my/kit/deep/leaf" } }
--- src/internal/one.js
export function one() {}
--- src/node.js
export function told() {}
--- src/main.js
import { one } from '#internal/one'
import { told } from '#internal/told'
import { leaf } from '#kit'
import { hidden } from '#hidden'
one(told(leaf()))  //= one -> src/internal/one.js:1; told -> src/node.js:1; leaf -> packages/kit/src/inner/leaf.ts:1
hidden()  //= hidden -> nothing
--- packages/kit/package.json
{ "name": "@my/kit",
  "exports": {
    ".": "./src/main.ts",
    "./deep/*": { "import": { "types": "./types/*.d.ts", "default": "./dist/inner/*.js" } } },
  "imports": { "#hidden": "./src/hidden.ts" } }
--- packages/kit/src/main.ts
import { hidden } from '#hidden'
export function kit() { hidden() }  //= hidden -> packages/kit/src/hidden.ts:1
--- packages/kit/src/hidden.ts
export function hidden() {}
--- packages/kit/src/inner/leaf.ts
export function leaf() {}
--- packages/app/package.json
{ "name": "@my/app" }
--- packages/app/main.ts
import { kit } from '@my/kit'
import { leaf } from '@my/kit/deep/leaf'
kit(leaf())  //= kit -> packages/kit/src/main.ts:2; leaf -> packages/kit/src/inner/leaf.ts:1
"##,
    );
}
