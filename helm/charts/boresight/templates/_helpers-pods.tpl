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

{{/* Whether there are authorities of our own: those given, or the one that signs a generated certificate. */}}
{{- define "boresight.hasCa" -}}
{{- if or .Values.certificateAuthorities (eq .Values.proxy.https.type "generated") }}yes{{ end }}
{{- end }}

{{/* They, and a place for the bundle that the images' entrypoint puts together. */}}
{{- define "boresight.caVolume" -}}
{{- if include "boresight.hasCa" . }}
- name: ca
  configMap:
    name: boresight-ca
- name: trust
  emptyDir:
    sizeLimit: 4Mi
{{- end }}
{{- end }}

{{- define "boresight.caMount" -}}
{{- if include "boresight.hasCa" . }}
- { name: ca, mountPath: /etc/boresight/ca, readOnly: true }
- { name: trust, mountPath: /etc/boresight/trust }
{{- end }}
{{- end }}

{{/* Changed settings replace the pods that read them. */}}
{{- define "boresight.settingsChecksum" -}}
checksum/settings: {{ include (print .Template.BasePath "/settings.yaml") . | sha256sum }}
{{- end }}

{{/* Probes over HTTP; takes (dict "port" 1 "ready" "/path" "live" "/path" "startup" seconds "scheme" "HTTPS"). */}}
{{- define "boresight.probes" -}}
startupProbe:
  httpGet: { path: {{ .live }}, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }} }
  periodSeconds: 2
  failureThreshold: {{ div (.startup | default 300) 2 }}
  timeoutSeconds: 5
readinessProbe:
  httpGet: { path: {{ .ready }}, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }} }
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: { path: {{ .live }}, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }} }
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
