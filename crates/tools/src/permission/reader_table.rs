//! The programs that only read, as data: an option that is not listed makes a question.
//!
//! A row is `names | kind | options`. The kinds: `nothing` (its operands are no files), `names` (files, of which only names and
//! sizes are told), `contents`, `pattern` (first a pattern or script, then files), `one` (like `contents`, but a second file
//! would be written), `none` (no operands). The options: `*` all others are harmless too; `-abc` short ones without a value;
//! `-x:` with one, `-x?` with one attached or none; `--long`, `--long=`, `--long?` likewise; `--long::` takes two words. `<`
//! instead of `:` or `=` is a file that is read, `>` one that is written; a `!` behind it brings the pattern. `==word` is an
//! option as a whole; `-#` is a number such as `-20`; `~` reads short options one by one, never in clusters.

/// The rows.
pub(super) const READERS: &str = r#"
: true false pwd echo test [ [[ basename dirname uname whoami id groups uptime nproc arch tty seq sleep expr wait exit return break continue shift type which whereis let shift times cal ncal yes getconf logname locale tput clear factor numfmt jobs dirs help umask | nothing | *
cd pushd popd | nothing | *
tr | nothing | *
getopt | nothing | *
ulimit | nothing | -aSHcdfnpstuv
apropos whatis | nothing | *
lscpu lsblk lsmod lsusb lspci free vmstat mpstat iostat who users last sw_vers lsb_release pgrep pidof pstree | nothing | *
w | nothing | -hsfoi
df | names | *
nvidia-smi | nothing | -qL --query-gpu= --format= -i:
findmnt | nothing | -lnrJDAasPo: -t: -O: --json --list --noheadings --df --output= --types=
stty | none | -a -g --all
shellcheck | contents | -aCxs: -e: -f: -S: -o: -i: --shell= --exclude= --format= --severity= --color?
dmesg | none | -THktxe -l: -f: --human --ctime --level= --color?
ls dir vdir wc du realpath readlink namei pathchk exa eza lsd zipinfo pdfinfo tokei | names | *
stat | names | -Lft -c: --format= --printf= --file-system --dereference --terse -x
file | names | -bhikLNnpr0 -f< -F: -e: -P: --brief --mime --mime-type --mime-encoding --dereference --no-dereference --extension --separator= --print0
tree | names | -adlfxpsughDFqNQrtcUnCASiJXv -L: -P: -I: --dirsfirst --filesfirst --noreport --gitignore --prune --du --si --filelimit= --charset= --timefmt= --sort= --matchdirs --ignore-case --inodes --device
cloc | names | --by-file --by-file-by-lang --json --quiet --exclude-dir= --include-lang= --exclude-lang= --yaml --csv --md --xml --hide-rate
scc | names | -w --by-file --no-cocomo --no-complexity -f: -i: -s: --format= --sort= --include-ext= --exclude-dir=
fd fdfind | pattern | -HIusigFalLpq01 -e: -t: -d: -E: -S: -x: -X: --extension= --type= --max-depth= --min-depth= --exact-depth= --exclude= --glob --regex --fixed-strings --hidden --no-ignore --no-ignore-vcs --follow --absolute-path --list-details --size= --changed-within= --changed-before= --color= --print0 --max-results= --full-path --case-sensitive --ignore-case --strip-cwd-prefix
cat tac head nl cut paste comm join cmp md5 md5sum sha1sum sha224sum sha256sum sha384sum sha512sum shasum b2sum b3sum cksum sum crc32 od hexdump hd strings column colrm fold fmt rev expand unexpand zcat bzcat xzcat zstdcat lz4cat base64 base32 tsort pr look ul diffstat | contents | * -n: -c:
tail | contents | * -n: -c: --lines= --bytes= --pid= -s:
nm | contents | -aACDglnoprSuvfBP -t: -f: --demangle? --defined-only --undefined-only --dynamic --extern-only --print-size --size-sort --format=
size | contents | -ABdox -t
readelf | contents | -haldSstnrVAWIe --file-header --program-headers --sections --symbols --dynamic --all --wide --notes --relocs
objdump | contents | -dtxhsTCrRpfD -j: -M: --disassemble? --section= --no-show-raw-insn --demangle? --headers
diff | contents | -qrucyNiwbBEasptTdZn -# -U: -C: -W: -I: -x: -X< -F: -L: -S: --color? --brief --recursive --unified? --context? --side-by-side --suppress-common-lines --exclude= --exclude-from< --strip-trailing-cr --ignore-case --ignore-all-space --ignore-space-change --ignore-blank-lines --ignore-trailing-space --ignore-matching-lines= --ignore-tab-expansion --width= --label= --new-file --text --minimal --speed-large-files --left-column --report-identical-files --no-dereference --expand-tabs --initial-tab --normal --ed --rcs --tabsize= --show-c-function --show-function-line=
diff3 | contents | -AeEx3XimTa --merge --show-all --text --label= -L:
sort | contents | -bdfghiMnRrVcCmsuz -k: -t: -S: -o> --key= --field-separator= --buffer-size= --parallel= --batch-size= --output> --reverse --unique --numeric-sort --human-numeric-sort --general-numeric-sort --version-sort --month-sort --random-sort --ignore-case --ignore-leading-blanks --dictionary-order --ignore-nonprinting --stable --check? --merge --zero-terminated --sort= --debug
uniq | one | -cdDuiz -# -f: -s: -w: --count --repeated --unique --ignore-case --all-repeated? --group? --skip-fields= --skip-chars= --check-chars= --zero-terminated
xxd | one | ~ -abdeEiCupr -c: -g: -l: -o: -s: -n: -R:
shuf | contents | -erz -n: -i: -o> --echo --repeat --zero-terminated --head-count= --input-range= --output> --random-source<
grep egrep fgrep zgrep zegrep zfgrep bzgrep xzgrep ggrep | pattern | * -# -e:! -f<! -A: -B: -C: -m: -d: -D: --regexp=! --file<! --include= --exclude= --exclude-dir= --exclude-from< --after-context= --before-context= --context= --max-count= --label= --binary-files= --devices= --directories= --group-separator=
rg | pattern | -isSvwxclnNHhIoUPFLaupq.0 -# -e:! -f<! -g: -t: -T: -A: -B: -C: -m: -M: -j: -r: -E: -d: --regexp=! --file<! --glob= --iglob= --type= --type-not= --type-add= --type-list --files --max-depth= --max-count= --max-filesize= --max-columns= --max-columns-preview --sort= --sortr= --color= --colors= --context= --after-context= --before-context= --context-separator= --hidden --no-ignore --no-ignore-vcs --no-ignore-parent --no-ignore-dot --no-ignore-global --unrestricted --ignore-case --smart-case --case-sensitive --invert-match --word-regexp --line-regexp --count --count-matches --files-with-matches --files-without-match --line-number --no-line-number --with-filename --no-filename --heading --no-heading --only-matching --multiline --multiline-dotall --pcre2 --fixed-strings --follow --text --null --vimgrep --json --stats --quiet --trim --replace= --passthru --no-messages --no-config --column --threads= --one-file-system --pretty --debug --crlf --encoding= --engine= --ignore-file< --byte-offset
ag | pattern | -ilLcvwQsSnruaft -A? -B? -C? -G: -m: --ignore= --ignore-dir= --depth= --nocolor --nogroup --hidden --files-with-matches --count --literal --no-numbers --column
jq gojq jaq | pattern | -nrjascCMSe --arg:: --argjson:: --slurpfile:: --rawfile:: --args --jsonargs --tab --indent= --null-input --raw-input --raw-output --raw-output0 --join-output --ascii-output --slurp --compact-output --color-output --monochrome-output --sort-keys --exit-status --stream --seq --unbuffered -R
yq | pattern | -rjncCMPNeS -o: -p: -I: --output-format= --input-format= --indent= --prettyPrint --no-colors --colors --exit-status --null-input --raw-output --unwrapScalar? --no-doc
xmllint | contents | --noout --format --html --recover --nonet --pretty=
bc | none | -lqisw --mathlib --quiet --standard
iconv | contents | -f: -t: -cls --from-code= --to-code= --list --silent
bat batcat | contents | -pnAdfS --plain --style= -l: -r: -H: --line-range= --language= --theme= --color= --decorations= --wrap= --tabs= --number --show-all --diff ==--paging=never ==--paging=auto --no-pager --list-languages --list-themes --terminal-width=
less more most pg | contents | -NRSFXEeiInrsMmQqw --quit-if-one-screen --RAW-CONTROL-CHARS --chop-long-lines --no-init --LINE-NUMBERS
pv | contents |
printenv | nothing | -0
ss | nothing | -tulnpax460simoeHOE
ipcs | nothing | *
glow mdcat | contents |
hexyl | contents | -n: -s: -c: --length= --skip= --plain --border= --color=
envdir | none |
compgen | nothing | -abcdefgjksuvA -A:
hash | nothing | -ltr
csvlook csvcut csvstat csvgrep csvsort | contents | *
crc cksfv | contents |
dpkg-query | nothing | -WlLsS -f: --show --list --listfiles --status --search --showformat=
rpm | nothing | -qailRcdpfV --query --all --info --list --queryformat= --qf=
brew:list brew:leaves brew:deps brew:config brew:--prefix brew:--cellar brew:--version | nothing | -1v --versions --formula --cask --tree
cargo:locate-project | nothing | --workspace --message-format=
rustup:which | nothing |
go:env go:version go:help | nothing | -json
pip:list pip:freeze pip:show pip:check pip3:list pip3:freeze pip3:show pip3:check | nothing | -lfqv --format= --local --user --files --not-required --exclude= --all --disable-pip-version-check
helm:version | none | --short --client --template=
apt:list apt:show apt-cache:policy apt-cache:search apt-cache:show apt-cache:depends apt-cache:rdepends apt-cache:showpkg apt-cache:stats apt-cache:madison | nothing | -aqi --installed --upgradable --all-versions
dpkg | nothing | -lLsSp --list --listfiles --status --search --print-architecture
openssl:version openssl:list openssl:ciphers | nothing | *
openssl:dgst openssl:sha256 openssl:sha1 openssl:md5 openssl:sha512 | contents | ~ ==-sha256 ==-sha1 ==-sha512 ==-sha384 ==-md5 ==-r ==-hex ==-c ==-binary
openssl:rand | nothing | ==-hex ==-base64
openssl:base64 | contents | ==-d ==-A ==-e
systemctl:status systemctl:is-active systemctl:is-enabled systemctl:is-failed systemctl:list-units systemctl:list-unit-files systemctl:list-timers systemctl:list-dependencies | nothing | -alqln: --all --failed --no-pager --type= --state= --user --full --quiet --no-legend --plain -t: -o:
"#;
