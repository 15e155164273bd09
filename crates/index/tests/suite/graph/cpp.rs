//! C++: what headers declare and sources define.

use super::{check, graph_of, used};

const FILES: &str = "--- util/coding.h
namespace db {
void put(int n, const Text& to);
void put(char n);
class Arena {
 public:
  char* more(int bytes);
  int size() const { return 1; }
  static int made();
  class Step { void next(); };
};
}
--- util/coding.cc
#include \"util/coding.h\"
namespace db {
namespace {
void hidden() {}
}
static void own() { hidden(); }  //= hidden -> util/coding.cc:4
void put(int number, const Text& out) { own(); }
void put(char n) { put(1, n); }
char* Arena::more(int bytes) { return more(size()); }  //= more -> util/coding.cc:9; size -> util/coding.h:7
void Arena::Step::next() {}
}
int db::Arena::made() { return 1; }
--- use.cc
#include \"util/coding.h\"
static void own() {}
void hidden();
void f(db::Arena* arena) {
  db::put(1, \"\");  //= put -> util/coding.cc:7
  own();  //= own -> use.cc:2
  db::Arena::made();  //= made -> util/coding.cc:12
  hidden();  //= hidden -> use.cc:3
}
";

#[test]
fn a_definition_answers_for_its_declaration_in_a_namespace_or_class() {
    check(FILES);
    let both = |one: &str, other: &str| {
        let places = [used(FILES, one), used(FILES, other)];
        places.map(|all| -> Vec<String> {
            all.into_iter().filter(|place| place.starts_with("use.cc")).collect()
        })
    };
    let calls = vec!["use.cc:5".to_owned()];
    assert_eq!(both("util/coding.cc:7", "util/coding.h:2"), [calls.clone(), calls]);
    let calls = vec!["use.cc:7".to_owned()];
    assert_eq!(
        both("util/coding.cc:Arena.made", "util/coding.h:Arena.made"),
        [calls.clone(), calls]
    );
    assert_eq!(used(FILES, "util/coding.h:Arena::more"), ["util/coding.cc:9"]);
}

#[test]
fn overloads_are_declared_each_by_its_own_head() {
    let graph = graph_of(FILES);
    let of = |place: &str| {
        let id = graph.find(place)[0];
        let symbol = graph.symbol(graph.defined(id)).unwrap();
        format!("{}:{}", graph.path_of(symbol), symbol.line)
    };
    for (declared, defined) in [
        ("util/coding.h:2", "util/coding.cc:7"),
        ("util/coding.h:3", "util/coding.cc:8"),
        ("util/coding.h:6", "util/coding.cc:9"),
        ("util/coding.h:7", "util/coding.h:7"),
        ("util/coding.h:8", "util/coding.cc:12"),
        ("util/coding.h:9", "util/coding.cc:10"),
    ] {
        assert_eq!(of(declared), defined, "{declared}");
    }
    assert_eq!(graph.find("db::Arena::Step::next").len(), 2);
}

#[test]
fn tests_see_the_members_of_their_fixture_and_no_bare_name_means_a_method() {
    check(
        "--- store.cc
namespace db {
class Store { int get(); };
int Store::get() { return 1; }
}
--- store_test.cc
class StoreTest : public Base {
 public:
  int get(int key) { return key; }
  int made_;
};
TEST_F(StoreTest, Gets) {
  EXPECT_EQ(get(1), made_);  //= get -> store_test.cc:3; made_ -> store_test.cc:4
}
--- other_test.cc
TEST(Other, Gets) {
  EXPECT_EQ(get(1), 1);  //= get -> nothing
}
",
    );
}

#[test]
fn classes_that_macros_export_are_classes_and_overrides_are_used_by_way_of_their_base() {
    let files = "--- store.h
class API Store {
 public:
  virtual ~Store();
  virtual int get(int key) = 0;
};
struct API Plain { int key; };
--- disk.cc
#include \"store.h\"
class Disk : public Store {
 public:
  int get(int key) override;
};
class Ram : public Store { int get(int key) override { return key; } };
Store::~Store() {}
int Disk::get(int key) { return key; }
int f(Store* store) { return store->get(1); }
int g() { Disk disk; return disk.get(2); }
";
    let graph = graph_of(files);
    let kinds = |name: &str| -> Vec<&str> {
        let found = graph.find(name).into_iter().filter_map(|id| graph.symbol(id));
        found.map(|symbol| symbol.kind.as_str()).collect()
    };
    assert_eq!((kinds("Store"), kinds("Plain")), (vec!["class"], vec!["struct"]));
    let id = graph.find("disk.cc:Disk.get")[0];
    let lines: Vec<String> = graph
        .references(id)
        .into_iter()
        .map(|of| format!("{}:{}", graph.file_path(of.file).unwrap(), of.line))
        .collect();
    for place in ["store.h:4", "disk.cc:8", "disk.cc:9", "disk.cc:10"] {
        assert!(lines.contains(&place.to_owned()), "{place} {lines:?}");
    }
    assert!(!lines.contains(&"disk.cc:6".to_owned()), "{lines:?}");
}
