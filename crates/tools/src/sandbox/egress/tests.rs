use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn rules(list: &[&str]) -> HostRules {
    HostRules::parse(list).unwrap()
}

#[test]
fn hosts_are_allowed_by_name_and_port() {
    let rules = rules(&[
        "crates.io",
        "*.pythonhosted.org",
        "Proxy.Example.COM.:8080",
        "192.0.2.7",
        "10.1.0.0/16",
        "[2001:db8::1]:99",
        "localhost:4873",
    ]);
    for (text, wanted) in [
        ("crates.io:443", true),
        ("crates.io:80", true),
        ("CRATES.IO.:443", true),
        ("crates.io:22", false),
        ("static.crates.io:443", false),
        ("evilcrates.io:443", false),
        ("crates.io.evil.example:443", false),
        ("files.pythonhosted.org:443", true),
        ("a.b.pythonhosted.org:443", true),
        ("pythonhosted.org:443", false),
        ("evilpythonhosted.org:443", false),
        ("proxy.example.com:8080", true),
        ("proxy.example.com:443", false),
        ("192.0.2.7:443", true),
        ("192.0.2.8:443", false),
        ("10.1.255.3:5000", true),
        ("10.2.0.1:443", false),
        ("[2001:db8::1]:99", true),
        ("[2001:db8::1]:98", false),
        ("[::ffff:10.1.0.1]:80", true),
        ("[::1]:443", false),
        ("127.0.0.1:443", false),
        ("localhost:4873", true),
        ("localhost:80", false),
    ] {
        let target = Target::parse(text, None).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(rules.allow(&target), wanted, "{text}");
    }
}

#[test]
fn what_is_no_host_is_no_target() {
    for text in [
        "",
        ":80",
        "a:",
        "a",
        "a:0",
        "a:65536",
        "a:+80",
        "a b:80",
        "a/b:80",
        "u@a:80",
        "a..b:80",
        "2130706433:80",
        "0x7f000001:80",
        "127.1:80",
        "127.0.0.0x1:80",
        "[::1%eth0]:80",
        "[::1:80",
        "::1:80",
        "a%00:80",
        "é.example:80",
    ] {
        assert_eq!(Target::parse(text, None), None, "{text:?}");
    }
}

#[test]
fn bad_lists_are_told() {
    for text in ["*", "0.0.0.0/0", "::/0"] {
        assert_eq!(HostRules::parse(&[text]), Err(BadRule::Everything(text.to_owned())));
    }
    for text in ["", "*.com", "a*.com", "http://a.example", "a.example/x", "1.2.3.4/33", "a:b"] {
        assert_eq!(HostRules::parse(&[text]), Err(BadRule::NoHost(text.to_owned())));
    }
    assert_eq!(HostRules::parse(&vec!["a.example"; 1001]), Err(BadRule::TooMany));
}

