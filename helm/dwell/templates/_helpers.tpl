{{- define "dwell.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Names of objects stay below 52 characters: Kubernetes appends a hash and an ordinal to those of a StatefulSet. */}}
{{- define "dwell.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "dwell.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dwell.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "dwell.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dwell.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dwell.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "dwell.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "dwell.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "dwell.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dwell.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A probe of the path `.path`: over the network, or inside of the container where only its pod can connect. */}}
{{- define "dwell.probe" -}}
{{- if eq .root.Values.listen "127.0.0.1" }}
exec:
  command: [/nodejs/bin/node, service/probe.ts, {{ .path }}]
{{- else }}
httpGet:
  path: /{{ .path }}
  port: http
{{- end }}
{{ toYaml .settings }}
{{- end -}}
