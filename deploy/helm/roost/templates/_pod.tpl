{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* Of preset, selector, own affinity: the user's own replaces it. */}}
{{- define "roost.affinity" -}}
{{- if .affinity -}}
{{- toYaml .affinity -}}
{{- else if eq .preset "hard" -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: {{- .selector | nindent 10 }}
{{- else if eq .preset "soft" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- .selector | nindent 12 }}
{{- end -}}
{{- end -}}

{{/* Of a podDisruptionBudget; Kubernetes takes one of the two, and maxUnavailable has a default. */}}
{{- define "roost.budget" -}}
{{- $budget := omit . "enabled" -}}
{{- if not (kindIs "invalid" $budget.minAvailable) -}}{{- $budget = omit $budget "maxUnavailable" -}}{{- end -}}
{{- toYaml $budget -}}
{{- end -}}

{{- define "roost.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: ROOST_CONFIG
  value: /etc/roost/roost.yaml
- name: ROOST_DATA_DIR
  value: /var/lib/roost/data
{{- if include "roost.isCluster" . }}
- name: ROOST_NODE_NAME
  value: $(POD_NAME)
- name: ROOST_NODE_ADVERTISE
  value: $(POD_NAME).{{ include "roost.headless" . }}.{{ .Release.Namespace }}.svc:{{ .Values.cluster.port }}
{{- if eq .Values.cluster.zone.source "podLabel" }}
- name: ROOST_NODE_ZONE
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['{{ .Values.cluster.zone.label }}']
{{- else if eq .Values.cluster.zone.source "fixed" }}
- name: ROOST_NODE_ZONE
  value: {{ .Values.cluster.zone.name | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "roost.volumeMounts" -}}
- name: data
  mountPath: /var/lib/roost
- name: config
  mountPath: /etc/roost
  readOnly: true
{{- if include "roost.tlsSecret" . }}
- name: tls
  mountPath: /run/roost/tls
  readOnly: true
{{- end }}
{{- if .Values.auth.existingSecret }}
- name: auth
  mountPath: /run/roost/auth
  readOnly: true
{{- end }}
{{- if or .Values.acl.rules .Values.acl.existingConfigMap }}
- name: acl
  mountPath: /run/roost/acl
  readOnly: true
{{- end }}
{{- if .Values.http.tokenSecret.name }}
- name: http
  mountPath: /run/roost/http
  readOnly: true
{{- end }}
{{- if include "roost.isCluster" . }}
{{- if ne .Values.cluster.tls.mode "off" }}
- name: node-tls
  mountPath: /run/roost/node-tls
  readOnly: true
{{- end }}
{{- if include "roost.etcdTls" . }}
- name: etcd-tls
  mountPath: /run/roost/etcd-tls
  readOnly: true
{{- end }}
{{- if .Values.etcd.auth.username }}
- name: etcd-auth
  mountPath: /run/roost/etcd-auth
  readOnly: true
{{- end }}
{{- if eq .Values.cluster.zone.source "node" }}
- name: zone
  mountPath: /run/roost/zone
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "roost.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
{{- end -}}

{{- define "roost.volumes" -}}
- name: config
  configMap:
    name: {{ include "roost.fullname" . }}-config
{{- with include "roost.tlsSecret" . }}
{{ include "roost.secretVolume" (dict "name" "tls" "secret" .) }}
{{- end }}
{{- with .Values.auth.existingSecret }}
{{ include "roost.secretVolume" (dict "name" "auth" "secret" .) }}
{{- end }}
{{- if or .Values.acl.rules .Values.acl.existingConfigMap }}
- name: acl
  configMap:
    name: {{ default (printf "%s-acl" (include "roost.fullname" .)) .Values.acl.existingConfigMap }}
{{- end }}
{{- with .Values.http.tokenSecret.name }}
{{ include "roost.secretVolume" (dict "name" "http" "secret" .) }}
{{- end }}
{{- if include "roost.isCluster" . }}
{{- if ne .Values.cluster.tls.mode "off" }}
{{ include "roost.secretVolume" (dict "name" "node-tls" "secret" (include "roost.nodeTlsSecret" .)) }}
{{- end }}
{{- if include "roost.etcdTls" . }}
{{ include "roost.secretVolume" (dict "name" "etcd-tls" "secret" (include "roost.etcdClientSecret" .)) }}
{{- end }}
{{- if .Values.etcd.auth.username }}
{{ include "roost.secretVolume" (dict "name" "etcd-auth" "secret" .Values.etcd.auth.passwordSecret.name) }}
{{- end }}
{{- if eq .Values.cluster.zone.source "node" }}
- name: zone
  emptyDir: {}
- name: kube-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- end }}
{{- if not .Values.persistence.enabled }}
- name: data
  emptyDir: {}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Reads the zone off the node; the only container that has a token. */}}
{{- define "roost.zoneContainer" -}}
- name: zone
  image: {{ include "roost.imageName" .Values.cluster.zone.image }}
  imagePullPolicy: {{ .Values.cluster.zone.image.pullPolicy }}
  command:
    - /bin/sh
    - -ec
    - >-
      kubectl get node "$NODE_NAME"
      -o 'jsonpath={.metadata.labels.{{ .Values.cluster.zone.label | replace "." "\\." }}}'
      >/run/roost/zone/zone
  env:
    - name: NODE_NAME
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    - name: HOME
      value: /run/roost/zone
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 128Mi}
  securityContext: {{- toYaml .Values.securityContext | nindent 4 }}
  volumeMounts:
    - name: zone
      mountPath: /run/roost/zone
    - name: kube-token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
{{- end -}}