#[test]
fn addresses_that_are_not_public_must_be_listed_themselves() {
    let rules = rules(&["a.example", "b.example:8080", "10.0.0.0/8", "localhost"]);
    let named = Target::parse("a.example:443", None).unwrap();
    for (address, wanted) in [
        ("1.1.1.1", true),
        ("10.9.9.9", true),
        ("127.0.0.1", false),
        ("0.0.0.0", false),
        ("169.254.169.254", false),
        ("168.63.129.16", false),
        ("192.168.1.1", false),
        ("172.31.0.1", false),
        ("172.32.0.1", true),
        ("100.100.100.200", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("::1", false),
        ("::", false),
        ("::ffff:127.0.0.1", false),
        ("64:ff9b::7f00:1", false),
        ("64:ff9b::101:101", true),
        ("2002:7f00:1::", false),
        ("fd00:ec2::254", false),
        ("fe80::1", false),
        ("ff02::1", false),
        ("2606:4700::1111", true),
    ] {
        let ip: IpAddr = address.parse().unwrap();
        assert_eq!(rules.allow_address(&named, ip), wanted, "{address}");
    }
    let localhost = Target::parse("localhost:443", None).unwrap();
    assert!(rules.allow_address(&localhost, "127.0.0.1".parse().unwrap()));
    assert!(!rules.allow_address(&localhost, "192.168.0.1".parse().unwrap()));
}

fn forward(head: &str) -> (String, String) {
    match Request::parse(head.as_bytes()).unwrap() {
        Request::Forward { target, head } => (target.to_string(), String::from_utf8(head).unwrap()),
        Request::Connect(target) => panic!("CONNECT {target}"),
    }
}

#[test]
fn plain_requests_are_rewritten_for_the_server() {
    let head = "GET http://A.example:81/x?y#z HTTP/1.1\r\nHost: other.example\r\nAccept: */*\r\n\
                Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\n\r\n";
    let (target, head) = forward(head);
    assert_eq!(target, "a.example:81");
    assert_eq!(
        head,
        "GET /x?y HTTP/1.1\r\nHost: A.example:81\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let (target, head) = forward("POST HTTP://a.example?q HTTP/1.0\r\n\r\n");
    assert_eq!(target, "a.example:80");
    assert!(head.starts_with("POST /?q HTTP/1.1\r\n"), "{head}");
}

#[test]
fn bad_requests_are_refused() {
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET https://a.example/ HTTP/1.1\r\n\r\n",
        "GET http://u:p@a.example/ HTTP/1.1\r\n\r\n",
        "GET http:///x HTTP/1.1\r\n\r\n",
        "GET http://a.example/ HTTP/2\r\n\r\n",
        "GET http://a.example/ x HTTP/1.1\r\n\r\n",
        "G(T http://a.example/ HTTP/1.1\r\n\r\n",
        "GET http://a.example/\u{e9} HTTP/1.1\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\n folded: x\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\nno colon\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
        "CONNECT a.example HTTP/1.1\r\n\r\n",
        "CONNECT http://a.example:443 HTTP/1.1\r\n\r\n",
        "CONNECT a.example:443 HTTP/1.1",
    ] {
        assert!(Request::parse(head.as_bytes()).is_err(), "{head}");
    }
    let many = format!("CONNECT a.example:443 HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(201));
    assert!(Request::parse(many.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_head_breaks_the_reader(head in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::parse(&head);
    }

    #[test]
    fn a_head_that_is_forwarded_is_one_head_to_its_target(
        host in "[a-zA-Z0-9.:\\[\\]@_-]{1,20}",
        path in "[ -~\r\n]{0,20}",
        headers in "([A-Za-z-]{1,8}: ?[ -~\r\n]{0,12}\r\n){0,4}",
    ) {
        let text = format!("GET http://{host}/{path} HTTP/1.1\r\n{headers}\r\n");
        if let Ok(Request::Forward { target, head }) = Request::parse(text.as_bytes()) {
            let head = String::from_utf8(head).unwrap();
            prop_assert!(head.ends_with("\r\n\r\n"));
            prop_assert_eq!(head.matches("\r\n\r\n").count(), 1);
            prop_assert_eq!(head.to_lowercase().matches("\r\nhost:").count(), 1);
            prop_assert_eq!(head.to_lowercase().matches("\r\nconnection:").count(), 1);
            prop_assert!(!head.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(target.port() != 0);
        }
    }

    #[test]
    fn rules_and_targets_never_panic(rule in "\\PC{0,30}", target in "[*.a-z0-9:\\[\\]/%-]{0,30}") {
        if let (Ok(rules), Some(target)) = (HostRules::parse(&[rule]), Target::parse(&target, None)) {
            let _ = rules.allow(&target);
        }
        let _ = HostRules::parse(&[target]);
    }
}

/// A proxy on loopback whose names lead where the test says.
async fn proxy(list: &[&str], names: &[(&str, &str)]) -> (Arc<Egress>, SocketAddr) {
    let names: BTreeMap<String, IpAddr> =
        names.iter().map(|(name, ip)| ((*name).to_owned(), ip.parse().unwrap())).collect();
    let lookup: Lookup = Arc::new(move |name| {
        let found = names.get(&name).map(|ip| vec![*ip]);
        Box::pin(async move { found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    });
    let egress = Arc::new(Egress::with_lookup(rules(list), lookup));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Arc::clone(&egress).serve(listener, CancellationToken::new()));
    (egress, address)
}

/// A server that answers one connection with what it heard, after `HTTP/1.1 200 OK`.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = vec![0; 4096];
            let length = stream.read(&mut heard).await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
            let _ = stream.write_all(&heard[..length]).await;
        }
    });
    address
}

async fn ask(proxy: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn listed_hosts_are_reached_both_ways() {
    let server = echo().await;
    let rule = format!("good.example:{}", server.port());
    let (egress, proxy) = proxy(&[&rule, "127.0.0.1"], &[("good.example", "127.0.0.1")]).await;
    let port = server.port();
    let plain = ask(proxy, &format!("GET http://good.example:{port}/p HTTP/1.1\r\n\r\n")).await;
    assert!(plain.contains("GET /p HTTP/1.1\r\nHost: good.example:"), "{plain}");
    // What comes with the head of a CONNECT goes through the tunnel.
    let tunnel = format!("CONNECT good.example:{port} HTTP/1.1\r\nA: b\r\n\r\nraw bytes");
    let tunnel = ask(proxy, &tunnel).await;
    assert!(tunnel.starts_with("HTTP/1.1 200 Connection established\r\n\r\n"), "{tunnel}");
    assert!(tunnel.ends_with("\r\n\r\nraw bytes"), "{tunnel}");
    assert_eq!(egress.notes(), [""; 0]);
}

#[tokio::test]
async fn others_are_blocked_and_told_once() {
    let (egress, proxy) =
        proxy(&["rebind.example", "gone.example"], &[("rebind.example", "169.254.169.254")]).await;
    for (request, status, told) in [
        ("CONNECT evil.example:443 HTTP/1.1\r\n\r\n", "403", "blocked evil.example:443"),
        ("CONNECT evil.example:443 HTTP/1.1\r\n\r\n", "403", "blocked evil.example:443"),
        ("GET http://127.0.0.1:11434/api HTTP/1.1\r\n\r\n", "403", "blocked 127.0.0.1:11434"),
        ("CONNECT rebind.example:443 HTTP/1.1\r\n\r\n", "403", "in a private network"),
        ("CONNECT gone.example:443 HTTP/1.1\r\n\r\n", "502", "cannot reach gone.example:443"),
        ("nonsense\r\n\r\n", "400", "its first line"),
    ] {
        let answer = ask(proxy, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(told), "{answer}");
    }
    assert_eq!(
        egress.notes(),
        [
            "[sandbox: blocked 127.0.0.1:11434; `sandbox.hosts` allows hosts, as in `sandbox.hosts = \
             [\"127.0.0.1:11434\"]`]",
            "[sandbox: blocked evil.example:443; `sandbox.hosts` allows hosts, as in `sandbox.hosts = \
             [\"evil.example\"]`]",
            "[sandbox: blocked rebind.example:443: its address 169.254.169.254 is in a private network; \
             list the address in `sandbox.hosts` too if that is meant]",
        ]
    );
    assert_eq!(egress.notes(), [""; 0]);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let (_, proxy) = proxy(&[], &[]).await;
    let long = format!("GET http://a.example/ HTTP/1.1\r\nA: {}", "x".repeat(MAX_HEAD_BYTES));
    assert!(ask(proxy, &long).await.contains("its head is too large"));
}

#[tokio::test]
async fn a_way_out_opens_once_and_closes_with_its_session() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let way_out = WayOut::new(HostRules::default(), Some(listener.into()));
    way_out.open().unwrap();
    way_out.open().unwrap();
    assert!(ask(address, "CONNECT a.example:443 HTTP/1.1\r\n\r\n").await.contains("blocked"));
    assert_eq!(way_out.notes().len(), 1);
    drop(way_out);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    WayOut::new(HostRules::default(), None).open().unwrap();
}
