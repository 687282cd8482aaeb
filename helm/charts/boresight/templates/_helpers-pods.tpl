{{/* What all pods have in common. */}}

{{/* Takes (dict "root" $ "values" .Values.x "priority" true). */}}
{{- define "boresight.podDefaults" -}}
enableServiceLinks: false
automountServiceAccountToken: {{ .token | default false }}
{{- if .account }}
serviceAccountName: {{ .account }}
{{- end }}
{{- if .root.Values.scheduling.podPriority.enabled }}
priorityClassName: {{ .root.Release.Namespace }}-platform
{{- end }}
securityContext:
  {{- include "boresight.podSecurity" .root | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.nodeSelector | default .root.Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations | default .root.Values.scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "boresight.podSecurity" -}}
runAsNonRoot: true
{{- if not (kindIs "invalid" .Values.podSecurity.runAsUser) }}
runAsUser: {{ int .Values.podSecurity.runAsUser }}
{{- end }}
{{- if not (kindIs "invalid" .Values.podSecurity.fsGroup) }}
fsGroup: {{ int .Values.podSecurity.fsGroup }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "boresight.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Keys of the platform's Secret as files; takes (list $ (list "key" …)). */}}
{{- define "boresight.secretsVolume" -}}
- name: secrets
  secret:
    secretName: {{ include "boresight.secretName" (index . 0) }}
    defaultMode: 0440
    items:
      {{- range index . 1 }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}

{{/* Authorities of a private certificate, where there are some. */}}
{{- define "boresight.caVolume" -}}
{{- if .Values.certificateAuthorities }}
- name: ca
  configMap:
    name: boresight-ca
{{- end }}
{{- end }}

{{- define "boresight.caMount" -}}
{{- if .Values.certificateAuthorities }}
- { name: ca, mountPath: /etc/boresight/ca, readOnly: true }
{{- end }}
{{- end }}

{{- define "boresight.caEnv" -}}
{{- if .Values.certificateAuthorities }}
- { name: SSL_CERT_FILE, value: /etc/boresight/ca/ca.crt }
- { name: AWS_CA_BUNDLE, value: /etc/boresight/ca/ca.crt }
- { name: REQUESTS_CA_BUNDLE, value: /etc/boresight/ca/ca.crt }
{{- end }}
{{- end }}

{{/* Changed settings replace the pods that read them. */}}
{{- define "boresight.settingsChecksum" -}}
checksum/settings: {{ include (print .Template.BasePath "/settings.yaml") . | sha256sum }}
{{- end }}

{{/* Probes over HTTP; takes (dict "port" 1 "ready" "/path" "live" "/path" "startup" seconds). */}}
{{- define "boresight.probes" -}}
startupProbe:
  httpGet: { path: {{ .live }}, port: {{ .port }} }
  periodSeconds: 2
  failureThreshold: {{ div (.startup | default 120) 2 }}
  timeoutSeconds: 5
readinessProbe:
  httpGet: { path: {{ .ready }}, port: {{ .port }} }
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: { path: {{ .live }}, port: {{ .port }} }
  periodSeconds: 20
  failureThreshold: 4
  timeoutSeconds: 10
{{- end }}

{{/* Replicas on machines of their own, as far as there are some; takes (list $ "component"). */}}
{{- define "boresight.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "boresight.selector" . | nindent 8 }}
{{- end }}
