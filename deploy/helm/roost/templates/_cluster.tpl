{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* "true" or "": whether nodes form a cluster. */}}
{{- define "roost.isCluster" -}}
{{- if or .Values.cluster.enabled (gt (int .Values.replicaCount) 1) .Values.autoscaling.enabled }}true{{ end -}}
{{- end -}}

{{/* Whether this chart brings the etcd. */}}
{{- define "roost.hasEtcd" -}}
{{- if and (include "roost.isCluster" .) (not .Values.etcd.endpoints) }}true{{ end -}}
{{- end -}}

{{- define "roost.etcdEndpoints" -}}
{{- if .Values.etcd.endpoints -}}
{{- join "," .Values.etcd.endpoints -}}
{{- else -}}
{{- $members := list -}}
{{- range $i := until (int .Values.etcd.replicaCount) -}}
{{- $members = append $members (printf "%s-%d.%s.%s.svc:2379" (include "roost.etcdName" $) $i (include "roost.etcdHeadless" $) $.Release.Namespace) -}}
{{- end -}}
{{- join "," $members -}}
{{- end -}}
{{- end -}}

{{/* The ports of etcd.endpoints, as JSON. */}}
{{- define "roost.etcdPorts" -}}
{{- $ports := list -}}
{{- range splitList "," (include "roost.etcdEndpoints" .) -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim .) | int) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* Whether clients of etcd speak TLS to it. */}}
{{- define "roost.etcdTls" -}}
{{- if not (include "roost.isCluster" .) -}}
{{- else if .Values.etcd.endpoints -}}
{{- if .Values.etcd.tls.clientSecret }}true{{ end -}}
{{- else if ne .Values.etcd.tls.mode "off" }}true{{ end -}}
{{- end -}}

{{/* How many nodes a new cluster waits for. The same from three on: growing changes no pod. */}}
{{- define "roost.firstNodes" -}}
{{- $count := int .Values.replicaCount -}}
{{- if .Values.autoscaling.enabled -}}{{- $count = int .Values.autoscaling.minReplicas -}}{{- end -}}
{{- min 3 $count -}}
{{- end -}}

{{/* The StatefulSet as it is in the cluster, as JSON; {} where none is, or none can be seen (helm template). */}}
{{- define "roost.live" -}}
{{- lookup "apps/v1" "StatefulSet" .Release.Namespace (include "roost.fullname" .) | toJson -}}
{{- end -}}

{{/* With autoscaling as many as it has come to: without a number Kubernetes would take 1. */}}
{{- define "roost.replicas" -}}
{{- $count := int .Values.replicaCount -}}
{{- if .Values.autoscaling.enabled -}}
{{- $first := max $count (int .Values.autoscaling.minReplicas) -}}
{{- $count = dig "spec" "replicas" $first (include "roost.live" . | fromJson) | int -}}
{{- end -}}
{{- $count -}}
{{- end -}}

