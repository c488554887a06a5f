"""What of this machine's system is shown to programs: what the runtime has as well.

Source: ``runtimes/aleph-debian-12-python/create_disk_image.sh`` in aleph-im/aleph-vm, which installs python3-minimal,
setuptools, venv, pip, nodejs, npm, build-essential, curl, docker, iproute2, openssh-server, socat and unzip on Debian.
"""

_COMMANDS = """
addgroup adduser apt apt-cache apt-get apt-mark ar arch as awk b2sum base32 base64 basename basenc bash blkid bunzip2
bzcat bzip2 c++ cat chage chattr chcon chgrp chmod chown chroot chsh cksum clear cmp comm containerd corepack cp cpp
csplit curl cut dash date dd debconf df diff diff3 dig dir dircolors dirname dmesg docker dockerd dpkg dpkg-deb dpkg-
query du echo egrep env expand expr factor false fdisk fgrep file find findmnt flock fmt fold free fsck g++ gcc
getconf getent getopt gpasswd gpgv grep groups gunzip gzexe gzip head hostid hostname iconv id infocmp init install
ionice ip ipcs join kill killall last ld ldconfig ldd less link ln locale localedef logger login logname losetup ls
lsattr lsblk lscpu lsipc lslogins lsmem lsns make mawk md5sum mesg mkdir mkfifo mkfs mkfs.ext2 mkfs.ext3 mkfs.ext4
mknod mkswap mktemp more mount mountpoint mv namei newgrp nice nl nm node nodejs nohup nproc npm npx nsenter numfmt
objcopy objdump od openssl pager passwd paste patch pathchk perl pgrep pidof pinky pip pip3 pivot_root pkill pmap pr
printenv printf prlimit ps ptx pwd pwdx py3compile python3 ranlib rbash readelf readlink realpath rename renice reset
rev rm rmdir rpcgen run-parts runc scp script sdiff sed seq service setarch setpriv setsid sftp sh sha1sum sha224sum
sha256sum sha384sum sha512sum shred shuf size skill sleep slogin snice socat sort split ss ssh ssh-add ssh-agent ssh-
keygen ssh-keyscan sshd stat stdbuf strings strip stty su sum sync sysctl tabs tac tail tar taskset tee tempfile test
tic timeout tload toe top touch tput tr true truncate tset tsort tty tzselect umount uname uncompress unexpand uniq
unlink unshare unzip unzipsfx uptime useradd userdel users utmpdump vdir vmstat w wall watch wc which who whoami xargs
xz xzcat yes zcat zcmp zdiff zdump zegrep zgrep zipinfo zless zmore znew
"""
# Of Debian's own Python packages, which python3 and its children see: those that the runtime installs, what these need.
_MODULES = """
setuptools pkg_resources _distutils_hack distutils pip wheel cytoolz toolz pydantic fastapi starlette anyio sniffio idna
typing_extensions msgpack aiohttp aiosignal async_timeout attr attrs charset_normalizer frozenlist multidict yarl
asgiref click colorama h11 importlib_metadata more_itertools six uvicorn wsproto zipp
"""
# fmt: off
DEBIAN_MODULES = frozenset(_MODULES.split())
COMMANDS = frozenset(_COMMANDS.split())
# Of /etc: names, resolvers, certificates; neither passwords nor keys.
ETC = (
    "alternatives", "ca-certificates.conf", "debian_version", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release", "pki/ca-trust", "pki/tls/certs",
    "protocols", "resolv.conf", "services", "shells", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf", "timezone",
)
# Libraries that developers' machines have and the runtime has not: a program that loads one fails there.
FOREIGN_LIBRARIES = (
    "libGL", "libEGL", "libOpenGL", "libX", "libxcb", "libwayland", "libgtk", "libgdk", "libcairo", "libpango", "libSM",
    "libICE", "libpq.", "libmysqlclient", "libmariadb", "libodbc", "libavcodec", "libavformat", "libavutil", "libsws",
    "libopencv", "libgdal", "libgeos", "libproj.", "libtesseract", "libleptonica", "libpoppler", "libMagick", "libvips",
    "libsndfile", "libportaudio", "libasound", "libpulse", "librdkafka", "libsnappy", "libhdf5", "libcuda", "libnvidia",
    "libmagic.", "libxml2.", "libxslt", "libexslt", "libxmlsec", "libglib-", "libgobject-", "libgio-",
    "libfontconfig", "libfreetype", "libharfbuzz", "libpng", "libjpeg", "libtiff", "libwebp", "libheif", "libopenjp2",
    "libgmodule-", "libgthread-", "libgirepository", "libatk", "libatspi", "libepoxy", "libdrm", "libgbm", "libglut",
    "libxkb", "libpixman", "libfribidi", "libtk8", "libtcl8", "libgst", "libavahi", "libavif", "libaom", "libdav1d",
    "libx26", "libopenh264", "libgd.", "libgif", "liblcms2", "libFLAC", "libogg", "libvorbis", "libopus", "libmp3lame",
    "libmpg123",
    "librsvg", "libsodium", "libarchive", "libcups", "libusb-", "libzbar", "libespeak", "libvlc", "libyaml", "libgs.",
)
# fmt: on
