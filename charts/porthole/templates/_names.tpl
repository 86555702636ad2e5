{{/* Names are fixed, since the programs know some of them: one release a namespace, one namespace of sessions a release. */}}

{{- define "porthole.labels" -}}
app.kubernetes.io/name: porthole
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: porthole
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What selects the Pods of a component. (dict "root" $ "component" "gateway") */}}
{{- define "porthole.selector" -}}
app.kubernetes.io/name: porthole
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "porthole.componentLabels" -}}
{{ include "porthole.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Of .image, which has a repository, and a tag or a digest. */}}
{{- define "porthole.reference" -}}
{{- $version := .root.Chart.AppVersion -}}
{{- with .image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $version }}{{ end }}
{{- end }}
{{- end }}

{{- define "porthole.image" -}}
{{- include "porthole.reference" (dict "root" . "image" .Values.image) }}
{{- end }}

{{- define "porthole.sandboxImage" -}}
{{- .Values.pool.image | default (include "porthole.reference" (dict "root" . "image" .Values.sandboxImage)) }}
{{- end }}

{{- define "porthole.sessionsNamespace" -}}
{{- if eq .Values.sessions.namespace .Release.Namespace }}
{{- fail (printf "sessions.namespace must not be the release's own namespace %q: sandboxes must not live beside Porthole's keys. Install with --namespace porthole-system." .Release.Namespace) }}
{{- end }}
{{- .Values.sessions.namespace }}
{{- end }}

{{/* The gateway's own Service, where nobody says how callers reach it from without. */}}
{{- define "porthole.cdpUrl" -}}
{{- .Values.publicUrls.cdp | default (printf "ws://porthole-gateway.%s.svc:%v" .Release.Namespace .Values.gateway.service.port) }}
{{- end }}
{{- define "porthole.liveUrl" -}}
{{- .Values.publicUrls.live | default (printf "http://porthole-gateway.%s.svc:%v/live" .Release.Namespace .Values.gateway.service.port) }}
{{- end }}
