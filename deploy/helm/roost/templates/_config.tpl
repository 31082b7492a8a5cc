{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* roost.yaml: the user's settings, and over them those that hang together with the chart. */}}
{{- define "roost.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $listeners := list -}}
{{- range $name := keys .Values.listeners | sortAlpha -}}
{{- $one := get $.Values.listeners $name -}}
{{- if $one.enabled -}}
{{- $listener := merge (dict "name" $name "protocol" $one.protocol "port" (int $one.port) "proxy_protocol" $one.proxyProtocol) $one.settings -}}
{{- if $one.tls -}}
{{- $tls := dict "cert" "/run/roost/tls/tls.crt" "key" "/run/roost/tls/tls.key" -}}
{{- if ne $.Values.tls.clientCertificate "none" -}}
{{- $tls = merge $tls (dict "ca" (printf "/run/roost/tls/%s" $.Values.tls.clientCaKey) "client_certificate" $.Values.tls.clientCertificate) -}}
{{- end -}}
{{- $_ := set $listener "tls" (merge $tls (default dict $one.settings.tls)) -}}
{{- end -}}
{{- $listeners = append $listeners $listener -}}
{{- end -}}
{{- end -}}
{{- $ours := dict
      "listeners" $listeners
      "data_dir" "/var/lib/roost"
      "http" (dict "address" "*" "port" (int .Values.http.port))
      "drain" (dict "rate" (int .Values.drain.rate) "timeout" (printf "%ds" (int (include "roost.sendOffSeconds" .)))) -}}
{{- with .Values.drain.serverReference -}}{{- $_ := set $ours.drain "server_reference" . -}}{{- end -}}
{{- if .Values.http.tokenSecret.name -}}
{{- $_ := set $ours.http "token_file" (printf "/run/roost/http/%s" .Values.http.tokenSecret.key) -}}
{{- end -}}
{{- /* The console and the API by the names that the ingress has. */ -}}
{{- if and .Values.ingress.enabled (not (dig "http" "allowed_hosts" "" $config)) -}}
{{- $_ := set $ours.http "allowed_hosts" .Values.ingress.hosts -}}
{{- end -}}
{{- if .Values.auth.existingSecret -}}
{{- $_ := set $ours "auth" (dict "password_file" (printf "/run/roost/auth/%s" .Values.auth.passwordKey)) -}}
{{- end -}}
{{- if or .Values.acl.rules .Values.acl.existingConfigMap -}}
{{- $_ := set $ours "acl" (dict "file" (printf "/run/roost/acl/%s" .Values.acl.key)) -}}
{{- end -}}
{{- if include "roost.isCluster" . -}}
{{- $cluster := dict "name" (default (include "roost.fullname" .) .Values.cluster.name) "nodes" (int (include "roost.firstNodes" .)) -}}
{{- if ne .Values.cluster.tls.mode "off" -}}
{{- $_ := set $cluster "tls" (dict "ca" "/run/roost/node-tls/ca.crt" "cert" "/run/roost/node-tls/tls.crt" "key" "/run/roost/node-tls/tls.key") -}}
{{- end -}}
{{- $etcd := dict "endpoints" (include "roost.etcdEndpoints" .) -}}
{{- if include "roost.etcdTls" . -}}
{{- $etcd = merge $etcd (dict "ca" "/run/roost/etcd-tls/ca.crt" "cert" "/run/roost/etcd-tls/tls.crt" "key" "/run/roost/etcd-tls/tls.key") -}}
{{- end -}}
{{- if .Values.etcd.auth.username -}}
{{- $etcd = merge $etcd (dict "username" .Values.etcd.auth.username "password_file" (printf "/run/roost/etcd-auth/%s" .Values.etcd.auth.passwordSecret.key)) -}}
{{- end -}}
{{- $_ := set $ours "cluster" $cluster -}}
{{- $_ := set $ours "etcd" $etcd -}}
{{- $_ := set $ours "node" (dict "listen" (printf "*:%d" (int .Values.cluster.port))) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $config $ours) -}}
{{- end -}}
