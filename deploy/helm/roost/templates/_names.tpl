{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "roost.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters: names made of it have 23 left, and a pod's number. */}}
{{- define "roost.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "roost.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Without the chart's version: selectors and claims never change. */}}
{{- define "roost.selector" -}}
app.kubernetes.io/name: {{ include "roost.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: broker
{{- end -}}

{{- define "roost.etcdSelector" -}}
app.kubernetes.io/name: {{ include "roost.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: etcd
{{- end -}}

{{- define "roost.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: roost
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "roost.labels" -}}
{{ include "roost.selector" . }}
{{ include "roost.commonLabels" . }}
{{- end -}}

{{- define "roost.etcdLabels" -}}
{{ include "roost.etcdSelector" . }}
{{ include "roost.commonLabels" . }}
{{- end -}}

{{- define "roost.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "roost.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Of {registry, repository, tag, digest}. */}}
{{- define "roost.imageName" -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end -}}
{{- end -}}

{{- define "roost.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- include "roost.imageName" (merge (dict "tag" $tag) .Values.image) -}}
{{- end -}}

{{- define "roost.etcdName" -}}
{{- printf "%s-etcd" (include "roost.fullname" .) -}}
{{- end -}}
{{- define "roost.etcdHeadless" -}}
{{- printf "%s-etcd-headless" (include "roost.fullname" .) -}}
{{- end -}}
{{- define "roost.headless" -}}
{{- printf "%s-headless" (include "roost.fullname" .) -}}
{{- end -}}

{{- define "roost.tlsSecret" -}}
{{- if .Values.tls.existingSecret -}}{{ .Values.tls.existingSecret }}
{{- else if .Values.tls.certManager.enabled -}}{{ include "roost.fullname" . }}-tls
{{- end -}}
{{- end -}}
{{- define "roost.nodeTlsSecret" -}}
{{- default (printf "%s-node-tls" (include "roost.fullname" .)) .Values.cluster.tls.existingSecret -}}
{{- end -}}
{{/* What etcd's members have, and what its clients show; of an etcd of others only the second. */}}
{{- define "roost.etcdServerSecret" -}}
{{- default (printf "%s-tls" (include "roost.etcdName" .)) .Values.etcd.tls.serverSecret -}}
{{- end -}}
{{- define "roost.etcdClientSecret" -}}
{{- default (printf "%s-client-tls" (include "roost.etcdName" .)) .Values.etcd.tls.clientSecret -}}
{{- end -}}
