// SPDX-License-Identifier: Apache-2.0
// Rows of the table of settings: who comes in, and what holds floods off.
#include "broker/server/settings_rows.h"

namespace roost::server {

using Kind = ValueKind;

std::vector<Setting> auth_settings() {
  return {
      {"auth.password_file", Kind::file, "", CONFIG_FIELD(auth.password_file),
       "Users and their password hashes; `roost passwd FILE USER` writes it, SIGHUP reads it "
       "again. With a file, names and passwords are checked."},
      {"auth.allow_anonymous", Kind::tri_state, "", CONFIG_FIELD(auth.allow_anonymous),
       "Whether clients without a user name may connect. Nothing said: with a password file "
       "nobody, without one only clients on this machine (loopback)."},
      {"auth.threads", Kind::number, "0", CONFIG_FIELD(auth.threads),
       "Threads that check passwords; 0: half the CPUs. Each needs 19 MiB while it checks.",
       range(0, 1024)},
      {"auth.max_pending", Kind::number, "10000", CONFIG_FIELD(auth.max_pending),
       "Password checks waiting; a client beyond that is told server busy and comes again.",
       range(1, 10'000'000)},
      {"auth.jwt.algorithm", Kind::choice, "off", CONFIG_FIELD(auth.jwt.algorithm),
       "JSON web tokens as passwords: how they are signed. A token of another algorithm is "
       "refused, "
       "whatever it says of itself.",
       one_of({"off", "HS256", "RS256", "ES256"})},
      {"auth.jwt.key", Kind::file, "", CONFIG_FIELD(auth.jwt.key_file),
       "HS256: file with the shared secret, at least 32 bytes; RS256 and ES256: PEM file with the "
       "public key."},
      {"auth.jwt.jwks", Kind::file, "", CONFIG_FIELD(auth.jwt.jwks_file),
       "File with the keys as a JWK set, instead of key."},
      {"auth.jwt.jwks_url", Kind::text, "", CONFIG_FIELD(auth.jwt.jwks_url),
       "https:// or http:// address of a JWK set, instead of a file."},
      {"auth.jwt.jwks_refresh", Kind::duration_ms, "5m", CONFIG_FIELD(auth.jwt.jwks_refresh_ms),
       "How often it is fetched; sooner where a token names a key that isn't known.",
       range(10'000, kDayMs)},
      {"auth.jwt.jwks_max_age", Kind::duration_ms, "24h", CONFIG_FIELD(auth.jwt.jwks_max_age_ms),
       "How long keys serve that can't be fetched again; after that tokens are refused.",
       range(60'000, 30 * kDayMs)},
      {"auth.jwt.issuer", Kind::text, "", CONFIG_FIELD(auth.jwt.issuer),
       "What the token's iss must be; empty: anything."},
      {"auth.jwt.audience", Kind::text, "", CONFIG_FIELD(auth.jwt.audience),
       "What the token's aud must be or have; empty: a token that has one is refused."},
      {"auth.jwt.leeway", Kind::duration_s, "30s", CONFIG_FIELD(auth.jwt.leeway_s),
       "How far clocks may differ, for exp and nbf.", range(0, 60)},
      {"auth.jwt.user_claim", Kind::text, "sub", CONFIG_FIELD(auth.jwt.user_claim),
       "Where the token has the user name."},
      {"auth.jwt.groups_claim", Kind::text, "groups", CONFIG_FIELD(auth.jwt.groups_claim),
       "Where it has the user's groups, if at all."},
      {"auth.jwt.acl_claim", Kind::text, "acl", CONFIG_FIELD(auth.jwt.acl_claim),
       "Where it has rules of its own, as in acl.file, by which alone the client is judged then."},
      {"auth.jwt.client_id_claim", Kind::text, "", CONFIG_FIELD(auth.jwt.client_id_claim),
       "Where it has the client id that it is good for; empty: it is good for any."},
  };
}

std::vector<Setting> more_auth_settings() {
  return {
      {"auth.http.url", Kind::text, "", CONFIG_FIELD(auth.http.url),
       "https:// or http:// address that is asked by POST whether a client may come in."},
      {"auth.http.ca", Kind::file, "", CONFIG_FIELD(auth.http.ca_file),
       "PEM file with the authority of its certificate, and of jwks_url's; empty: the system's."},
      {"auth.http.timeout", Kind::duration_ms, "5s", CONFIG_FIELD(auth.http.timeout_ms),
       "How long it may take to answer.", range(10, 60'000)},
      {"auth.http.cache", Kind::duration_ms, "60s", CONFIG_FIELD(auth.http.cache_ms),
       "How long a yes is remembered; 0: not at all.", range(0, kDayMs)},
      {"auth.http.max_connections", Kind::number, "16", CONFIG_FIELD(auth.http.max_connections),
       "Requests to it at once.", range(1, 1024)},
      {"auth.http.when_away", Kind::choice, "refuse", CONFIG_FIELD(auth.http.when_away),
       "Where it doesn't answer: clients are refused (v5: 0x88), or the next in the listener's "
       "auth "
       "is asked.",
       one_of({"refuse", "ignore"})},
      {"acl.file", Kind::file, "", CONFIG_FIELD(acl.file),
       "Rules about who may publish and subscribe to what; a changed file counts at once, also for "
       "clients that are connected. Without one everybody may do everything but publish to $SYS."},
      {"acl.mosquitto_file", Kind::file, "", CONFIG_FIELD(acl.mosquitto_file),
       "The same as a file of mosquitto's acl_file, instead."},
  };
}

std::vector<Setting> limit_settings() {
  return {
      {"tls.ticket_secret", Kind::file, "", CONFIG_FIELD(tls.ticket_secret_file),
       "At least 32 random bytes, from which keys of TLS session tickets are derived every 12 "
       "hours; "
       "the same on all nodes. Empty: a cluster shares one by etcd, a node alone has its own."},
      {"limits.max_connections", Kind::number, "0", CONFIG_FIELD(limits.max_connections),
       "Connections of this node at once; 0: as many as it may open files, then accepting waits.",
       range(0, kAny32)},
      {"limits.max_connections_per_address", Kind::number, "0",
       CONFIG_FIELD(limits.max_connections_per_address),
       "The same from one address (an IPv6 /64 counts as one); 0: no limit. All devices behind a "
       "home's router have one address.",
       range(0, kAny32)},
      {"limits.max_connections_per_user", Kind::number, "0",
       CONFIG_FIELD(limits.max_connections_per_user),
       "The same of one user name (v5: 0x97 beyond); 0: no limit.", range(0, kAny32)},
      {"limits.connects_per_second", Kind::number, "0", CONFIG_FIELD(limits.connects_per_second),
       "Connections accepted in a second, before TLS costs anything; the others wait in the "
       "kernel's queue. 0: no limit.",
       range(0, 1'000'000)},
      {"limits.max_handshakes", Kind::number, "1000", CONFIG_FIELD(limits.max_handshakes),
       "TLS handshakes under way at once on a core and listener; those that take more than 1 s "
       "leave "
       "a tenth of it to others. Others wait, 16 times as many; then accepting does. 0: no limit.",
       range(0, 1000000)},
      {"limits.messages_per_second", Kind::number, "0", CONFIG_FIELD(limits.messages_per_second),
       "PUBLISHes of one client in a second; a second's worth may come at once. 0: no limit.",
       range(0, 1'000'000)},
      {"limits.bytes_per_second", Kind::size, "0", CONFIG_FIELD(limits.bytes_per_second),
       "The same in bytes of PUBLISHes.", range(0, kAny32)},
      {"limits.too_fast", Kind::choice, "wait", CONFIG_FIELD(limits.too_fast_disconnects),
       "A client over those two isn't read until it is in time, or is disconnected (v5: 0x96).",
       one_of({"wait", "disconnect"})},
      {"limits.flapping", Kind::number, "300", CONFIG_FIELD(limits.flapping),
       "Connections of one client id that end without a DISCONNECT, or are taken over, within "
       "limits.flapping_window; then it is held off (v5: 0x9F). 0: no limit.",
       range(0, kAny32)},
      {"limits.flapping_window", Kind::duration_ms, "60s", CONFIG_FIELD(limits.flapping_window_ms),
       "See limits.flapping.", range(1000, kDayMs)},
      {"limits.flapping_hold", Kind::duration_ms, "60s", CONFIG_FIELD(limits.flapping_hold_ms),
       "How long it is held off.", range(1000, kDayMs)},
  };
}

std::vector<Setting> http_settings() {
  return {
      {"http.address", Kind::text, "127.0.0.1", CONFIG_FIELD(http.address),
       "Where /metrics, /livez and /readyz are served, to anybody, and the API below /api/, to who "
       "has a token or a client certificate; \"*\" is every address."},
      {"http.port", Kind::number, "8080", CONFIG_FIELD(http.port), "Its TCP port; 0: off.",
       range(0, kAny16)},
      {"http.max_connections", Kind::number, "64", CONFIG_FIELD(http.max_connections),
       "HTTP connections at once, streams aside; one more takes the place of one that sends no "
       "request, or is answered 503.",
       range(1, 65535)},
      {"http.max_streams", Kind::number, "100", CONFIG_FIELD(http.max_streams),
       "Event streams at once (GET /api/v1/subscribe), of TCP and of the admin socket each; one "
       "more is answered 503.",
       range(1, 65535)},
      {"http.max_body", Kind::size, "1MiB", CONFIG_FIELD(http.max_body),
       "Largest body of a request; over it: 413.", range(1024, 256 << 20)},
      {"http.threads", Kind::number, "4", CONFIG_FIELD(http.threads),
       "Threads for what takes long, so that probes and metrics never wait for it.", range(1, 64)},
      {"http.idempotency_keys", Kind::number, "10000", CONFIG_FIELD(http.idempotency_keys),
       "Answers to POST /api/v1/publish with an Idempotency-Key that are remembered (32 MiB of "
       "them "
       "at most), each by this node alone; over it the one used longest ago is forgotten.",
       range(1, 10'000'000)},
      {"http.idempotency_age", Kind::duration_ms, "10m", CONFIG_FIELD(http.idempotency_age_ms),
       "How long.", range(1000, kDayMs)},
      {"http.token_file", Kind::file, "", CONFIG_FIELD(http.token_file),
       "File with the bearer tokens that open the API, one a line (16 characters or more; # begins "
       "a comment); a changed file counts at once. Several are good beside each other."},
      {"http.token", Kind::secret, "", CONFIG_FIELD(http.token),
       "One more token, for the environment; not taken from the command line."},
      {"http.allowed_hosts", Kind::text, "", CONFIG_FIELD(http.allowed_hosts),
       "Host names by which it may be asked besides addresses, localhost and http.address, "
       "separated by commas (or a list)."},
      {"http.allowed_origins", Kind::text, "", CONFIG_FIELD(http.allowed_origins),
       "Origins of pages that may use the API besides its own, like https://console.example, "
       "separated by commas (or a list)."},
      {"http.tls.cert", Kind::file, "", CONFIG_FIELD(http.tls.certificate_file),
       "PEM file with the certificate and its chain; with key it switches TLS on."},
      {"http.tls.key", Kind::file, "", CONFIG_FIELD(http.tls.key_file),
       "PEM file with the private key."},
      {"http.tls.ca", Kind::file, "", CONFIG_FIELD(http.tls.ca_file),
       "PEM file with the authority of client certificates, which open the API as a token does, "
       "and of nothing else."},
      {"metrics.classes", Kind::text, "", CONFIG_FIELD(metrics.classes),
       "Classes of clients that are counted apart, separated by commas (or a list), at most 32: "
       "NAME=client_id:PATTERN, NAME=user:PATTERN or NAME=certificate:PATTERN (common name), where "
       "* stands for anything, as in sensors=client_id:sensor-*. The first that fits counts; who "
       "fits none is in class other."},
  };
}

}  // namespace roost::server
