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
{{- if and (eq .root.Values.listen "127.0.0.1") .root.Values.access.tls.clients }}
{{- fail "access.tls.clients asks for certificates that probes do not have; with listen 127.0.0.1 nobody else can connect anyway" }}
{{- else if eq .root.Values.listen "127.0.0.1" }}
exec:
  command: [/nodejs/bin/node, service/probe.ts, {{ .path }}]
{{- else if .root.Values.access.tls.clients }}
# Nobody without a certificate is answered: that it listens is all that can be seen. While it recovers it answers 503.
tcpSocket:
  port: http
{{- else }}
httpGet:
  path: /{{ .path }}
  port: http
  {{- if include "dwell.tlsSecret" .root }}
  scheme: HTTPS
  {{- end }}
{{- end }}
{{ toYaml .settings }}
{{- end -}}

{{/* Whether the chart makes tokens: where nobody decided who may come in, and it would refuse to start without them. */}}
{{- define "dwell.makesTokens" -}}
{{- $access := .Values.access -}}
{{- $isDecided := or $access.openToAnyone $access.tokens.existingSecret $access.tokens.content $access.tls.clients .Values.settings.JWT_KEYS -}}
{{- if not (or $isDecided (eq .Values.listen "127.0.0.1")) -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the file of tokens, and that of the certificate; empty where there is none. */}}
{{- define "dwell.tokensSecret" -}}
{{- if .Values.access.tokens.existingSecret -}}
{{- .Values.access.tokens.existingSecret -}}
{{- else if or .Values.access.tokens.content (include "dwell.makesTokens" .) -}}
{{- include "dwell.fullname" . }}-tokens
{{- end -}}
{{- end -}}

{{/* Name and key of a Secret with a token: the one that `.given` names, else what the chart made as `.made`; empty where there is none. */}}
{{- define "dwell.tokenKey" -}}
{{- if .given.name -}}
name: {{ .given.name }}
key: {{ .given.key }}
{{- else if include "dwell.makesTokens" .root -}}
name: {{ include "dwell.tokensSecret" .root }}
key: {{ .made }}
{{- end -}}
{{- end -}}

{{- define "dwell.tlsSecret" -}}
{{- if .Values.access.tls.existingSecret -}}
{{- .Values.access.tls.existingSecret -}}
{{- else if .Values.access.tls.certificate -}}
{{- include "dwell.fullname" . }}-tls
{{- end -}}
{{- end -}}

{{- define "dwell.scheme" -}}
{{- if include "dwell.tlsSecret" . }}https{{ else }}http{{ end -}}
{{- end -}}

{{/* Names by which it is called in its cluster, from outside, and that the values add. */}}
{{- define "dwell.allowedHosts" -}}
{{- $name := include "dwell.fullname" . -}}
{{- $hosts := list -}}
{{- range $service := list $name (printf "%s-headless" $name) (printf "*.%s-headless" $name) -}}
{{- range $suffix := list "" (printf ".%s" $.Release.Namespace) (printf ".%s.svc" $.Release.Namespace) (printf ".%s.svc.cluster.local" $.Release.Namespace) -}}
{{- $hosts = append $hosts (print $service $suffix) -}}
{{- end -}}
{{- end -}}
{{- if .Values.ingress.enabled -}}
{{- range .Values.ingress.hosts -}}{{- $hosts = append $hosts .host -}}{{- end -}}
{{- end -}}
{{- join "," (concat $hosts .Values.access.allowedHosts) -}}
{{- end -}}

{{/* A duration of the settings in milliseconds. */}}
{{- define "dwell.milliseconds" -}}
{{- $unitsMs := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 -}}
{{- if kindIs "string" . -}}
{{- $sumMs := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|[smhdw])" (lower .) -1 -}}
{{- $sumMs = addf $sumMs (mulf (regexFind "[0-9.]+" .) (get $unitsMs (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- $sumMs -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* How long a stop may take, in seconds: STOP_DELAY, STOP_TIMEOUT for requests under way, and 50 s for the checkpoint. */}}
{{- define "dwell.gracePeriodSeconds" -}}
{{- $settings := .Values.settings -}}
{{- $stopMs := addf (include "dwell.milliseconds" (default 0 $settings.STOP_DELAY)) (include "dwell.milliseconds" (default "8s" $settings.STOP_TIMEOUT)) -}}
{{- $stopSeconds := divf $stopMs 1000 | ceil | int -}}
{{- $given := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- add $stopSeconds 50 -}}
{{- else if le (int $given) $stopSeconds -}}
{{- fail (printf "terminationGracePeriodSeconds %v leaves no time for the checkpoint after STOP_DELAY and STOP_TIMEOUT, which are %v s" $given $stopSeconds) -}}
{{- else -}}
{{- int $given -}}
{{- end -}}
{{- end -}}
