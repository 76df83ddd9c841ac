#!/usr/bin/env bash
# OpenLDAP with ppolicy (lock-out), memberof and the monitor database.
#
# LDAP_URL is plain LDAP, which the bridge must refuse; LDAPS_URL is the same
# directory over TLS. `cn=bridge` may manage, so it may write the operational
# attribute pwdAccountLockedTime.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TARGET_PACKAGES=(slapd ldap-utils openssl)
BASE=dc=practice,dc=test

write_config() {
  cat >"$DIR/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
pidfile $DIR/run/slapd-own.txt
argsfile $DIR/run/slapd.args
TLSCACertificateFile $DIR/tls/ca.pem
TLSCertificateFile $DIR/tls/cert.pem
TLSCertificateKeyFile $DIR/tls/key.pem
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload back_monitor
moduleload ppolicy
moduleload memberof
database config
rootdn cn=config
rootpw config-Pw1
database mdb
suffix "$BASE"
rootdn "cn=admin,$BASE"
rootpw admin-Pw1
directory $DIR/db
dbnosync
index objectClass,uid,mail,member,entryUUID eq
overlay ppolicy
ppolicy_default "cn=default,ou=policies,$BASE"
ppolicy_use_lockout
ppolicy_hash_cleartext
overlay memberof
access to attrs=userPassword
  by dn.exact="cn=bridge,$BASE" manage
  by self write
  by anonymous auth
  by * none
access to *
  by dn.exact="cn=bridge,$BASE" manage
  by * read
database monitor
access to *
  by dn.exact="cn=bridge,$BASE" read
  by dn.exact="cn=admin,$BASE" read
  by * none
CONF
}

# OpenLDAP wants each group to have a member: `cn=bridge` is the seed.
write_entries() {
  cat >"$DIR/base.ldif" <<LDIF
dn: $BASE
objectClass: dcObject
objectClass: organization
dc: practice
o: practice

dn: ou=people,$BASE
objectClass: organizationalUnit
ou: people

dn: ou=groups,$BASE
objectClass: organizationalUnit
ou: groups

dn: ou=offboarded,$BASE
objectClass: organizationalUnit
ou: offboarded

dn: ou=policies,$BASE
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,$BASE
objectClass: pwdPolicy
objectClass: person
cn: default
sn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 5

dn: cn=bridge,$BASE
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: bridge
userPassword: bridge-Pw1

dn: cn=nurses,ou=groups,$BASE
objectClass: groupOfNames
cn: nurses
member: cn=bridge,$BASE

dn: cn=frontdesk,ou=groups,$BASE
objectClass: groupOfNames
cn: frontdesk
member: cn=bridge,$BASE
LDIF
}

target_create() {
  command -v slapd >/dev/null || not_installed
  local ldap ldaps
  ldap=$(free_port)
  ldaps=$(free_port)
  make_certificate 127.0.0.1
  put_env LDAP_URL "ldap://127.0.0.1:$ldap"
  put_env LDAPS_URL "ldaps://127.0.0.1:$ldaps"
  put_env BASE_DN "$BASE"
  put_env PEOPLE_DN "ou=people,$BASE"
  put_env GROUPS_DN "ou=groups,$BASE"
  put_env OFFBOARDED_DN "ou=offboarded,$BASE"
  put_env BIND_DN "cn=bridge,$BASE"
  put_env BIND_PASSWORD bridge-Pw1
  put_env ADMIN_DN "cn=admin,$BASE"
  put_env ADMIN_PASSWORD admin-Pw1
  put_env PID_FILE "$DIR/run/slapd.pid"
  mkdir "$DIR/db"
  write_config
  write_entries
  slapadd -q -f "$DIR/slapd.conf" -l "$DIR/base.ldif" >"$DIR/log/slapadd.log" 2>&1 || {
    show_logs
    die "could not load its first entries"
  }
}

target_launch() {
  daemon slapd slapd -f "$DIR/slapd.conf" -h "$(get_env LDAP_URL)/ $(get_env LDAPS_URL)/" -d stats
}

target_ready() {
  LDAPTLS_CACERT=$(get_env CA_FILE) ldapwhoami -x -H "$(get_env LDAPS_URL)" -D "$(get_env BIND_DN)" \
    -w "$(get_env BIND_PASSWORD)" >/dev/null 2>&1
}

target_version() { echo "OpenLDAP $(package_version slapd)"; }

run_target "$@"
