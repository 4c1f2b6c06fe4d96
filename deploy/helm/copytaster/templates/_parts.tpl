{{- define "copytaster.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "copytaster.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "copytaster.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "copytaster.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "copytaster.selector" -}}
app.kubernetes.io/name: {{ include "copytaster.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "copytaster.labels" -}}
{{ include "copytaster.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: copytaster
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "copytaster.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "copytaster.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "copytaster.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* What is not secret, as a map of strings. */ -}}
{{- define "copytaster.settings" -}}
{{- if not .Values.settings.COPYTASTER_CRAWL__USER_AGENT -}}
{{- fail "settings.COPYTASTER_CRAWL__USER_AGENT must be set: the sites that you read want to know who you are and how to reach you." -}}
{{- end -}}
{{- toYaml .Values.settings }}
{{- if .Values.searchAuthority.name }}
COPYTASTER_SEARCH__CA: /etc/copytaster/authority/{{ .Values.searchAuthority.key }}
{{- end }}
{{- if not (hasKey .Values.settings "COPYTASTER_HEARTBEAT__URL") }}
COPYTASTER_HEARTBEAT__URL: http://{{ include "copytaster.fullname" . }}-web:{{ .Values.web.port }}
{{- end }}
{{- if .Values.web.ingress.enabled }}
COPYTASTER_WEB__PUBLIC_URL: https://{{ .Values.web.ingress.host }}
{{- end }}
{{- end -}}

{{- /* What is secret, as a map of strings; only where the chart makes the Secret. */ -}}
{{- define "copytaster.secrets" -}}
{{- range $name := list "COPYTASTER_STORE__URL" "COPYTASTER_REDIS__URL" "COPYTASTER_SEARCH__URL" "COPYTASTER_WEB__SECRET" -}}
{{- if not (index $.Values.secret.values $name) -}}
{{- fail (printf "secret.values.%s must be set, or secret.existing must name a Secret that has it." $name) -}}
{{- end -}}
{{- end -}}
{{- $said := dict -}}
{{- range $name, $value := .Values.secret.values -}}
{{- if $value }}{{ $_ := set $said $name $value }}{{ end -}}
{{- end -}}
{{- toYaml $said -}}
{{- end -}}

{{- define "copytaster.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "copytaster.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "copytaster.mounts" -}}
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- if .Values.searchAuthority.name }}
- { name: authority, mountPath: /etc/copytaster/authority, readOnly: true }
{{- end }}
{{- end -}}

{{- define "copytaster.volumes" -}}
- name: data
  emptyDir: { sizeLimit: {{ .Values.scratch.data }} }
- name: tmp
  emptyDir: { sizeLimit: {{ .Values.scratch.tmp }} }
{{- with .Values.searchAuthority }}
{{- if .name }}
- name: authority
  secret: { secretName: {{ .name }}, items: [{ key: {{ .key }}, path: {{ .key }} }] }
{{- end }}
{{- end }}
{{- end -}}

{{- define "copytaster.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "copytaster.isScaled" -}}
{{- if and (ne .root.Values.autoscaling.kind "none") .values.autoscaling .values.autoscaling.enabled -}}true{{- end -}}
{{- end -}}

{{- /* One Deployment: root, name, values of that kind, args. */ -}}
{{- define "copytaster.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "copytaster.fullname" $root }}-{{ .name }}
  labels:
    {{- include "copytaster.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  {{- if not (include "copytaster.isScaled" .) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  selector:
    matchLabels:
      {{- include "copytaster.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .name }}
  template:
    metadata:
      labels:
        {{- include "copytaster.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .name }}
        {{- with $root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/settings: {{ include "copytaster.settings" $root | sha256sum }}
        {{- if not $root.Values.secret.existing }}
        checksum/secrets: {{ include "copytaster.secrets" $root | sha256sum }}
        {{- end }}
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "copytaster.serviceAccount" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
      securityContext: {{- include "copytaster.podSecurity" $root | nindent 8 }}
      {{- include "copytaster.placement" $root | nindent 6 }}
      {{- with $root.Values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        - {{- toYaml . | nindent 10 }}
          labelSelector:
            matchLabels:
              {{- include "copytaster.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ $.name }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "copytaster.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{- toYaml .args | nindent 12 }}
          envFrom:
            - configMapRef: { name: {{ include "copytaster.fullname" $root }} }
            - secretRef: { name: {{ default (include "copytaster.fullname" $root) $root.Values.secret.existing }} }
          {{- if eq .name "web" }}
          ports:
            - { name: http, containerPort: 8750 }
          startupProbe:
            httpGet: { path: /health/live, port: http }
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /health/live, port: http }
            periodSeconds: 15
            timeoutSeconds: 5
          readinessProbe:
            httpGet: { path: /health/ready, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
          {{- else }}
          ports:
            - { name: metrics, containerPort: 9464 }
          # That the process answers at all. Whether it gets on it watches itself, and ends where it does not: a probe that
          # asked for progress would restart every pod while PostgreSQL is away.
          startupProbe:
            httpGet: { path: /metrics, port: metrics }
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /metrics, port: metrics }
            periodSeconds: 30
            timeoutSeconds: 10
          {{- end }}
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext: {{- include "copytaster.containerSecurity" $root | nindent 12 }}
          volumeMounts: {{- include "copytaster.mounts" $root | nindent 12 }}
      volumes: {{- include "copytaster.volumes" $root | nindent 8 }}
{{- end -}}
