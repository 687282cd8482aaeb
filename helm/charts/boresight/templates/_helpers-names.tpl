{{/* Names of objects and addresses. Names are fixed, so one namespace has one release. */}}

{{- define "boresight.userNamespace" -}}
{{ .Values.singleuser.namespace.name | default (printf "%s-users" .Release.Namespace) }}
{{- end }}

{{- define "boresight.labels" -}}
app.kubernetes.io/part-of: boresight
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of the pods of one component; takes (list $ "component"). */}}
{{- define "boresight.selector" -}}
app.kubernetes.io/part-of: boresight
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Address of a Service from anywhere in the cluster; takes (list $ "name"). */}}
{{- define "boresight.host" -}}
{{ index . 1 }}.{{ (index . 0).Release.Namespace }}.svc.{{ (index . 0).Values.clusterDomain }}
{{- end }}

{{/* The one HTTP origin, no slash at its end. */}}
{{- define "boresight.origin" -}}
{{- if .Values.origin -}}
{{ .Values.origin }}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{ if .Values.ingress.tls }}https{{ else }}http{{ end }}://{{ first .Values.ingress.hosts }}
{{- else -}}
{{ ternary "http" "https" (eq .Values.proxy.https.type "offload") }}://{{ include "boresight.host" (list . "proxy-public") }}
{{- end -}}
{{- end }}

{{/* The object store as clients write it. */}}
{{- define "boresight.s3Url" -}}
{{- if .Values.s3.url -}}
{{ .Values.s3.url }}
{{- else -}}
http://{{ include "boresight.host" (list . "s3") }}:7070
{{- end -}}
{{- end }}

{{- define "boresight.issuer" -}}
{{ .Values.oidc.issuer | default (printf "%s/idp/realms/%s" (include "boresight.origin" .) .Values.oidc.realm) }}
{{- end }}

{{- define "boresight.secretName" -}}
{{ .Values.secrets.existingSecret | default "boresight-secrets" }}
{{- end }}

{{- define "boresight.databaseHost" -}}
{{ .Values.database.host | default (include "boresight.host" (list . "postgresql")) }}
{{- end }}

{{/* Reference of an image; takes (list $ .Values.x.image). */}}
{{- define "boresight.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.name }}@{{ $image.digest }}
{{- else -}}
{{ $image.name }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end -}}
{{- end }}
