#!/usr/bin/env bash
# E-mail: Dovecot (IMAP, ManageSieve, LMTP, doveadm's HTTP API) with Postfix,
# whose submission port asks Dovecot who may send.
#
# The users are rows of a SQLite file, USERS_DB:
#
#   CREATE TABLE users (
#     email    TEXT PRIMARY KEY,            -- nina@practice.test, also the login
#     password TEXT,                        -- plain text, or {SCHEME}hash
#     enabled  INTEGER NOT NULL DEFAULT 1   -- 0: the password becomes unusable
#   );
#
# `enabled = 0` turns the password into an unusable one instead of setting
# Dovecot's `nologin`: `nologin` refuses IMAP but still lets the person send
# through Postfix. The mailbox goes on receiving, and forwarding, either way.
# No user exists at first. Answers of the table are cached for an hour, so a
# change counts only after authCacheFlush.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TARGET_PACKAGES=(dovecot-core dovecot-imapd dovecot-managesieved dovecot-lmtpd dovecot-sieve
  dovecot-sqlite postfix sqlite3 openssl)
TARGET_NEEDS_ROOT=yes
MASTER_USER=bridge
MASTER_PASSWORD=master-Pw1
API_KEY=test-api-key

write_users() {
  mkdir "$DIR/users"
  sqlite3 "$DIR/users/users.db" >/dev/null <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE users (
  email    TEXT PRIMARY KEY,
  password TEXT,
  enabled  INTEGER NOT NULL DEFAULT 1
);
SQL
  # Dovecot reads it as another user than the tests that write it.
  chmod 777 "$DIR/users"
  chmod 666 "$DIR/users/users.db"
}

