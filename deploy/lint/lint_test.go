package lint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/deploy/lint"
)

// TestDeploy checks every file of deploy.
func TestDeploy(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			check(t, entry.Name(), read(t, entry.Name()), "")
		})
	}
}

// TestDeployFindsWhatIsBroken breaks one thing at a time: a check that finds nothing then would be worth nothing.
func TestDeployFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, file, from, to, finding string }{
		{"no such instruction", "Dockerfile", "WORKDIR", "WORKDIRECTORY", "WORKDIRECTORY"},
		{"no such flag", "Dockerfile", "--chown=65532", "--own=65532", "own"},
		{"no such stage", "Dockerfile", "AS build", "AS builder", "build"},
		{"an argument that is not there", "Dockerfile", "ARG VERSION=dev\nRUN CGO_ENABLED=0", "FROM golang:$VERSION\nRUN CGO_ENABLED=0", "VERSION"},
		{"a shell's entry point", "Dockerfile", `ENTRYPOINT ["/kassa"]`, "ENTRYPOINT /kassa", "JSONArgsRecommended"},
		{"a secret in the image", "Dockerfile", "ENV KASSA_LISTEN", "ENV STRIPE_SECRET_KEY=sk_x KASSA_LISTEN", "SecretsUsedInArgOrEnv"},

		{"no such key", "compose.yaml", "healthcheck:", "health_check:", "health_check"},
		{"no such service", "compose.yaml", "migrate:\n        condition", "migration:\n        condition", "migration"},
		{"no such condition", "compose.yaml", "service_completed_successfully", "service_succeeded", "condition"},
		{"no such volume", "compose.yaml", "- postgres:/var", "- data:/var", "data"},
		{"a variable that is not set", "compose.yaml", "${TAG:?", "${RELEASE:?", "RELEASE"},
		{"no duration", "compose.yaml", "stop_grace_period: 45s", "stop_grace_period: 45 seconds", "stop_grace_period"},

		{"no such setting", "kassa.service", "Restart=", "RestartAlways=", "RestartAlways"},
		{"no such value", "kassa.service", "ProtectSystem=strict", "ProtectSystem=very", "very"},
		{"no such call", "kassa.service", "@system-service", "@system-services", "@system-services"},
		{"no such binary", "kassa.service", "ExecStart=/usr", "ExecStart=/usr/nowhere", "nowhere"},
		{"no such section", "kassa.service", "[Service]", "[Servise]", "Servise"},

		{"no such field", "kubernetes.yaml", "readinessProbe:", "readynessProbe:", "readynessProbe"},
		{"a word for a number", "kubernetes.yaml", "replicas: 3", "replicas: three", "replicas"},
		{"no such kind", "kubernetes.yaml", "apps/v1", "apps/v2", "apps/v2"},
		{"a key twice", "kubernetes.yaml", "maxSkew: 1", "maxSkew: 1\n          maxSkew: 2", "maxSkew"},
		{"no quantity", "kubernetes.yaml", "memory: 192Mi", "memory: 192 MiB", "quantit"},
		{"no such secret", "kubernetes.yaml", "kind: Secret\nmetadata:\n  name: kassa", "kind: Secret\nmetadata:\n  name: other", "secret kassa"},
		{"other labels", "kubernetes.yaml", "labels: {app: kassa}\n    spec", "labels: {app: other}\n    spec", "selects no pods"},
		{"no such port", "kubernetes.yaml", "targetPort: http", "targetPort: web", "web"},

		{"no such key", "alerts.yaml", "expr: up", "expression: up", "expression"},
		{"an expression cut short", "alerts.yaml", "== 0", "==", "unexpected end of input"},
		{"no such function", "alerts.yaml", "histogram_quantile(", "quantile_of(", "quantile_of"},
		{"no such template", "alerts.yaml", "humanizePercentage", "percent", "percent"},
		{"no duration", "alerts.yaml", "for: 1m", "for: 1 minute", "duration"},
	} {
		t.Run(test.file+": "+test.name, func(t *testing.T) {
			t.Parallel()
			text := read(t, test.file)
			require.Contains(t, text, test.from)
			check(t, test.file, strings.Replace(text, test.from, test.to, 1), test.finding)
		})
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	require.NoError(t, err)
	return string(text)
}

// check wants the finding, or none. What cannot be checked here is checked in CI.
func check(t *testing.T, name, text, finding string) {
	t.Helper()
	err := lint.Check(t.Context(), name, []byte(text))
	if errors.Is(err, lint.ErrNoTool) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if finding == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, finding)
}
