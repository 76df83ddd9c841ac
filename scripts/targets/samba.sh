#!/usr/bin/env bash
# Active Directory: a Samba domain controller over LDAPS.
#
# Its ports are fixed and low, so every instance takes a loopback address of its
# own (127.77.x.y) and two can run side by side. Only LDAP and Kerberos are
# served: enough to sign in and to change accounts.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TARGET_PACKAGES=(samba samba-ad-provision samba-dsdb-modules samba-vfs-modules ldap-utils openssl)
TARGET_NEEDS_ROOT=yes
REALM=PRACTICE.TEST
BASE=DC=practice,DC=test
ADMIN_PASSWORD='Adm1n-Passw0rd!'

template_key() { echo "samba-domain-$(package_version samba | tr -c 'a-zA-Z0-9.\n' '-')"; }

# Slow (some 20 s), so it is done once and copied for each instance.
provision() {
  as_root samba-tool domain provision --realm="$REALM" --domain=PRACTICE --server-role=dc \
    --dns-backend=NONE --adminpass="$ADMIN_PASSWORD" --targetdir="$1" --host-name=dc1 \
    --host-ip=127.0.0.1 --option="interfaces=lo" --option="bind interfaces only=yes"
}

target_prepare() { template "$(template_key)" provision; }

free_address() {
  local a b
  for _ in $(seq 500); do
    a=$((1 + RANDOM % 250))
    b=$((1 + RANDOM % 250))
    # The kernel prints an address backwards; 027C is the port of LDAPS.
    ! grep -qi "$(printf ' %02X%02X4D7F:027C ' "$b" "$a")" /proc/net/tcp || continue
    claim "address-127.77.$a.$b" || continue
    echo "127.77.$a.$b"
    return 0
  done
  die "found no free loopback address"
}

# `old password allowed period = 0`: a changed password ends the old one at
# once. The paths written by `provision` are those of the template.
write_config() {
  cat >"$DIR/smb.conf" <<CONF
[global]
	netbios name = DC1
	realm = $REALM
	workgroup = PRACTICE
	server role = active directory domain controller
	server services = ldap, kdc
	interfaces = $1/8
	bind interfaces only = yes
	disable netbios = yes
	prefork children = 2
	old password allowed period = 0
	lock directory = $DIR/domain
	state directory = $DIR/domain/state
	cache directory = $DIR/domain/cache
	private dir = $DIR/domain/private
	binddns dir = $DIR/domain/bind-dns
	pid directory = $DIR/domain/pid
	ncalrpc dir = $DIR/domain/ncalrpc
	log file = $DIR/log/domain.log
	tls enabled = yes
	tls keyfile = $DIR/tls/key.pem
	tls certfile = $DIR/tls/cert.pem
	tls cafile = $DIR/tls/ca.pem
	dsdb event notification = no
	auth event notification = no
	log level = 1 auth_json_audit:3 dsdb_json_audit:5
CONF
}

target_create() {
  command -v samba >/dev/null || not_installed
  require_template "$(template_key)"
  local address
  address=$(free_address)
  make_certificate "$address"
  put_env LDAPS_URL "ldaps://$address:636"
  put_env LDAP_URL "ldap://$address:389"
  put_env ADDRESS "$address"
  put_env BASE_DN "$BASE"
  put_env PEOPLE_DN "CN=Users,$BASE"
  put_env REALM "$REALM"
  put_env UPN_SUFFIX practice.test
  put_env BIND_DN "Administrator@practice.test"
  put_env BIND_PASSWORD "$ADMIN_PASSWORD"
  put_env PID_FILE "$DIR/run/samba.pid"
  as_root cp -a "$CACHE/$(template_key)" "$DIR/domain"
  as_root mkdir -p "$DIR/domain/pid" "$DIR/domain/ncalrpc"
  as_root chown root "$DIR/tls/key.pem"
  write_config "$address"
}

target_launch() { daemon samba "${SUDO[@]}" samba -F --no-process-group -s "$DIR/smb.conf"; }

target_ready() {
  LDAPTLS_CACERT=$(get_env CA_FILE) ldapsearch -x -H "$(get_env LDAPS_URL)" -D "$(get_env BIND_DN)" \
    -w "$ADMIN_PASSWORD" -b "$BASE" -s base dn >/dev/null 2>&1
}

target_version() { echo "Samba AD $(package_version samba)"; }

run_target "$@"