write_dovecot_config() {
  printf '%s:{PLAIN}%s\n' "$MASTER_USER" "$MASTER_PASSWORD" >"$DIR/masters"
  cat >"$DIR/users.conf" <<CONF
driver = sqlite
connect = $DIR/users/users.db
default_pass_scheme = PLAIN
password_query = SELECT email AS user, CASE enabled WHEN 1 THEN password ELSE '{CRYPT}!' END AS password FROM users WHERE email = '%u'
user_query = SELECT 'mail' AS uid, 'mail' AS gid, '$DIR/mail/%u' AS home FROM users WHERE email = '%u'
iterate_query = SELECT email AS user FROM users
CONF
  cat >"$DIR/dovecot.conf" <<CONF
base_dir = $DIR/dovecot-run
state_dir = $DIR/dovecot-state
instance_name = drawbridge-$(basename "$DIR")
log_path = $DIR/log/dovecot.log
protocols = imap lmtp sieve
listen = 127.0.0.1
ssl = yes
ssl_cert = <$DIR/tls/cert.pem
ssl_key = <$DIR/tls/key.pem
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
mail_fsync = never
first_valid_uid = 1
auth_mechanisms = plain login
auth_verbose = yes
auth_cache_size = 1M
auth_cache_ttl = 1 hour
auth_cache_negative_ttl = 1 hour
auth_failure_delay = 0
auth_master_user_separator = *
passdb {
  driver = passwd-file
  args = $DIR/masters
  master = yes
}
passdb {
  driver = sql
  args = $DIR/users.conf
}
userdb {
  driver = sql
  args = $DIR/users.conf
}
doveadm_api_key = $API_KEY
service doveadm {
  inet_listener http {
    port = $1
    ssl = no
  }
}
service imap-login {
  inet_listener imap {
    port = $2
  }
  inet_listener imaps {
    port = $3
    ssl = yes
  }
}
service managesieve-login {
  inet_listener sieve {
    port = $4
  }
}
service lmtp {
  inet_listener lmtp {
    port = $5
  }
}
service auth {
  inet_listener sasl {
    port = $6
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
# No growing delay after refused logins: the tests cause many on purpose.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
submission_host = 127.0.0.1:$7
protocol lmtp {
  mail_plugins = sieve
  postmaster_address = postmaster@practice.test
}
protocol sieve {
  managesieve_max_line_length = 65536
}
plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_redirect_envelope_from = recipient
}
CONF
}

# Mail for practice.test goes to Dovecot, any other mail is thrown away: nothing
# may leave the machine.
write_postfix_config() {
  local lmtp=$1 sasl=$2 smtp=$3 submission=$4 etc="$DIR/postfix/etc"
  mkdir -p "$etc" "$DIR/postfix/queue" "$DIR/postfix/data"
  cat >"$etc/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $DIR/postfix/queue
data_directory = $DIR/postfix/data
maillog_file = $DIR/log/postfix-mail.log
maillog_file_prefixes = $DIR
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.practice.test
mydestination =
virtual_mailbox_domains = practice.test
virtual_transport = lmtp:inet:127.0.0.1:$lmtp
default_transport = discard
relayhost =
mynetworks = 127.0.0.1/32
alias_maps =
alias_database =
smtpd_sasl_auth_enable = no
smtpd_error_sleep_time = 0
CONF
  cat >"$etc/master.cf" <<CONF
127.0.0.1:$smtp inet n - n - - smtpd
127.0.0.1:$submission inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path=inet:127.0.0.1:$sasl
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
CONF
}

target_create() {
  command -v dovecot >/dev/null || not_installed
  command -v postfix >/dev/null || not_installed
  local doveadm imap imaps sieve lmtp sasl smtp submission
  doveadm=$(free_port)
  imap=$(free_port)
  imaps=$(free_port)
  sieve=$(free_port)
  lmtp=$(free_port)
  sasl=$(free_port)
  smtp=$(free_port)
  submission=$(free_port)
  make_certificate 127.0.0.1
  put_env USERS_DB "$DIR/users/users.db"
  put_env DOMAIN practice.test
  put_env DOVEADM_URL "http://127.0.0.1:$doveadm/doveadm/v1"
  put_env DOVEADM_API_KEY "$API_KEY"
  put_env IMAP_ADDRESS "127.0.0.1:$imap"
  put_env IMAPS_ADDRESS "127.0.0.1:$imaps"
  put_env SIEVE_ADDRESS "127.0.0.1:$sieve"
  put_env LMTP_ADDRESS "127.0.0.1:$lmtp"
  put_env SMTP_ADDRESS "127.0.0.1:$smtp"
  put_env SUBMISSION_ADDRESS "127.0.0.1:$submission"
  put_env MASTER_USER "$MASTER_USER"
  put_env MASTER_PASSWORD "$MASTER_PASSWORD"
  put_env PID_FILE "$DIR/run/dovecot.pid"
  put_env POSTFIX_PID_FILE "$DIR/run/postfix.pid"
  write_users
  write_dovecot_config "$doveadm" "$imap" "$imaps" "$sieve" "$lmtp" "$sasl" "$smtp"
  write_postfix_config "$lmtp" "$sasl" "$smtp" "$submission"
  mkdir "$DIR/mail" "$DIR/dovecot-run" "$DIR/dovecot-state"
  as_root chown mail:mail "$DIR/mail"
  as_root chown -R root:root "$DIR/dovecot-run" "$DIR/postfix"
  as_root chown postfix "$DIR/postfix/data"
  # Makes the folders of the queue.
  as_root postfix -c "$DIR/postfix/etc" check >"$DIR/log/postfix-check.log" 2>&1
}

# `postfix start` would move its master to a session of its own, out of sight of
# `stop`; the master itself stays where it is put.
target_launch() {
  daemon dovecot "${SUDO[@]}" dovecot -F -c "$DIR/dovecot.conf"
  daemon postfix "${SUDO[@]}" "$(postconf -h daemon_directory)/master" -c "$DIR/postfix/etc" -s
}

answers() {
  local address
  address=$(get_env "$1")
  port_answers "${address##*:}"
}

target_ready() {
  answers SUBMISSION_ADDRESS && answers IMAP_ADDRESS && answers SIEVE_ADDRESS && answers LMTP_ADDRESS
}

target_version() { echo "Dovecot $(package_version dovecot-core) + Postfix $(package_version postfix)"; }

run_target "$@"
