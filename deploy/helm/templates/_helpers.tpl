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
{{- /* A large number of a file of values would be written as 1.2345678e+07. */ -}}
{{- $isWhole := and (kindIs "float64" $value) (eq (toString $value) (toString (floor $value))) }}
{{ $name }}: {{ ternary (printf "%.0f" (float64 $value)) (toString $value) $isWhole | quote }}
{{- end }}
{{- end }}
