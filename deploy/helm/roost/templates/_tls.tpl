{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* A secret of a certificate: name, labels, root, and its data, which lookup has encoded. */}}
{{- define "roost.certificateSecret" -}}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- .labels | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
type: kubernetes.io/tls
data: {{- toYaml .data | nindent 2 }}
{{- end -}}

{{/* The same by authority, certificate and key of sprig. */}}
{{- define "roost.madeSecret" -}}
{{- $data := dict "ca.crt" (b64enc .authority) "tls.crt" (b64enc .certificate) "tls.key" (b64enc .key) -}}
{{- include "roost.certificateSecret" (merge (dict "data" $data) .) -}}
{{- end -}}

{{/* One that is there, as it is: a revision without it couldn't be rolled back to one with it. Not one of others:
     owned as Helm sees it. */}}
{{- define "roost.foundSecret" -}}
{{- $meta := .found.metadata -}}
{{- $release := printf "%s/%s" .root.Release.Namespace .root.Release.Name -}}
{{- $owner := printf "%s/%s" (dig "annotations" "meta.helm.sh/release-namespace" "" $meta) (dig "annotations" "meta.helm.sh/release-name" "" $meta) -}}
{{- if and (eq $owner $release) (eq (dig "labels" "app.kubernetes.io/managed-by" "" $meta) .root.Release.Service) -}}
{{- include "roost.certificateSecret" (merge (dict "data" .found.data) .) -}}
{{- end -}}
{{- end -}}

{{/* cert-manager's: name, secret, labels, root, issuer, names, usages. */}}
{{- define "roost.certificate" -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .secret }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- .labels | nindent 4 }}
spec:
  secretName: {{ .secret }}
  commonName: {{ first .names | trunc 64 | quote }}
  dnsNames: {{- toYaml .names | nindent 4 }}
  {{- with .addresses }}
  ipAddresses: {{- toYaml . | nindent 4 }}
  {{- end }}
  usages: {{- toYaml .usages | nindent 4 }}
  duration: {{ .duration }}
  renewBefore: {{ .renewBefore }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  issuerRef:
    name: {{ .issuer.name }}
    kind: {{ .issuer.kind }}
    group: {{ .issuer.group }}
{{- end -}}

{{/* Nodes know one another by name; a cluster has 64 at most. */}}
{{- define "roost.nodeNames" -}}
{{- $names := list -}}
{{- range $i := until 64 -}}
{{- $names = append $names (printf "%s-%d" (include "roost.fullname" $) $i) -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}
{{- define "roost.etcdNames" -}}
{{- $headless := printf "%s.%s.svc" (include "roost.etcdHeadless" .) .Release.Namespace -}}
{{- list (printf "*.%s" $headless) $headless "localhost" | toJson -}}
{{- end -}}
{{- define "roost.clientNames" -}}
{{- $name := printf "%s.%s.svc" (include "roost.fullname" .) .Release.Namespace -}}
{{- concat (list $name (include "roost.fullname" .)) .Values.tls.certManager.dnsNames | toJson -}}
{{- end -}}
