#!/usr/bin/env bash
# VPN sign-in: FreeRADIUS over SQLite with Debian's own schema and queries.
#
# RADIUS_DB holds the usual tables (radcheck, radusergroup, radacct, ...) and may
# be read and written while the server runs. A second virtual server plays the
# VPN gateway: it answers Disconnect-Request (RFC 5176) from the accounting
# table. Real packets and real answers, but no tunnel is cut. Packets without a
# Message-Authenticator are dropped without an answer.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TARGET_PACKAGES=(freeradius freeradius-utils sqlite3)
SECRET=radius-Secret1

template_key() { echo "freeradius-config-$(package_version freeradius | tr -c 'a-zA-Z0-9.\n' '-')"; }

# Debian's configuration can only be read by its own user.
copy_packaged_config() {
  local from=/etc/freeradius/3.0
  as_root cp -r "$from/mods-config" "$from/policy.d" "$from/dictionary" "$1/"
  as_root chown -R "$(id -u):$(id -g)" "$1"
}

target_prepare() { template "$(template_key)" copy_packaged_config; }

write_database() {
  local schema="$DIR/raddb/mods-config/sql/main/sqlite/schema.sql"
  # WAL: tests read and write while the server does.
  { echo 'PRAGMA journal_mode = WAL;'; cat "$schema"; } | sqlite3 "$DIR/radius.db" >/dev/null
}

write_config() {
  cat >"$DIR/raddb/radiusd.conf" <<CONF
prefix = /usr
raddbdir = $DIR/raddb
confdir = $DIR/raddb
modconfdir = $DIR/raddb/mods-config
localstatedir = $DIR
logdir = $DIR/log
radacctdir = $DIR/log
run_dir = $DIR/run
libdir = /usr/lib/freeradius
pidfile = $DIR/run/radiusd-own.txt
max_requests = 1024
max_request_time = 10
cleanup_delay = 2
log {
  destination = stdout
  auth = yes
}
security {
  reject_delay = 0
  status_server = yes
  allow_vulnerable_openssl = yes
}
thread pool {
  start_servers = 1
  max_servers = 4
}
client nas1 {
  ipaddr = 127.0.0.1
  secret = $SECRET
  require_message_authenticator = yes
}
modules {
  pap {
  }
  expr {
    safe_characters = "@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_: /"
  }
  expiration {
  }
  always ok {
    rcode = ok
  }
  always reject {
    rcode = reject
  }
  sql {
    dialect = "sqlite"
    driver = "rlm_sql_sqlite"
    sqlite {
      filename = "$DIR/radius.db"
      busy_timeout = 5000
    }
    radius_db = "radius"
    acct_table1 = "radacct"
    acct_table2 = "radacct"
    postauth_table = "radpostauth"
    authcheck_table = "radcheck"
    groupcheck_table = "radgroupcheck"
    authreply_table = "radreply"
    groupreply_table = "radgroupreply"
    usergroup_table = "radusergroup"
    read_groups = yes
    delete_stale_sessions = yes
    pool {
      start = 1
      min = 1
      max = 4
      spare = 1
      uses = 0
      lifetime = 0
      idle_timeout = 60
    }
    read_clients = no
    client_table = "nas"
    group_attribute = "SQL-Group"
    \$INCLUDE \${modconfdir}/sql/main/\${dialect}/queries.conf
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = $1
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = $2
  }
  authorize {
    sql
    expiration
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
  preacct {
    update request {
      &Acct-Unique-Session-Id := "%{md5:%{User-Name},%{Acct-Session-ID},%{NAS-IP-Address}}"
    }
  }
  accounting {
    sql
  }
  session {
    sql
  }
  post-auth {
    sql
    Post-Auth-Type REJECT {
      sql
    }
  }
}
# Stands in for the VPN gateway. A session it does not know is refused with
# Session-Context-Not-Found, as RFC 5176 section 3.5 has it.
server gateway {
  listen {
    type = coa
    ipaddr = 127.0.0.1
    port = $3
  }
  recv-coa {
    if ("%{Packet-Type}" == "Disconnect-Request") {
      if ("%{sql:SELECT COUNT(*) FROM radacct WHERE username='%{User-Name}' AND acctsessionid='%{Acct-Session-Id}' AND acctstoptime IS NULL}" == "0") {
        reject
      }
      else {
        update control {
          &Tmp-Integer-0 := "%{sql:UPDATE radacct SET acctstoptime=datetime('now'), acctterminatecause='Admin-Reset' WHERE username='%{User-Name}' AND acctsessionid='%{Acct-Session-Id}' AND acctstoptime IS NULL}"
        }
        ok
      }
    }
  }
  send-coa {
    if ("%{reply:Packet-Type}" == "Disconnect-NAK") {
      update reply {
        &Error-Cause := Session-Context-Not-Found
      }
    }
    ok
  }
}
CONF
}

target_create() {
  command -v freeradius >/dev/null || not_installed
  require_template "$(template_key)"
  local auth acct coa
  auth=$(free_port)
  acct=$(free_port)
  coa=$(free_port)
  put_env RADIUS_DB "$DIR/radius.db"
  put_env AUTH_ADDRESS "127.0.0.1:$auth"
  put_env ACCT_ADDRESS "127.0.0.1:$acct"
  put_env COA_ADDRESS "127.0.0.1:$coa"
  put_env SECRET "$SECRET"
  put_env PID_FILE "$DIR/run/freeradius.pid"
  cp -r "$CACHE/$(template_key)" "$DIR/raddb"
  write_database
  write_config "$auth" "$acct" "$coa"
}

target_launch() { daemon freeradius freeradius -f -l stdout -d "$DIR/raddb" -n radiusd; }

target_ready() {
  echo 'Message-Authenticator = 0x00' \
    | radclient -t 0.2 -r 1 "$(get_env AUTH_ADDRESS)" status "$SECRET" >/dev/null 2>&1
}

target_version() { echo "FreeRADIUS $(package_version freeradius)"; }

run_target "$@"
