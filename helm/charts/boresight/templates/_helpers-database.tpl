{{/* Waits, for a bounded time, until the database takes connections: a first start is no failure. */}}
{{- define "boresight.waitForDatabase" -}}
- name: wait-for-database
  image: {{ include "boresight.image" (list . .Values.hub.image) }}
  imagePullPolicy: {{ .Values.hub.image.pullPolicy }}
  command:
    - python
    - -c
    - |
      import socket, sys, time
      host, port = sys.argv[1], int(sys.argv[2])
      for _ in range(120):
          try:
              socket.create_connection((host, port), 3).close()
              break
          except OSError as exc:
              print(f"{host}:{port} does not answer yet: {exc}", flush=True)
              time.sleep(2)
      else:
          sys.exit(f"{host}:{port} did not answer within four minutes: see the database, or database.host")
    - {{ include "boresight.databaseHost" . | quote }}
    - {{ .Values.database.port | quote }}
  securityContext:
    {{- include "boresight.containerSecurity" . | nindent 4 }}
  resources:
    {{- toYaml .Values.hub.initResources | nindent 4 }}
{{- end }}
