{{- define "probe.labels" -}}
app.kubernetes.io/name: dataplatform-probe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "probe.settings" -}}
{{- $settings := dict "APP_ID" .Release.Name }}
{{- if .Values.ingress.enabled }}
{{- $folder := "/run/secrets/dataplatform-probe" }}
{{- $_ := set $settings "PUBLIC_URL" (printf "https://%s" .Values.ingress.host) }}
{{- $_ := set $settings "HTTP_BASIC_AUTH_FILE" (printf "%s/basic-auth" $folder) }}
{{- $_ := set $settings "HTTP_BEARER_TOKEN_FILE" (printf "%s/bearer-token" $folder) }}
{{- end }}
{{- range $name, $value := mergeOverwrite $settings .Values.settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}