{{/* "true" or "": whether nodes that are there are a cluster. */}}
{{- define "roost.wasCluster" -}}
{{- $etcd := lookup "apps/v1" "StatefulSet" .Release.Namespace (include "roost.etcdName" .) -}}
{{- $ours := include "roost.etcdSelector" . | fromYaml | toJson -}}
{{- if eq $ours (dig "spec" "selector" "matchLabels" dict $etcd | toJson) -}}
true
{{- else -}}
{{- range dig "spec" "template" "spec" "containers" list (include "roost.live" . | fromJson) -}}
{{- if eq .name "roost" -}}{{- range .ports -}}{{- if eq .name "peer" }}true{{ end -}}{{- end -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What is left of preStop's patience for clients, when leaders have moved (10 s) and all is written (8 s). */}}
{{- define "roost.sendOffSeconds" -}}
{{- max 1 (sub (int .Values.drain.waitSeconds) 20) -}}
{{- end -}}

{{/* Everything that is wrong with the values, found before anything is installed. */}}
{{- define "roost.check" -}}
{{- $drain := int .Values.drain.waitSeconds -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- if lt $grace (add $drain 15 | int) -}}
{{- fail (printf "terminationGracePeriodSeconds (%d) must be at least drain.waitSeconds (%d) and 15 more: Kubernetes would kill a node in the middle of its drain" $grace $drain) -}}
{{- end -}}
{{- $most := int (dig "limits" "max_connections" 0 .Values.config) -}}
{{- $needed := div (add $most (int .Values.drain.rate) -1) (int .Values.drain.rate) -}}
{{- if gt $needed (int64 (include "roost.sendOffSeconds" .)) -}}
{{- fail (printf "drain.waitSeconds (%d, 20 of them for leaders and the disk) is too short: %d clients (config.limits.max_connections) leave at drain.rate %d a second in %d s" $drain $most (int .Values.drain.rate) $needed) -}}
{{- end -}}
{{- range list "data_dir" "listeners" "cluster" "node" "etcd" "drain" -}}
{{- if hasKey $.Values.config . -}}
{{- fail (printf "config.%s is set by the chart itself: see listeners, cluster, etcd, drain and persistence in values.yaml" .) -}}
{{- end -}}
{{- end -}}
{{- $secret := include "roost.tlsSecret" . -}}
{{- $ports := dict -}}
{{- range $name, $one := .Values.listeners -}}
{{- if $one.enabled -}}
{{- if and $one.tls (not $secret) -}}
{{- fail (printf "listeners.%s.tls needs a certificate: tls.existingSecret or tls.certManager.enabled" $name) -}}
{{- end -}}
{{- $port := toString $one.port -}}
{{- if hasKey $ports $port -}}
{{- fail (printf "listeners.%s.port %s is that of listeners.%s" $name $port (get $ports $port)) -}}
{{- end -}}
{{- $_ := set $ports $port $name -}}
{{- end -}}
{{- end -}}
{{- range $port := list .Values.http.port .Values.cluster.port -}}
{{- if hasKey $ports (toString $port) -}}
{{- fail (printf "listeners.%s.port %d is taken by http.port or cluster.port" (get $ports (toString $port)) (int $port)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.issuerRef.name is missing" -}}
{{- end -}}
{{- if and .Values.tls.existingSecret .Values.tls.certManager.enabled -}}
{{- fail "tls.existingSecret and tls.certManager.enabled exclude each other" -}}
{{- end -}}
{{- if and (not (include "roost.isCluster" .)) (include "roost.wasCluster" .) -}}
{{- fail "replicaCount: 1 would take the cluster that runs here apart, with its etcd and every node but the first: set cluster.enabled: true, and see the README, Scaling in" -}}
{{- end -}}
{{- if and .Values.hostNetwork .Values.networkPolicy.enabled -}}
{{- fail "hostNetwork: true needs networkPolicy.enabled: false: policies don't hold for pods in the machine's network, and that of etcd would shut them out" -}}
{{- end -}}
{{- if and (not .Values.persistence.enabled) (lt (int (include "roost.firstNodes" .)) 3) -}}
{{- fail "persistence.enabled: false needs three nodes: with fewer a restart loses what was acknowledged" -}}
{{- end -}}
{{- if and (eq .Values.cluster.tls.mode "existingSecret") (not .Values.cluster.tls.existingSecret) -}}
{{- fail "cluster.tls.mode existingSecret needs cluster.tls.existingSecret" -}}
{{- end -}}
{{- if and (eq .Values.cluster.tls.mode "certManager") (not .Values.cluster.tls.issuerRef.name) -}}
{{- fail "cluster.tls.mode certManager needs cluster.tls.issuerRef.name" -}}
{{- end -}}
{{- if include "roost.hasEtcd" . -}}
{{- if and (eq .Values.etcd.tls.mode "existingSecret") (not (and .Values.etcd.tls.serverSecret .Values.etcd.tls.clientSecret)) -}}
{{- fail "etcd.tls.mode existingSecret needs etcd.tls.serverSecret and etcd.tls.clientSecret" -}}
{{- end -}}
{{- if and (eq .Values.etcd.tls.mode "certManager") (not .Values.etcd.tls.issuerRef.name) -}}
{{- fail "etcd.tls.mode certManager needs etcd.tls.issuerRef.name" -}}
{{- end -}}
{{- if not (has (int .Values.etcd.replicaCount) (list 1 3 5)) -}}
{{- fail "etcd.replicaCount is 1, 3 or 5" -}}
{{- end -}}
{{- end -}}
{{- range .Values.etcd.endpoints -}}
{{- if not (regexMatch ":[0-9]+ *$" .) -}}
{{- fail (printf "etcd.endpoints has %s, which is no host:port" .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.minReplicas) 3) -}}
{{- fail "autoscaling.minReplicas must be 3 at least: fail-over needs three nodes" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) -}}
{{- fail "autoscaling.maxReplicas is below autoscaling.minReplicas" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts is empty" -}}
{{- end -}}
{{- end -}}
