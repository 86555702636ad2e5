{{/*
What each component consists of. All take
(dict "root" $ "component" "gateway" "values" .Values.gateway "ports" (dict "gateway" 8081) "env" (list (dict "name" … "value" …))).
*/}}

{{- define "porthole.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
spec:
  replicas: {{ .values.replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels: {{- include "porthole.selector" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  template:
    metadata:
      labels:
        {{- include "porthole.selector" . | nindent 8 }}
        app.kubernetes.io/part-of: porthole
        app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
      {{- with .values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec: {{- include "porthole.podSpec" . | nindent 6 }}
{{- end }}

{{- define "porthole.podSpec" -}}
serviceAccountName: porthole-{{ .component }}
automountServiceAccountToken: true
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "porthole.selector" $ | nindent 8 }}
  {{- end }}
containers:
  - name: {{ .component }}
    image: {{ include "porthole.image" .root | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: [{{ .component }}]
    env:
      - { name: PORTHOLE_HOST, value: '0.0.0.0' }
      - { name: PORTHOLE_METRICS_PORT, value: '9090' }
      - { name: PORTHOLE_LOG_LEVEL, value: {{ .root.Values.logLevel | quote }} }
      - { name: PORTHOLE_NAMESPACE, value: {{ include "porthole.sessionsNamespace" .root | quote }} }
      - { name: PORTHOLE_SYSTEM_NAMESPACE, value: {{ .root.Release.Namespace | quote }} }
      {{- range .env }}
      - { name: {{ .name }}, value: {{ .value | toString | quote }} }
      {{- end }}
      {{- if .blobs }}
      {{- include "porthole.blobsEnv" .root.Values.blobs | nindent 6 }}
      {{- end }}
    ports:
      {{- range $name, $port := .ports }}
      - { name: {{ $name }}, containerPort: {{ $port }} }
      {{- end }}
      - { name: metrics, containerPort: 9090 }
    startupProbe:
      httpGet: { path: /healthz, port: metrics }
      periodSeconds: 2
      failureThreshold: 30
    livenessProbe:
      httpGet: { path: /healthz, port: metrics }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: { path: /readyz, port: metrics }
      periodSeconds: 3
      timeoutSeconds: 3
    {{- if .ports }}
    lifecycle:
      # Load balancers learn that this replica goes before it closes its door.
      preStop: { sleep: { seconds: 5 } }
    {{- end }}
    resources: {{- toYaml .values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
{{- if and .blobs .root.Values.blobs.persistentVolumeClaim }}
    volumeMounts:
      - { name: blobs, mountPath: /var/lib/porthole/blobs }
volumes:
  - name: blobs
    persistentVolumeClaim: { claimName: {{ .root.Values.blobs.persistentVolumeClaim | quote }} }
{{- end }}
{{- end }}

{{/* Where extensions and recordings are kept; takes .Values.blobs. */}}
{{- define "porthole.blobsEnv" -}}
{{- if and .s3.bucket .persistentVolumeClaim }}
{{- fail "blobs.s3.bucket and blobs.persistentVolumeClaim: set one of them, not both." }}
{{- end }}
{{- if .persistentVolumeClaim }}
- { name: PORTHOLE_BLOBS, value: /var/lib/porthole/blobs }
{{- end }}
{{- with .s3 }}
{{- if .bucket }}
- { name: PORTHOLE_BLOBS, value: {{ list "s3:/" .bucket .prefix | compact | join "/" | quote }} }
- { name: PORTHOLE_S3_REGION, value: {{ .region | quote }} }
{{- if .endpoint }}
- { name: PORTHOLE_S3_ENDPOINT, value: {{ .endpoint | quote }} }
{{- end }}
{{- if .existingSecret }}
- { name: AWS_ACCESS_KEY_ID, valueFrom: { secretKeyRef: { name: {{ .existingSecret | quote }}, key: accessKeyId } } }
- { name: AWS_SECRET_ACCESS_KEY, valueFrom: { secretKeyRef: { name: {{ .existingSecret | quote }}, key: secretAccessKey } } }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "porthole.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "porthole.selector" . | nindent 6 }}
{{- end }}

{{- define "porthole.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
  {{- with .values.service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector: {{- include "porthole.selector" . | nindent 4 }}
  ports:
    {{- range $name, $_ := .ports }}
    - { name: {{ $name }}, port: {{ $.values.service.port }}, targetPort: {{ $name }} }
    {{- end }}
{{- end }}

{{/* Who may call in: anyone its own port, if it has one, and its metrics; nothing else. */}}
{{- define "porthole.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: porthole-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "porthole.componentLabels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "porthole.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - ports:
        {{- range $name, $_ := .ports }}
        - { port: {{ $name }}, protocol: TCP }
        {{- end }}
        - { port: metrics, protocol: TCP }
{{- end }}

{{- define "porthole.workload" -}}
{{- if .root.Values.workloads.enabled }}
{{ include "porthole.deployment" . }}
{{- if gt (int .values.replicas) 1 }}
---
{{ include "porthole.disruptionBudget" . }}
{{- end }}
{{- if .ports }}
---
{{ include "porthole.service" . }}
{{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
{{ include "porthole.networkPolicy" . }}
{{- end }}
{{- end }}
{{- end }}
