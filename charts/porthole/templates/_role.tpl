{{/* A Role and who has it. (dict "root" $ "component" "gateway" "namespace" … "rules" "- apiGroups: …") */}}
{{- define "porthole.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
rules: {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: porthole-{{ .component }}
subjects:
  - kind: ServiceAccount
    name: porthole-{{ .component }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- define "porthole.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
# The Deployment asks for the token; nobody else gets it by accident.
automountServiceAccountToken: false
{{- end }}

{{/*
All that a component may do: (dict "root" $ "component" "gateway" "sessions" "- apiGroups: …" "system" "- apiGroups: …").
test/cluster/least-privilege.test.ts fails on a verb that is missing and on one that is never used.
*/}}
{{- define "porthole.access" -}}
{{ include "porthole.serviceAccount" . }}
---
{{ include "porthole.role" (merge (dict "namespace" (include "porthole.sessionsNamespace" .root) "rules" .sessions) .) }}
---
{{ include "porthole.role" (merge (dict "namespace" .root.Release.Namespace "rules" .system) .) }}
{{- end }}
