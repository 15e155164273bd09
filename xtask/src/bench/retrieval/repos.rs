//! Which public repositories the questions are made of, and what each may be used for.
//!
//! All are under MIT, Apache-2.0 or BSD licences. Nothing of them is committed; the ranker's tables
//! hold numbers alone.

/// What a repository may be used for. The ranker is fitted to `Train`, choices are made on `Dev`,
/// and `Test` is scored when all choices are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Dev,
    Test,
}

impl Split {
    /// Returns the split's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }

    /// Returns the split of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Self::Train),
            "dev" => Some(Self::Dev),
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
    repo("pallets/werkzeug", "BSD", Split::Dev),
    repo("hyperium/hyper", "MIT", Split::Dev),
    repo("go-kit/kit", "MIT", Split::Dev),
    repo("spf13/viper", "MIT", Split::Dev),
    repo("jqlang/jq", "MIT or BSD", Split::Dev),
    repo("preactjs/preact", "MIT", Split::Dev),
    repo("ReactiveX/RxJava", "Apache-2.0", Split::Dev),
    repo("arrow-py/arrow", "Apache-2.0", Split::Dev),
    repo("image-rs/image", "MIT or Apache-2.0", Split::Dev),
    repo("uber-go/zap", "MIT", Split::Dev),
    repo("socketio/socket.io", "MIT", Split::Dev),
    repo("apache/commons-text", "Apache-2.0", Split::Dev),
    repo("aio-libs/aiohttp", "Apache-2.0", Split::Test),
    repo("pallets/jinja", "BSD", Split::Test),
    repo("axios/axios", "MIT", Split::Test),
    repo("reduxjs/redux-toolkit", "MIT", Split::Test),
    repo("sharkdp/bat", "MIT or Apache-2.0", Split::Test),
    repo("rust-random/rand", "MIT or Apache-2.0", Split::Test),
    repo("urfave/cli", "MIT", Split::Test),
    repo("apache/commons-io", "Apache-2.0", Split::Test),
];
