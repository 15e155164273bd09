//! Which public repositories the questions are made of, and what each may be used for.
//!
//! All are under MIT, Apache-2.0 or BSD licences. Nothing of them is committed; the ranker's tables
//! hold numbers alone.

/// What a repository may be used for. The ranker is fitted to `Train`, choices are made by leaving out a part
/// of its repositories at a time, and `Test` is scored when all choices are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Test,
}

impl Split {
    /// Returns the split's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// Returns the split of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Self::Train),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

/// A repository, as `owner/name`.
pub struct Repo {
    pub name: &'static str,
    /// As its licence file says.
    pub licence: &'static str,
    pub split: Split,
}

const fn repo(name: &'static str, licence: &'static str, split: Split) -> Repo {
    Repo { name, licence, split }
}

/// The repositories, with languages spread over the splits.
pub const REPOS: &[Repo] = &[
    repo("Textualize/rich", "MIT", Split::Train),
    repo("apache/commons-lang", "Apache-2.0", Split::Train),
    repo("celery/celery", "BSD", Split::Train),
    repo("date-fns/date-fns", "MIT", Split::Train),
    repo("fmtlib/fmt", "MIT", Split::Train),
    repo("gorilla/mux", "BSD", Split::Train),
    repo("marshmallow-code/marshmallow", "MIT", Split::Train),
    repo("python-attrs/attrs", "MIT", Split::Train),
    repo("rayon-rs/rayon", "MIT or Apache-2.0", Split::Train),
    repo("rust-lang/regex", "MIT or Apache-2.0", Split::Train),
    repo("tornadoweb/tornado", "Apache-2.0", Split::Train),
    repo("koajs/koa", "MIT", Split::Train),
    repo("libuv/libuv", "MIT", Split::Train),
    repo("sirupsen/logrus", "MIT", Split::Train),
    repo("gofiber/fiber", "MIT", Split::Train),
    repo("tokio-rs/tracing", "MIT", Split::Train),
    repo("actix/actix-web", "MIT or Apache-2.0", Split::Train),
    repo("ReactiveX/rxjs", "Apache-2.0", Split::Train),
    repo("apache/commons-collections", "Apache-2.0", Split::Train),
    repo("psf/black", "MIT", Split::Train),
    repo("networkx/networkx", "BSD", Split::Train),
    repo("encode/starlette", "BSD", Split::Train),
    repo("nodejs/undici", "MIT", Split::Train),
    repo("valyala/fasthttp", "MIT", Split::Train),
    repo("trpc/trpc", "MIT", Split::Train),
    repo("mockito/mockito", "MIT", Split::Train),
    repo("benoitc/gunicorn", "MIT", Split::Train),
    repo("crossbeam-rs/crossbeam", "MIT or Apache-2.0", Split::Train),
    repo("chronotope/chrono", "MIT or Apache-2.0", Split::Train),
    repo("rustls/rustls", "MIT or Apache-2.0", Split::Train),
    repo("stretchr/testify", "MIT", Split::Train),
    repo("nats-io/nats.go", "Apache-2.0", Split::Train),
    repo("square/retrofit", "Apache-2.0", Split::Train),
    repo("moment/luxon", "MIT", Split::Train),
    repo("immerjs/immer", "MIT", Split::Train),
    repo("typeorm/typeorm", "MIT", Split::Train),
    repo("redis/go-redis", "BSD", Split::Train),
    repo("urllib3/urllib3", "MIT", Split::Train),
    repo("python-trio/trio", "MIT or Apache-2.0", Split::Train),
    repo("sphinx-doc/sphinx", "BSD", Split::Train),
    repo("bottlepy/bottle", "MIT", Split::Train),
    repo("netty/netty", "Apache-2.0", Split::Train),
    repo("pallets/werkzeug", "BSD", Split::Train),
    repo("hyperium/hyper", "MIT", Split::Train),
    repo("go-kit/kit", "MIT", Split::Train),
    repo("spf13/viper", "MIT", Split::Train),
    repo("jqlang/jq", "MIT or BSD", Split::Train),
    repo("preactjs/preact", "MIT", Split::Train),
    repo("ReactiveX/RxJava", "Apache-2.0", Split::Train),
    repo("arrow-py/arrow", "Apache-2.0", Split::Train),
    repo("image-rs/image", "MIT or Apache-2.0", Split::Train),
    repo("uber-go/zap", "MIT", Split::Train),
    repo("socketio/socket.io", "MIT", Split::Train),
    repo("apache/commons-text", "Apache-2.0", Split::Train),
    repo("aio-libs/aiohttp", "Apache-2.0", Split::Train),
    repo("pallets/jinja", "BSD", Split::Train),
    repo("axios/axios", "MIT", Split::Train),
    repo("reduxjs/redux-toolkit", "MIT", Split::Train),
    repo("sharkdp/bat", "MIT or Apache-2.0", Split::Train),
    repo("rust-random/rand", "MIT or Apache-2.0", Split::Train),
    repo("urfave/cli", "MIT", Split::Train),
    repo("apache/commons-io", "Apache-2.0", Split::Train),
    repo("Textualize/textual", "MIT", Split::Train),
    repo("pypa/packaging", "Apache-2.0 or BSD", Split::Train),
    repo("dask/dask", "BSD", Split::Train),
    repo("mwaskom/seaborn", "BSD", Split::Train),
    repo("nltk/nltk", "Apache-2.0", Split::Train),
    repo("ipython/ipython", "BSD", Split::Train),
    repo("mkdocs/mkdocs", "BSD", Split::Train),
    repo("tokio-rs/tokio", "MIT", Split::Train),
    repo("rust-itertools/itertools", "MIT or Apache-2.0", Split::Train),
    repo("rust-ndarray/ndarray", "MIT or Apache-2.0", Split::Train),
    repo("crossterm-rs/crossterm", "MIT", Split::Train),
    repo("tower-rs/tower", "MIT", Split::Train),
    repo("indexmap-rs/indexmap", "MIT or Apache-2.0", Split::Train),
    repo("grpc/grpc-go", "Apache-2.0", Split::Train),
    repo("etcd-io/bbolt", "MIT", Split::Train),
    repo("spf13/afero", "Apache-2.0", Split::Train),
    repo("go-gorm/gorm", "MIT", Split::Train),
    repo("miekg/dns", "BSD", Split::Train),
    repo("hibiken/asynq", "MIT", Split::Train),
    repo("minio/minio-go", "Apache-2.0", Split::Train),
    repo("TanStack/query", "MIT", Split::Train),
    repo("webpack/webpack", "MIT", Split::Train),
    repo("mochajs/mocha", "MIT", Split::Train),
    repo("winstonjs/winston", "MIT", Split::Train),
    repo("knex/knex", "MIT", Split::Train),
    repo("eslint/eslint", "MIT", Split::Train),
    repo("apache/commons-csv", "Apache-2.0", Split::Train),
    repo("apache/commons-codec", "Apache-2.0", Split::Train),
    repo("assertj/assertj", "Apache-2.0", Split::Train),
    repo("resilience4j/resilience4j", "Apache-2.0", Split::Train),
    repo("JodaOrg/joda-time", "Apache-2.0", Split::Train),
    repo("ben-manes/caffeine", "Apache-2.0", Split::Train),
    repo("google/leveldb", "BSD", Split::Train),
    repo("nlohmann/json", "MIT", Split::Train),
    repo("nghttp2/nghttp2", "MIT", Split::Train),
    repo("facebook/zstd", "BSD", Split::Train),
    repo("python-poetry/poetry", "MIT", Split::Test),
    repo("joblib/joblib", "BSD", Split::Test),
    repo("python-jsonschema/jsonschema", "MIT", Split::Test),
    repo("seanmonstar/reqwest", "MIT or Apache-2.0", Split::Test),
    repo("petgraph/petgraph", "MIT or Apache-2.0", Split::Test),
    repo("jackc/pgx", "MIT", Split::Test),
    repo("charmbracelet/bubbletea", "MIT", Split::Test),
    repo("go-playground/validator", "MIT", Split::Test),
    repo("sindresorhus/got", "MIT", Split::Test),
    repo("mobxjs/mobx", "MIT", Split::Test),
    repo("chartjs/Chart.js", "MIT", Split::Test),
    repo("jhy/jsoup", "MIT", Split::Test),
    repo("apache/commons-compress", "Apache-2.0", Split::Test),
    repo("brettwooldridge/HikariCP", "Apache-2.0", Split::Test),
    repo("gabime/spdlog", "MIT", Split::Test),
    repo("redis/hiredis", "BSD", Split::Test),
];
