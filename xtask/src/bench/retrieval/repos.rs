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
    pub split: Split,
}

const fn repo(name: &'static str, split: Split) -> Repo {
    Repo { name, split }
}

/// The repositories, with languages spread over the splits.
pub const REPOS: &[Repo] = &[
    repo("Textualize/rich", Split::Train),
    repo("apache/commons-lang", Split::Train),
    repo("celery/celery", Split::Train),
    repo("date-fns/date-fns", Split::Train),
    repo("fmtlib/fmt", Split::Train),
    repo("gorilla/mux", Split::Train),
    repo("marshmallow-code/marshmallow", Split::Train),
    repo("python-attrs/attrs", Split::Train),
    repo("rayon-rs/rayon", Split::Train),
    repo("rust-lang/regex", Split::Train),
    repo("tornadoweb/tornado", Split::Train),
    repo("koajs/koa", Split::Train),
    repo("libuv/libuv", Split::Train),
    repo("sirupsen/logrus", Split::Train),
    repo("gofiber/fiber", Split::Train),
    repo("tokio-rs/tracing", Split::Train),
    repo("actix/actix-web", Split::Train),
    repo("ReactiveX/rxjs", Split::Train),
    repo("apache/commons-collections", Split::Train),
    repo("psf/black", Split::Train),
    repo("networkx/networkx", Split::Train),
    repo("encode/starlette", Split::Train),
    repo("nodejs/undici", Split::Train),
    repo("valyala/fasthttp", Split::Train),
    repo("trpc/trpc", Split::Train),
    repo("mockito/mockito", Split::Train),
    repo("benoitc/gunicorn", Split::Train),
    repo("crossbeam-rs/crossbeam", Split::Train),
    repo("chronotope/chrono", Split::Train),
    repo("rustls/rustls", Split::Train),
    repo("stretchr/testify", Split::Train),
    repo("nats-io/nats.go", Split::Train),
    repo("square/retrofit", Split::Train),
    repo("moment/luxon", Split::Train),
    repo("immerjs/immer", Split::Train),
    repo("typeorm/typeorm", Split::Train),
    repo("redis/go-redis", Split::Train),
    repo("urllib3/urllib3", Split::Train),
    repo("python-trio/trio", Split::Train),
    repo("sphinx-doc/sphinx", Split::Train),
    repo("bottlepy/bottle", Split::Train),
    repo("netty/netty", Split::Train),
    repo("pallets/werkzeug", Split::Dev),
    repo("hyperium/hyper", Split::Dev),
    repo("go-kit/kit", Split::Dev),
    repo("spf13/viper", Split::Dev),
    repo("jqlang/jq", Split::Dev),
    repo("preactjs/preact", Split::Dev),
    repo("ReactiveX/RxJava", Split::Dev),
    repo("arrow-py/arrow", Split::Dev),
    repo("image-rs/image", Split::Dev),
    repo("uber-go/zap", Split::Dev),
    repo("socketio/socket.io", Split::Dev),
    repo("apache/commons-text", Split::Dev),
    repo("aio-libs/aiohttp", Split::Test),
    repo("pallets/jinja", Split::Test),
    repo("axios/axios", Split::Test),
    repo("reduxjs/redux-toolkit", Split::Test),
    repo("sharkdp/bat", Split::Test),
    repo("rust-random/rand", Split::Test),
    repo("urfave/cli", Split::Test),
    repo("apache/commons-io", Split::Test),
];
