# The second stage: the distribution's own tools install everything in the file system that they lie in, as debootstrap
# has them do it. Before it stand the words that differ: work, base, extra, sources, dates.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
cd /

step() { echo "envy: $*"; }
debs() { for name in $1; do echo "$work/debs/$name.deb"; done; }
core() { for name; do [ ! -e "$work/debs/$name.deb" ] || dpkg --force-depends --install "$work/debs/$name.deb" </dev/null; done; }

# What the published image leaves out is left out from the start, and no service starts at an install.
mkdir -p /etc/dpkg/dpkg.cfg.d /etc/apt/apt.conf.d /etc/apt/sources.list.d
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/container-speed
for part in doc info locale man; do echo "path-exclude /usr/share/$part/*"; done >/etc/dpkg/dpkg.cfg.d/container-slim
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
[ -e /etc/fstab ] || echo '# UNCONFIGURED FSTAB FOR BASE SYSTEM' >/etc/fstab

step 'installing core packages'
ldconfig
awk=; [ ! -L /usr/bin/awk ] || awk=$(readlink /usr/bin/awk)
core base-passwd base-files dpkg
[ -e /etc/localtime ] || [ -L /etc/localtime ] || ln -s /usr/share/zoneinfo/UTC /etc/localtime
core libc6 perl-base
[ "$awk" != mawk ] || rm -f /usr/bin/awk
core mawk debconf

step 'unpacking packages'
dpkg --force-depends --skip-same-version --unpack $(debs "$base") </dev/null
step 'configuring packages'
dpkg --configure --pending --force-configure-any --force-depends </dev/null
dpkg --configure -a </dev/null
if [ -n "$extra" ]; then
  step 'installing further packages'
  apt-get -o APT::Sandbox::User=root install -y -q --no-install-recommends $(debs "$extra") </dev/null
fi
broken=$(dpkg --audit)
[ -z "$broken" ] || { echo "$broken"; exit 1; }

step 'making the image'
rm -f /etc/apt/sources.list
printf '%s' "$sources" >/etc/apt/sources.list.d/debian.sources
[ -z "$dates" ] || printf '%s' "$dates" >/etc/apt/apt.conf.d/mirror-dates
[ ! -e "$work/keyring.gpg" ] || install -D -m 644 "$work/keyring.gpg" /etc/apt/keyrings/bootstrap.gpg
cat >/etc/apt/apt.conf.d/container <<'CONF'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Apt::AutoRemove::SuggestsImportant "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CONF
rm -rf "$work" /usr/share/doc/* /usr/share/info/* /usr/share/locale/* /usr/share/man/* /var/lib/apt/lists/* \
  /var/cache/apt/archives/*.deb /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
  /var/log/bootstrap.log /var/log/dpkg.log /var/log/alternatives.log /var/log/apt/* /tmp/* \
  /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
: >/etc/machine-id
